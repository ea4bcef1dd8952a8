"""The instants of a table's rows, in UTC; null where a cell names none.

An instant that is further than a year before the file's date, or after the day behind it, is none: a wrong
form would otherwise be read as some far year.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache

import polars as pl

from reconciliation.errors import UnreadableFileError
from reconciliation.statement.cell_tables import CellTable
from reconciliation.statement.layout import Layout, TimeFormat
from reconciliation.statement.values.amounts import ascii_digits
from reconciliation.statement.values.dates import dhaka_midnight, instants

_OLDEST = timedelta(days=400)
_NEWEST = timedelta(days=2)
_HALF_A_YEAR_MONTHS = 6


def instants_of(table: CellTable, layout: Layout, file_date: date) -> pl.Series:
    """The instant of each row."""
    if layout.time is None:
        raise UnreadableFileError("the layout names no time")
    plain = _plain(table, layout.time, file_date)
    if plain is not None:
        return plain
    cells = table.cells.select(pl.col(name).str.strip_chars() for name in layout.time.columns)
    text = cells.select(ascii_digits(pl.concat_str(cells.columns, separator=" ")).alias("text"))
    read = text.select(_read(layout.time, file_date).alias("instant")).to_series()
    midnight = dhaka_midnight(file_date)
    inside = (read >= midnight - _OLDEST) & (read < midnight + _NEWEST)
    return read.to_frame().select(pl.when(inside).then("instant").alias("instant")).to_series()


def _plain(table: CellTable, time: TimeFormat, file_date: date) -> pl.Series | None:
    """The same at once, where every cell is a Dhaka time as the pattern writes it; else None."""
    written = plain_instant(time, file_date)
    if written is None:
        return None
    read = table.cells.select(written.alias("instant")).to_series()
    return None if read.null_count() else read


def plain_instant(time: TimeFormat, file_date: date) -> pl.Expr | None:
    """Instants of cells that are Dhaka times as the pattern writes them, else null; None for other forms."""
    if time.form != "pattern" or len(time.columns) > 1 or time.pattern.endswith(("z", "Z")):
        return None
    if _is_clock_changed(file_date):
        return None
    local = pl.col(time.columns[0]).str.strptime(pl.Datetime("us"), time.pattern, strict=False, cache=False)
    midnight = dhaka_midnight(file_date)
    # The clock is not changed in all this time, so its distance from UTC is that of midnight.
    ahead = datetime.combine(file_date, datetime.min.time(), UTC) - midnight
    read = (local - ahead).dt.replace_time_zone("UTC")
    return pl.when((read >= midnight - _OLDEST) & (read < midnight + _NEWEST)).then(read)


@cache
def _is_clock_changed(file_date: date) -> bool:
    """Whether Dhaka's distance from UTC changes among the instants that a file of this date may tell."""
    first, days = file_date - _OLDEST, (_OLDEST + _NEWEST).days
    return len({dhaka_midnight(first + timedelta(days=day)).hour for day in range(days + 1)}) > 1


def _read(time: TimeFormat, file_date: date) -> pl.Expr:
    text = pl.col("text")
    match time.form:
        case "pattern":
            return instants(text, time.pattern)
        case "date":
            return instants(text + " 00:00", f"{time.pattern} %H:%M")
        case "serial":
            return instants(text, time.pattern, serial=True)
        case "epoch_ms":
            milliseconds = pl.when(text.str.contains(r"^\d{12,13}$")).then(text).cast(pl.Int64, strict=False)
            return (
                pl.from_epoch(milliseconds, time_unit="ms")
                .cast(pl.Datetime("us"))
                .dt.replace_time_zone("UTC")
            )
        case "month_day":
            return instants(_with_year(text, file_date), f"%Y{time.pattern}")


def _with_year(text: pl.Expr, file_date: date) -> pl.Expr:
    """Text that begins with a month gets the year in which it lies nearest to the file's date."""
    months_apart = text.str.slice(0, 2).cast(pl.Int32, strict=False) - file_date.month
    year = (
        pl.when(months_apart > _HALF_A_YEAR_MONTHS)
        .then(file_date.year - 1)
        .when(months_apart < -_HALF_A_YEAR_MONTHS)
        .then(file_date.year + 1)
        .otherwise(file_date.year)
    )
    return year.cast(pl.String) + text
