"""Canonical rows in one pass over a piece of a text file, where every cell of it is written plainly.

Plainly is: each amount in digits as the layout groups them, each time as its pattern, each word a word to the
letter. A piece with any other row is read by `canonical_rows.rows_of`, which gives the same for plain rows.
One pass keeps cells in the processor's cache and never builds whole columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import polars as pl

from reconciliation.canonical_row import BRINGS, SUCCESS
from reconciliation.statement.canonical_rows import (
    AMOUNTS,
    DIRECTIONS,
    STATES,
    WRITTEN,
    currencies,
    direction_of,
    hashes_of,
    line_of,
    outcome_codes,
    rounding_of_row,
    signed_amount,
    their_reference,
    with_all_amounts,
    word_lookup,
)
from reconciliation.statement.instants import plain_instant
from reconciliation.statement.layout import (
    AmountField,
    AmountFormat,
    EventColumns,
    FieldColumns,
    Layout,
    LineLayout,
    WordTable,
)
from reconciliation.statement.values.plain_amounts import SIGNS, has_commas, is_plain, plain_paisa

# Columns read of every row; `finished` adds the constant ones.
_READ: Final = ("direction", "status", "gross", "fee", "vat", "net", "ours", "theirs", "instant")
COLUMNS: Final = (*_READ, "currency", "raw_hash", "rejected", "outcome_code")
# The bytes of a row's cells, and whether all that stands in it is written plainly.
BYTES: Final = "_bytes"
PLAIN: Final = "_plain"
# How many of a row's amounts have commas.
GROUPED: Final = "_grouped"
# The cells that a hash total is taken of.
HASH_CELL: Final = "_kept"
_INSTANT: Final = "_instant"


@dataclass(frozen=True, slots=True)
class PlainReading:
    """The expressions that read the rows of a layout in one pass, and their conditions."""

    row: LineLayout
    fields: FieldColumns
    layout: Layout
    amounts: AmountFormat
    instant: pl.Expr
    direction: pl.Expr
    status: pl.Expr

    def rows_of(self, cells: pl.LazyFrame, without_quotes: Sequence[str], *, hashed: bool) -> pl.LazyFrame:
        """The columns of `_READ`, `BYTES`, `GROUPED`, `PLAIN`; cells `without_quotes` must hold no quote.

        Where it is to be hashed, `raw_hash` is the line itself.
        """
        lines = {"raw_hash": line_of(self.row.names, self.fields)} if hashed else {}
        back = pl.col("direction") != BRINGS
        amount_names = [name for name in AMOUNTS if getattr(self.fields, name)]
        frame = cells.with_columns(
            *(self._written(name).alias(WRITTEN[name]) for name in amount_names),
            self._bytes().alias(BYTES),
            self._grouped(amount_names).alias(GROUPED),
            self._is_plain_row(amount_names, without_quotes).alias(PLAIN),
            self.instant.alias(_INSTANT),
            *(pl.col(name).alias(HASH_CELL) for name in self.hash_columns),
            **lines,
        )
        frame = frame.with_columns(direction=self.direction, status=self.status)
        frame = frame.with_columns(
            currency=currencies(self.layout, self.fields), outcome_code=outcome_codes(self.layout)
        )
        frame = frame.with_columns(
            signed_amount(name, back, self.layout).alias(name) for name in amount_names
        )
        frame = with_all_amounts(frame, self.fields).with_columns(
            ours=pl.col(self.fields.ours).str.strip_chars(),
            theirs=their_reference(self.fields, back),
            instant=pl.col(_INSTANT),
        )
        more = [*lines, *(WRITTEN[name] for name in amount_names), *[HASH_CELL] * len(self.hash_columns)]
        stated = ["currency"] if self.fields.currency else []
        stated += ["outcome_code"] if self.layout.outcome else []
        return frame.select(*_READ, *stated, *more, BYTES, GROUPED, self._holds().alias(PLAIN))

    def complete(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows with all of `COLUMNS`; constant columns take no memory."""
        if "raw_hash" in rows.columns:
            rows = rows.with_columns(hashes_of(rows["raw_hash"]))
        else:
            rows = rows.with_columns(raw_hash=pl.lit(None, pl.String))
        if not self.fields.currency:
            rows = rows.with_columns(currency=currencies(self.layout, self.fields))
        if self.layout.outcome is None:
            rows = rows.with_columns(outcome_code=outcome_codes(self.layout))
        return rows.with_columns(rejected=pl.lit(None, pl.String))

    @property
    def hash_columns(self) -> Sequence[str]:
        """The column of cells, if any, that a hash total is taken of."""
        control = self.layout.control
        return [control.hash_of] if control is not None and control.hash_of else []

    def _bytes(self) -> pl.Expr:
        lengths = [pl.col(name).str.len_bytes() for name in self.row.names]
        return pl.sum_horizontal(lengths, ignore_nulls=False)

    def _grouped(self, amount_names: Sequence[AmountField]) -> pl.Expr:
        cells = [pl.col(getattr(self.fields, name)) for name in amount_names]
        return pl.sum_horizontal(
            has_commas(cell, self.amounts.unit, self.amounts.grouping).cast(pl.UInt8) for cell in cells
        )

    def _is_plain_row(self, amount_names: Sequence[AmountField], without_quotes: Sequence[str]) -> pl.Expr:
        """Whether the cells are plain, as far as the cells alone show it."""
        return pl.all_horizontal(
            *(self._is_plain(name) for name in amount_names),
            *(pl.col(name) == constant for name, constant in self.row.constants.items()),
            *(~pl.col(name).str.contains('"', literal=True) for name in without_quotes),
        )

    def _written(self, name: AmountField) -> pl.Expr:
        return plain_paisa(
            pl.col(getattr(self.fields, name)), self.amounts.unit, self.amounts.grouping, strict=False
        )

    def _is_plain(self, name: AmountField) -> pl.Expr:
        return is_plain(
            pl.col(getattr(self.fields, name)),
            self.amounts.unit,
            self.amounts.grouping,
            self.layout.amount_sign(name),
        )

    def _holds(self) -> pl.Expr:
        known = ("direction", "status", "currency", "instant", "ours", "theirs", BYTES)
        holds = pl.col(PLAIN) & pl.all_horizontal(pl.col(known).is_not_null())
        if self.layout.outcome is not None:
            holds &= pl.col("outcome_code").is_not_null()
        if self.fields.net and self.fields.gross:
            adds_up = rounding_of_row().abs() <= self.layout.rounding
            holds &= adds_up | (pl.col("status") != SUCCESS)
        return holds.fill_null(value=False)


def plain_reading(layout: Layout, file_date: date) -> PlainReading | None:
    """How to read the rows of a layout in one pass, or None where the layout needs more."""
    row, fields, amounts, events, time = (
        layout.row, layout.fields, layout.amounts, layout.events, layout.time
    )  # fmt: skip
    if row is None or fields is None or amounts is None or events is None or time is None:
        return None
    instant, direction, status = plain_instant(time, file_date), _direction(events, fields), _status(layout)
    if instant is None or direction is None or status is None or amounts.sign not in SIGNS:
        return None
    return PlainReading(row, fields, layout, amounts, instant, direction, status)


def _direction(events: EventColumns, fields: FieldColumns) -> pl.Expr | None:
    if events.by == "word":
        return word_lookup(WordTable(columns=events.columns, words=events.words), DIRECTIONS)
    first = next(name for name in AMOUNTS if getattr(fields, name))
    return direction_of(events, WRITTEN[first])


def _status(layout: Layout) -> pl.Expr | None:
    return word_lookup(layout.status, STATES) if layout.status else pl.lit(SUCCESS, pl.Int8)
