"""An office: an institution whose fee is made of heads, and whose details have names of its own."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from typing_extensions import override

from sandbox.kit.biller.bills import SimulatedBill
from sandbox.kit.biller.institution import BillerInstitution
from sandbox.kit.institution.seeded_values import share_half_up

ANY_KEY = "*"
"""Stands in `heads` for every key that the payer may think of, such as a day of travel."""

_WHOLE_BP = 10_000
_KEY_SEPARATOR = "/"


class FeeLine(StrEnum):
    """The line of a payment that a head counts to."""

    PRINCIPAL = "principal_paisa"
    VAT = "vat_paisa"
    OTHER_CHARGES = "other_paisa"


@dataclass(frozen=True, slots=True)
class FeeHead:
    """One head of a fee: a fixed amount, or a share of the whole in basis points where `paisa` is 0."""

    code: str
    label_en: str
    label_bn: str
    paisa: int = 0
    share_bp: int = 0
    line: FeeLine = FeeLine.PRINCIPAL


@dataclass(frozen=True, slots=True)
class FeeHeadAmount:
    """The amount of one head in one demand."""

    head: FeeHead
    paisa: int


@dataclass(frozen=True, slots=True)
class DemandDetail:
    """A detail of the office's calls: its parameter in the manifest, and its form.

    It must be there always, or where another parameter has a value (`when`), or never.
    """

    param: str
    pattern: str
    when: tuple[str, str] | None = None
    is_optional: bool = False

    def is_needed(self, texts: Mapping[str, str]) -> bool:
        """Whether it must be there, given the texts of other parameters."""
        if self.when is not None:
            return texts.get(self.when[0]) == self.when[1]
        return not self.is_optional

    def takes(self, text: object) -> bool:
        """Whether this is a text of its form."""
        return isinstance(text, str) and re.fullmatch(self.pattern, text, re.ASCII) is not None


class FilingChannel(StrEnum):
    """Which of an office's normal accounts have demands that are open from the start."""

    ALL = "all"
    ONLINE = "online"
    """The lower half; the fees of the upper half were paid at the office's own counter."""
    ON_PAPER = "on_paper"
    """The upper half; the lower half must pay another institution first (`after`)."""


@dataclass(frozen=True, kw_only=True)
class OfficeInstitution(BillerInstitution):
    """One simulated office.

    `heads` are the heads of a fee by key; a key is what the payer says in the parameters `key_parameters`,
    joined by `/`, or empty. Each key is a demand of its own unless `is_one_bill`. `fields_for` are
    the parameters that only some keys need. `reference_parameters` are the parameters that make up a
    reference. Where there is a `stage_parameter`, keys are the steps of a service and are paid in their
    order; `stage_days` is how long one stays open after the step before. `after` is the institution whose
    demands on the same number come first.
    """

    service: str
    details: Mapping[str, DemandDetail]
    reference_parameters: tuple[str, ...]
    heads: Mapping[str, tuple[FeeHead, ...]]
    key_parameters: tuple[str, ...] = ()
    is_one_bill: bool = False
    fields_for: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    stage_parameter: str = ""
    stage_days: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    after: str = ""
    filing_channel: FilingChannel = FilingChannel.ALL
    has_demand: bool = True
    has_final_receipt: bool = False
    is_licence_year: bool = False

    @override
    def fields_of(self, bill: SimulatedBill, *, reported_paisa: int | None = None) -> dict[str, str]:
        texts = super().fields_of(bill, reported_paisa=reported_paisa)
        texts |= self._fill_templates(self.fields_for.get(bill.choice, {}), bill, bill.base_paisa)
        return texts | dict(zip(self.key_parameters, bill.choice.split(_KEY_SEPARATOR), strict=False))

    def key_of(self, texts: Mapping[str, str]) -> str | None:
        """Return the key that a payer's parameters make; None where the account decides."""
        return (
            _KEY_SEPARATOR.join(texts[name] for name in self.key_parameters) if self.key_parameters else None
        )

    def reference_of(self, texts: Mapping[str, str]) -> str:
        """Return the reference that a payer's parameters make."""
        return _KEY_SEPARATOR.join(texts[name] for name in self.reference_parameters if name in texts)

    def keys_of(self, plain: SimulatedBill) -> tuple[str, ...]:
        """Return the keys of an account's demands, in their order."""
        if ANY_KEY in self.heads:
            return (plain.due_on.isoformat(),)
        return tuple(self.heads)[:1] if self.is_one_bill else tuple(self.heads)

    def has_key(self, key: str) -> bool:
        """Whether there is a demand of this key."""
        return key in self.heads or ANY_KEY in self.heads

    def heads_of(self, bill: SimulatedBill) -> list[FeeHeadAmount]:
        """Return the amounts of the heads of a bill, by its choice; shares are of what it was drawn with."""
        heads = self.heads[bill.choice if bill.choice in self.heads else ANY_KEY]
        return [
            FeeHeadAmount(head, head.paisa or share_half_up(bill.base_paisa, head.share_bp, _WHOLE_BP))
            for head in heads
        ]

    def is_part_payable_of(self, bill: SimulatedBill) -> bool:
        """Whether a part of this bill may be paid."""
        del bill
        return self.is_part_payable

    def licence_year_ends(self, bill: SimulatedBill) -> date | None:
        """Return 30 June of the bill's fiscal year, where there is a licence year."""
        return date(int(bill.period.fiscal_year[-4:]), 6, 30) if self.is_licence_year else None


@dataclass(frozen=True, kw_only=True)
class LandTaxOffice(OfficeInstitution):
    """Land development tax: who owns a holding, citizen or organisation, follows from its serial.

    Serials ending in 3 or 7 belong to organisations; the owner of one ending in 5 is exempt and
    pays for the dakhila alone. Interest is 6.25 % of the arrears.
    """

    @override
    def keys_of(self, plain: SimulatedBill) -> tuple[str, ...]:
        return ("organisation" if plain.serial[-1] in "37" else "citizen",)

    @override
    def heads_of(self, bill: SimulatedBill) -> list[FeeHeadAmount]:
        dakhila, current, arrears, interest = self.heads[ANY_KEY]
        if bill.serial[-1] == "5":
            return [FeeHeadAmount(dakhila, dakhila.paisa)]
        owed_paisa = share_half_up(bill.base_paisa, arrears.share_bp, _WHOLE_BP)
        interest_paisa = share_half_up(owed_paisa, interest.share_bp, _WHOLE_BP)
        return [
            FeeHeadAmount(current, bill.base_paisa - owed_paisa - interest_paisa),
            FeeHeadAmount(arrears, owed_paisa),
            FeeHeadAmount(interest, interest_paisa),
        ]

    @override
    def is_part_payable_of(self, bill: SimulatedBill) -> bool:
        return bill.choice == "organisation"
