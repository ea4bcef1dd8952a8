"""A large text file read in pieces, where that is provably what reading it line by line gives.

Every byte of a piece is accounted for: cells, delimiters, line ends and the quotes around cells together are
as long as the piece, there is a row for every line, and no cell holds a quote. Where that does not hold, or a
cell cannot be read, nothing is said: the file is then read line by line, which finds the words for what is
wrong with it. Pieces keep the cells of a large file from ever lying in memory together.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import polars as pl

from reconciliation.errors import UnreadableFileError
from reconciliation.rows import SCHEMA
from reconciliation.statement.canonical import WRITTEN, rows_of
from reconciliation.statement.layout import Layout, Text
from reconciliation.statement.tables import Table, check_constants, of_lines

_MARKS: Final = {"ascii": b"", "utf-8": b"", "utf-8-sig": b"\xef\xbb\xbf"}
_ENDS: Final = {"lf": b"\n", "crlf": b"\r\n"}
# Below this, splitting lines takes no time.
BYTES_MIN: Final = 50_000
_PIECE_BYTES: Final = 8 << 20
# Of what was made of a piece: canonical columns, and the amounts as written for the controls.
_WANTED: Final = frozenset({*SCHEMA, *WRITTEN.values()})


@dataclass(frozen=True, slots=True)
class _Body:
    """Where the body lies in a file, and the lines around it: header, headings, trailer."""

    content: bytes
    first: int
    last: int
    around: Sequence[str]

    def pieces(self) -> Iterator[bytes]:
        """The body in pieces of whole lines."""
        start = self.first
        while start < self.last:
            end = self.content.find(b"\n", min(start + _PIECE_BYTES, self.last - 1)) + 1
            yield self.content[start:end]
            start = end


def scan(
    content: bytes, layout: Layout, file_date: date, *, hashed: bool
) -> tuple[Table, pl.DataFrame] | None:
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


def _body(content: bytes, layout: Layout, text: Text) -> _Body | None:
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
    around = (content[len(mark) : first] + content[last:]).decode().split(end.decode())
    return _Body(content, first, last, around[:-1])


def _read(
    body: _Body, layout: Layout, text: Text, file_date: date, *, hashed: bool
) -> tuple[Table, pl.DataFrame] | None:
    row = layout.row
    names = () if row is None else row.names
    nothing = pl.DataFrame(schema=dict.fromkeys(names, pl.String()))
    table = of_lines(body.content, layout, text, list(body.around), nothing)
    # Of the cells, controls want one column at most.
    kept = [layout.control.hash_of] if layout.control is not None and layout.control.hash_of else []
    parts, cells_kept, done = [], [nothing.select(kept)], 0
    amounts = {getattr(layout.fields, name, "") for name in WRITTEN}
    for piece in body.pieces():
        cells = _cells(piece, names, text, amounts)
        if cells is None or row is None:
            return None
        check_constants(cells, row, 0)
        rows = rows_of(replace(table, cells=cells), layout, file_date, hashed=hashed)
        wanted = [name for name in rows.columns if name in _WANTED]
        parts.append(rows.select(wanted).with_columns(pl.col("ordinal") + done))
        cells_kept.append(cells.select(kept))
        done += cells.height
    return replace(table, cells=pl.concat(cells_kept)), pl.concat(parts)


def _cells(piece: bytes, names: Sequence[str], text: Text, amounts: Collection[str]) -> pl.DataFrame | None:
    try:
        cells = pl.read_csv(
            piece,
            has_header=False,
            schema=dict.fromkeys(names, pl.String()),
            separator=text.delimiter,
            quote_char=text.quote or None,
            empty_string_is_null=False,
        )
    except pl.exceptions.PolarsError:
        return None
    if cells.height != piece.count(b"\n") or any(column.null_count() for column in cells):
        return None
    quotes = piece.count(b'"') if text.quote else 0
    between = cells.height * (cells.width - 1 + len(_ENDS[text.line_end]))
    inside = cells.select(pl.sum_horizontal(pl.all().str.len_bytes().cast(pl.Int64).sum())).item()
    is_whole = inside + between + quotes == len(piece)
    # Whoever reads an amount refuses a quote in it anyway.
    others = cells.select(name for name in names if name not in amounts)
    return cells if is_whole and not (quotes and _holds_quotes(others)) else None


def _holds_quotes(cells: pl.DataFrame) -> bool:
    return bool(cells.select(pl.any_horizontal(pl.all().str.contains('"', literal=True).any())).item())
