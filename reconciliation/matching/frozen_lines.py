"""Frozen lines of one institution and date, read with as few columns as possible.

Nearly every line is settled at first sight, and for that a few columns are enough. Only of the others are
whole canonical rows fetched, the same as `ledger_rows.rows_of_lines` makes of them, but for the payment's id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Protocol

import polars as pl

from reconciliation.canonical_row import BRINGS, FAILED, LEDGER, SUCCESS, UNKNOWN, complete
from reconciliation.intake.ledger_rows import EVENTS, PARTNER, STATES
from reconciliation.matching.due_windows import InstantRange
from reconciliation.matching.institution_positions import CURRENCY
from reconciliation.postgres_arrow import Database

# A line with status `unknown` or `failed` counts until there is a newer revision of it.
_LINES: Final = """
SELECT {columns}
FROM ledger_lines AS line
WHERE id <= {last} AND {party} AND {wanted}
  AND (status = 'success' OR NOT EXISTS (
    SELECT FROM ledger_lines AS newer WHERE newer.role = line.role AND newer.movement = line.movement
      AND newer.event = line.event AND newer.revision > line.revision AND newer.id <= {last}))
"""
# Plain lines: final, and nearly all lines are such.
PLAIN: Final = "status = 'success' AND event = 'payment' AND currency = 'BDT'"
# Columns with one value in all plain lines are not read; an odd line has no net, so it is not settled at
# sight.
_SIGHT_COLUMNS: Final = f"our_reference AS reference, gross, CASE WHEN {PLAIN} THEN net END AS net"
_WHOLE_COLUMNS: Final = """our_reference AS reference, gross, net, window_id, ordinal, business_date,
  our_reference AS ours, their_reference AS theirs, fee, vat, instant, event, status, currency,
  concat_ws('-', status, movement, event, revision) AS own_origin"""
# One text per column: a protocol row per line would cost more than reading the line.
_AS_TEXTS: Final = """
SELECT count(*) AS rows, string_agg(reference, E'\\n') AS reference, string_agg(gross::text, E'\\n') AS gross,
  string_agg(coalesce(net::text, ''), E'\\n') AS net
FROM ({lines} LIMIT {most} + 1) AS seen
"""
# Most lines that are read as three texts, some fifty megabytes on either end.
TEXTS_MAX: Final = 1_500_000
# The newest line, and whether all that moved up to the end of a date is frozen.
_FROZEN: Final = """
SELECT coalesce(max(id), 0) AS last,
  EXISTS (SELECT FROM settlement_windows WHERE state <> 'open' AND business_date >= DATE '{day}') AS is_frozen
