"""Columns, cells, quotes and delimiters of a CSV file changed."""

from collections.abc import Callable
from random import Random
from typing import Final

from tests.fuzz.mutations.cell_texts import STEPS, random_text

Rows = list[list[str]]


def _cell(random: Random, rows: Rows) -> None:
    """Another text in a cell, which is seldom one of the heading or of a line that is empty."""
    below = [row for row in rows[1:] if len(row) > 1]
    row = random.choice(below if below and random.randrange(6) else rows)
    place = random.randrange(len(row))
    row[place] = random_text(random, row[place])


def _lose_cell(random: Random, rows: Rows) -> None:
    row = random.choice(rows)
    del row[random.randrange(len(row))]
    row.extend([""] * (not row))


def _more_cells(random: Random, rows: Rows) -> None:
    row = random.choice(rows)
    row[len(row) :] = [random_text(random, "")] * random.choice((1, 2, 2_000))


def _lose_column(random: Random, rows: Rows) -> None:
    place = random.randrange(len(rows[0]))
    for row in rows:
        del row[place : place + 1]
        row.extend([""] * (not row))


def _swap_columns(random: Random, rows: Rows) -> None:
    one, other = random.randrange(len(rows[0])), random.randrange(len(rows[0]))
    for row in rows:
        if max(one, other) < len(row):
            row[one], row[other] = row[other], row[one]


def _double_column(random: Random, rows: Rows) -> None:
    place = random.randrange(len(rows[0]))
    for row in rows:
        row[place:place] = row[place : place + 1]


def _quote(random: Random, rows: Rows) -> None:
    """Put quotes around or into a cell, closed or left open, with or without a line end between them."""
    row = random.choice(rows)
    place = random.randrange(len(row))
    inside = random.choice(("", '""', '"', "\n", "\r\n", ",", ";"))
    row[place] = random.choice(("", '"')) + row[place] + inside + random.choice(("", '"'))


def _fill_column(random: Random, rows: Rows) -> None:
    """One text in a column of every row, the heading apart."""
    place = random.randrange(len(rows[0]))
    text = random_text(random, "")
    for row in rows[1:]:
        if place < len(row):
            row[place] = text


_STEPS: Final[tuple[Callable[[Random, Rows], None], ...]] = (
    *(_cell, _cell, _cell, _cell, _lose_cell, _more_cells, _lose_column, _swap_columns, _double_column),
    *(_quote, _quote, _fill_column),
)


def spoil_cells(random: Random, content: bytes, delimiter: str, encoding: str = "utf-8") -> bytes:
    """Change some cells or columns of a CSV; one time in ten its delimiter too."""
    text = content.decode(encoding, errors="replace")
    end = "\r\n" if "\r\n" in text else "\n"
    rows = [line.split(delimiter) for line in text.split(end)]
    for _ in range(random.choice(STEPS)):
        random.choice(_STEPS)(random, rows)
    if random.randrange(10) == 0:
        delimiter = random.choice(",;|^\t:")
    return end.join(delimiter.join(row) for row in rows).encode(encoding, errors="replace")
