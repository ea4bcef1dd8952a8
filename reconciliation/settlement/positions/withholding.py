"""Tax withheld at source: how much of a payout is the state's and not the payee's (docs/adr/0103).

The tax of the payouts of a month is the rate of their sum, half up to the paisa: each payout withholds what
that comes to beyond what the month's earlier payouts of the same payee, section and rate have withheld.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from reconciliation.settlement.positions.cycles import Party, PartyRole

_WHOLE: Final = 10_000
_COMMISSION: Final = "commission_payable:"


class TaxBase(StrEnum):
    """Which payouts a rule taxes."""

    PAID = "paid"  # everything that the payee is paid
    COMMISSION = "commission"  # the commission of a payee or an agent alone


@dataclass(frozen=True, slots=True)
class WithholdingRule:
    """A rate of tax for payouts whose value date is from `valid_from` to `valid_until`, both included.

    `without_proof` is the rate for payees without a proof of return submission, None where it is the same.
    From a payout below `threshold` paisa nothing is withheld.
    """

    section: str
    base: TaxBase
    basis_points: int
    valid_from: date
    valid_until: date | None = None
    without_proof: int | None = None
    threshold: int = 0

    def fits(self, account: str, value_date: date) -> bool:
        """Whether it taxes what is paid from a ledger account on a value date."""
        is_valid = self.valid_from <= value_date <= (self.valid_until or date.max)
        return is_valid and (self.base is TaxBase.PAID or account.startswith(_COMMISSION))


@dataclass(frozen=True, slots=True)
class Taxpayer:
    """What is known of a payee as a taxpayer; its proof of return submission is good until a day."""

    tin: str
    proof_until: date | None = None


@dataclass(frozen=True, slots=True)
class TaxKey:
    """Whose payouts of which section and rate are taxed together within a month."""

    payee: Party
    section: str
    basis_points: int


@dataclass(frozen=True, slots=True)
class TaxedSum:
    """The payouts of a month so far that are taxed together, and the tax withheld from them, in paisa."""

    gross: int = 0
    tax: int = 0


@dataclass(frozen=True, slots=True)
class WithheldTax:
    """The tax of one payout: `tax` of `gross`, in paisa, and the sums of the month that it follows from."""

    section: str
    base: TaxBase
    basis_points: int
    gross: int
    tax: int
    before: TaxedSum = TaxedSum()

    @property
    def net(self) -> int:
        """What the payee is paid."""
        return self.gross - self.tax


@dataclass(frozen=True, slots=True)
class TaxedPayout:
    """A payee with the tax of its payout."""

    payee: Party
    withheld: WithheldTax


@dataclass(frozen=True, slots=True)
class WithholdingRules:
    """The rules of each payee, or of all of a role, and what is known of payees as taxpayers."""

    rows: Mapping[tuple[PartyRole, str | None], tuple[WithholdingRule, ...]] = field(default_factory=dict)
    taxpayers: Mapping[Party, Taxpayer] = field(default_factory=dict)

    def rule_for(self, payee: Party, account: str, value_date: date) -> WithholdingRule | None:
        """The most particular rule: the payee's own before its role's, for commission before for all."""
        for place in ((payee.role, payee.name), (payee.role, None)):
            fitting = [rule for rule in self.rows.get(place, ()) if rule.fits(account, value_date)]
            if fitting:
                return min(fitting, key=lambda rule: rule.base is TaxBase.PAID)
        return None

    def tax_of(
        self, payee: Party, account: str, gross: int, value_date: date, earlier: Mapping[TaxKey, TaxedSum]
    ) -> WithheldTax | None:
        """What is withheld of `gross` paisa that is paid from a ledger account; None where nothing is."""
        rule = self.rule_for(payee, account, value_date)
        if rule is None or gross < max(1, rule.threshold):
            return None
        rate = rule.basis_points if self._has_proof(payee, value_date) else rule.without_proof
        rate = rule.basis_points if rate is None else rate
        before = earlier.get(TaxKey(payee, rule.section, rate), TaxedSum())
        tax = rounded_tax(before.gross + gross, rate) - before.tax
        return WithheldTax(rule.section, rule.base, rate, gross, tax, before) if 0 < tax < gross else None

    def _has_proof(self, payee: Party, value_date: date) -> bool:
        taxpayer = self.taxpayers.get(payee)
        return (
            taxpayer is not None and taxpayer.proof_until is not None and value_date <= taxpayer.proof_until
        )


def rounded_tax(gross: int, basis_points: int) -> int:
    """The rate of a sum in paisa, half up."""
    return (2 * gross * basis_points + _WHOLE) // (2 * _WHOLE)
