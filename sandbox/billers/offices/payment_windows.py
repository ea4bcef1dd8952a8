"""When a demand can be paid: after the steps before it, and until its last day."""

from collections.abc import Mapping
from datetime import date, timedelta
from enum import Enum, auto

from sandbox.billers.offices.office import OfficeHouse
from sandbox.kit.biller.bills import CounterBill, Kind
from sandbox.kit.biller.book import Book
from sandbox.kit.biller.family import Counter
from sandbox.kit.institution.clock import Clock

_DAYS_OPEN = 365


class Closed(Enum):
    """Why a demand cannot be paid."""

    NOT_OPEN = auto()
    EXPIRED = auto()


class Gates:
    """Looks at the books of all offices of the family, because a service may span two of them."""

    def __init__(self, book: Book, clock: Clock, counters: Mapping[str, Counter]) -> None:
        self._book = book
        self._clock = clock
        self._counters = counters

    def closed_because(self, bill: CounterBill, house: OfficeHouse) -> Closed | None:
        """Return why this unpaid demand cannot be paid today, or None if it can."""
        if not self._is_open(bill, house):
            return Closed.NOT_OPEN
        return Closed.EXPIRED if self._clock.today() > self.last_day(bill, house) else None

    def last_day(self, bill: CounterBill, house: OfficeHouse) -> date:
        """Return the last day on which a demand can be paid."""
        days = house.stage_days.get(bill.choice)
        paid_on = self._paid_on(self._steps_before(bill, house)[-1]) if days is not None else None
        if days is not None and paid_on is not None:
            return paid_on + timedelta(days=days)
        return house.licence_year_ends(bill) or bill.issued_on + timedelta(days=_DAYS_OPEN)

    def _is_open(self, bill: CounterBill, house: OfficeHouse) -> bool:
        till = self._counters[house.id].till
        if not all(till.is_paid(step) for step in self._steps_before(bill, house)):
            return False
        # The odd accounts are there to misbehave, not to be brought through another office first.
        if not house.after or bill.kind is not Kind.NORMAL:
            return True
        before = self._counters[house.after]
        return all(before.till.is_paid(step) for step in before.world.bills_of(bill.number))

    def _steps_before(self, bill: CounterBill, house: OfficeHouse) -> list[CounterBill]:
        if not house.stage_by:
            return []
        keys = list(house.heads)
        steps = self._counters[house.id].world.bills_of(bill.number)
        return list(steps[: keys.index(bill.choice)])

    def _paid_on(self, bill: CounterBill) -> date | None:
        payments = (one for one in self._book.payments_of(bill.house) if one.bill_number == bill.bill_number)
        return next((date.fromisoformat(one.business_date) for one in payments), None)
