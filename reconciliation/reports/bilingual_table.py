"""A table of a report in two languages, independent of its output format.

A cell says by its type how it is printed: an `Amount` as taka, a `Share` as per cent, an int as a count, a
date as a date, and text as text, never as a formula.
"""

from dataclasses import dataclass
from datetime import date

from reconciliation.reports.wording import BilingualText

# The heading of the column that most tables begin with.
INSTITUTION = ("Institution", "প্রতিষ্ঠান", 18)


class Amount(int):
    """Whole paisa."""


class Share(int):
    """A part of a whole in hundredths of a per cent, rounded down: nothing short of all is 100 %."""


Cell = str | int | date | None


@dataclass(frozen=True, slots=True)
class Column:
    """A heading in both languages and how wide its cells are at least, in letters."""

    words: BilingualText
    width: int = 14


@dataclass(frozen=True, slots=True)
class BilingualTable:
    """A table with its title; a row has a cell a column; with `has_total` the last one sums the others."""

    words: BilingualText
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    has_total: bool = False

    def index(self, heading: str) -> int:
        """The place of a column by its English heading."""
        return [column.words.en for column in self.columns].index(heading)


def share(part: int, whole: int) -> Share | None:
    """The share of a part; None where the whole is zero."""
    return Share(part * 10_000 // whole) if whole else None


def columns(*told: tuple[str, str, int]) -> tuple[Column, ...]:
    """Columns of English, Bangla and width."""
    return tuple(Column(BilingualText(en, bn), width) for en, bn, width in told)
