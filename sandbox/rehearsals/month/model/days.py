"""The month and its calendar: days are counted from 0, which is 1 April 2026.

A night has the number of the day that it ends. Fridays, Saturdays and holidays are no business days; the
month itself has two holidays in its middle. Days before and after the month have numbers too.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache

FIRST = date(2026, 4, 1)
NIGHTS = 30
LAST = NIGHTS - 1

DAY_MS = 86_400_000
_DHAKA_AHEAD_MS = 6 * 3_600_000
EPOCH_MS = int(datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC).timestamp()) * 1_000 - _DHAKA_AHEAD_MS
"""The beginning of day 0 in Dhaka, in milliseconds since 1970 in UTC."""

_FRIDAY, _SATURDAY = 4, 5
_HOLIDAYS = {
    date(2026, 2, 21), date(2026, 3, 26), date(2026, 4, 13), date(2026, 4, 14), date(2026, 5, 1),
    date(2026, 12, 16), date(2026, 12, 25), date(2026, 12, 31), date(2027, 2, 21), date(2027, 3, 26),
    date(2027, 4, 14), date(2027, 5, 1), date(2027, 12, 16),
}  # fmt: skip


def date_of(day: int) -> date:
    """Return the date of a day by its number."""
    return FIRST + timedelta(days=day)


def day_number(day: date) -> int:
    """Return the number of a date; before the month it is negative."""
    return (day - FIRST).days


@cache
def is_business(day: int) -> bool:
    """Whether it is a business day."""
    named = date_of(day)
    return named.weekday() not in {_FRIDAY, _SATURDAY} and named not in _HOLIDAYS


def on_or_after(day: int) -> int:
    """Return the day itself if it is a business day, else the next one."""
    while not is_business(day):
        day += 1
    return day


def business_days_after(day: int, count: int) -> int:
    """Return the day that many business days later; with 0, the day itself, business day or not."""
    for _ in range(count):
        day = on_or_after(day + 1)
    return day
