"""Workbooks (XLSX) as a grid of text.

A workbook keeps numbers as doubles, so a reference of more than fifteen digits that was typed as a number has
already lost its tail, and a shorter one its zeros: the reader marks number cells, and `canonical_rows`
rejects such a row; nothing is guessed (reconciliation.md 2.2). Text cells are taken as they are, number cells
as the shortest text that names the same double.
"""

from collections.abc import Sequence
from typing import Literal

import fastexcel
import polars as pl

from reconciliation.errors import UnreadableFileError
from reconciliation.statement.values.amounts import cell_of_double

_KINDS: tuple[Literal["string"], Literal["boolean"]] = ("string", "boolean")


def read(content: bytes, sheet: str | None, skip: int) -> tuple[list[str], pl.DataFrame, pl.DataFrame]:
    """The heading cells of the row after `skip`, the text of the cells below, and which of those are numbers.

    Raises:
        UnreadableFileError: no workbook, no such sheet, or no heading row.
    """
    try:
        book = fastexcel.read_excel(content)
        name: int | str = 0 if sheet is None else sheet
        # Loaded as a boolean, a cell is null unless it is a number.
        text, numbers = (
            book.load_sheet(
                name, header_row=None, skip_rows=skip, skip_whitespace_tail_rows=True, dtypes=kind
            ).to_polars()
            for kind in _KINDS
        )
    except fastexcel.FastExcelError as problem:
        raise UnreadableFileError(
            f"no workbook that can be read: {str(problem).splitlines()[0]}"
        ) from problem
    if text.height == 0:
        raise UnreadableFileError("the sheet has no heading row")
    headings = [str(cell or "").strip() for cell in text.row(0)]
    is_number = numbers.select(pl.all().is_not_null()).slice(1)
    return headings, text.slice(1).select(pl.all().fill_null("")), is_number


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
