"""From a table of cells to canonical rows, column by column.

A row whose time or whose reference of theirs cannot be read is rejected alone: its amounts and our
reference still count. Whatever else cannot be read refuses the whole file, with line and column: without
amounts there are no totals, without our reference nothing can be grouped.
"""

from datetime import date
from hashlib import sha256

import polars as pl

from reconciliation.errors import UnreadableFileError
from reconciliation.rows import BRINGS, CHARGEBACK, FAILED, SUCCESS, TAKES_BACK
from reconciliation.statement.amounts import Sign
from reconciliation.statement.instants import instants_of
from reconciliation.statement.layout import AmountField, Amounts, Events, Fields, Layout, Words
from reconciliation.statement.plain_amounts import read_amounts
from reconciliation.statement.tables import Table
from reconciliation.statement.workbook import exact_amounts

_DIRECTIONS = {"payment": BRINGS, "back": TAKES_BACK, "chargeback": CHARGEBACK}
_STATES = {"success": SUCCESS, "failed": FAILED}
_AMOUNTS: tuple[AmountField, ...] = ("gross", "fee", "vat", "kept", "net")
# Written amounts, before an event gives them its sign; control totals are taken of these.
WRITTEN = {name: f"written_{name}" for name in _AMOUNTS}


def rows_of(table: Table, layout: Layout, file_date: date, *, hashed: bool = True) -> pl.DataFrame:
    """The canonical rows of a table, numbered from 1, with the amounts as written beside them.

    Raises:
        UnreadableFileError: a cell that must be read cannot be, or a row's amounts contradict one another.
    """
    fields, amounts, events = layout.fields, layout.amounts, layout.events
    if fields is None or amounts is None or events is None:
        raise UnreadableFileError("the layout describes no table")
    written = _written(table, layout, fields)
    direction = _directions(events, written)
    status = _looked_up(layout.status, _STATES) if layout.status else pl.lit(SUCCESS, pl.Int8)
    frame = table.cells.with_columns(written).with_columns(direction=direction, status=status)
    frame = frame.with_columns(currency=_currencies(layout, fields))
    _refuse_unknown(frame, "direction", events.columns, table)
    _refuse_unknown(frame, "status", layout.status.columns if layout.status else (), table)
    _refuse_unknown(frame, "currency", (fields.currency,), table)
    back = pl.col("direction") != BRINGS
    frame = frame.with_columns(
        _signed(name, back, layout).alias(name) for name in _AMOUNTS if getattr(fields, name)
    )
    frame = _with_all_amounts(frame, fields)
    _refuse_contradictions(frame, fields, table)
    theirs = _theirs(fields, back)
    frame = frame.with_columns(
        ordinal=pl.int_range(1, pl.len() + 1, dtype=pl.Int32),
        ours=pl.col(fields.ours).str.strip_chars(),
        theirs=theirs,
        instant=instants_of(table, layout, file_date),
        raw_hash=raw_hashes(table.cells, fields) if hashed else pl.lit(None, pl.String),
    )
    return frame.with_columns(rejected=_rejections(table, layout))


def _written(table: Table, layout: Layout, fields: Fields) -> list[pl.Series]:
    """Each amount column in paisa as it is written; a cell that is no amount refuses the file."""
    read = []
    for name in _AMOUNTS:
        column: str = getattr(fields, name)
        if not column or layout.amounts is None:
            continue
        cells, amounts = table.cells[column], layout.amounts
        value = read_amounts(cells, amounts.unit, amounts.grouping, amounts.sign)
        if table.numbers is not None:
            of_numbers = _of_numbers(exact_amounts(cells, table.numbers[column]), amounts)
            value = of_numbers.zip_with(table.numbers[column], value)
        value = value.alias(WRITTEN[name])
        wrong = value.is_null().arg_max() if value.null_count() else None
        if wrong is not None:
            raise table.refusal(wrong, f"{cells[wrong]!r} is no amount", column)
        read.append(value)
    return read


def _of_numbers(cells: pl.Series, amounts: Amounts) -> pl.Series:
    """Number cells in paisa: how a workbook shows them (groups, brackets) is no part of their value."""
    sign: Sign = "minus" if amounts.sign == "brackets" else amounts.sign
    if amounts.unit == "paisa":
        cells = cells.str.replace(r"\.00$", "")
    return read_amounts(cells, amounts.unit, "none", sign)


