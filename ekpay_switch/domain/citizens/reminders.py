"""When a citizen is reminded of a saved bill, and when its biller is asked about it again (docs/adr/0132).

Pure. A biller is asked by day, Dhaka time, and each bill at a minute of its own, so that those of all
citizens do not come at once.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from ekpay_switch.domain.bill import Bill
from ekpay_switch.domain.business_day import DHAKA, in_dhaka
from ekpay_switch.domain.money import Money

SENT_LIFE = timedelta(days=400)
"""How long it is known of which bills a citizen was reminded, so that none is told twice."""

_DAY_BEGINS, _DAY_ENDS = time(9), time(20)
_DAY_MINUTES = 11 * 60
_SILENT = timedelta(hours=1)
_CHECK_DAYS_MAX = 7


@dataclass(frozen=True, slots=True)
class StandingOrder:
    """The order to prepare each bill up to `cap` for payment (docs/adr/0133); a paused one prepares none."""

    cap: Money
    is_paused: bool = False

    def prepares(self, amount: Money) -> bool:
        """Whether a bill of this amount is prepared."""
        return not self.is_paused and amount.minor <= self.cap.minor


@dataclass(frozen=True, slots=True)
class Reminder:
    """How a reminder that is on stands: due date and sum of the unpaid bill that its biller named last.

    `checked_at` (UTC) is when the biller last answered, None before it did.
    """

    due_on: date | None = None
    owed: Money | None = None
    checked_at: datetime | None = None
    order: StandingOrder | None = None

    @property
    def prepared_sum(self) -> Money | None:
        """The sum that waits for the citizen's word; None where nothing is prepared."""
        is_prepared = self.order is not None and self.owed is not None and self.order.prepares(self.owed)
        return self.owed if is_prepared else None


def is_owed(bill: Bill) -> bool:
    """Whether this is an unpaid bill that can be told from the customer's next."""
    return not bill.is_paid and bill.total.minor > 0 and bool(bill.bill_key)


def is_to_be_reminded(bill: Bill, now: datetime, days_before: int) -> bool:
    """Whether its due date is near or past; a bill without one is told of as soon as it is there."""
    if not is_owed(bill):
        return False
    return bill.due_on is None or in_dhaka(now).date() >= bill.due_on - timedelta(days=days_before)


def is_last_day(bill: Bill, now: datetime) -> bool:
    """Whether the due date of a bill is today or past."""
    return bill.due_on is not None and in_dhaka(now).date() >= bill.due_on


def next_check(saved_id: UUID, bill: Bill | None, now: datetime, days_before: int) -> datetime:
    """When the biller is asked next, after an answer; `bill` is the one it named, None where there is none.

    Tomorrow, or where nothing is to be said before, on the day that may bring something: that of the
    reminder, or the due date itself. No later than in a week: a bill may be paid
    elsewhere, or get another date.
    """
    today = in_dhaka(now).date()
    wanted = today + timedelta(days=1)
    if bill is not None and is_owed(bill):
        if bill.due_on is None:
            wanted = today + timedelta(days=_CHECK_DAYS_MAX)
        elif is_to_be_reminded(bill, now, days_before):
            wanted = max(wanted, bill.due_on)
        else:
            wanted = bill.due_on - timedelta(days=days_before)
    day = min(wanted, today + timedelta(days=_CHECK_DAYS_MAX))
    return _own_minute(saved_id, day)


def check_after_silence(saved_id: UUID, now: datetime) -> datetime:
    """When a biller that did not answer is asked again: in an hour, or on the next morning."""
    later = in_dhaka(now + _SILENT)
    if later.time() < _DAY_BEGINS:
        return _own_minute(saved_id, later.date())
    if later.time() >= _DAY_ENDS:
        return _own_minute(saved_id, later.date() + timedelta(days=1))
    return later


def _own_minute(saved_id: UUID, day: date) -> datetime:
    return datetime.combine(day, _DAY_BEGINS, DHAKA) + timedelta(minutes=saved_id.int % _DAY_MINUTES)
