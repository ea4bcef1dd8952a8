"""Workbooks (XLSX) as pieces of a table of text.

A workbook keeps numbers as doubles, so a reference of more than fifteen digits that was typed as a number has
already lost its tail, and a shorter one its zeros: the reader marks number cells, and `canonical_rows`
rejects such a row; nothing is guessed (reconciliation.md 2.2). Text cells are taken as they are, number cells
as the shortest text that names the same double. Neither the sheet nor its cells are ever in memory as a
whole.
"""

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Final
from xml.parsers import expat

import polars as pl
from lxml import etree

from reconciliation.errors import UnreadableFileError
from reconciliation.statement.formats.file_limits import FileLimits
from reconciliation.statement.formats.packed_parts import PackedParts
from reconciliation.statement.formats.workbook_sheet import (
    Cell,
    SharedTexts,
    SheetRows,
    parser_of,
    places_of,
    text_of,
)
from reconciliation.statement.formats.workbook_values import shows_time
from reconciliation.statement.formats.xml_text import local_name, parse_xml
from reconciliation.statement.values.amounts import cell_of_double

_BOOK: Final = "xl/workbook.xml"
_RELATIONS: Final = "xl/_rels/workbook.xml.rels"
_SMALL_PART_BYTES: Final = 16 << 20
_PIECE_ROWS: Final = 20_000
_PIECE_TEXTS: Final = 100_000


@dataclass(frozen=True, slots=True)
class SheetPiece:
    """Some rows of a sheet below its headings; `numbers` marks the cells that are numbers."""

    first_line: int
    cells: pl.DataFrame
    numbers: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Sheet:
    """The first sheet of a workbook: its headings, and the rows below them in pieces, which are read once.

    There is always a piece, be it without rows.
    """

    headings: Sequence[str]
    headings_line: int
    pieces: Iterator[SheetPiece]


def read(content: bytes, limits: FileLimits) -> Sheet:
    """The first sheet of a workbook.

    Raises:
        UnreadableFileError: no workbook, no heading row, or more than the limits allow; while its pieces are
        read, too.
    """
    parts = PackedParts(content, limits)
    sheet_part, targets = _first_sheet(parts)
    shared = _shared_texts(parts, targets.get("sharedStrings", ""), limits)
    rows = SheetRows(len(shared), _time_styles(parts, targets.get("styles", "")), limits.cells)
    events = _parsed(parts, sheet_part, rows)
    for _ in events:
        if rows.headings is not None:
            break
    if rows.headings is None:
        raise UnreadableFileError("the sheet has no heading row")
    headings = [cell.strip() for cell in _resolved(rows.headings, shared)]
    return Sheet(headings, rows.headings_line, _pieces(rows, events, shared, len(headings)))


def _first_sheet(parts: PackedParts) -> tuple[str, Mapping[str, str]]:
    """The part of the first sheet, and the parts of other kinds by the last word of their kind."""
    targets: dict[str, str] = {}
    by_id: dict[str, str] = {}
    for relation in _small_part(parts, _RELATIONS):
        place = posixpath.normpath(posixpath.join("/xl", relation.get("Target", ""))).lstrip("/")
        by_id[relation.get("Id", "")] = place
        targets.setdefault(relation.get("Type", "").rpartition("/")[2], place)
    for element in _small_part(parts, _BOOK).iter():
        if local_name(element) == "sheet":
            ids = [value for name, value in element.attrib.items() if etree.QName(name).localname == "id"]
            if len(ids) == 1 and ids[0] in by_id:
                return by_id[ids[0]], targets
            break
    raise UnreadableFileError("no workbook that can be read: it names no sheet")


def _small_part(parts: PackedParts, name: str) -> etree._Element:
    content = bytearray()
    for chunk in parts.chunks(name):
        content += chunk
        if len(content) > _SMALL_PART_BYTES:
            raise UnreadableFileError(f"part {name[:100]!r} has more than {_SMALL_PART_BYTES} bytes")
    return parse_xml(BytesIO(content))


