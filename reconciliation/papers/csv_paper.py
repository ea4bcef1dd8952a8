"""A CSV file for accountants, written row after row, with control totals and the digest of itself last."""

import csv
import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.money import format_taka
from ekpay_switch.domain.spreadsheet_cells import without_formula
from reconciliation.reports.bilingual_table import Amount

CsvCell = str | int | date | None


class CsvPaper:
    """Rows of one CSV file in UTF-8, open inside `with`.

    Amounts are written as taka with two decimals, instants on a Dhaka clock, and no text begins like a
    formula.
    """

    def __init__(self, path: Path, headings: Sequence[str]) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._digest = hashlib.sha256()
        self._width = len(headings)
        self._rows = 0
        self._writer = csv.writer(self, lineterminator="\n")
        self._write(headings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing more is written."""
        self._file.close()

    def add(self, cells: Sequence[CsvCell]) -> None:
        """One row."""
        self._rows += 1
        self._write([_cell_text(cell) for cell in cells])

    def control(self, totals: Sequence[tuple[str, int]]) -> None:
        """The last row: how many rows there are, totals in taka, and the SHA-256 of every byte before it."""
        cells = ["control", "rows", str(self._rows)]
        for name, paisa in totals:
            cells += [name, format_taka(paisa)]
        self._write([*cells, "sha256", self._digest.hexdigest()])

    def _write(self, cells: Sequence[str]) -> None:
        self._writer.writerow([*cells, *[""] * (self._width - len(cells))])

    def write(self, text: str) -> None:
        """Take text of the CSV writer."""
        self._digest.update(text.encode())
        self._file.write(text)


def _cell_text(cell: CsvCell) -> str:
    match cell:
        case None:
            return ""
        case Amount():
            return format_taka(cell)
        case datetime():
            return in_dhaka(cell).isoformat(timespec="milliseconds")
        case date() | int():
            return str(cell)
        case str():
            return without_formula(cell)
