"""Dates without years, days of no month, and a clock that once stood elsewhere (reconciliation.md 2.2)."""

from datetime import UTC, date, datetime

import polars as pl
import pytest

from reconciliation.statement.values.dates import dates, dhaka_date, dhaka_midnight, instants, with_year_of


def instant(text: str, pattern: str, *, serial: bool = False) -> datetime | None:
    frame = pl.DataFrame({"text": [text]})
    value: datetime | None = frame.select(instants(pl.col("text"), pattern, serial=serial)).item()
    return value


LATE = datetime(2026, 4, 5, 17, 59, 58, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("2026-04-05 23:59:58", "%Y-%m-%d %H:%M:%S"),
        ("2026-04-05T23:59:58+06:00", "%Y-%m-%dT%H:%M:%S%:z"),
        ("2026-04-05T17:59:58.000Z", "%Y-%m-%dT%H:%M:%S%.fZ"),
        ("2026-04-05T23:59:58:000 GMT+0600", "%Y-%m-%dT%H:%M:%S:%3f GMT%z"),
        ("05-Apr-2026 23:59:58", "%d-%b-%Y %H:%M:%S"),
        ("05/04/2026 23:59:58", "%d/%m/%Y %H:%M:%S"),
        ("20260405235958", "%Y%m%d%H%M%S"),
    ],
)
def test_one_instant_in_many_forms(text: str, pattern: str) -> None:
    assert instant(text, pattern) == LATE


@pytest.mark.parametrize(
    "text", ["", "2026-02-31 10:00:00", "2026-04-05", "31.04.2026 10:00:00", "2026-04-05 24:01:00"]
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert instant(text, "%Y-%m-%d %H:%M:%S") is None


def test_a_workbooks_serial_time_is_read_to_the_second() -> None:
    assert instant("46117.99997685185", "%Y-%m-%d %H:%M:%S", serial=True) == LATE
    assert instant("46117.99997685185", "%Y-%m-%d %H:%M:%S") is None


def test_a_workbooks_serial_date() -> None:
    frame = pl.DataFrame({"text": ["46117", "46117.0", "05/04/2026", "461"]})
    read = frame.select(dates(pl.col("text"), "%d/%m/%Y", serial=True)).to_series().to_list()
    assert read == [date(2026, 4, 5)] * 3 + [None]


def test_dhaka_was_an_hour_further_east_in_the_summer_of_2009() -> None:
    assert instant("2009-08-01 00:30:00", "%Y-%m-%d %H:%M:%S") == datetime(2009, 7, 31, 17, 30, tzinfo=UTC)
    assert instant("2010-08-01 00:30:00", "%Y-%m-%d %H:%M:%S") == datetime(2010, 7, 31, 18, 30, tzinfo=UTC)


def test_the_business_date_is_dhakas_and_not_utcs() -> None:
    frame = pl.DataFrame({"at": [datetime(2026, 4, 5, 18, 30, tzinfo=UTC)]}).cast(pl.Datetime("us", "UTC"))
    assert frame.select(dhaka_date(pl.col("at"))).item() == date(2026, 4, 6)
    assert dhaka_midnight(date(2026, 4, 6)) == datetime(2026, 4, 5, 18, tzinfo=UTC)


@pytest.mark.parametrize(
    ("month", "day", "near", "expected"),
    [
        (1, 2, date(2026, 12, 31), date(2027, 1, 2)),
        (12, 31, date(2027, 1, 2), date(2026, 12, 31)),
        (4, 5, date(2026, 4, 5), date(2026, 4, 5)),
        (2, 30, date(2027, 2, 28), date(2027, 2, 28)),
        (2, 30, date(2028, 2, 28), date(2028, 2, 29)),
    ],
)
def test_a_date_without_a_year_is_the_nearest(month: int, day: int, near: date, expected: date) -> None:
    assert with_year_of(month, day, near) == expected
