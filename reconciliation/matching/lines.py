"""Frozen lines of one institution, for a run in which every column counts.

Nearly every line is settled at first sight, and for that a few columns are enough. Only of the others are
whole canonical rows fetched, the same as `ledger.rows_of_lines` makes of them, but for the payment's id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import polars as pl

from reconciliation.adbc import Database
from reconciliation.positions import CURRENCY
from reconciliation.rows import FAILED, LEDGER, UNKNOWN, complete

# A line that says `unknown` or `failed` counts until there is a newer revision of it. What is a word in the
# database comes as a number, and what nearly all lines say alike as nothing at all.
_LINES: Final = """
SELECT window_id, ordinal, our_reference AS reference, gross, net, {more}
  nullif((CASE event WHEN 'payment' THEN 0 ELSE 1 END)::smallint, 0) AS direction,
  nullif((CASE status WHEN 'success' THEN 0 WHEN 'failed' THEN 1 ELSE 2 END)::smallint, 0) AS status,
  nullif(currency, 'BDT') AS currency
FROM ledger_lines AS line
WHERE id > {after} AND id <= {last} AND role IN ('connector', 'biller') AND party = '{party}' AND {wanted}
  AND (status = 'success' OR NOT EXISTS (
    SELECT FROM ledger_lines AS newer WHERE newer.role = line.role AND newer.movement = line.movement
      AND newer.event = line.event AND newer.revision > line.revision AND newer.id <= {last}))
"""
_WHOLE: Final = """business_date, our_reference AS ours, their_reference AS theirs, fee, vat, instant,
  concat_ws('-', status, movement, event, revision) AS own_origin,"""
_SIGHT_DEFAULTS: Final = {"direction": pl.Int8(), "status": pl.Int8()}


class Lines(Protocol):
    """Our lines of one institution."""

    def at_sight(self) -> pl.DataFrame:
        """Every line: window_id, ordinal and what a first sight needs, `reference` among it."""
        ...

    def whole(self, places: pl.DataFrame) -> pl.DataFrame:
        """The canonical rows of the lines with these `window_id` and `ordinal`, in any order."""
        ...

    def bearing(self, names: Sequence[str]) -> pl.DataFrame:
        """The canonical rows of all lines that bear one of these names of theirs."""
        ...


@dataclass(frozen=True, slots=True)
class FrozenLines:
    """The lines behind one id up to another of a connector or biller, by ADBC.

    Every method raises `adbc_driver_manager.Error` if the database cannot be reached, or refuses.
    """

    url: str
    institution: str
    after: int
    last: int

    def at_sight(self) -> pl.DataFrame:
        """See `Lines`."""
        return seen(self._query("", "true"), self.institution)

    def whole(self, places: pl.DataFrame) -> pl.DataFrame:
        """See `Lines`."""
        windows, ordinals = (",".join(map(str, places[name])) for name in ("window_id", "ordinal"))
        pairs = f"SELECT * FROM unnest('{{{windows}}}'::bigint[], '{{{ordinals}}}'::integer[])"  # noqa: S608
        return canonical(self._query(_WHOLE, f"(window_id, ordinal) IN ({pairs})"), self.institution)

    def bearing(self, names: Sequence[str]) -> pl.DataFrame:
        """See `Lines`."""
        # Names of theirs come from a file: quoted as literals one by one.
        listed = ",".join(_literal(name) for name in names) or "NULL"
        return canonical(self._query(_WHOLE, f"their_reference IN ({listed})"), self.institution)

    def _query(self, more: str, wanted: str) -> pl.DataFrame:
        # Names of layouts are ours; quoted all the same.
        party = self.institution.replace("'", "''")
        bounds = {"after": int(self.after), "last": int(self.last)}
        with Database(self.url) as books:
            return books.query(_LINES.format(more=more, wanted=wanted, party=party, **bounds))


def _literal(text: str) -> str:
    """A text constant of SQL, safe whatever the server's settings are."""
    doubled = text.replace("\\", "\\\\").replace("'", "''").replace("\0", "")
    return f"E'{doubled}'"


def seen(lines: pl.DataFrame, institution: str) -> pl.DataFrame:
    """Lines as a first sight takes them; what is one value for all of them takes no memory."""
    told = [_or_default(lines, name, 0, kind) for name, kind in _SIGHT_DEFAULTS.items()]
    return lines.with_columns(
        *told,
        _or_default(lines, "currency", CURRENCY, pl.String()),
        institution=pl.lit(institution),
        rejected=pl.lit(None, pl.String),
    )


def _or_default(lines: pl.DataFrame, name: str, default: str | int, kind: pl.DataType) -> pl.Expr:
    if lines[name].null_count() == lines.height:
        return pl.lit(default, kind).alias(name)
    return pl.col(name).fill_null(default).cast(kind)


def canonical(lines: pl.DataFrame, institution: str) -> pl.DataFrame:
    """Whole lines as canonical rows without due dates."""
    window = pl.concat_str(pl.lit("lines-"), pl.col("window_id").cast(pl.String))
    return complete(
        seen(lines, institution).with_columns(
            source=pl.lit(LEDGER, pl.Int8),
            origin=pl.when(pl.col("status").is_in([FAILED, UNKNOWN])).then("own_origin").otherwise(window),
        )
    )
