"""Tables written into a workbook cell by cell, row after row, so that no more than a row is held.

Text is always text: no cell becomes a formula, a link or a number by its content, and text that begins like a
formula is marked as text for later editing. Numbers in a workbook are doubles: an amount is whole paisa until
it is divided by 100 at the last moment, so the cell has the nearest double, and two decimals of that are
exactly its taka and paisa. From `EXACT_BELOW_PAISA` on that is no longer so, and the amount is written as
text instead of being rounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import xlsxwriter

from ekpay_switch.domain.spreadsheet_cells import FORMULA_STARTS
from reconciliation.reports.bilingual_table import Amount, BilingualTable, Cell, Column, Share
from reconciliation.reports.wording import BilingualText, grouped_taka

# 2^43 taka: doubles below it lie less than a thousandth apart.
EXACT_BELOW_PAISA = 2**43 * 100
TEXT_MAX = 32_767
_NAME_MAX = 31
# The day from which workbooks count theirs.
_DAY_0 = date(1899, 12, 30).toordinal()
_SAFE = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
    "nan_inf_to_errors": False,
}
_LOOKS: dict[str, dict[str, Any]] = {
    "title": {"bold": True, "font_size": 14},
    "part": {"bold": True, "font_size": 12},
    "heading": {"bold": True, "text_wrap": True, "valign": "top", "bg_color": "#DCE6E2", "bottom": 1},
    "text": {"num_format": "@", "valign": "top"},
    "quoted": {"num_format": "@", "valign": "top", "quote_prefix": True},
    "count": {"num_format": "#,##0"},
    "taka": {"num_format": "#,##0.00"},
    "share": {"num_format": "0.00%"},
    "date": {"num_format": "yyyy-mm-dd", "align": "left"},
}


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

    def sheet(self, name: str, title: BilingualText) -> "WorkbookSheet":
        """A new sheet with its title in the first row."""
        page = WorkbookSheet(self, self.workbook.add_worksheet(name[:_NAME_MAX]))
        page.line(title.bilingual, "title")
        return page

    def close(self) -> None:
        """Write it to disk."""
        self.workbook.close()


@dataclass(slots=True)
class WorkbookSheet:
    """A sheet that grows downwards."""

    book: Workbook
    worksheet: Any
    row: int = 0
    _widths: dict[int, int] = field(default_factory=dict)

    def line(self, text: str, look: str = "text") -> None:
        """One line of text."""
        self.worksheet.write_string(self.row, 0, text, self.book.formats[look])
        self.row += 1

    def table(self, table: BilingualTable, *, alone: bool = False) -> TableRange:
        """A table under what is there; `alone` on its sheet it is frozen under its headings, with filters."""
        if not alone:
            self.row += 1
            self.line(table.words.bilingual, "part")
        first = self.headings(table.columns)
        for cells in table.rows:
            self.add(cells)
        last = max(self.row, first)
        if alone:
            self.worksheet.freeze_panes(first, 1)
            self.worksheet.autofilter(first - 1, 0, last, len(table.columns) - 1)
        self.row = last + 1
        return TableRange(self.worksheet.get_name(), first, last, table)

    def headings(self, columns: Sequence[Column]) -> int:
        """The headings of a table; returns the row below them."""
        self._widen(columns)
        for place, column in enumerate(columns):
            heading = f"{column.words.en}\n{column.words.bn}"
            self.worksheet.write_string(self.row, place, heading, self.book.formats["heading"])
        return self.row + 1

    def add(self, cells: Sequence[Cell]) -> None:
        """One more row below the last one."""
        self.row += 1
        for place, cell in enumerate(cells):
            self._write(place, cell)

    def _widen(self, columns: Sequence[Column]) -> None:
        for place, column in enumerate(columns):
            if column.width > self._widths.get(place, 0):
                self._widths[place] = column.width
                self.worksheet.set_column(place, place, column.width)

    def _write(self, place: int, cell: Cell) -> None:
        looks = self.book.formats
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
                look = looks["quoted" if cell.startswith(FORMULA_STARTS) else "text"]
                self.worksheet.write_string(self.row, place, cell[:TEXT_MAX], look)


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
