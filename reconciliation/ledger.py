"""A day of our own books as canonical rows.

The export is ours, so anything wrong with it stops the run: it is no far side's behaviour.
"""

from datetime import date
from pathlib import Path

import polars as pl

from reconciliation.errors import MonthError
from reconciliation.rows import BRINGS, FAILED, LEDGER, SUCCESS, TAKES_BACK, UNKNOWN, complete

_TEXT = ("payment_id", "leg", "institution", "event", "status", "our_reference", "their_reference")
_AMOUNTS = ("gross", "fee", "vat", "net")
COLUMNS = (*_TEXT, *_AMOUNTS, "currency", "instant", "business_date")
_STATES = {"success": SUCCESS, "failed": FAILED, "unknown": UNKNOWN}
_EVENTS = {"payment": BRINGS, "refund": TAKES_BACK, "reversal": TAKES_BACK}


def read_ledger_day(path: Path) -> pl.DataFrame:
    """The rows of one business date, numbered from 1.

    Raises:
        MonthError: the file is no such export, or a row of it is of another day or does not add up.
    """
    day = date.fromisoformat(path.stem)
    schema = {name: pl.Int64() if name in _AMOUNTS else pl.String() for name in COLUMNS}
    try:
        raw = pl.read_csv(path, schema=schema, quote_char=None, empty_string_is_null=False)
    except pl.exceptions.PolarsError as problem:
        raise MonthError(f"{path.name} is no ledger export: {str(problem).splitlines()[0]}") from problem
    with path.open(encoding="utf-8") as file:
        headings = file.readline().rstrip("\n")
    if headings != ",".join(COLUMNS):
        raise MonthError(f"{path.name} has other columns than a ledger export")
    try:
        return _canonical(raw, path.name, day)
    except pl.exceptions.PolarsError as problem:
        raise MonthError(f"{path.name}: {str(problem).splitlines()[0]}") from problem


def _canonical(raw: pl.DataFrame, name: str, day: date) -> pl.DataFrame:
    rows = raw.with_columns(
        source=pl.lit(LEDGER, pl.Int8),
        origin=pl.lit(name),
        ordinal=pl.int_range(1, pl.len() + 1, dtype=pl.Int32),
        reference=pl.col("our_reference"),
        ours=pl.col("our_reference"),
        theirs=pl.col("their_reference"),
        direction=pl.col("event").replace_strict(_EVENTS, return_dtype=pl.Int8),
        status=pl.col("status").replace_strict(_STATES, return_dtype=pl.Int8),
        instant=pl.col("instant")
        .str.strptime(pl.Datetime("us"), "%Y-%m-%dT%H:%M:%S%.3fZ")
        .dt.replace_time_zone("UTC"),
        business_date=pl.col("business_date").str.strptime(pl.Date, "%Y-%m-%d"),
    )
    elsewhere = rows.filter(
        (pl.col("business_date") != day)
        | (pl.col("instant").dt.convert_time_zone("Asia/Dhaka").dt.date() != day)
        | (pl.col("gross") - pl.col("fee") - pl.col("vat") != pl.col("net"))
        | (pl.col("our_reference") == "")
        | pl.any_horizontal(pl.col(*_AMOUNTS, "instant", "business_date").is_null())
    )
    if elsewhere.height:
        raise MonthError(f"{name}: line {elsewhere['ordinal'][0] + 1} is of another day or does not add up")
    return complete(rows)