def _directions(events: Events, written: list[pl.Series]) -> pl.Expr:
    match events.by:
        case "payment":
            return pl.lit(BRINGS, pl.Int8)
        case "word":
            return _looked_up(Words(columns=events.columns, words=events.words), _DIRECTIONS)
        case "sign":
            return _back_where(pl.col(written[0].name) < 0)
        case "filled":
            return _back_where(pl.col(events.columns[0]).str.strip_chars() != "")


def _back_where(is_back: pl.Expr) -> pl.Expr:
    return pl.when(is_back).then(TAKES_BACK).otherwise(BRINGS).cast(pl.Int8)


def _looked_up(words: Words, meanings: dict[str, int]) -> pl.Expr:
    text = pl.concat_str([pl.col(name).str.strip_chars() for name in words.columns], separator=" ")
    known = {word: meanings[meaning] for word, meaning in words.words.items()}
    default = meanings[words.otherwise] if words.otherwise else None
    return text.replace_strict(known, default=default, return_dtype=pl.Int8)


def _currencies(layout: Layout, fields: Fields) -> pl.Expr:
    if not fields.currency:
        return pl.lit("BDT")
    told = pl.col(fields.currency).str.strip_chars()
    if not layout.currencies:
        return told
    return told.replace_strict(layout.currencies, default=None, return_dtype=pl.String)


def _refuse_unknown(frame: pl.DataFrame, name: str, columns: tuple[str, ...], table: Table) -> None:
    if frame[name].null_count():
        wrong = frame[name].is_null().arg_max() or 0
        cell = " ".join(str(table.cells[column][wrong]) for column in columns)
        raise table.refusal(wrong, f"{cell!r} is an unknown word", " ".join(columns))


def _signed(name: AmountField, back: pl.Expr, layout: Layout) -> pl.Expr:
    written = pl.col(WRITTEN[name])
    if layout.amounts is not None and name in layout.amounts.signed_by_event:
        return pl.when(back).then(-written).otherwise(written)
    return written


def _with_all_amounts(frame: pl.DataFrame, fields: Fields) -> pl.DataFrame:
    """All four amounts: what is kept in one sum counts as fee, a net that is not told is worked out."""
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


def _refuse_contradictions(frame: pl.DataFrame, fields: Fields, table: Table) -> None:
    if not fields.net or not fields.gross:
        return
    told = pl.col("gross") - pl.col("fee") - pl.col("vat") == pl.col("net")
    contradicting = frame.select((~told & (pl.col("status") == SUCCESS)).arg_max()).item()
    if contradicting is None or frame["status"][contradicting] != SUCCESS:
        return
    if frame.slice(contradicting, 1).select(told).item() is False:
        raise table.refusal(contradicting, "gross less fee and VAT is not net", fields.net)


def _theirs(fields: Fields, back: pl.Expr) -> pl.Expr:
    if not fields.theirs:
        return pl.lit("")
    usual = pl.col(fields.theirs).str.strip_chars()
    if not fields.theirs_when_back:
        return usual
    return pl.when(back).then(pl.col(fields.theirs_when_back).str.strip_chars()).otherwise(usual)


def raw_hashes(cells: pl.DataFrame, fields: Fields) -> pl.Series:
    """What tells one line from another, whatever its place: SHA-256 over its cells, the counter apart."""
    columns = [name for name in cells.columns if name != fields.counter]
    joined = cells.select(pl.concat_str(columns, separator="\x1f")).to_series()
    return pl.Series("raw_hash", [sha256(line.encode()).hexdigest()[:32] for line in joined.to_list()])


def _rejections(table: Table, layout: Layout) -> pl.Expr:
    """Why a row is rejected alone, or null."""
    time = " ".join(layout.time.columns) if layout.time else ""
    reasons = [pl.when(pl.col("instant").is_null()).then(pl.lit(f"column {time}: no such time"))]
    if table.numbers is not None and layout.fields is not None:
        fields = layout.fields
        for column in sorted({fields.ours, fields.theirs, fields.theirs_when_back} - {""}):
            words = f"column {column}: a reference must be text, this is a number"
            reasons.append(pl.when(pl.lit(table.numbers[column])).then(pl.lit(words)))
    return pl.coalesce(reasons)
