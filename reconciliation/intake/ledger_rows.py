"""Our own books as canonical rows: one exported day, or frozen lines of the database.

Both are ours, so any fault in them stops the run; it is no break.

A frozen line `success` is money that moved and is final. A line `failed` or `unknown` is what was known when
its window closed, and a newer revision replaces it; so it has an origin of its own, by which it is withdrawn.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import polars as pl

from reconciliation.canonical_row import (
    BRINGS,
    FAILED,
    LEDGER,
    SUCCESS,
    TAKES_BACK,
    UNKNOWN,
    complete,
    no_rows,
)
from reconciliation.errors import MonthError
from reconciliation.postgres_arrow import Database

_TEXT = ("payment_id", "leg", "institution", "event", "status", "our_reference", "their_reference")
_AMOUNTS = ("gross", "fee", "vat", "net")
COLUMNS = (*_TEXT, *_AMOUNTS, "currency", "instant", "business_date")
STATES = {"success": SUCCESS, "failed": FAILED, "unknown": UNKNOWN}
EVENTS = {"payment": BRINGS, "refund": TAKES_BACK, "reversal": TAKES_BACK}

PARTNER: Final = "partner"
# The last line of windows up to a date, without a gap: lines after one of a later window wait for its night.
_NEWEST: Final = """
SELECT coalesce(max(id), {after}) AS id FROM ledger_lines WHERE id > {after} AND id < coalesce(
  (SELECT min(id) FROM ledger_lines WHERE id > {after} AND business_date > DATE '{night}'),
  9223372036854775807)
"""
# Lines of merchants are matched with no file.
_LINES: Final = """
SELECT id, window_id, business_date, ordinal, role, party, payment_id::text, movement::text, event, revision,
  status, our_reference, their_reference, gross, fee, vat, net, currency, instant
FROM ledger_lines WHERE id > {after} AND id <= {last} AND role <> 'merchant' AND {wanted} ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class LineRange:
    """Frozen lines as stored, and the range of ids of the query, which is complete."""

    frame: pl.DataFrame
    after: int
    last: int


def read_lines(url: str, after: int, last: int, institution: str = "") -> LineRange:
    """The lines behind one id up to another by ADBC, straight into columns; of one institution if asked."""
    with Database(url) as books:
        return LineRange(books.query(_lines(after, last, institution)), after, last)


def read_new_lines(url: str, after: int, night: date) -> LineRange:
    """The lines behind an id that a run of a night takes: those of windows up to its date, without a gap."""
    with Database(url) as books:
        last = int(books.query(_NEWEST.format(after=int(after), night=night.isoformat())).item())
        return LineRange(books.query(_lines(after, last, "")), after, last)


def _lines(after: int, last: int, institution: str) -> str:
    condition = "true"
    if institution:
        # Names of layouts are ours; doubled all the same, since they stand inside a literal.
        party = institution.removeprefix(f"{PARTNER}_").replace("'", "''")
        role = "=" if institution.startswith(f"{PARTNER}_") else "<>"
        condition = f"role {role} '{PARTNER}' AND party = '{party}'"
    return _LINES.format(after=int(after), last=int(last), wanted=condition)


def with_institutions(lines: pl.DataFrame, layouts: Collection[str]) -> pl.DataFrame:
    """Lines with the institution whose file must name them; partners that send no file are left out."""
    partner = pl.concat_str(pl.lit(f"{PARTNER}_"), "party")
    is_partner = pl.col("role") == PARTNER
    named = lines.with_columns(institution=pl.when(is_partner).then(partner).otherwise("party"))
    return named.filter(~is_partner | pl.col("institution").is_in(list(layouts)))


def rows_of_lines(lines: pl.DataFrame) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Canonical rows of lines with institutions, and the origins of earlier revisions that they replace."""
    if lines.is_empty():
        return no_rows(), ()
    name = pl.concat_str(
        "status",
        pl.lit("-"),
        "movement",
        pl.lit("-"),
        "event",
        pl.lit("-"),
        pl.col("revision").cast(pl.String),
    )
    newest = pl.col("revision").max().over("role", "movement", "event")
    window = pl.concat_str(pl.lit("lines-"), pl.col("window_id").cast(pl.String))
    rows = lines.filter((pl.col("status") == "success") | (pl.col("revision") == newest)).with_columns(
        source=pl.lit(LEDGER, pl.Int8),
        origin=pl.when(pl.col("status") == "success").then(window).otherwise(name),
        reference=pl.col("our_reference"),
        ours=pl.col("our_reference"),
        theirs=pl.col("their_reference"),
        direction=pl.col("event").replace_strict(EVENTS, return_dtype=pl.Int8),
        status=pl.col("status").replace_strict(STATES, return_dtype=pl.Int8),
    )
    return complete(rows), _earlier(lines)


def _earlier(lines: pl.DataFrame) -> tuple[str, ...]:
    again = lines.filter(pl.col("revision") > 1).select("movement", "event", "revision").unique()
    return tuple(
        sorted(
            f"{status}-{movement}-{event}-{earlier}"
            for movement, event, revision in again.iter_rows()
            for earlier in range(1, revision)
            for status in ("failed", "unknown")
        )
    )


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
        direction=pl.col("event").replace_strict(EVENTS, return_dtype=pl.Int8),
        status=pl.col("status").replace_strict(STATES, return_dtype=pl.Int8),
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
