"""When a demand can be paid: after the steps before it, and until its last day."""

from collections.abc import Mapping
from datetime import date, timedelta
from enum import Enum, auto

from sandbox.billers.offices.office import OfficeInstitution
from sandbox.kit.biller.bills import BillerAccountKind, SimulatedBill
from sandbox.kit.biller.book import BillerBook
from sandbox.kit.biller.open_biller import OpenBiller
from sandbox.kit.institution.clock import Clock

_DAYS_OPEN = 365


class ClosingReason(Enum):
    """Why a demand cannot be paid."""

    NOT_OPEN = auto()
    EXPIRED = auto()


class PaymentWindows:
    """Looks at the books of all offices of the family, because a service may span two of them."""

    def __init__(self, book: BillerBook, clock: Clock, counters: Mapping[str, OpenBiller]) -> None:
        self._book = book
        self._clock = clock
        self._counters = counters

    def closing_reason(self, bill: SimulatedBill, institution: OfficeInstitution) -> ClosingReason | None:
        """Return why this unpaid demand cannot be paid today, or None if it can."""
        if not self._is_open(bill, institution):
            return ClosingReason.NOT_OPEN
        return ClosingReason.EXPIRED if self._clock.today() > self.last_day(bill, institution) else None

    def last_day(self, bill: SimulatedBill, institution: OfficeInstitution) -> date:
        """Return the last day on which a demand can be paid."""
        days = institution.stage_days.get(bill.choice)
        paid_on = self._paid_on(self._steps_before(bill, institution)[-1]) if days is not None else None
        if days is not None and paid_on is not None:
            return paid_on + timedelta(days=days)
        return institution.licence_year_ends(bill) or bill.issued_on + timedelta(days=_DAYS_OPEN)

    def _is_open(self, bill: SimulatedBill, institution: OfficeInstitution) -> bool:
        intake = self._counters[institution.id].intake
        if not all(intake.is_paid(step) for step in self._steps_before(bill, institution)):
            return False
        # The magic accounts are there for their faults, not to be brought through another office first.
        if not institution.after or bill.kind is not BillerAccountKind.NORMAL:
            return True
        before = self._counters[institution.after]
        return all(before.intake.is_paid(step) for step in before.accounts.bills_of(bill.number))

    def _steps_before(self, bill: SimulatedBill, institution: OfficeInstitution) -> list[SimulatedBill]:
        if not institution.stage_parameter:
            return []
        keys = list(institution.heads)
        steps = self._counters[institution.id].accounts.bills_of(bill.number)
        return list(steps[: keys.index(bill.choice)])

    def _paid_on(self, bill: SimulatedBill) -> date | None:
        payments = (
            payment
            for payment in self._book.payments_of(bill.institution_id)
            if payment.bill_number == bill.bill_number
        )
        return next((date.fromisoformat(payment.business_date) for payment in payments), None)
