"""Where payments of one institution are taken.

Every method is synchronous and runs to its end before the next begins, so two payments of one bill
cannot overlap. Refusals and faults are answers, never exceptions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.kit.biller.accounts import BillerAccounts
from sandbox.kit.biller.bills import (
    AmountSplit,
    BillerAccountKind,
    SimulatedBill,
    split_amount,
    split_part_payment,
)
from sandbox.kit.biller.book import BillerBook, BillerPayment, PaymentState
from sandbox.kit.biller.call_results import (
    BillPaidAlready,
    PaymentRefused,
    PaymentResult,
    PaymentTaken,
    UnknownBill,
    UnpaidBills,
    WrongAmount,
)
from sandbox.kit.biller.faults import MAGIC, UNDONE, BillerFault, BillerFaultTable
from sandbox.kit.biller.institution import AnyAmount, BillerInstitution, InParts, WholeOnce
from sandbox.kit.institution.clock import Clock, dhaka_day
from sandbox.kit.institution.faults import ANYBODY

AMOUNT_CHANGE_PAISA = 100
"""By how much the amount of a bill in range 99 changes between a fetch and a payment."""
ECHO_EXTRA_PAISA = 100
"""By how much an answer about a payment with `echo_other_amount` is wrong."""


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """A payment as the caller requests it: by bill, or by account if there is no `bill_number`.

    Of an account the oldest unpaid bill is meant. Where both are given, the bill must be the
    account's. `choice` is what the payer chose, where the fee depends on that. `withheld_paisa` is
    what the payer lawfully keeps back of a bill that is paid whole, such as a tax at source. `facts`
    are kept with the payment and never compared.
    """

    reference: str
    amount_paisa: int
    number: str | None = None
    bill_number: str | None = None
    choice: str | None = None
    withheld_paisa: int = 0
    facts: Mapping[str, str] = field(default_factory=dict)


class PaymentIntake:
    """Answers bill queries, takes payments and reports them, for one institution."""

    def __init__(
        self, accounts: BillerAccounts, book: BillerBook, faults: BillerFaultTable, clock: Clock
    ) -> None:
        self.institution: BillerInstitution = accounts.institution
        self.accounts = accounts
        self._book = book
        self._faults = faults
        self._clock = clock

    def unpaid_bills_of(self, number: str, choice: str | None = None) -> tuple[SimulatedBill, ...]:
        """Return the unpaid bills of an account, oldest first; none if it is unknown."""
        return tuple(bill for bill in self.accounts.bills_of(number, choice) if not self.is_paid(bill))

    def find_unpaid_bills(self, texts: Mapping[str, str]) -> UnpaidBills | UnknownBill | BillPaidAlready:
        """Return the unpaid bills that a payer's parameters name, by their names in the manifest."""
        bills = self.accounts.find_bills(texts)
        if not bills:
            return UnknownBill()
        unpaid = tuple(bill for bill in bills if not self.is_paid(bill))
        return UnpaidBills(unpaid) if unpaid else BillPaidAlready()

    def find_bill(self, bill_number: str, choice: str | None = None) -> SimulatedBill | None:
        """Return the bill of this number, paid or not, or None if there is no such bill."""
        return self.accounts.bill(bill_number, choice)

    def has_account(self, number: str) -> bool:
        """Whether the institution has such an account."""
        return self.accounts.kind(number) is not BillerAccountKind.UNKNOWN

    def is_paid(self, bill: SimulatedBill) -> bool:
        """Whether nothing is left of a bill; never so where any amount is taken any number of times."""
        return self.outstanding_paisa(bill) == 0

    def outstanding_paisa(self, bill: SimulatedBill) -> int:
        """Return what is outstanding today, in paisa; part payments are taken off."""
        total = bill.total_on(self._clock.today())
        if self.institution.is_any_amount:
            return total
        if bill.kind is BillerAccountKind.ALREADY_PAID:
            return 0
        paid = self._book.paid_total(self.institution.id, bill.bill_number)
        if self.institution.is_part_payable:
            return max(0, total - paid)
        return 0 if paid else total

    def status(self, reference: str) -> BillerPayment | None:
        """Return what was taken under a reference, cancelled or not, if anything."""
        return self._book.payment(self.institution.id, reference)

    def is_connection_cut(self, *numbers: str) -> bool:
        """Whether a fault cuts the connection of a call that moves no money; each check uses the fault up.

        `numbers` are those of the account and the bill, as far as they are known.
        """
        return self._faults.takes_close(*numbers)

    def pay(self, order: PaymentOrder) -> PaymentResult:
        """Take a payment once; the same reference for the same bill and amount changes nothing more."""
        known = self.status(order.reference)
        return self._take_first(order) if known is None else self._take_repeat(order, known)

    def cancel(self, reference: str) -> BillerPayment | None:
        """Take a payment back, once and for ever: its reference stays refused, its bill is owed again.

        Returns:
            the cancelled payment, also when it was cancelled before; None if there is none.
        """
        payment = self.status(reference)
        if payment is not None and payment.state is PaymentState.PAID:
            now = self._clock.now()
            self._book.record_cancelled(self.institution.id, reference, now.isoformat(), dhaka_day(now))
        return payment

    def _bill_of(self, order: PaymentOrder) -> SimulatedBill | None:
        if order.bill_number is not None:
            bill = self.find_bill(order.bill_number, order.choice)
            is_theirs = bill is not None and order.number in {None, bill.number}
            return bill if is_theirs else None
        bills = self.accounts.bills_of(order.number or "", order.choice)
        unpaid = (bill for bill in bills if not self.is_paid(bill))
        return next(unpaid, bills[-1] if bills else None)

    def _take_first(self, order: PaymentOrder) -> PaymentResult:
        bill = self._bill_of(order)
        if bill is None:
            return UnknownBill()
        fault = self._faults.take(bill.bill_number, bill.number, ANYBODY) or self._magic(order, bill)
        if fault in UNDONE:
            return PaymentRefused(fault)
        refusal = self._refusal(order, bill, fault)
        if refusal is not None:
            return refusal
        payment = self._payment(order, bill, fault)
        self._book.record_paid(payment)
        return PaymentTaken(payment, fault=fault)

    def _take_repeat(self, order: PaymentOrder, known: BillerPayment) -> PaymentResult:
        if not _is_same(known, order):
            return self._refused(order, known.bill_number, "other", PaymentRefused())
        fault = self._faults.take(known.bill_number, known.number, ANYBODY)
        if fault in UNDONE:
            return PaymentRefused(fault)
        self._book.record_repeat(self.institution.id, order.reference)
        return PaymentTaken(known, is_repeat=True, fault=fault)

    def _magic(self, order: PaymentOrder, bill: SimulatedBill) -> BillerFault | None:
        magic = MAGIC.get(bill.kind)
        if magic is BillerFault.LOST_UNPAID:
            if self._book.was_dropped(self.institution.id, order.reference):
                return None
            self._book.record_dropped(self.institution.id, order.reference)
        return magic

    def _refusal(
        self, order: PaymentOrder, bill: SimulatedBill, fault: BillerFault | None
    ) -> PaymentResult | None:
        if self.is_paid(bill):
            return self._refused(order, bill.bill_number, "paid", BillPaidAlready())
        due_paisa = self._amount_due(order, bill)
        if due_paisa is not None:
            return self._refused(order, bill.bill_number, "amount", WrongAmount(due_paisa))
        if fault is BillerFault.REFUSE:
            return self._refused(order, bill.bill_number, "refused", PaymentRefused())
        return None

    def _refused(
        self, order: PaymentOrder, bill_number: str, reason: str, result: PaymentResult
    ) -> PaymentResult:
        self._book.record_refused(self.institution.id, order.reference, bill_number, reason)
        return result

    def _amount_due(self, order: PaymentOrder, bill: SimulatedBill) -> int | None:
        """Return what would have to be paid instead, or None if the amount is right."""
        outstanding, change = (
            self.outstanding_paisa(bill),
            AMOUNT_CHANGE_PAISA if bill.kind is BillerAccountKind.AMOUNT_CHANGES else 0,
        )
        match self.institution.payment_rule:
            case AnyAmount(low, high):
                nearest = min(max(order.amount_paisa, low), high)
                return None if nearest == order.amount_paisa else nearest
            case InParts():
                # A rise would not matter here, so another party has paid a little in between.
                most = max(1, outstanding - change)
                return None if 0 < order.amount_paisa <= most else most
            case WholeOnce():
                due = outstanding + change - order.withheld_paisa
                return None if order.amount_paisa == due else due

    def _payment(self, order: PaymentOrder, bill: SimulatedBill, fault: BillerFault | None) -> BillerPayment:
        now = self._clock.now()
        day = dhaka_day(now)
        lines = self._lines(order.amount_paisa, bill)
        count_before = len(self._book.payments_of(self.institution.id))
        return BillerPayment(
            institution_id=self.institution.id,
            reference=order.reference,
            number=bill.number,
            bill_number=bill.bill_number,
            amount_paisa=order.amount_paisa,
            **lines._asdict(),
            receipt=f"{day:%y%m%d}{count_before + 1:06d}",
            paid_at=now.isoformat(),
            business_date=day.isoformat(),
            facts=dict(order.facts),
            echo_extra_paisa=ECHO_EXTRA_PAISA if fault is BillerFault.ECHO_OTHER_AMOUNT else 0,
        )

    def _lines(self, paisa: int, bill: SimulatedBill) -> AmountSplit:
        if self.institution.is_any_amount:
            return split_amount(paisa, self.institution.lines)
        return split_part_payment(bill.lines_on(self._clock.today()), paisa)


def _is_same(known: BillerPayment, order: PaymentOrder) -> bool:
    if known.state is not PaymentState.PAID or order.amount_paisa != known.amount_paisa:
        return False
    return order.bill_number in {None, known.bill_number} and order.number in {None, known.number}
