"""Tables written into a workbook cell by cell, row after row, so that no more than a row is held.

Text is always text: no cell becomes a formula, a link or a number by its content, and text that begins like a
formula is marked as text for later editing. Numbers in a workbook are doubles: an amount is whole paisa until
it is divided by 100 at the last moment, so the cell has the nearest double, and two decimals of that are
exactly its taka and paisa. From `EXACT_BELOW_PAISA` on that is no longer so, and the amount is written as
text instead of being rounded.

Every sheet prints as it is read: A4 landscape, as wide as one page, headings repeated on each. A column is as
wide as its widest number, and as its widest text up to `TEXT_WIDTH_MAX`; longer text goes on in more lines.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from math import ceil
from pathlib import Path
from typing import Any

import xlsxwriter

from ekpay_switch.domain.money import grouped_taka
from ekpay_switch.domain.spreadsheet_cells import FORMULA_STARTS
from reconciliation.reports.bilingual_table import Amount, BilingualTable, Cell, Column, Share
from reconciliation.reports.wording import BilingualText

# 2^43 taka: doubles below it lie less than a thousandth apart.
EXACT_BELOW_PAISA = 2**43 * 100
TEXT_MAX = 32_767
# A SHA-256 stays in one line.
TEXT_WIDTH_MAX = 66
_NAME_MAX = 31
_A4 = 9
_MARGINS_INCHES = {"left": 0.4, "right": 0.4, "top": 0.5, "bottom": 0.6}
# A footer holds 255 characters; the rest of it are its codes.
_FOOTER_TITLE_MAX = 180
# Room at both sides of a cell, and for the arrow of a filter.
_PADDING = 2
_DATE_WIDTH = 10
# The day from which workbooks count theirs.
_DAY_0 = date(1899, 12, 30).toordinal()
_SAFE = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
    "nan_inf_to_errors": False,
}
_HEADING: dict[str, Any] = {
    "bold": True, "text_wrap": True, "valign": "top", "bg_color": "#DCE6E2", "bottom": 1,
}  # fmt: skip
_NUMBER: dict[str, Any] = {"align": "right", "indent": 1, "valign": "top"}
_LOOKS: dict[str, dict[str, Any]] = {
    "title": {"bold": True, "font_size": 14},
    "part": {"bold": True, "font_size": 12},
    "heading": _HEADING,
    # Above numbers, and as far from the next column.
    "number heading": _HEADING | _NUMBER,
    "text": {"num_format": "@", "valign": "top"},
    "wrapped": {"num_format": "@", "valign": "top", "text_wrap": True},
    "quoted": {"num_format": "@", "valign": "top", "quote_prefix": True},
    "count": _NUMBER | {"num_format": "#,##0"},
    "taka": _NUMBER | {"num_format": "#,##0.00"},
    "share": _NUMBER | {"num_format": "0.00%"},
    "date": {"num_format": "yyyy-mm-dd", "align": "left", "valign": "top"},
}
_TOTAL: dict[str, Any] = {"bold": True, "top": 1}
# As the heading of every column of amounts ends.
_OF_AMOUNTS = "taka"
# A capital letter takes the room of so many digits, in which widths are counted.
_CAPITAL_WIDTH = 1.25


@dataclass(frozen=True, slots=True)
class TableRange:
    """Where a table lies: its sheet, and the rows of its data from `first` to `last`, counted from 0."""

    sheet: str
    first: int
    last: int
    table: BilingualTable

    def cells(self, heading: str) -> list[str | int]:
        """The range of a column for a chart."""
        column = self.table.index(heading)
        return [self.sheet, self.first, column, self.last, column]

    def values(self, heading: str) -> list[Any]:
        """The cached values of a chart, shown before it is computed again."""
        column = self.table.index(heading)
        return [_chart_value(row[column]) for row in self.table.rows]


class Workbook:
    """One workbook. The same content and day give the same bytes."""

    def __init__(self, path: Path, scratch: Path, day: date, title: BilingualText) -> None:
        self.workbook = xlsxwriter.Workbook(str(path), {**_SAFE, "tmpdir": str(scratch)})
        # The only time in it: not of the making, but of what it is about.
        created = datetime.combine(day, time(), tzinfo=UTC)
        self.workbook.set_properties({"title": title.bilingual, "author": "ekPay", "created": created})
        self.formats = {name: self.workbook.add_format(look) for name, look in _LOOKS.items()}
        self.totals = {name: self.workbook.add_format(look | _TOTAL) for name, look in _LOOKS.items()}
        self._sheets: list[WorkbookSheet] = []

    def sheet(self, name: str, title: BilingualText) -> "WorkbookSheet":
        """A new sheet with its title in the first row."""
        page = WorkbookSheet(self, self.workbook.add_worksheet(name[:_NAME_MAX]))
        page.set_up_printing(title)
        page.line(title.bilingual, "title")
        self._sheets.append(page)
        return page

    def close(self) -> None:
        """Write it to disk."""
        for page in self._sheets:
            page.set_widths()
        self.workbook.close()


@dataclass(slots=True)
class WorkbookSheet:
    """A sheet that grows downwards."""

    book: Workbook
    worksheet: Any
    row: int = 0
    _widths: dict[int, int] = field(default_factory=dict)

    def set_up_printing(self, title: BilingualText) -> None:
        """A4 landscape, one page wide; the title row on each page, and at its foot title and number."""
        self.worksheet.set_paper(_A4)
        self.worksheet.set_landscape()
        self.worksheet.fit_to_pages(1, 0)
        self.worksheet.set_margins(**_MARGINS_INCHES)
        self.worksheet.repeat_rows(0)
        words = title.bilingual[:_FOOTER_TITLE_MAX].replace("&", "&&")
        self.worksheet.set_footer(f"&L&8{words}&R&8&A · &P / &N")

    def set_widths(self) -> None:
        """Make every column as wide as what was written into it."""
        for place, width in self._widths.items():
            self.worksheet.set_column(place, place, width)

    def line(self, text: str, look: str = "text") -> None:
        """One line of text."""
        self.worksheet.write_string(self.row, 0, text, self.book.formats[look])
        self.row += 1

    def table(self, table: BilingualTable, *, alone: bool = False) -> TableRange:
        """A table under what is there; `alone` on its sheet it is frozen under its headings, with filters."""
        if not alone:
            self.row += 1
            self.line(table.words.bilingual, "part")
        first = self.headings(table.columns, _places_of_numbers(table))
        for cells in table.rows[: len(table.rows) - table.has_total]:
            self.add(cells)
        filtered = max(self.row, first)
        for cells in table.rows[len(table.rows) - table.has_total :]:
            self.add(cells, is_total=True)
        last = max(self.row, first)
        if alone:
            self.freeze(first)
            self.worksheet.autofilter(first - 1, 0, filtered, len(table.columns) - 1)
        self.row = last + 1
        return TableRange(self.worksheet.get_name(), first, last, table)

    def freeze(self, first: int) -> None:
        """Keep what stands above row `first` in sight; on paper, the headings right above it on each page."""
        self.worksheet.freeze_panes(first, 1)
        self.worksheet.repeat_rows(first - 1)

    def headings(self, columns: Sequence[Column], numbers: Collection[int] = ()) -> int:
        """The headings of a table, those of amounts and of columns `numbers` at the right; the row below."""
        for place, column in enumerate(columns):
            self._widen(place, column.width)
            heading = f"{column.words.en}\n{column.words.bn}"
            is_number = place in numbers or column.words.en.endswith(_OF_AMOUNTS)
            look = self.book.formats["number heading" if is_number else "heading"]
            self.worksheet.write_string(self.row, place, heading, look)
        return self.row + 1

    def add(self, cells: Sequence[Cell], *, is_total: bool = False) -> None:
        """One more row below the last one; the row of the totals is set off."""
        self.row += 1
        looks = self.book.totals if is_total else self.book.formats
        for place, cell in enumerate(cells):
            self._widen(place, _width(cell))
            self._write(place, cell, looks)
            if is_total and (cell is None or cell == ""):
                self.worksheet.write_blank(self.row, place, None, looks["text"])

    def _widen(self, place: int, width: int) -> None:
        self._widths[place] = max(width, self._widths.get(place, 0))

    def _write(self, place: int, cell: Cell, looks: Mapping[str, Any]) -> None:
        match cell:
            case None | "":
                return
            case Amount() if abs(cell) >= EXACT_BELOW_PAISA:
                self.worksheet.write_string(self.row, place, grouped_taka(cell), looks["text"])
            case Amount():
                self.worksheet.write_number(self.row, place, int(cell) / 100, looks["taka"])
            case Share():
                self.worksheet.write_number(self.row, place, int(cell) / 10_000, looks["share"])
            case int():
                self.worksheet.write_number(self.row, place, cell, looks["count"])
            case date():
                self.worksheet.write_datetime(self.row, place, cell, looks["date"])
            case str():
                self.worksheet.write_string(self.row, place, cell[:TEXT_MAX], looks[_text_look(cell)])


def _width(cell: Cell) -> int:
    """How many letters wide a column must be to show a cell whole; a long text goes on in further lines."""
    match cell:
        case None:
            return 0
        case Amount():
            return _taka_width(cell) + _PADDING
        case Share() | date():
            return _DATE_WIDTH + _PADDING
        case int():
            return len(f"{cell:,}") + _PADDING
        case str():
            return min(_text_width(cell), TEXT_WIDTH_MAX) + _PADDING


def _places_of_numbers(table: BilingualTable) -> set[int]:
    return {place for row in table.rows for place, cell in enumerate(row) if isinstance(cell, int)}


def _taka_width(paisa: int) -> int:
    """The length of `grouped_taka`, without making it: sign, digits, a comma after each two, two decimals."""
    digits = max(len(str(abs(paisa))) - 2, 1)
    return (paisa < 0) + digits + max(digits - 2, 0) // 2 + 3


def _text_look(text: str) -> str:
    if text.startswith(FORMULA_STARTS):
        return "quoted"
    # Most text is short enough even in capitals, and is not measured letter by letter.
    is_short = len(text) * _CAPITAL_WIDTH <= TEXT_WIDTH_MAX
    return "text" if is_short or _text_width(text) <= TEXT_WIDTH_MAX else "wrapped"


def _text_width(text: str) -> int:
    letters = text[: TEXT_WIDTH_MAX + 1]
    return ceil(len(letters) + sum(map(str.isupper, letters)) * (_CAPITAL_WIDTH - 1))


def _chart_value(cell: Cell) -> object:
    match cell:
        case Amount():
            return int(cell) / 100
        case Share():
            return int(cell) / 10_000
        case date():
            return cell.toordinal() - _DAY_0
        case _:
            return cell
