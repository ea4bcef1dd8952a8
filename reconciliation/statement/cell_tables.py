"""Text files and workbooks as one table of cells: heading, body and trailer taken apart.

A table has the cells of its header and trailer and, for a workbook, which cells are numbers. Every column
that the layout names must be there, in its place, and no other.
"""

import codecs
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from reconciliation.digests import sha256_of
from reconciliation.errors import ControlTotalError, UnreadableFileError
from reconciliation.statement.formats import workbook
from reconciliation.statement.formats.delimited import grid, split_delimited, split_fixed
from reconciliation.statement.formats.file_limits import USUAL_LIMITS, FileLimits
from reconciliation.statement.layout import Layout, LineLayout, TextLayout

_ENDS = {"lf": "\n", "crlf": "\r\n"}
_CODECS = {"ascii": "ascii", "utf-8": "utf-8", "utf-8-sig": "utf-8", "utf-16-le-bom": "utf-16-le"}
_MARKS = {"utf-8-sig": codecs.BOM_UTF8, "utf-16-le-bom": codecs.BOM_UTF16_LE}


@dataclass(frozen=True, slots=True)
class CellTable:
    """The cells of a file as text.

    `first_line` is where the body begins in the file; where rows do not follow one another, `places` has the
    line or message of each. `numbers` marks the cells of a workbook that are numbers, `body_sha256` is the
    digest of every byte above the trailer, and `controls` are those that the container itself has.
    """

    cells: pl.DataFrame
    first_line: int
    header: Mapping[str, str]
    trailer: Mapping[str, str]
    body_sha256: str = ""
    numbers: pl.DataFrame | None = None
    places: Sequence[int] = ()
    unit: str = "line"
    controls: Mapping[str, str] = field(default_factory=dict)

    def refusal(self, row: int, reason: str, column: str = "") -> UnreadableFileError:
        """Why the file is refused, with the place of a row counted from 0."""
        place = self.places[row] if self.places else self.first_line + row
        return UnreadableFileError(reason, place, column or None, self.unit)


def read_table(content: bytes, layout: Layout, limits: FileLimits = USUAL_LIMITS) -> CellTable:
    """The cells of a file whose layout is a table.

    Raises:
        UnreadableFileError: it does not match the layout.
        ControlTotalError: the trailer is not there, as in a file that was cut off.
    """
    if layout.row is None:
        raise UnreadableFileError("the layout has no rows")
    if layout.text is None:
        tables = list(workbook_tables(content, layout.row, limits))
        return replace(
            tables[0],
            cells=pl.concat([table.cells for table in tables]),
            numbers=pl.concat([table.numbers for table in tables if table.numbers is not None]),
        )
    return of_lines(content, layout, layout.text, _lines(content, layout.text))


def of_lines(
    content: bytes, layout: Layout, text: TextLayout, lines: list[str], cells: pl.DataFrame | None = None
) -> CellTable:
    """The table of all lines, or of the lines around a body whose cells are given."""
    row = layout.row or LineLayout(columns=("",))
    header = _taken_off(lines, 0, layout.header, text, "header")
    trailer: Mapping[str, str] = {}
    last = lines[-1] if lines else ""
    if layout.trailer is not None:
        trailer = _taken_off(lines, -1, layout.trailer, text, "trailer")
    first_line = 1 + (layout.header is not None) + text.headings
    if text.headings:
        _check_headings(lines, row, text)
    if cells is None:
        cells = grid(_split(lines, row, text, first_line), row.names, first_line)
    check_constants(cells, row, first_line)
    is_told = layout.control is not None and bool(layout.control.sha256_cell)
    digest = _sha256_above(content, last, text) if is_told else ""
    return CellTable(cells, first_line, header, trailer, digest)


