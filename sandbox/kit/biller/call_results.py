"""The results of payments and bill queries, before a codec writes them.

`fault` changes how the answer is delivered (`reply_delivery.apply_fault`); None changes nothing.
"""

from dataclasses import dataclass

from sandbox.kit.biller.bills import SimulatedBill
from sandbox.kit.biller.book import BillerPayment
from sandbox.kit.biller.faults import BillerFault


@dataclass(frozen=True, slots=True)
class PaymentTaken:
    """Paid, now or, if `is_repeat`, by an earlier call of the same reference."""

    payment: BillerPayment
    is_repeat: bool = False
    fault: BillerFault | None = None


@dataclass(frozen=True, slots=True)
class UnknownBill:
    """There is no such account or bill."""

    fault: BillerFault | None = None


@dataclass(frozen=True, slots=True)
class BillPaidAlready:
    """The bill is paid, under another reference or before the book began."""

    fault: BillerFault | None = None


@dataclass(frozen=True, slots=True)
class WrongAmount:
    """The amount is not what is owed: `due_paisa`, or the most that would be taken."""

    due_paisa: int
    fault: BillerFault | None = None


@dataclass(frozen=True, slots=True)
class PaymentRefused:
    """The institution refuses the payment; or, if `fault` is set, has not looked at it."""

    fault: BillerFault | None = None


PaymentResult = PaymentTaken | UnknownBill | BillPaidAlready | WrongAmount | PaymentRefused


@dataclass(frozen=True, slots=True)
class UnpaidBills:
    """The unpaid bills of a query, oldest first; at least one."""

    bills: tuple[SimulatedBill, ...]
