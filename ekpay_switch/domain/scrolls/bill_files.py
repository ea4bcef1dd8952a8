"""Bills that their biller hands over as files, and how they are taken: without a wire, in our own books.

A newer file adds bills, changes those that nobody has paid, and says which were paid elsewhere or are owed no
more. A payment takes its bill in one write; a question about a payment bars its reference unless it has taken
its bill. The first of the two is the truth, so a payment whose fate we missed has exactly one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from uuid import UUID

from ekpay_switch.domain.bill import ChargeLine
from ekpay_switch.domain.money import ZERO, Money


class BillStatus(StrEnum):
    """What the newest file says of a bill."""

    UNPAID = "unpaid"
    PAID = "paid"  # at the biller's own counter, or through somebody else
    WITHDRAWN = "withdrawn"  # it is owed no more, as if it had never been made


@dataclass(frozen=True, slots=True)
class FiledBill:
    """One bill of a file. The lines sum to `amount`; the late fee counts from the day after `due_on`."""

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
    """A whole file, read and found right; `digest` is of its bytes, `sum` is all amounts with their VAT."""

    biller_id: str
    number: int
    made_on: date
    digest: bytes
    bills: tuple[FiledBill, ...]
    sum: Money

    @property
    def lines(self) -> Mapping[str, int]:
        """The line of each bill in the file, by its key: they begin below the header and the headings."""
        return {bill.bill_key: line for line, bill in enumerate(self.bills, 3)}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one line of a file; never says what stands there."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class FoundBill:
    """A bill as it stands, and whether a payment through us has it."""

    bill: FiledBill
    is_taken: bool = False


@dataclass(frozen=True, slots=True)
class Taking:
    """A payment that wants its bill for this amount on this Dhaka day, and the receipt it would be given."""

    biller_id: str
    reference: str
    payment_id: UUID
    bill_key: str
    amount: Money
    on: date
    receipt: str


class NotTaken(StrEnum):
    """Why a bill was not taken; nothing was written."""

    NO_SUCH_BILL = "no_such_bill"
    ALREADY_PAID = "already_paid"
    AMOUNT_DIFFERS = "amount_differs"
    BARRED = "barred"  # a question came first, and was told that the payment is not there
    OTHER_CONTENT = "other_content"  # the reference has another bill or amount


@dataclass(frozen=True, slots=True)
class Taken:
    """The payment has its bill, now or since earlier."""

    amount: Money
    receipt: str


TakeAnswer = Taken | NotTaken


def judge_taking(taking: Taking, found: FoundBill | None) -> NotTaken | None:
    """Why this bill cannot be taken by a reference that is new here, or None."""
    if found is None or found.bill.status is BillStatus.WITHDRAWN:
        return NotTaken.NO_SUCH_BILL
    if found.is_taken or found.bill.status is BillStatus.PAID:
        return NotTaken.ALREADY_PAID
    if found.bill.total_on(taking.on) != taking.amount:
        return NotTaken.AMOUNT_DIFFERS
    return None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading a file did, in bills.

    `kept` were not touched since a payment of ours has them; `paid_twice` names, of those, the lines that
    the biller says were paid elsewhere as well.
    """

    added: int
    changed: int
    kept: int
    paid_twice: tuple[int, ...] = field(default=())
