"""Read a large text file in pieces, where that provably gives the same as reading it line by line.

Every byte of a piece is accounted for: cells, delimiters, line ends and the quotes around cells together are
as long as the piece, there is a row for every line, and no cell holds a quote. Where that does not hold, or a
cell cannot be read, the result is None: the file is then read line by line, which finds the error and its
place. With pieces the cells of a large file are never in memory together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

import polars as pl

from reconciliation.errors import UnreadableFileError
from reconciliation.statement.canonical_rows import AMOUNTS, WRITTEN, rows_of
from reconciliation.statement.cell_tables import CellTable, check_constants, of_lines
from reconciliation.statement.layout import Layout, LineLayout, TextLayout
from reconciliation.statement.plain_rows import (
    BYTES,
    COLUMNS,
    GROUPED,
    HASH_CELL,
    PLAIN,
    PlainReading,
    plain_reading,
)

_MARKS: Final = {"ascii": b"", "utf-8": b"", "utf-8-sig": b"\xef\xbb\xbf"}
_ENDS: Final = {"lf": b"\n", "crlf": b"\r\n"}
# Below this, splitting lines takes no time.
BYTES_MIN: Final = 50_000
# Each piece costs a plan of its own, so a body of up to the first is one; a larger one lies in memory in
# several pieces at a time, which are small then.
_WHOLE_BYTES: Final = 16 << 20
_PIECE_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class _Body:
    """Where the body lies in a file, and the lines around it: header, headings, trailer."""

    content: bytes
    first: int
    last: int
    surrounding: Sequence[str]

    def pieces(self) -> Iterator[bytes]:
        """The body in pieces of whole lines."""
        start = self.first
        length = _WHOLE_BYTES if self.last - start <= _WHOLE_BYTES else _PIECE_BYTES
        while start < self.last:
            end = self.content.find(b"\n", min(start + length, self.last - 1)) + 1
            yield self.content[start:end]
            start = end


def read_in_pieces(
    content: bytes, layout: Layout, file_date: date, *, hashed: bool
) -> tuple[CellTable, pl.DataFrame] | None:
    """The rows of a delimited file with the table for its controls, or None if it must be read by lines."""
    text = layout.text
    if text is None or layout.row is None or layout.row.widths or len(content) < BYTES_MIN:
        return None
    body = _body(content, layout, text)
    if body is None:
        return None
    try:
        return _read(body, layout, text, file_date, hashed=hashed)
    except UnreadableFileError:
        return None


def _body(content: bytes, layout: Layout, text: TextLayout) -> _Body | None:
    mark, end = _MARKS.get(text.encoding), _ENDS[text.line_end]
    if mark is None or not (content.startswith(mark) and content.endswith(end)):
        return None
    if (text.encoding == "ascii" and not content.isascii()) or (end == b"\n" and b"\r" in content):
        return None
    first = len(mark)
    for _ in range((layout.header is not None) + text.headings):
        first = content.find(b"\n", first) + 1 or len(content)
    last = len(content) if layout.trailer is None else content.rfind(b"\n", first, -len(end)) + 1
    if first >= last:
        return None
    try:
        surrounding = (content[len(mark) : first] + content[last:]).decode().split(end.decode())
    except UnicodeDecodeError:
        return None
    return _Body(content, first, last, surrounding[:-1])


def _read(
    body: _Body, layout: Layout, text: TextLayout, file_date: date, *, hashed: bool
) -> tuple[CellTable, pl.DataFrame] | None:
    row = layout.row
    names = () if row is None else row.names
    nothing = pl.DataFrame(schema=dict.fromkeys(names, pl.String()))
    table = of_lines(body.content, layout, text, list(body.surrounding), nothing)
    # Control totals need one column of cells at most.
    hash_columns = [layout.control.hash_of] if layout.control is not None and layout.control.hash_of else []
    parts, cells_kept, done = [], [nothing.select(hash_columns)], 0
    written = [WRITTEN[name] for name in AMOUNTS if getattr(layout.fields, name, "")]
    columns, free = [*COLUMNS, *written], _free_texts(layout, names)
    how = plain_reading(layout, file_date)
    in_one = None if how is None else _OnePass(how, text, free, hashed)
    for piece in body.pieces():
        rows = None if in_one is None else in_one.rows_of(piece)
        if rows is not None:
            cells_kept.append(rows.select(pl.col(HASH_CELL).alias(name) for name in hash_columns))
        else:
            in_one, cells = None, None if row is None else _cells(piece, row, text, free)
            if cells is None or row is None:
                return None
            check_constants(cells, row, 0)
            rows = rows_of(replace(table, cells=cells), layout, file_date, hashed=hashed)
            cells_kept.append(cells.select(hash_columns))
        numbers = pl.int_range(done + 1, done + pl.len() + 1, dtype=pl.Int32)
        parts.append(rows.select(columns).with_columns(ordinal=numbers))
        done += rows.height
    return replace(table, cells=pl.concat(cells_kept)), pl.concat(parts)


@dataclass(slots=True)
class _OnePass:
    """Reads pieces in one pass while all cells are written plainly."""

    plain: PlainReading
    text: TextLayout
    free: Sequence[str]
    hashed: bool
    # While only amounts with commas are quoted, cells need not be searched for quotes.
    are_searched: bool = field(init=False)

    def __post_init__(self) -> None:
        self.are_searched = self.text.delimiter != "," or self.text.line_end != "lf"

    def rows_of(self, piece: bytes) -> pl.DataFrame | None:
        """The rows of a piece, or None where anything is not plain."""
        quotes = piece.count(b'"') if self.text.quote else 0
        rows = self._rows(piece)
        if rows is not None and not self.are_searched and quotes != 2 * int(rows[GROUPED].sum()):
            self.are_searched = True
            rows = self._rows(piece)
        if rows is None or not rows[PLAIN].all():
            return None
        byte_count = int(rows[BYTES].cast(pl.Int64).sum()) + quotes
        is_whole = _is_accounted_for(piece, rows.height, byte_count, self.plain.row, self.text)
        # A line end inside a row would be inside quotes, where only amounts are.
        if not is_whole or (self.are_searched and not _has_a_row_a_line(piece, rows.height, self.text)):
            return None
        return self.plain.complete(rows)

    def _rows(self, piece: bytes) -> pl.DataFrame | None:
        cells = pl.scan_csv(piece, **_how(self.plain.row.names, self.text))
        try:
            searched = self.free if self.are_searched else ()
            return self.plain.rows_of(cells, searched, hashed=self.hashed).collect(engine="streaming")
        except pl.exceptions.PolarsError:
            return None


def _is_accounted_for(piece: bytes, rows: int, byte_count: int, row: LineLayout, text: TextLayout) -> bool:
    """Whether every byte of a piece is in a cell or between cells."""
    return byte_count + rows * (len(row.columns) - 1 + len(_ENDS[text.line_end])) == len(piece)


def _has_a_row_a_line(piece: bytes, rows: int, text: TextLayout) -> bool:
    """Whether there is a row for every line, and no line end of any kind elsewhere."""
    return all(piece.count(bytes([end])) == rows for end in _ENDS[text.line_end])


def _how(names: Sequence[str], text: TextLayout) -> dict[str, Any]:
    return {
        "has_header": False,
        "schema": dict.fromkeys(names, pl.String()),
        "separator": text.delimiter,
        "quote_char": text.quote or None,
        "empty_string_is_null": False,
    }


def _free_texts(layout: Layout, names: Sequence[str]) -> list[str]:
    """The columns that may contain a quote; amounts and known words cannot."""
    refusing = {getattr(layout.fields, name, "") for name in WRITTEN}
    status = layout.status
    if status is not None and not status.otherwise and not any('"' in word for word in status.words):
        refusing.update(status.columns)
    return [name for name in names if name not in refusing]


def _cells(piece: bytes, row: LineLayout, text: TextLayout, free: Sequence[str]) -> pl.DataFrame | None:
    try:
        cells = pl.read_csv(piece, **_how(row.names, text))
    except pl.exceptions.PolarsError:
        return None
    if any(column.null_count() for column in cells):
        return None
    quotes = piece.count(b'"') if text.quote else 0
    inside = sum(cells.select(pl.all().str.len_bytes().cast(pl.Int64).sum()).row(0))
    is_whole = _is_accounted_for(piece, cells.height, inside + quotes, row, text) and _has_a_row_a_line(
        piece, cells.height, text
    )
    return cells if is_whole and not (quotes and _holds_quotes(cells.select(free))) else None


def _holds_quotes(cells: pl.DataFrame) -> bool:
    return bool(cells.select(pl.any_horizontal(pl.all().str.contains('"', literal=True).any())).item())
