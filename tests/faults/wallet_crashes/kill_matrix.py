"""The kill matrix of wallet payments: what was killed where, how soon all was final, and what was wrong."""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.faults.crashes.kill_matrix import table
from tests.faults.crashes.payment_checks import Verdict


@dataclass(frozen=True, slots=True)
class WalletRow:
    """One point.

    The wallet had taken money for `taken` of the payments when the last kill struck; `recovered_seconds`
    passed from then until every payment and every refund was final, and the shop knew it.
    """

    process: str
    point: str
    kills: int
    payments: int
    taken: int
    refunds: int
    recovered_seconds: float
    verdict: Verdict

    def cells(self) -> tuple[str, ...]:
        return (
            self.process,
            self.point,
            str(self.kills),
            str(self.payments),
            str(self.taken),
            str(self.refunds),
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
    "taken by then",
    "refunds",
    "recovered s",
    "lost",
    "doubled",
    "otherwise wrong",
)


def wallets_drawn(rows: Iterable[WalletRow]) -> str:
    """The matrix as text, a line a point and a line of sums."""
    lines = tuple(rows)
    sums = (
        "all",
        f"{len(lines)} points",
        str(sum(row.kills for row in lines)),
        str(sum(row.payments for row in lines)),
        str(sum(row.taken for row in lines)),
        str(sum(row.refunds for row in lines)),
        f"{max((row.recovered_seconds for row in lines), default=0):.1f} at most",
        str(sum(len(row.verdict.lost) for row in lines)),
        str(sum(len(row.verdict.doubled) for row in lines)),
        str(sum(len(row.verdict.wrong) for row in lines)),
    )
    return table([HEAD, *(row.cells() for row in lines), sums], words=2)