def workbook_tables(content: bytes, row: LineLayout, limits: FileLimits) -> Iterator[CellTable]:
    """The cells of a workbook in pieces, each a table of its own; at least one.

    Raises:
        UnreadableFileError: it does not match the layout, or exceeds the limits.
    """
    sheet = workbook.read(content, limits)
    if tuple(sheet.headings) != row.names:
        raise UnreadableFileError(f"the headings are {', '.join(sheet.headings)}", line=sheet.headings_line)
    for piece in sheet.pieces:
        yield CellTable(
            _named(piece.cells, row), piece.first_line, {}, {}, numbers=_named(piece.numbers, row)
        )


def _named(cells: pl.DataFrame, row: LineLayout) -> pl.DataFrame:
    return cells.rename(dict(zip(cells.columns, row.names, strict=True)))


def _lines(content: bytes, text: TextLayout) -> list[str]:
    mark = _MARKS.get(text.encoding, b"")
    if not content.startswith(mark):
        raise UnreadableFileError(f"no byte order mark of {text.encoding}")
    try:
        whole = content[len(mark) :].decode(_CODECS[text.encoding])
    except UnicodeDecodeError as problem:
        raise UnreadableFileError(f"byte {problem.start} is not {text.encoding}") from problem
    end = _ENDS[text.line_end]
    lines = whole.split(end)
    if lines.pop() != "":
        raise ControlTotalError("the last line has no end: the file is cut off", line=len(lines) + 1)
    stray = next((number for number, line in enumerate(lines, 1) if "\r" in line or "\n" in line), None)
    if stray is not None:
        raise UnreadableFileError(f"another line end than {text.line_end}", line=stray)
    return lines


def _split(lines: Sequence[str], line: LineLayout, text: TextLayout, first_line: int) -> list[list[str]]:
    if line.widths:
        return split_fixed(lines, line.widths, first_line)
    return split_delimited(lines, text.delimiter, text.quote or None, first_line)


def _taken_off(
    lines: list[str], place: int, line: LineLayout | None, text: TextLayout, name_of_line: str
) -> Mapping[str, str]:
    """The named cells of the first or the last line, which is removed from the list."""
    if line is None:
        return {}
    number = 1 if place == 0 else len(lines)
    try:
        (cells,) = _split([lines.pop(place)], line, text, number)
    except (IndexError, UnreadableFileError) as problem:
        raise ControlTotalError(f"no {name_of_line}") from problem
    named = dict(zip(line.names, cells, strict=False))
    if len(cells) != len(line.names) or any(
        named[name] != constant for name, constant in line.constants.items()
    ):
        raise ControlTotalError(f"no {name_of_line}", line=number)
    return {name: cell for name, cell in named.items() if name not in line.constants}


def _check_headings(lines: list[str], row: LineLayout, text: TextLayout) -> None:
    if not lines:
        raise UnreadableFileError("no headings", line=1)
    (headings,) = split_delimited([lines.pop(0)], text.delimiter, text.quote or None, 1)
    unknown = [name for name in headings if name not in row.columns]
    if unknown:
        raise UnreadableFileError("an unknown column", line=1, column=unknown[0])
    if tuple(headings) != row.columns:
        raise UnreadableFileError("columns are missing or stand elsewhere", line=1)


def check_constants(cells: pl.DataFrame, row: LineLayout, first_line: int) -> None:
    """Refuse a file in which a cell of fixed text holds another.

    Raises:
        UnreadableFileError: one does.
    """
    for name, constant in row.constants.items():
        wrong = (cells[name] != constant).arg_max() if cells.height else None
        if wrong is not None and cells[name][wrong] != constant:
            raise UnreadableFileError(
                f"{cells[name][wrong]!r} where {constant!r} must stand", line=first_line + wrong
            )


def _sha256_above(content: bytes, last_line: str, text: TextLayout) -> str:
    tail = (last_line + _ENDS[text.line_end]).encode(_CODECS[text.encoding])
    return sha256_of(content[: len(content) - len(tail)])
