"""Formats instants by lookup tables, because a month has millions of them."""

from functools import cache

from sandbox.rehearsals.month.model.days import DAY_MS, EPOCH_MS, date_of

_HOURS_AHEAD = 6
_UTC_MS = _HOURS_AHEAD * 3_600_000
CLOCK = [f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}" for second in range(86_400)]
"""The time of day by its second."""
DIGITS = [text.replace(":", "") for text in CLOCK]
# Not strftime, which writes months in the locale's language.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_BANGLA = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")


def bangla(text: str) -> str:
    """Return a text with its digits in Bangla."""
    return text.translate(_BANGLA)


@cache
def dashed(day: int) -> str:
    """Return 2026-04-05."""
    return date_of(day).isoformat()


@cache
def plain(day: int) -> str:
    """Return 20260405."""
    return f"{date_of(day):%Y%m%d}"


@cache
def slashed(day: int) -> str:
    """Return 05/04/2026 in Bangla digits."""
    return bangla(f"{date_of(day):%d/%m/%Y}")


@cache
def named(day: int) -> str:
    """Return 05-Apr-2026."""
    on = date_of(day)
    return f"{on.day:02d}-{_MONTHS[on.month - 1]}-{on.year}"


def split(ms: int) -> tuple[int, int, int]:
    """Return day, second of the day and millisecond in Dhaka."""
    day, rest = divmod(ms - EPOCH_MS, DAY_MS)
    second, milli = divmod(rest, 1_000)
    return day, second, milli


def split_utc(ms: int) -> tuple[int, int, int]:
    """Return day, second of the day and millisecond in UTC."""
    return split(ms - _UTC_MS)


def day_of(ms: int) -> int:
    """Return the day in Dhaka."""
    return (ms - EPOCH_MS) // DAY_MS


def minute_of(ms: int) -> int:
    """Return the minute of the day in Dhaka."""
    return (ms - EPOCH_MS) % DAY_MS // 60_000


def dhaka(ms: int) -> str:
    """Return 2026-04-05 23:59:58 in Dhaka."""
    day, second, _ = split(ms)
    return f"{dashed(day)} {CLOCK[second]}"


def dhaka_digits(ms: int) -> str:
    """Return 20260405235958 in Dhaka."""
    day, second, _ = split(ms)
    return plain(day) + DIGITS[second]


def utc(ms: int) -> str:
    """Return 2026-04-05T17:59:58.123Z."""
    day, second, milli = split_utc(ms)
    return f"{dashed(day)}T{CLOCK[second]}.{milli:03d}Z"
