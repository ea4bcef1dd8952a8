"""The kill matrix: what was killed where, how soon all was final again, and what was lost or doubled."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from tests.faults.crashes.payment_checks import Verdict


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


RECOVERY_HEAD = (
    "killed together",
    "strikes",
    "paid again s",
    "at worst",
    "asked again s",
    "at worst",
    "collected again s",
    "at worst",
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
    return table([HEAD, *(row.cells() for row in lines), sums], words=2)


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was killed together, and in seconds how soon after each strike work went on.

    `paid` is the time until a payment asked for after the strike was acknowledged, `asked` the time until a
    worker asked a far side, `collected` until the end of a wallet payment ordered after the strike was known;
    all count the strikes that came in between.
    """

    victims: str
    paid: Sequence[float]
    asked: Sequence[float]
    collected: Sequence[float] = ()

    def cells(self) -> tuple[str, ...]:
        """Median and worst of each."""
        return (
            self.victims,
            str(len(self.paid)),
            *_middle_and_worst(self.paid),
            *_middle_and_worst(self.asked),
            *_middle_and_worst(self.collected),
        )


def recoveries_drawn(recoveries: Iterable[Recovery]) -> str:
    """How soon work went on, as text, a line for each set of victims."""
    return table([RECOVERY_HEAD, *(recovery.cells() for recovery in recoveries)], words=1)


def _middle_and_worst(seconds: Sequence[float]) -> tuple[str, str]:
    return (f"{median(seconds):.1f}", f"{max(seconds):.1f}") if seconds else ("-", "-")


def table(rows: Sequence[tuple[str, ...]], words: int) -> str:
    """Cells as text, the first `words` columns to the left and the others to the right."""
    widths = [max(len(cells[column]) for cells in rows) for column in range(len(rows[0]))]
    return "\n".join(_line(cells, widths, words) for cells in rows)


def _line(cells: tuple[str, ...], widths: list[int], words: int) -> str:
    left = (word.ljust(width) for word, width in zip(cells[:words], widths[:words], strict=True))
    right = (number.rjust(width) for number, width in zip(cells[words:], widths[words:], strict=True))
    return "  ".join((*left, *right)).rstrip()
