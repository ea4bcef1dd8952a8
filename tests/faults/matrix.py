"""The kill matrix: what was killed where, how soon all was final again, and what was lost or doubled."""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.faults.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Row:
    """One point.

    `saved` payments stood at the biller when the last kill struck; `recovered_seconds` passed from then until
    every payment had its final answer.
    """

    process: str
    point: str
    kills: int
    payments: int
    saved: int
    recovered_seconds: float
    verdict: Verdict

    def cells(self) -> tuple[str, ...]:
        return (
            self.process,
            self.point,
            str(self.kills),
            str(self.payments),
            str(self.saved),
            f"{self.recovered_seconds:.1f}",
            str(len(self.verdict.lost)),
            str(len(self.verdict.doubled)),
            str(len(self.verdict.wrong)),
        )


HEAD = (
    "process",
    "point",
    "kills",
    "payments",
    "saved by then",
    "recovered s",
    "lost",
    "doubled",
    "otherwise wrong",
)


def drawn(rows: Iterable[Row]) -> str:
    """The matrix as text, a line a point and a line of sums."""
    lines = tuple(rows)
    sums = (
        "all",
        f"{len(lines)} points",
        str(sum(row.kills for row in lines)),
        str(sum(row.payments for row in lines)),
        str(sum(row.saved for row in lines)),
        f"{max((row.recovered_seconds for row in lines), default=0):.1f} at most",
        str(sum(len(row.verdict.lost) for row in lines)),
        str(sum(len(row.verdict.doubled) for row in lines)),
        str(sum(len(row.verdict.wrong) for row in lines)),
    )
    table = [HEAD, *(row.cells() for row in lines), sums]
    widths = [max(len(cells[column]) for cells in table) for column in range(len(HEAD))]
    return "\n".join(_line(cells, widths) for cells in table)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    words, numbers = cells[:2], cells[2:]
    left = (word.ljust(width) for word, width in zip(words, widths[:2], strict=True))
    right = (number.rjust(width) for number, width in zip(numbers, widths[2:], strict=True))
    return "  ".join((*left, *right)).rstrip()
