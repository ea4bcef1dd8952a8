"""The business date: the scheme's day, counted in Dhaka.

Bangladesh has UTC+6 all year, so a fixed offset is enough and no time-zone files are needed.
"""

from datetime import date, datetime, time, timedelta, timezone

DHAKA = timezone(timedelta(hours=6), "Asia/Dhaka")


def business_date(instant: datetime) -> date:
    """The Dhaka date of an aware instant."""
    return in_dhaka(instant).date()


def in_dhaka(instant: datetime) -> datetime:
    """The same instant on a Dhaka clock.

    Raises:
        ValueError: the datetime is naive.
    """
    if instant.tzinfo is None:
        raise ValueError("a naive datetime is no instant")
    return instant.astimezone(DHAKA)


def end_of_business_date(instant: datetime) -> datetime:
    """The first instant of the next Dhaka day, when a quote of today expires (billers.md 1.2)."""
    return datetime.combine(business_date(instant) + timedelta(days=1), time.min, DHAKA)
