"""The fault matrix as text: how a cell is told, drawn for a terminal, and written and read in Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

import pytest

CORNER = "what goes wrong"
Cells = Mapping[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class End:
    """How one payment ended: our state, what its partner heard in turn, what its biller holds.

    `sends` is how often it was begun, `remark` what else is to be told. `faults` are what the books have
    against each other, in words.
    """

    row: str
    column: str
    state: str
    told: tuple[str, ...]
    book: str
    sends: int
    alarms: tuple[str, ...]
    faults: tuple[str, ...] = ()
    remark: str = ""

    @property
    def text(self) -> str:
        parts = [f"{self.state}, told {' then '.join(self.told)}", self.book]
        parts += ["sent again"] * (self.sends > 1)
        parts += [f"alarm {alarm}" for alarm in self.alarms]
        return "; ".join([*parts, self.remark] if self.remark else parts)


@dataclass(frozen=True, slots=True)
class Printed:
    """A plugin of pytest that prints one text at the end of the session."""

    title: str
    text: str

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section(self.title)
        terminalreporter.write_line(self.text)


def drawn(cells: Cells, rows: Sequence[str], columns: Sequence[str]) -> str:
    """A line a row and a line a cell: a cell is too long to stand beside three others."""
    width = max(len(column) for column in columns)
    lines = [
        line
        for row in rows
        for line in (row, *(f"  {column.ljust(width)}  {cells[row, column]}" for column in columns))
    ]
    return "\n".join(lines)


def as_markdown(cells: Cells, rows: Sequence[str], columns: Sequence[str]) -> str:
    """The table of the documentation."""
    table = [[CORNER, *columns], ["---"] * (1 + len(columns))]
    table += [[row, *(cells[row, column] for column in columns)] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in table)


def read_markdown(text: str) -> Cells:
    """The cells of the table that begins with our corner, by row and column."""
    _, _, after = text.partition(f"| {CORNER} |")
    head, _, *lines = [_split(line) for line in takewhile(lambda line: line, after.splitlines())]
    return {(name, column): told for name, *cells in lines for column, told in zip(head, cells, strict=True)}


def _split(line: str) -> Sequence[str]:
    return [cell.strip() for cell in line.strip("| ").split("|")]
