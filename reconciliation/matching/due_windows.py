"""By when a row of ours must be in a file: due dates, late windows, and which dates are complete.

The due date of a leg is its Dhaka date, one more from the cut-off on, moved to a business day where the
institution makes files on those only. What moved in the last ten minutes before the cut-off may come one file
later (reconciliation.md 5, case 1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import polars as pl

from reconciliation.calendar import Calendar
from reconciliation.statement.values.dates import DHAKA, DHAKA_NAME, dhaka_midnight

LATE_MINUTES: Final = 10
# Whether the due date of a row is over.
NOT_DUE: Final = 0
DUE: Final = 1
DUE_TWICE: Final = 2  # the next date is complete too

_MINUTES_AN_HOUR = 60


@dataclass(frozen=True, slots=True)
class InstantRange:
    """The instants from `start` up to `end`, which belong to `end` no more."""

    start: datetime
    end: datetime

    @property
    def first_date(self) -> date:
        """The Dhaka date on which it starts."""
        return self.start.astimezone(DHAKA).date()


def span_of(calendar: Calendar, institution: str, day: date) -> InstantRange:
    """When everything moved that is due on a date for which the institution makes files."""
    times = calendar.institutions[institution]
    before = day - timedelta(days=1)
    while times.days == "business" and not calendar.is_business_day(before):
        before -= timedelta(days=1)
    cut_off = timedelta(minutes=times.cut_off)
    return InstantRange(dhaka_midnight(before) + cut_off, dhaka_midnight(day) + cut_off)


def with_windows(ledger: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Rows of ours with `due_date` and `is_late` filled in."""
    if ledger.is_empty():
        return ledger
    times = pl.DataFrame(
        {
            "institution": list(calendar.institutions),
            "_cut_off": [times.cut_off for times in calendar.institutions.values()],
            "_business": [times.days == "business" for times in calendar.institutions.values()],
        }
    )
    local = pl.col("instant").dt.convert_time_zone(DHAKA_NAME)
    # Midnight comes first: an hour is 0 to 23, so a cut-off of 24:00 is never reached.
    minute = local.dt.hour().cast(pl.Int32) * _MINUTES_AN_HOUR + local.dt.minute().cast(pl.Int32)
    rows = ledger.join(times, on="institution", how="left", maintain_order="left").with_columns(
        _minute=minute, _date=local.dt.date()
    )
    is_past_cut_off = pl.col("_minute") >= pl.col("_cut_off")
    rows = rows.with_columns(
        _date=pl.when(is_past_cut_off).then(pl.col("_date") + pl.duration(days=1)).otherwise("_date"),
        is_late=~is_past_cut_off & (pl.col("_minute") >= pl.col("_cut_off") - LATE_MINUTES),
    )
    business_days = _moved_to_business_days(rows["_date"], calendar)
    due = pl.when("_business").then(pl.col("_date").replace_strict(business_days)).otherwise("_date")
    return rows.with_columns(due_date=due).select(ledger.columns)


def _moved_to_business_days(days: pl.Series, calendar: Calendar) -> Mapping[date, date]:
    dates: list[date] = days.unique().to_list()
    return {day: calendar.on_or_after(day) for day in dates}


def due_states(calendar: Calendar, complete: Mapping[str, set[date]]) -> pl.DataFrame:
    """For each institution and date that is complete: whether the date after it is complete too."""
    rows = [
        (institution, day, DUE_TWICE if calendar.date_after(institution, day) in days else DUE)
        for institution, days in sorted(complete.items())
        for day in sorted(days)
    ]
    schema = {"institution": pl.String(), "due_date": pl.Date(), "due": pl.Int8()}
    return pl.DataFrame(rows, schema=schema, orient="row")


def with_due(rows: pl.DataFrame, states: pl.DataFrame) -> pl.DataFrame:
    """Rows with `due`; a row without a due date of its own is judged at once."""
    joined = rows.join(states, on=["institution", "due_date"], how="left", maintain_order="left")
    at_once = pl.when(pl.col("due_date").is_null()).then(DUE).otherwise(NOT_DUE)
    return joined.with_columns(pl.col("due").fill_null(at_once.cast(pl.Int8)))
