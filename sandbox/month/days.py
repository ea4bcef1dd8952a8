"""The month and its calendar: days are counted from 0, which is 1 April 2026.

A night has the number of the day it ends. Fridays, Saturdays and two days in the middle are no business days.
"""

from datetime import UTC, date, datetime, timedelta

FIRST = date(2026, 4, 1)
NIGHTS = 30
LAST = NIGHTS - 1

DAY_MS = 86_400_000
_DHAKA_AHEAD_MS = 6 * 3_600_000
EPOCH_MS = int(datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC).timestamp()) * 1_000 - _DHAKA_AHEAD_MS
"""The beginning of day 0 in Dhaka, in milliseconds since 1970 in UTC."""

_FRIDAY, _SATURDAY = 4, 5
_HOLIDAYS = {date(2026, 4, 13), date(2026, 4, 14)}
# Files of the last days would arrive after the month; nobody looks further ahead than this.
_HORIZON = NIGHTS + 30


def date_of(day: int) -> date:
    """Return the date of a day by its number."""
    return FIRST + timedelta(days=day)


_IS_BUSINESS = [
    date_of(day).weekday() not in {_FRIDAY, _SATURDAY} and date_of(day) not in _HOLIDAYS
    for day in range(_HORIZON)
]


def is_business(day: int) -> bool:
    """Whether banks work."""
    return _IS_BUSINESS[day]


def on_or_after(day: int) -> int:
    """Return the day itself where banks work, else the next on which they do."""
    while not _IS_BUSINESS[day]:
        day += 1
    return day


def business_days_after(day: int, count: int) -> int:
    """Return the business day that is so many of them later; with 0, the day itself, whatever it is."""
    for _ in range(count):
        day = on_or_after(day + 1)
    return day
