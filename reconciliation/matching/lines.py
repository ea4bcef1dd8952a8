"""Frozen lines of one institution and date, for a run in which every column counts.

Nearly every line is settled at first sight, and for that a few columns are enough. Only of the others are
whole canonical rows fetched, the same as `ledger.rows_of_lines` makes of them, but for the payment's id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Protocol

import polars as pl

from reconciliation.adbc import Database
from reconciliation.ledger import EVENTS, PARTNER, STATES
from reconciliation.matching.windows import Span
from reconciliation.positions import CURRENCY
from reconciliation.rows import BRINGS, FAILED, LEDGER, SUCCESS, UNKNOWN, complete

# A line that says `unknown` or `failed` counts until there is a newer revision of it. What nearly all lines
# say alike comes as nothing at all: `odd` is null for a payment that succeeded in taka.
_LINES: Final = """
SELECT our_reference AS reference, gross, net, {more}
  CASE WHEN event <> 'payment' OR status <> 'success' OR currency <> 'BDT'
    THEN concat_ws(' ', event, status, currency) END AS odd
FROM ledger_lines AS line
WHERE id <= {last} AND {party} AND {wanted}
  AND (status = 'success' OR NOT EXISTS (
    SELECT FROM ledger_lines AS newer WHERE newer.role = line.role AND newer.movement = line.movement
      AND newer.event = line.event AND newer.revision > line.revision AND newer.id <= {last}))
"""
_WHOLE: Final = """window_id, ordinal, business_date, our_reference AS ours, their_reference AS theirs,
  fee, vat, instant, concat_ws('-', status, movement, event, revision) AS own_origin,"""
# The newest line, and whether all that moved up to the end of a date is frozen.
_FROZEN: Final = """
SELECT coalesce(max(id), 0) AS last,
  EXISTS (SELECT FROM settlement_windows WHERE state <> 'open' AND business_date >= DATE '{day}') AS is_frozen
FROM ledger_lines
"""
# How far back a name of a file is looked up: what a far side tells later is no copy but a claim.
DAYS_BACK: Final = 31


class Lines(Protocol):
    """Our lines of one institution and date."""

    def at_sight(self) -> pl.DataFrame:
        """Every line of the date with what a first sight needs, `reference` among it."""
        ...

    def of(self, references: Sequence[str]) -> pl.DataFrame:
        """The canonical rows of all lines from a month back on that have one of these references."""
        ...

    def bearing(self, names: Sequence[str]) -> pl.DataFrame:
        """The canonical rows of all lines from a month back on that bear one of these names of theirs."""
        ...


def newest_line(url: str, day: date) -> int | None:
    """The last line that is frozen, or None where the window of a date is not closed yet.

    Raises:
        adbc_driver_manager.Error: the database cannot be reached, or refuses.
    """
    with Database(url) as books:
        last, is_frozen = books.query(_FROZEN.format(day=day.isoformat())).row(0)
    return int(last) if is_frozen else None


@dataclass(frozen=True, slots=True)
class FrozenLines:
    """The lines of an institution in a span of instants, up to the line `last`, by ADBC.

    Every method raises `adbc_driver_manager.Error` if the database cannot be reached, or refuses.
    """

    url: str
    institution: str
    span: Span
    last: int

    def at_sight(self) -> pl.DataFrame:
        """See `Lines`."""
        return seen(self._query("", self._of_the_date), self.institution)

    def of(self, references: Sequence[str]) -> pl.DataFrame:
        """See `Lines`."""
        wanted = f"{self._from_back} AND our_reference IN ({_listed(references)})"
        return canonical(self._query(_WHOLE, wanted), self.institution)

    def bearing(self, names: Sequence[str]) -> pl.DataFrame:
        """See `Lines`."""
        wanted = f"{self._from_back} AND their_reference IN ({_listed(names)})"
        return canonical(self._query(_WHOLE, wanted), self.institution)

    @property
    def _of_the_date(self) -> str:
        start, end = (instant.isoformat() for instant in (self.span.start, self.span.end))
        # A line is never frozen under a date before its own.
        first = self.span.first_date
        return f"business_date >= '{first}' AND instant >= '{start}' AND instant < '{end}'"

    @property
    def _from_back(self) -> str:
        return f"business_date >= '{self.span.first_date - timedelta(days=DAYS_BACK)}'"

    def _query(self, more: str, wanted: str) -> pl.DataFrame:
        # Names of layouts are ours; quoted all the same.
        name = _literal(self.institution.removeprefix(f"{PARTNER}_"))
        roles = f"'{PARTNER}'" if self.institution.startswith(f"{PARTNER}_") else "'connector', 'biller'"
        party = f"role IN ({roles}) AND party = {name}"
        with Database(self.url) as books:
            return books.query(_LINES.format(more=more, wanted=wanted, party=party, last=int(self.last)))


def _listed(texts: Sequence[str]) -> str:
    """Texts of a file as a list of literals."""
    return ",".join(_literal(text) for text in texts) or "NULL"


def _literal(text: str) -> str:
    """A text constant of SQL, safe whatever the server's settings are."""
    doubled = text.replace("\\", "\\\\").replace("'", "''").replace("\0", "")
    return f"E'{doubled}'"


def seen(lines: pl.DataFrame, institution: str) -> pl.DataFrame:
    """Lines as a first sight takes them; what is one value for all of them takes no memory."""
    if lines["odd"].null_count() == lines.height:
        told = [pl.lit(BRINGS, pl.Int8), pl.lit(SUCCESS, pl.Int8), pl.lit(CURRENCY)]
    else:
        words = pl.col("odd").fill_null(f"payment success {CURRENCY}").str.splitn(" ", 3).struct
        told = [
            words[0].replace_strict(EVENTS, return_dtype=pl.Int8),
            words[1].replace_strict(STATES, return_dtype=pl.Int8),
            words[2],
        ]
    return lines.with_columns(
        told[0].alias("direction"),
        told[1].alias("status"),
        told[2].alias("currency"),
        institution=pl.lit(institution),
        rejected=pl.lit(None, pl.String),
    ).drop("odd")


def canonical(lines: pl.DataFrame, institution: str) -> pl.DataFrame:
    """Whole lines as canonical rows without due dates."""
    window = pl.concat_str(pl.lit("lines-"), pl.col("window_id").cast(pl.String))
    return complete(
        seen(lines, institution).with_columns(
            source=pl.lit(LEDGER, pl.Int8),
            origin=pl.when(pl.col("status").is_in([FAILED, UNKNOWN])).then("own_origin").otherwise(window),
        )
    )
