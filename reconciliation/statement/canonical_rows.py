"""From a table of cells to canonical rows, column by column.

A row whose time or whose reference of theirs cannot be read is rejected alone: its amounts and our reference
still count. Any other unreadable cell refuses the whole file, with line and column: without amounts there are
no totals, without our reference rows cannot be grouped.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import sha256
from typing import TypeVar

import polars as pl

from reconciliation.canonical_row import BRINGS, CHARGEBACK, FAILED, SUCCESS, TAKES_BACK
from reconciliation.errors import UnreadableFileError
from reconciliation.statement.cell_tables import CellTable
from reconciliation.statement.formats.workbook import exact_amounts
from reconciliation.statement.instants import instants_of
from reconciliation.statement.layout import (
    AmountField,
    AmountFormat,
    EventColumns,
    FieldColumns,
    Layout,
    WordTable,
)
from reconciliation.statement.values.amounts import Sign
from reconciliation.statement.values.plain_amounts import read_amounts

DIRECTIONS = {"payment": BRINGS, "back": TAKES_BACK, "chargeback": CHARGEBACK}
STATES = {"success": SUCCESS, "failed": FAILED}
AMOUNTS: tuple[AmountField, ...] = ("gross", "fee", "vat", "kept", "net")
# Written amounts, before an event gives them its sign; control totals are taken of these.
WRITTEN = {name: f"written_{name}" for name in AMOUNTS}

# Expressions work on frames in memory and on those read in one pass.
Frame = TypeVar("Frame", pl.DataFrame, pl.LazyFrame)


def rows_of(table: CellTable, layout: Layout, file_date: date, *, hashed: bool = True) -> pl.DataFrame:
    """The canonical rows of a table, numbered from 1, with the amounts as written beside them.

    Raises:
        UnreadableFileError: a cell that must be read cannot be, or a row's amounts contradict one another.
    """
    fields, amounts, events = layout.fields, layout.amounts, layout.events
    if fields is None or amounts is None or events is None:
        raise UnreadableFileError("the layout describes no table")
    written = _written(table, layout, fields)
    direction = _directions(table, events, written)
    status = _looked_up(table, layout.status, STATES) if layout.status else pl.lit(SUCCESS, pl.Int8)
    frame = table.cells.with_columns(written).with_columns(direction=direction, status=status)
    frame = frame.with_columns(currency=currencies(layout, fields))
    _refuse_unknown(frame, "direction", events.columns, table)
    _refuse_unknown(frame, "status", layout.status.columns if layout.status else (), table)
    _refuse_unknown(frame, "currency", (fields.currency,), table)
    back = pl.col("direction") != BRINGS
    frame = frame.with_columns(
        signed_amount(name, back, layout).alias(name) for name in AMOUNTS if getattr(fields, name)
    )
    frame = with_all_amounts(frame, fields)
    _refuse_contradictions(frame, layout, fields, table)
    frame = frame.with_columns(
        ordinal=pl.int_range(1, pl.len() + 1, dtype=pl.Int32),
        ours=pl.col(fields.ours).str.strip_chars(),
        theirs=their_reference(fields, back),
        instant=instants_of(table, layout, file_date),
        raw_hash=raw_hashes(table.cells, fields) if hashed else pl.lit(None, pl.String),
        outcome_code=outcome_codes(layout),
    )
    return frame.with_columns(rejected=_rejections(table, layout))


def _written(table: CellTable, layout: Layout, fields: FieldColumns) -> list[pl.Series]:
    """Each amount column in paisa as it is written; a cell that is no amount refuses the file."""
    read = []
    for name in AMOUNTS:
        column: str = getattr(fields, name)
        if not column or layout.amounts is None:
            continue
        cells, amounts = table.cells[column], layout.amounts
        sign = layout.amount_sign(name)
        value = read_amounts(cells, amounts.unit, amounts.grouping, sign)
        if table.numbers is not None:
            of_numbers = _of_numbers(exact_amounts(cells, table.numbers[column]), amounts, sign)
            value = of_numbers.zip_with(table.numbers[column], value)
        value = value.alias(WRITTEN[name])
        wrong = value.is_null().arg_max() if value.null_count() else None
        if wrong is not None:
            raise table.refusal(wrong, f"{cells[wrong]!r} is no amount", column)
        read.append(value)
    return read


def _of_numbers(cells: pl.Series, amounts: AmountFormat, sign: Sign) -> pl.Series:
    """Number cells in paisa; their format in the workbook (groups, brackets) is no part of the value."""
    sign = "minus" if sign == "brackets" else sign
    if amounts.unit == "paisa":
        cells = cells.str.replace(r"\.00$", "")
    return read_amounts(cells, amounts.unit, "none", sign)


def _directions(table: CellTable, events: EventColumns, written: list[pl.Series]) -> pl.Expr | pl.Series:
    if events.by == "word":
        return _looked_up(table, WordTable(columns=events.columns, words=events.words), DIRECTIONS)
    return direction_of(events, written[0].name)


def direction_of(events: EventColumns, written: str) -> pl.Expr:
    """The direction of a row that no word gives; `written` is its first amount."""
    match events.by:
        case "sign":
            return _back_where(pl.col(written) < 0)
        case "filled":
            return _back_where(pl.col(events.columns[0]).str.strip_chars() != "")
        case _:
            return pl.lit(BRINGS, pl.Int8)


def _back_where(is_back: pl.Expr) -> pl.Expr:
    return pl.when(is_back).then(TAKES_BACK).otherwise(BRINGS).cast(pl.Int8)


def _looked_up(table: CellTable, words: WordTable, meanings: Mapping[str, int]) -> pl.Series:
    to_the_letter = word_lookup(words, meanings)
    if to_the_letter is not None:
        exact = table.cells.select(to_the_letter).to_series()
        if not exact.null_count():
            return exact
    known = {word: meanings[meaning] for word, meaning in words.words.items()}
    default = meanings[words.otherwise] if words.otherwise else None
    text = pl.concat_str([pl.col(name).str.strip_chars() for name in words.columns], separator=" ")
    meanings_of_cells = text.replace_strict(known, default=default, return_dtype=pl.Int8)
    return table.cells.select(meanings_of_cells).to_series()


def word_lookup(words: WordTable, meanings: Mapping[str, int]) -> pl.Expr | None:
    """The meaning of a cell that is exactly a known word, else null; None for several columns.

    A few comparisons are faster than a lookup.
    """
    if len(words.columns) > 1 or not words.words:
        return None
    cell = pl.col(words.columns[0])
    return pl.coalesce(
        pl.when(cell == word).then(pl.lit(meanings[meaning], pl.Int8))
        for word, meaning in words.words.items()
    )


def currencies(layout: Layout, fields: FieldColumns) -> pl.Expr:
    """The currency of each row; null where the layout does not have the word."""
    if not fields.currency:
        return pl.lit("BDT")
    cell = pl.col(fields.currency).str.strip_chars()
    if not layout.currencies:
        return cell
    return cell.replace_strict(layout.currencies, default=None, return_dtype=pl.String)


def outcome_codes(layout: Layout) -> pl.Expr:
    """How each row was paid; null where the layout does not have the word, or no such column."""
    if layout.outcome is None:
        return pl.lit(None, pl.String)
    cell = pl.col(layout.outcome.column).str.strip_chars()
    words = {word: code.value for word, code in layout.outcome.words.items()}
    return cell.replace_strict(words, default=None, return_dtype=pl.String)


def _refuse_unknown(frame: pl.DataFrame, name: str, columns: tuple[str, ...], table: CellTable) -> None:
    if frame[name].null_count():
        wrong = frame[name].is_null().arg_max() or 0
        cell = " ".join(str(table.cells[column][wrong]) for column in columns)
        raise table.refusal(wrong, f"{cell!r} is an unknown word", " ".join(columns))


def signed_amount(name: AmountField, back: pl.Expr, layout: Layout) -> pl.Expr:
    """An amount with the sign of its event."""
    written = pl.col(WRITTEN[name])
    if layout.amounts is not None and name in layout.amounts.signed_by_event:
        return pl.when(back).then(-written).otherwise(written)
    return written


def with_all_amounts(frame: Frame, fields: FieldColumns) -> Frame:
    """All four amounts: a deduction in one sum counts as fee, a missing net is computed."""
    nothing = pl.lit(0, pl.Int64)
    failed = pl.col("status") == FAILED
    frame = frame.with_columns(
        fee=pl.col("fee") if fields.fee else pl.col("kept") if fields.kept else nothing,
        vat=pl.col("vat") if fields.vat else nothing,
        gross=pl.col("gross") if fields.gross else pl.lit(None, pl.Int64),
    )
    worked_out = pl.col("gross") - pl.col("fee") - pl.col("vat")
    net = pl.col("net") if fields.net else worked_out
    return frame.with_columns(net=pl.when(failed).then(nothing).otherwise(net))


def rounding_of_row() -> pl.Expr:
    """The net of a row less its gross, fee and VAT, in paisa: what an institution has rounded."""
    return pl.col("net") - (pl.col("gross") - pl.col("fee") - pl.col("vat"))


def _refuse_contradictions(
    frame: pl.DataFrame, layout: Layout, fields: FieldColumns, table: CellTable
) -> None:
    if not fields.net or not fields.gross:
        return
    adds_up = rounding_of_row().abs() <= layout.rounding
    contradicting = frame.select((~adds_up & (pl.col("status") == SUCCESS)).arg_max()).item()
    if contradicting is None or frame["status"][contradicting] != SUCCESS:
        return
    if frame.slice(contradicting, 1).select(adds_up).item() is False:
        words = "gross less fee and VAT is not net"
        if layout.rounding:
            words = f"{words}, by more than {layout.rounding} paisa"
        raise table.refusal(contradicting, words, fields.net)


def their_reference(fields: FieldColumns, back: pl.Expr) -> pl.Expr:
    """Their reference; rows that take money back may have a column of their own for it."""
    if not fields.theirs:
        return pl.lit("")
    usual = pl.col(fields.theirs).str.strip_chars()
    if not fields.theirs_when_back:
        return usual
    return pl.when(back).then(pl.col(fields.theirs_when_back).str.strip_chars()).otherwise(usual)


def raw_hashes(cells: pl.DataFrame, fields: FieldColumns) -> pl.Series:
    """The hash of each line, whatever its place: SHA-256 over its cells without the counter."""
    return hashes_of(cells.select(line_of(cells.columns, fields)).to_series())


def line_of(names: Sequence[str], fields: FieldColumns) -> pl.Expr:
    """The cells of a line as they are hashed."""
    return pl.concat_str([name for name in names if name != fields.counter], separator="\x1f")


def hashes_of(lines: pl.Series) -> pl.Series:
    """The digest of each line."""
    return pl.Series("raw_hash", [sha256(line.encode()).hexdigest()[:32] for line in lines.to_list()])


def _rejections(table: CellTable, layout: Layout) -> pl.Expr:
    """Why a row is rejected alone, or null."""
    time = " ".join(layout.time.columns) if layout.time else ""
    reasons = [pl.when(pl.col("instant").is_null()).then(pl.lit(f"column {time}: no such time"))]
    if table.numbers is not None and layout.fields is not None:
        fields = layout.fields
        for column in sorted({fields.ours, fields.theirs, fields.theirs_when_back} - {""}):
            words = f"column {column}: a reference must be text, this is a number"
            reasons.append(pl.when(pl.lit(table.numbers[column])).then(pl.lit(words)))
    if layout.outcome is not None:
        cell = pl.col(layout.outcome.column)
        why = pl.format(f"column {layout.outcome.column}: '{{}}' is an unknown outcome code", cell)
        reasons.append(pl.when(pl.col("outcome_code").is_null()).then(why))
    return pl.coalesce(reasons)