FROM ledger_lines
"""
# How far back a reference of a file is looked up; a later row is a claim of its own, not a duplicate.
DAYS_BACK: Final = 31


class DayLines(Protocol):
    """Our lines of one institution and date."""

    def at_sight(self) -> pl.DataFrame:
        """Every line of the date with the columns for the first sight, `reference` among them."""
        ...

    def of(self, references: Sequence[str]) -> pl.DataFrame:
        """The canonical rows of all lines from a month back on that have one of these references."""
        ...

    def rows_with_references(self, names: Sequence[str]) -> pl.DataFrame:
        """The canonical rows of all lines from a month back on with one of these references of theirs."""
        ...


def newest_line(books: Database, day: date) -> int | None:
    """The last line that is frozen, or None where the window of a date is not closed yet.

    Raises:
        adbc_driver_manager.Error: the database cannot be reached, or refuses.
    """
    last, is_frozen = books.query(_FROZEN.format(day=day.isoformat())).row(0)
    return int(last) if is_frozen else None


@dataclass(frozen=True, slots=True)
class FrozenLines:
    """The lines of an institution in a span of instants, up to the line `last`, by ADBC.

    Every method raises `adbc_driver_manager.Error` if the database cannot be reached, or refuses.
    """

    books: Database
    institution: str
    span: InstantRange
    last: int
    texts_max: int = TEXTS_MAX

    def at_sight(self) -> pl.DataFrame:
        """See `DayLines`. Whatever is no payment that succeeded in taka comes without its net."""
        return with_sight_columns(self.sight_lines(self.sight_query("TRUE")), self.institution)

    def sight_query(self, condition: str) -> str:
        """The query of those lines of the span that a condition wants, with what comes of them at sight."""
        return self._sql(_SIGHT_COLUMNS, f"{self._of_the_date} AND ({condition})")

    def sight_lines(self, lines: str) -> pl.DataFrame:
        """The lines of a query of sight columns, as texts where they are few enough."""
        texts = self.books.query(_AS_TEXTS.format(lines=lines, most=int(self.texts_max)))
        frame = _lines_of_texts(texts) if texts["rows"].item() <= self.texts_max else None
        del texts
        return self.books.query(lines) if frame is None else frame

    def of(self, references: Sequence[str]) -> pl.DataFrame:
        """See `DayLines`."""
        condition = f"{self._from_back} AND our_reference IN ({_listed(references)})"
        return canonical(self.books.query(self._sql(_WHOLE_COLUMNS, condition)), self.institution)

    def rows_with_references(self, names: Sequence[str]) -> pl.DataFrame:
        """See `DayLines`."""
        condition = f"{self._from_back} AND their_reference IN ({_listed(names)})"
        return canonical(self.books.query(self._sql(_WHOLE_COLUMNS, condition)), self.institution)

    @property
    def _of_the_date(self) -> str:
        start, end = (instant.isoformat() for instant in (self.span.start, self.span.end))
        # A line is never frozen under a date before its own.
        first = self.span.first_date
        return f"business_date >= '{first}' AND instant >= '{start}' AND instant < '{end}'"

    @property
    def _from_back(self) -> str:
        return f"business_date >= '{self.span.first_date - timedelta(days=DAYS_BACK)}'"

    def _sql(self, columns: str, condition: str) -> str:
        party = party_of(self.institution)
        return _LINES.format(columns=columns, wanted=condition, party=party, last=int(self.last))


def party_of(institution: str) -> str:
    """The condition that a line is an institution's."""
    # Names of layouts are ours; quoted all the same.
    name = literal(institution.removeprefix(f"{PARTNER}_"))
    roles = f"'{PARTNER}'" if institution.startswith(f"{PARTNER}_") else "'connector', 'biller'"
    return f"role IN ({roles}) AND party = {name}"


def _listed(texts: Sequence[str]) -> str:
    """Texts of a file as a list of literals."""
    return ",".join(literal(text) for text in texts) or "NULL"


def literal(text: str) -> str:
    """A text constant of SQL, safe whatever the server's settings are."""
    doubled = text.replace("\\", "\\\\").replace("'", "''").replace("\0", "")
    return f"E'{doubled}'"


def _lines_of_texts(texts: pl.DataFrame) -> pl.DataFrame | None:
    """Lines read as texts, or None where a reference contains a line end."""
    if not texts["rows"].item():
        return pl.DataFrame(schema={"reference": pl.String, "gross": pl.Int64, "net": pl.Int64})
    rows = texts["rows"].item()
    reference = texts.drop_in_place("reference").str.split("\n").explode()
    if len(reference) != rows:
        return None
    # One after the other, so that their texts are not in memory together. Only odd lines have an empty net.
    amounts = [
        texts.drop_in_place(name).str.split("\n").explode().cast(pl.Int64, strict=False)
        for name in ("gross", "net")
    ]
    return pl.DataFrame([reference, *amounts])


def with_sight_columns(lines: pl.DataFrame, institution: str) -> pl.DataFrame:
    """Lines with the columns for the first sight; constant columns take no memory."""
    return lines.with_columns(
        direction=pl.lit(BRINGS, pl.Int8),
        status=pl.lit(SUCCESS, pl.Int8),
        currency=pl.lit(CURRENCY),
        institution=pl.lit(institution),
        rejected=pl.lit(None, pl.String),
    )


def canonical(lines: pl.DataFrame, institution: str) -> pl.DataFrame:
    """Whole lines as canonical rows without due dates."""
    window = pl.concat_str(pl.lit("lines-"), pl.col("window_id").cast(pl.String))
    status = pl.col("status").replace_strict(STATES, return_dtype=pl.Int8)
    return complete(
        lines.with_columns(
            source=pl.lit(LEDGER, pl.Int8),
            institution=pl.lit(institution),
            direction=pl.col("event").replace_strict(EVENTS, return_dtype=pl.Int8),
            status=status,
            origin=pl.when(status.is_in([FAILED, UNKNOWN])).then("own_origin").otherwise(window),
        )
    )
