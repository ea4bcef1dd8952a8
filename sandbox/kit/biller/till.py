"""Where payments of one house are taken.

Every method is synchronous and runs to its end before the next begins, so two payments of one bill
cannot overlap. Refusals and faults are answers, never exceptions.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.kit.biller.accounts import World
from sandbox.kit.biller.bills import CounterBill, Kind, Split, part_of, split
from sandbox.kit.biller.book import Book, Payment, State
from sandbox.kit.biller.call_results import OtherAmount, Owed, PaidAlready, Refused, Taken, Unknown, Verdict
from sandbox.kit.biller.faults import MAGIC, NOT_TAKEN, Fault, FaultTable
from sandbox.kit.biller.institution import House, TakesAny, TakesOnce, TakesPart
from sandbox.kit.institution.clock import Clock, dhaka_day
from sandbox.kit.institution.faults import ANYBODY

CHANGES_BY_PAISA = 100
"""By how much the amount of a bill in range 99 changes between a fetch and a payment."""
ECHO_EXTRA_PAISA = 100
"""By how much an answer about a payment with `echo_other_amount` is wrong."""


@dataclass(frozen=True, slots=True)
class Order:
    """A payment as the caller wants it: by bill, or by account if there is no `bill_number`.

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


class Till:
    """Answers what is owed, takes payments, and tells what was paid, for one house."""

    def __init__(self, world: World, book: Book, faults: FaultTable, clock: Clock) -> None:
        self.house: House = world.house
        self.world = world
        self._book = book
        self._faults = faults
        self._clock = clock

    def look(self, number: str, choice: str | None = None) -> tuple[CounterBill, ...]:
        """Return the unpaid bills of an account, oldest first; none if it is unknown."""
        return tuple(bill for bill in self.world.bills_of(number, choice) if not self.is_paid(bill))

    def look_up(self, texts: Mapping[str, str]) -> Owed | Unknown | PaidAlready:
        """Return the unpaid bills that a payer's parameters name, by their names in the manifest."""
        bills = self.world.named(texts)
        if not bills:
            return Unknown()
        unpaid = tuple(bill for bill in bills if not self.is_paid(bill))
        return Owed(unpaid) if unpaid else PaidAlready()

    def find(self, bill_number: str, choice: str | None = None) -> CounterBill | None:
        """Return the bill of this number, paid or not, or None if there is no such bill."""
        return self.world.bill(bill_number, choice)

    def knows(self, number: str) -> bool:
        """Whether the house has such an account."""
        return self.world.kind(number) is not Kind.UNKNOWN

    def is_paid(self, bill: CounterBill) -> bool:
        """Whether nothing is left of a bill; never so where any amount is taken any number of times."""
        return self.left_of(bill) == 0

    def left_of(self, bill: CounterBill) -> int:
        """Return what a fetch tells as owed today, in paisa; what was paid in parts is taken off."""
        total = bill.total_on(self._clock.today())
        if self.house.takes_any:
            return total
        if bill.kind is Kind.ALREADY_PAID:
            return 0
        paid = self._book.paid_total(self.house.id, bill.bill_number)
        if self.house.takes_part:
            return max(0, total - paid)
        return 0 if paid else total

    def status(self, reference: str) -> Payment | None:
        """Return what was taken under a reference, cancelled or not, if anything."""
        return self._book.payment(self.house.id, reference)

    def is_cut_off(self, *numbers: str) -> bool:
        """Whether a call that moves no money is to be answered with `LOST`; asked once a call.

        `numbers` are those of the account and the bill, as far as they are known.
        """
        return self._faults.takes_close(*numbers)

    def pay(self, order: Order) -> Verdict:
        """Take a payment once; the same reference for the same bill and amount changes nothing more."""
        known = self.status(order.reference)
        return self._pay_first(order) if known is None else self._pay_again(order, known)

    def cancel(self, reference: str) -> Payment | None:
        """Take a payment back, once and for ever: its reference stays refused, its bill is owed again.

        Returns:
            the cancelled payment, also when it was cancelled before; None if there is none.
        """
        payment = self.status(reference)
        if payment is not None and payment.state is State.PAID:
            now = self._clock.now()
            self._book.record_cancelled(self.house.id, reference, now.isoformat(), dhaka_day(now))
        return payment

    def _bill_of(self, order: Order) -> CounterBill | None:
        if order.bill_number is not None:
            bill = self.find(order.bill_number, order.choice)
            is_theirs = bill is not None and order.number in {None, bill.number}
            return bill if is_theirs else None
        bills = self.world.bills_of(order.number or "", order.choice)
        unpaid = (bill for bill in bills if not self.is_paid(bill))
        return next(unpaid, bills[-1] if bills else None)

    def _pay_first(self, order: Order) -> Verdict:
        bill = self._bill_of(order)
        if bill is None:
            return Unknown()
        how = self._faults.take(bill.bill_number, bill.number, ANYBODY) or self._magic(order, bill)
        if how in NOT_TAKEN:
            return Refused(how)
        refusal = self._refusal(order, bill, how)
        if refusal is not None:
            return refusal
        payment = self._payment(order, bill, how)
        self._book.record_paid(payment)
        return Taken(payment, how=how)

    def _pay_again(self, order: Order, known: Payment) -> Verdict:
        if not _is_same(known, order):
            return self._refused(order, known.bill_number, "other", Refused())
        how = self._faults.take(known.bill_number, known.number, ANYBODY)
        if how in NOT_TAKEN:
            return Refused(how)
        self._book.record_repeat(self.house.id, order.reference)
        return Taken(known, is_repeat=True, how=how)

    def _magic(self, order: Order, bill: CounterBill) -> Fault | None:
        magic = MAGIC.get(bill.kind)
        if magic is Fault.LOST_UNPAID:
            if self._book.was_dropped(self.house.id, order.reference):
                return None
            self._book.record_dropped(self.house.id, order.reference)
        return magic

    def _refusal(self, order: Order, bill: CounterBill, how: Fault | None) -> Verdict | None:
        if self.is_paid(bill):
            return self._refused(order, bill.bill_number, "paid", PaidAlready())
        due_paisa = self._due(order, bill)
        if due_paisa is not None:
            return self._refused(order, bill.bill_number, "amount", OtherAmount(due_paisa))
        if how is Fault.REFUSE:
            return self._refused(order, bill.bill_number, "refused", Refused())
        return None

    def _refused(self, order: Order, bill_number: str, reason: str, verdict: Verdict) -> Verdict:
        self._book.record_refused(self.house.id, order.reference, bill_number, reason)
        return verdict

    def _due(self, order: Order, bill: CounterBill) -> int | None:
        """Return what would have to be paid instead, or None if the amount is right."""
        left, change = self.left_of(bill), CHANGES_BY_PAISA if bill.kind is Kind.AMOUNT_CHANGES else 0
        match self.house.takes:
            case TakesAny(low, high):
                nearest = min(max(order.amount_paisa, low), high)
                return None if nearest == order.amount_paisa else nearest
            case TakesPart():
                # A rise would do no harm here, so somebody else has paid a little in between.
                most = max(1, left - change)
                return None if 0 < order.amount_paisa <= most else most
            case TakesOnce():
                due = left + change - order.withheld_paisa
                return None if order.amount_paisa == due else due

    def _payment(self, order: Order, bill: CounterBill, how: Fault | None) -> Payment:
        now = self._clock.now()
        day = dhaka_day(now)
        lines = self._lines(order.amount_paisa, bill)
        taken = len(self._book.payments_of(self.house.id))
        return Payment(
            house=self.house.id,
            reference=order.reference,
            number=bill.number,
            bill_number=bill.bill_number,
            amount_paisa=order.amount_paisa,
            **lines._asdict(),
            receipt=f"{day:%y%m%d}{taken + 1:06d}",
            paid_at=now.isoformat(),
            business_date=day.isoformat(),
            facts=dict(order.facts),
            echo_extra_paisa=ECHO_EXTRA_PAISA if how is Fault.ECHO_OTHER_AMOUNT else 0,
        )

    def _lines(self, paisa: int, bill: CounterBill) -> Split:
        if self.house.takes_any:
            return split(paisa, self.house.lines)
        return part_of(bill.lines_on(self._clock.today()), paisa)


def _is_same(known: Payment, order: Order) -> bool:
    if known.state is not State.PAID or order.amount_paisa != known.amount_paisa:
        return False
    return order.bill_number in {None, known.bill_number} and order.number in {None, known.number}
