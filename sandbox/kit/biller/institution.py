"""An institution: one simulated biller of a family, as data.

Its templates say what its numbers look like, and how a payer names a bill by the parameters of the
biller's manifest; its amounts and lines say what the bills come to.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

from pydantic import ConfigDict

from sandbox.kit.biller import templates
from sandbox.kit.biller.bills import AmountSplitRules, SimulatedBill
from sandbox.kit.biller.end_of_day_file import COMMON_LAYOUT, EndOfDayLayout
from sandbox.kit.biller.taka_text import taka

REHEARSAL = "rehearsal"
"""The id of the institution that each family keeps for trying out a new biller."""

_SERIAL_RUN = re.compile(r"#+")
_SERIAL_LENGTH = 5
_BILL_PLACES = frozenset({"number", "serial", "yyyy", "yy", "mm"})


class BillerDataError(ValueError):
    """The data of an institution contradict each other."""


@dataclass(frozen=True, slots=True)
class AmountRange:
    """Amounts drawn between two bounds, both included, in whole steps from the lower one."""

    min_paisa: int
    max_paisa: int
    step_paisa: int = 1


@dataclass(frozen=True, slots=True)
class FixedFee:
    """One fee for everybody."""

    paisa: int


@dataclass(frozen=True, slots=True)
class FeeByChoice:
    """A fee that depends on the payer's text in `parameter`: text to paisa.

    Without it a query gets the amount of a key drawn for the account. Where several
    parameters decide together, the family joins them into one text under a name of its own.
    """

    paisa_by_key: Mapping[str, int]
    parameter: str


@dataclass(frozen=True, slots=True)
class WholeOnce:
    """A bill is paid whole, once."""


@dataclass(frozen=True, slots=True)
class InParts:
    """A bill is paid in any amounts up to what is left of it."""


@dataclass(frozen=True, slots=True)
class AnyAmount:
    """Any amount between two bounds, both included, any number of times: no bill is ever paid off."""

    min_paisa: int
    max_paisa: int


@dataclass(frozen=True, kw_only=True)
class BillerInstitution:
    """One simulated biller.

    `number` is the form of account numbers, with one run of five `#` for the serial, such as `234#####`.
    `bill_number` and the texts of `fields` are templates (`templates.PLACES`; a bill number has only number,
    serial, yyyy, yy and mm); an institution whose bill number has no month never has more than one bill an
    account. `fields` are the parameters of one group of the manifest, all of them required; those of
    `alternative_fields` are another group that names the same bills. `unchecked_fields` are about the payer
    (a mobile number, an amount) and are compared with nothing. `months_apart` is how many months a bill is
    for.

    Raises:
        ImpossibleHouseError: the templates cannot work.
        UnknownPlaceError: a template has a place that nothing fills.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    id: str
    name: str
    family: str
    number: str
    bill_number: str = "{number}"
    fields: Mapping[str, str]
    alternative_fields: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    unchecked_fields: frozenset[str] = frozenset()
    amount: AmountRange | FixedFee | FeeByChoice
    lines: AmountSplitRules = AmountSplitRules()  # noqa: RUF009 - frozen, so all institutions may share it
    payment_rule: WholeOnce | InParts | AnyAmount = WholeOnce()
    months_apart: int = 1
    town: str = "Dhaka"
    office_code: str = "001"
    layout: EndOfDayLayout = COMMON_LAYOUT
    """How the end-of-day file is written."""
    shares_accounts_with: str = ""
    """The institution with the same accounts and bills: another route to one biller, with its own book."""
    family_data: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What only the family knows to read, such as the name that an aggregator has for this biller."""

    def __post_init__(self) -> None:
        """Refuse templates that cannot work, when the program starts and not when a payer comes."""
        runs = [len(run) for run in _SERIAL_RUN.findall(self.number)]
        if runs != [_SERIAL_LENGTH] or "{" in self.number:
            raise BillerDataError(f"{self.id}: {self.number} needs one run of five #, and no places")
        templates.check_places(self.bill_number, _BILL_PLACES)
        if templates.SERIAL not in self.expand(self.bill_number):
            raise BillerDataError(f"{self.id}: a bill number must hold the account's serial")
        if not any(templates.SERIAL in self.expand(text) for text in self.naming_fields.values()):
            raise BillerDataError(f"{self.id}: no parameter names the account")
        for text in (*self.fields.values(), *self.alternative_fields.values()):
            templates.check_places(text, templates.PLACES)

    @property
    def naming_fields(self) -> Mapping[str, str]:
        """The parameters of both groups that say which bill is meant: all but the free ones."""
        all_fields = {**self.fields, **self.alternative_fields}
        return {name: text for name, text in all_fields.items() if name not in self.unchecked_fields}

    @property
    def is_any_amount(self) -> bool:
        """Whether no bill is ever paid off."""
        return isinstance(self.payment_rule, AnyAmount)

    @property
    def is_part_payable(self) -> bool:
        """Whether a bill may be paid in parts."""
        return isinstance(self.payment_rule, InParts)

    @property
    def has_monthly_bills(self) -> bool:
        """Whether the bills of one account have different numbers."""
        return "{mm}" in self.bill_number

    def expand(self, template: str) -> str:
        """Return a template in which number and bill number are written out down to the serial."""
        number = _SERIAL_RUN.sub(templates.SERIAL, self.number)
        return template.replace("{bill_number}", self.bill_number).replace("{number}", number)

    def number_of(self, serial: int) -> str:
        """Return the number of the account with this serial."""
        return _SERIAL_RUN.sub(f"{serial:0{_SERIAL_LENGTH}d}", self.number)

    def serial_in(self, template: str, text: str) -> int | None:
        """Return the serial in a text that has the form of a template of this institution, or None."""
        serial = templates.serial_in(self.expand(template), text)
        return int(serial) if serial else None

    def fields_of(self, bill: SimulatedBill, *, reported_paisa: int | None = None) -> dict[str, str]:
        """Return how a payer names a bill: the text of every parameter.

        `reported_paisa` fills the place `{taka}`; by default it is the bill's amount before any late fee.
        """
        paisa = bill.base_paisa if reported_paisa is None else reported_paisa
        return self._fill_templates(self.fields, bill, paisa)

    def matches_parameters(self, bill: SimulatedBill, texts: Mapping[str, str]) -> bool:
        """Whether every naming parameter among these is as the bill has it; others are passed over."""
        written = self._fill_templates(self.naming_fields, bill, bill.base_paisa)
        return all(texts.get(name, text) == text for name, text in written.items())

    def _fill_templates(self, fields: Mapping[str, str], bill: SimulatedBill, paisa: int) -> dict[str, str]:
        values = {**bill.places(), "taka": taka(paisa)}
        return {name: templates.fill(text, values) for name, text in fields.items()}


def rehearsal_institution(family: str, fields: Mapping[str, str] | None = None) -> BillerInstitution:
    """Return the institution for trying out a new biller; by default `account_no` names a bill."""
    return BillerInstitution(
        id=REHEARSAL,
        name="Rehearsal",
        family=family,
        number="700#####",
        bill_number="{yy}{mm}{number}",
        fields=fields or {"account_no": "{number}"},
        amount=AmountRange(10_000, 500_000),
        lines=AmountSplitRules(vat_bp=500, late_bp=500),
    )
