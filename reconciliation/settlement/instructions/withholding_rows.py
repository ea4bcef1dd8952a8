"""The rows about tax withheld from payouts, from config/settlement.toml (docs/adr/0103)."""

from collections.abc import Sequence
from datetime import date
from itertools import combinations
from typing import Literal

from pydantic import Field, model_validator

from reconciliation.settlement.instructions.toml_values import Paisa, StrictRow
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.withholding import (
    TaxBase,
    Taxpayer,
    WithholdingRule,
    WithholdingRules,
)

# Half of a payout: beyond it somebody has mistaken per cent for basis points.
_RATE_MAX = 5_000


class WithholdingRow(StrictRow):
    """The tax on payouts to one payee, or to all of a role that have no row of their own.

    `section` is that of the law, which the certificate names. `threshold` is in paisa. A rate of zero exempts
    a payee from the row of its role.
    """

    role: Literal["biller", "merchant", "payee", "agent"]
    party: str | None = Field(default=None, min_length=1)
    base: Literal["paid", "commission"] = "paid"
    section: str = Field(pattern=r"^[0-9A-Z][0-9A-Z()./ -]{0,19}$")
    basis_points: int = Field(ge=0, le=_RATE_MAX)
    basis_points_without_proof: int | None = Field(default=None, ge=1, le=_RATE_MAX)
    threshold: Paisa = 0
    valid_from: date
    valid_until: date | None = None

    @model_validator(mode="after")
    def _can_be_meant(self) -> "WithholdingRow":
        whose = Party(PartyRole(self.role), self.party or "all")
        if self.base == "commission" and self.role not in {"payee", "agent"}:
            raise ValueError(f"base: only a payee or an agent is paid commission ({whose})")
        if (
            self.basis_points_without_proof is not None
            and self.basis_points_without_proof < self.basis_points
        ):
            raise ValueError(f"basis_points_without_proof: it is not below basis_points ({whose})")
        if self.valid_until is not None and self.valid_until < self.valid_from:
            raise ValueError(f"valid_until: it is not before valid_from ({whose})")
        return self

    @property
    def place(self) -> tuple[PartyRole, str | None]:
        """The role, and the payee where it is about one."""
        return PartyRole(self.role), self.party

    @property
    def rule(self) -> WithholdingRule:
        """The rule as settlement uses it."""
        return WithholdingRule(
            self.section,
            TaxBase(self.base),
            self.basis_points,
            self.valid_from,
            self.valid_until,
            self.basis_points_without_proof,
            self.threshold,
        )

    def overlaps(self, other: "WithholdingRow") -> bool:
        """Whether both would count on the same day for the same payouts."""
        if (self.place, self.base) != (other.place, other.base):
            return False
        return self.valid_from <= (other.valid_until or date.max) and other.valid_from <= (
            self.valid_until or date.max
        )


class TaxpayerRow(StrictRow):
    """The taxpayer's number of a payee, and until when its proof of return submission is good."""

    role: Literal["biller", "merchant", "payee", "agent"]
    party: str = Field(min_length=1)
    tin: str = Field(pattern=r"^[0-9]{12}$")
    proof_until: date | None = None

    @property
    def payee(self) -> Party:
        """Whose it is."""
        return Party(PartyRole(self.role), self.party)


def refuse_doubled_rows(rows: Sequence[WithholdingRow], taxpayers: Sequence[TaxpayerRow]) -> None:
    """Refuse two rows that would count at once, by their numbers.

    Raises:
        ValueError: it names them.
    """
    for (first, row), (second, other) in combinations(enumerate(rows), 2):
        if row.overlaps(other):
            whose = Party(PartyRole(row.role), row.party or "all")
            raise ValueError(
                f"withholding.{second}.valid_from: withholding.{first} of {whose} counts then too"
            )
    for (first, known), (second, same) in combinations(enumerate(taxpayers), 2):
        if known.payee == same.payee:
            raise ValueError(f"taxpayers.{second}.party: taxpayers.{first} is {known.payee} too")


def withholding_rules(rows: Sequence[WithholdingRow], taxpayers: Sequence[TaxpayerRow]) -> WithholdingRules:
    """The rules as they are looked up."""
    by_place: dict[tuple[PartyRole, str | None], list[WithholdingRule]] = {}
    for row in rows:
        by_place.setdefault(row.place, []).append(row.rule)
    return WithholdingRules(
        {place: tuple(rules) for place, rules in by_place.items()},
        {row.payee: Taxpayer(row.tin, row.proof_until) for row in taxpayers},
    )
