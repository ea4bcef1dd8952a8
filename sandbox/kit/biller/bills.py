"""A bill at a counter, and how an amount is split into its lines; amounts in paisa."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import NamedTuple

from sandbox.kit.institution.seeded_values import share_half_up

WHOLE_BP = 10_000
_FISCAL_YEAR_BEGINS = 7
_MONTHS = 12


class BillerAccountKind(Enum):
    """How an account behaves; the values are the first two digits of a magic serial."""

    NORMAL = 0
    UNKNOWN = 90
    ALREADY_PAID = 91
    SLOW = 92
    LOST_PAID = 93
    LOST_UNPAID = 94
    REFUSES = 95
    HTML = 96
    ECHOES_OTHER = 97
    THREE_BILLS = 98
    AMOUNT_CHANGES = 99


@dataclass(frozen=True, slots=True)
class AmountSplitRules:
    """How an institution splits its amounts; shares in basis points.

    VAT and `other` lie inside the amount, and so does a stamp, owed on amounts above
    `stamp_paisa_above`. VAT is reckoned as on top of the rest: at 500, 105.00 holds 5.00. The late
    fee is reckoned from the amount and comes on top of it.
    """

    vat_bp: int = 0
    late_bp: int = 0
    other_bp: int = 0
    stamp_paisa: int = 0
    stamp_paisa_above: int = 40_000


class AmountSplit(NamedTuple):
    """The lines of one amount; they sum to it."""

    principal_paisa: int
    vat_paisa: int
    late_fee_paisa: int
    stamp_paisa: int
    other_paisa: int


class BillPeriod(NamedTuple):
    """The month that a bill is for."""

    year: int
    month: int

    @property
    def quarter(self) -> int:
        """The quarter of the fiscal year, which begins in July."""
        return (self.month - _FISCAL_YEAR_BEGINS) % _MONTHS // 3 + 1

    @property
    def fiscal_year(self) -> str:
        """The fiscal year, such as `2025-2026`."""
        begins = self.year if self.month >= _FISCAL_YEAR_BEGINS else self.year - 1
        return f"{begins}-{begins + 1}"


@dataclass(frozen=True, slots=True)
class SimulatedBill:
    """One bill, paid or not.

    Principal, VAT, stamp and `other_paisa` sum to `base_paisa`; `late_fee_paisa` is owed on top, only
    after `due_on`. `house` is the id of the institution; `choice` the key its amount was chosen by, if any.
    """

    institution_id: str
    kind: BillerAccountKind
    serial: str
    number: str
    bill_number: str
    customer_name: str
    address: str
    ward: str
    meter_no: str
    period: BillPeriod
    issued_on: date
    due_on: date
    principal_paisa: int
    vat_paisa: int
    other_paisa: int
    late_fee_paisa: int
    stamp_paisa: int
    choice: str = ""

    @property
    def base_paisa(self) -> int:
        """What is owed until the due day."""
        return self.principal_paisa + self.vat_paisa + self.other_paisa + self.stamp_paisa

    def late_fee_on(self, day: date) -> int:
        """Return the late fee in force on a Dhaka day; nothing on the due day itself."""
        return self.late_fee_paisa if day > self.due_on else 0

    def total_on(self, day: date) -> int:
        """Return what is owed on a Dhaka day, if nothing of it was paid."""
        return self.base_paisa + self.late_fee_on(day)

    def lines_on(self, day: date) -> AmountSplit:
        """Return the lines of `total_on` that day."""
        late = self.late_fee_on(day)
        return AmountSplit(self.principal_paisa, self.vat_paisa, late, self.stamp_paisa, self.other_paisa)

    def places(self) -> Mapping[str, str]:
        """Return what the places of a template stand for, but for amounts."""
        year, month = self.period
        return {
            "number": self.number,
            "serial": self.serial,
            "bill_number": self.bill_number,
            "yyyy": f"{year:04d}",
            "yy": f"{year % 100:02d}",
            "mm": f"{month:02d}",
            "quarter": str(self.period.quarter),
            "fiscal_year": self.period.fiscal_year,
            "ward": self.ward,
            "choice": self.choice,
        }


def split_amount(paisa: int, lines: AmountSplitRules) -> AmountSplit:
    """Return the lines of an amount before any late fee."""
    stamp = lines.stamp_paisa if paisa > lines.stamp_paisa_above else 0
    vat = share_half_up(paisa - stamp, lines.vat_bp, WHOLE_BP + lines.vat_bp)
    other_charge = share_half_up(paisa - stamp - vat, lines.other_bp, WHOLE_BP)
    return AmountSplit(paisa - stamp - vat - other_charge, vat, 0, stamp, other_charge)


def split_part_payment(whole: AmountSplit, paisa: int) -> AmountSplit:
    """Return the lines of a payment of `paisa` towards a bill with these lines.

    Each line gets its share rounded down and the principal the rest, so no line is ever negative.
    """
    total = sum(whole)
    shares = [line * paisa // total if total else 0 for line in whole[1:]]
    return AmountSplit(paisa - sum(shares), *shares)