def _time_styles(parts: PackedParts, name: str) -> Mapping[str, bool]:
    """Which styles of cells show times, by their place as cells write it."""
    if name not in parts:
        return {}
    codes: dict[str, str] = {}
    styles: list[bool] = []
    for element in _small_part(parts, name).iter():
        match local_name(element):
            case "numFmt":
                codes[element.get("numFmtId", "")] = element.get("formatCode", "")
            case "cellXfs":
                numbers = [style.get("numFmtId", "") for style in element]
                styles = [shows_time(number, codes.get(number)) for number in numbers]
            case _:
                pass
    return {str(place): is_time for place, is_time in enumerate(styles) if is_time}


def _shared_texts(parts: PackedParts, name: str, limits: FileLimits) -> pl.Series:
    whole = [pl.Series([], dtype=pl.String)]
    if name not in parts:
        return whole[0]
    texts = SharedTexts(limits.cells)
    for _ in _parsed(parts, name, texts):
        if len(texts.texts) >= _PIECE_TEXTS:
            whole += [pl.Series(texts.take(), dtype=pl.String)]
    whole += [pl.Series(texts.take(), dtype=pl.String)]
    return pl.concat(whole, rechunk=True)


def _parsed(parts: PackedParts, name: str, receiver: SheetRows | SharedTexts) -> Iterator[None]:
    """Parse a part piece by piece, and pause behind each."""
    parser = parser_of(receiver)
    try:
        for chunk in parts.chunks(name):
            parser.Parse(chunk, False)  # noqa: FBT003 - that is how the parser is called
            yield
        parser.Parse(b"", True)  # noqa: FBT003
    except (expat.ExpatError, LookupError, ValueError) as problem:  # the latter two: an unknown encoding
        raise UnreadableFileError(f"no well-formed XML in {name[:100]!r}: {problem}") from problem
    yield


def _pieces(rows: SheetRows, events: Iterator[None], shared: pl.Series, width: int) -> Iterator[SheetPiece]:
    for _ in events:
        if len(rows.rows) >= _PIECE_ROWS:
            yield _piece(rows, shared, width)
    yield _piece(rows, shared, width)


def _piece(rows: SheetRows, shared: pl.Series, width: int) -> SheetPiece:
    first_line, cells, numbers = rows.take()
    # Without rows there are no columns to turn around.
    texts = [_resolved(column, shared) for column in zip(*cells, strict=True)] if cells else _empty(width)
    marks = [pl.Series(column, dtype=pl.Boolean) for column in zip(*numbers, strict=True)]
    marks = marks if numbers else [column.cast(pl.Boolean) for column in _empty(width)]
    return SheetPiece(first_line, _frame(texts), _frame(marks))


def _empty(width: int) -> list[pl.Series]:
    return [pl.Series([], dtype=pl.String) for _ in range(width)]


def _frame(columns: Sequence[pl.Series]) -> pl.DataFrame:
    return pl.DataFrame([column.alias(str(place)) for place, column in enumerate(columns)])


def _resolved(cells: Sequence[Cell], shared: pl.Series) -> pl.Series:
    """The text of cells."""
    texts = pl.Series(text_of(cells), dtype=pl.String)
    if not texts.null_count():
        return texts
    return texts.zip_with(texts.is_not_null(), shared.gather(pl.Series(places_of(cells), dtype=pl.UInt32)))


def exact_amounts(cells: pl.Series, is_number: pl.Series) -> pl.Series:
    """Number cells as decimal text of two places; text cells as they are."""
    noisy: Sequence[str] = cells.to_list()
    return pl.Series(
        cells.name,
        [
            cell_of_double(cell) if number else cell
            for cell, number in zip(noisy, is_number.to_list(), strict=True)
        ],
        dtype=pl.String,
    )
