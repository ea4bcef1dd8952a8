"""Bills that their biller hands over as files, and how payments take them in our own database.

A newer file adds bills, changes unpaid ones, and says which were paid elsewhere or withdrawn. A payment takes
its bill in one write; an inquiry bars the payment's reference unless it has taken its bill already. Whichever
is first counts, so a payment in doubt has exactly one outcome.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from uuid import UUID

from ekpay_switch.domain.bill import ChargeLine
from ekpay_switch.domain.money import ZERO, Money


class BillStatus(StrEnum):
    """The status of a bill by the newest file."""

    UNPAID = "unpaid"
    PAID = "paid"  # at the biller's own counter, or through another channel
    WITHDRAWN = "withdrawn"  # no longer owed, as if it had never been issued


@dataclass(frozen=True, slots=True)
class FiledBill:
    """One bill of a file. The lines sum to `amount`; the late fee applies from the day after `due_on`."""

    bill_key: str
    status: BillStatus
    parameters: Mapping[str, str]
    customer_name: str
    period: str
    issued_on: date | None
    due_on: date
    amount: Money
    vat: Money
    late_fee: Money
    lines: tuple[ChargeLine, ...] = ()

    def late_fee_on(self, day: date) -> Money:
        """The late fee in force on a Dhaka day."""
        return self.late_fee if day > self.due_on else ZERO

    def total_on(self, day: date) -> Money:
        """What is owed on a Dhaka day."""
        return self.amount + self.vat + self.late_fee_on(day)


@dataclass(frozen=True, slots=True)
class BillFile:
    """A valid file; `digest` is of its bytes, `sum` is all amounts with their VAT."""

    biller_id: str
    number: int
    made_on: date
    digest: bytes
    bills: tuple[FiledBill, ...]
    sum: Money

    @property
    def lines(self) -> Mapping[str, int]:
        """The line of each bill in the file, by its key; bills begin on line 3."""
        return {bill.bill_key: line for line, bill in enumerate(self.bills, 3)}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one line of a file; never quotes its content."""

    line: int
    why: str
    cell: str = ""
    """Its name where one cell is wrong, else empty."""

    @property
    def description(self) -> str:
        """What is wrong, behind the name of its cell."""
        return f"{self.cell}: {self.why}" if self.cell else self.why


@dataclass(frozen=True, slots=True)
class StoredBill:
    """A stored bill, and whether a payment of ours has taken it."""

    bill: FiledBill
    is_taken: bool = False


@dataclass(frozen=True, slots=True)
class BillTaking:
    """A payment that is to take its bill for this amount on this Dhaka day, and the receipt it would get."""

    biller_id: str
    reference: str
    payment_id: UUID
    bill_key: str
    amount: Money
    on: date
    receipt: str


class TakingRefusal(StrEnum):
    """Why a bill was not taken; nothing was written."""

    NO_SUCH_BILL = "no_such_bill"
    ALREADY_PAID = "already_paid"
    AMOUNT_DIFFERS = "amount_differs"
    BARRED = "barred"  # an inquiry came first and was answered "not found"
    OTHER_CONTENT = "other_content"  # the reference has another bill or amount


@dataclass(frozen=True, slots=True)
class TakenBill:
    """The payment has taken its bill, now or earlier."""

    amount: Money
    receipt: str


TakeAnswer = TakenBill | TakingRefusal


def judge_taking(taking: BillTaking, stored_bill: StoredBill | None) -> TakingRefusal | None:
    """Why this bill cannot be taken by a new reference, or None."""
    if stored_bill is None or stored_bill.bill.status is BillStatus.WITHDRAWN:
        return TakingRefusal.NO_SUCH_BILL
    if stored_bill.is_taken or stored_bill.bill.status is BillStatus.PAID:
        return TakingRefusal.ALREADY_PAID
    if stored_bill.bill.total_on(taking.on) != taking.amount:
        return TakingRefusal.AMOUNT_DIFFERS
    return None


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The result of loading a file, as numbers of bills.

    `unchanged` were not changed since a payment of ours has taken them; `paid_twice` are the lines of those
    that the biller says were paid elsewhere as well.
    """

    added: int
    changed: int
    unchanged: int
    paid_twice: tuple[int, ...] = field(default=())
