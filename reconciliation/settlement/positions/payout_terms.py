"""When a payee is paid what may be paid to it: on its payout dates, from its minimum, after its hold.

A payout date that is no business day moves to the next one. One on which nobody has settled is made up for by
the next value date that is settled, so that a forgotten day costs nobody a month.
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from reconciliation.calendar import Calendar
from reconciliation.settlement.positions.cycles import Party, PartyRole

_ONE_DAY: Final = timedelta(days=1)


class Schedule(StrEnum):
    """How often a payee is paid."""

    DAILY = "daily"  # with every value date
    WEEKLY = "weekly"  # on named weekdays
    MONTHLY = "monthly"  # on a day of the month


@dataclass(frozen=True, slots=True)
class PayoutTerms:
    """The terms of one payee or of all of a role.

    `weekdays` count from 0 for Monday. `day_of_month` beyond the end of a month is its last day. `minimum` is
    in paisa. What is owed rests for `hold_days` business days after its value date.
    """

    schedule: Schedule = Schedule.DAILY
    weekdays: frozenset[int] = frozenset()
    day_of_month: int = 0
    minimum: int = 0
    hold_days: int = 0

    def next_payout(self, value_date: date, settled_until: date | None, calendar: Calendar) -> date | None:
        """The next payout date, or None where a value date is one or makes up for one.

        `settled_until` is the last value date that was settled before, None where none was.
        """
        if self.schedule is Schedule.DAILY:
            return None
        begin = value_date - _ONE_DAY if settled_until is None else settled_until
        day = value_date
        while (payout_date := calendar.on_or_after(day)) > begin:
            if payout_date <= value_date and self._names(day):
                return None
            day -= _ONE_DAY
        day = value_date
        while calendar.on_or_after(day) <= value_date or not self._names(day):
            day += _ONE_DAY
        return calendar.on_or_after(day)

    def _names(self, day: date) -> bool:
        if self.schedule is Schedule.WEEKLY:
            return day.weekday() in self.weekdays
        return day.day == min(self.day_of_month, monthrange(day.year, day.month)[1])


DAILY: Final = PayoutTerms()


@dataclass(frozen=True, slots=True)
class TermsByPayee:
    """The terms of each payee: its own row, else that of its role, else every value date and any amount."""

    rows: Mapping[tuple[PartyRole, str | None], PayoutTerms] = field(default_factory=dict)

    def terms_for(self, payee: Party) -> PayoutTerms:
        """The terms of a payee."""
        for place in ((payee.role, payee.name), (payee.role, None)):
            if place in self.rows:
                return self.rows[place]
        return DAILY

    @property
    def longest_hold(self) -> int:
        """The longest hold of any payee, in business days."""
        return max((terms.hold_days for terms in self.rows.values()), default=0)
