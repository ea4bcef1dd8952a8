"""Dates and instants of far sides' files.

Dhaka is read from zone data, not from a constant: in the second half of 2009 it was UTC+7 (reconciliation.md
2.2). A local time that names no zone is a Dhaka time, and the business date of an instant is its Dhaka date.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

DHAKA_NAME = "Asia/Dhaka"
DHAKA = ZoneInfo(DHAKA_NAME)
# Day 0 of a workbook's serial dates, with the leap day of 1900 that never was.
_SERIAL_EPOCH = date(1899, 12, 30)
_SERIAL = r"^\d{5}(?:\.\d+)?$"
_SECONDS_A_DAY = 86_400


def dates(text: pl.Expr, pattern: str, *, serial: bool = False) -> pl.Expr:
    """Dates written as `pattern` (strptime); with `serial`, a workbook's day numbers too; else null."""
    read = text.str.strip_chars().str.strptime(pl.Date, pattern, strict=False, exact=True)
    if not serial:
        return read
    days = text.str.extract(r"^(\d{5})(?:\.0+)?$", 1).cast(pl.Int64, strict=False)
    return read.fill_null(pl.lit(_SERIAL_EPOCH) + pl.duration(days=days))


def instants(text: pl.Expr, pattern: str, *, serial: bool = False) -> pl.Expr:
    """Instants in UTC; a pattern that ends in neither an offset nor `Z` writes Dhaka times."""
    trimmed = text.str.strip_chars()
    if pattern.endswith(("%z", "%:z")):
        return trimmed.str.strptime(pl.Datetime("us", "UTC"), pattern, strict=False)
    if pattern.endswith("Z"):
        return trimmed.str.strptime(pl.Datetime("us"), pattern, strict=False).dt.replace_time_zone("UTC")
    local = trimmed.str.strptime(pl.Datetime("us"), pattern, strict=False)
    if serial:
        local = local.fill_null(_serial_time(trimmed))
    # The hour that a change of the clock repeats or skips names no instant: null, and the row is refused.
    zoned = local.dt.replace_time_zone(DHAKA_NAME, ambiguous="null", non_existent="null")
    return zoned.dt.convert_time_zone("UTC")


def _serial_time(text: pl.Expr) -> pl.Expr:
    """A workbook's day number with a fraction, to the whole second."""
    days = pl.when(text.str.contains(_SERIAL)).then(text).cast(pl.Decimal(20, 10), strict=False)
    seconds = (days * _SECONDS_A_DAY).round(0).cast(pl.Int64)
    midnight = pl.lit(datetime.combine(_SERIAL_EPOCH, datetime.min.time()))
    return midnight + pl.duration(seconds=seconds)


def dhaka_date(instant: pl.Expr) -> pl.Expr:
    """The business date of instants in UTC."""
    return instant.dt.convert_time_zone(DHAKA_NAME).dt.date()


def dhaka_midnight(day: date) -> datetime:
    """The first instant of a Dhaka day, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=DHAKA).astimezone(UTC)


def with_year_of(month: int, day: int, near: date) -> date:
    """The date of a month and day that lies nearest to `near`: 0102 near 31 December is next year.

    A day that its month does not have (30 February of a core that counts thirty days in each) is its last
    day.
    """
    candidates = [_clamped(near.year + step, month, day) for step in (-1, 0, 1)]
    return min(candidates, key=lambda candidate: (abs(candidate - near), candidate))


def _clamped(year: int, month: int, day: int) -> date:
    next_month = date(year + month // 12, month % 12 + 1, 1)
    return min(date(year, month, 1) + timedelta(days=day - 1), next_month - timedelta(days=1))
