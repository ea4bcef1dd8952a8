"""Business days of the shipped calendar, before and after a day."""

from datetime import date, timedelta
from pathlib import Path

from reconciliation.calendar import read_calendar

CALENDAR = read_calendar(Path(__file__).parents[2] / "config" / "calendar.toml")
YEAR = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]


def test_the_business_day_before_is_that_from_which_so_many_follow() -> None:
    business_days = [day for day in YEAR if CALENDAR.is_business_day(day)]
    for count in (0, 1, 2, 7, 30):
        for day in business_days[:-count] if count else business_days:
            assert CALENDAR.business_day_before(CALENDAR.business_day_after(day, count), count) == day


def test_the_longest_holidays_are_longer_than_three_days_a_business_day() -> None:
    # A hold of business days must not be reckoned in days of the calendar.
    gaps = [
        (day - CALENDAR.business_day_before(day)).days for day in YEAR[30:] if CALENDAR.is_business_day(day)
    ]
    assert max(gaps) > 3


def test_the_day_before_a_closed_day_is_the_last_open_one() -> None:
    friday = date(2026, 4, 10)
    assert CALENDAR.business_day_before(friday) == date(2026, 4, 9)
    assert CALENDAR.business_day_before(date(2026, 4, 12), 2) == date(2026, 4, 8)
