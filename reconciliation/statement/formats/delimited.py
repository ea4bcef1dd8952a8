"""Delimited and fixed-width text as a grid of text cells, one row a line.

A line break inside a quoted field is refused: no institution writes one, and a lost quote would swallow rows.
"""

import csv
from collections.abc import Sequence

import polars as pl

from reconciliation.errors import UnreadableFileError


def split_delimited(
    lines: Sequence[str], delimiter: str, quote: str | None, first_line: int
) -> list[list[str]]:
    """The cells of each line; `first_line` is the number of the first of them in its file.

    Raises:
        UnreadableFileError: a quote is left open, or something stands behind a closing one.
    """
    if quote is None:
        return [line.split(delimiter) for line in lines]
    rows: list[list[str]] = []
    reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=True)
    try:
        for row in reader:
            rows.append(row)
            if reader.line_num != len(rows):
                raise UnreadableFileError("a field goes on in the next line", first_line + len(rows) - 1)
    except csv.Error as problem:
        raise UnreadableFileError(f"the quotes are wrong: {problem}", first_line + len(rows)) from problem
    return rows


def grid(rows: Sequence[Sequence[str]], names: Sequence[str], first_line: int) -> pl.DataFrame:
    """Rows of equal length as columns of text.

    Raises:
        UnreadableFileError: a row has more or fewer cells than there are headings.
    """
    for number, row in enumerate(rows):
        if len(row) != len(names):
            raise UnreadableFileError(
                f"{len(row)} cells under {len(names)} headings", line=first_line + number
            )
    columns = zip(*rows, strict=True) if rows else ([] for _ in names)
    return pl.DataFrame(
        {name: list(cells) for name, cells in zip(names, columns, strict=True)},
        schema=dict.fromkeys(names, pl.String),
    )


def split_fixed(lines: Sequence[str], widths: Sequence[int], first_line: int) -> list[list[str]]:
    """The cells of lines whose columns have fixed widths, without the spaces around them.

    Raises:
        UnreadableFileError: a line is longer or shorter than its columns together.
    """
    total = sum(widths)
    ends = [sum(widths[: index + 1]) for index in range(len(widths))]
    spans = [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]
    rows = []
    for number, line in enumerate(lines):
        if len(line) != total:
            raise UnreadableFileError(
                f"{len(line)} characters where the columns have {total}", line=first_line + number
            )
        rows.append([line[span].strip() for span in spans])
    return rows
