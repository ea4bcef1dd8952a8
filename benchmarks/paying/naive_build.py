"""The switch compared with a naive build: one SQLAlchemy transaction per step (`naive_store`).

`python -m benchmarks.paying.naive_build serve` is `ekpay serve` with that store in place of the group commit;
all else is the product's: edge, envelope, flow, adapter, logs and metrics. Both processes use one database
and are loaded in turns, the naive build with few connections and with many; its better number counts. `python
-m benchmarks.paying.naive_build` prints the ratio.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any
from unittest.mock import patch

from rich.console import Console

from benchmarks.kit.bench_part import run_alone
from benchmarks.kit.load import Load
from benchmarks.kit.stage import Stage, StageError, open_stage, served_switch, until_ready
from benchmarks.kit.turns import Turn, Turns
from benchmarks.paying.naive_store import POOL, StepwiseStore
from ekpay_switch.cli.main import run

AIM = 5.0
CONNECTIONS = 128
NAIVE_CONNECTIONS = (32, 128)
_PARTNERS = 16
_ACCOUNTS = 1_000_000
_COMMAND = (sys.executable, "-m", "benchmarks.paying.naive_build", "serve")
_FETCH_RATE_MAX = 5_000.0
_FETCH_SECONDS = 2
_MARGIN = 1.5
_WARM_UP_SECONDS = 2
# For a second of paying at twice the rate of fetching, doubled.
_WARM_UP_STOCK = 4
_WARM_UP_STOCK_MIN = 1_500
_MS = 1_000


@dataclass(frozen=True, slots=True)
class NaiveRatio:
    """Turns of the switch and of the naive build in their order."""

    switch: tuple[Turn, ...]
    naive: tuple[Turn, ...]
    audit: str

    @property
    def best(self) -> int:
        """The number of connections with which the naive build pays most."""
        return max(sorted({turn.clients for turn in self.naive}), key=self._naive_rate)

    @property
    def ratio(self) -> float:
        """The median of the pairs: the rate of the switch ÷ that of the naive build right after."""
        naive_turns = [turn for turn in self.naive if turn.clients == self.best]
        return median(ours.rate / theirs.rate for ours, theirs in zip(self.switch, naive_turns, strict=True))

    def figures(self) -> dict[str, Any]:
        """The keys of results.json; `switch_ms_each` is processor time of the process, by payment."""
        best = [turn for turn in self.naive if turn.clients == self.best]
        return {
            "naive_ratio": round(self.ratio, 2),
            "naive_payments_per_second": round(self._naive_rate(self.best), 1),
            "naive": {
                "pool": POOL,
                "connections": self.best,
                "switch_ms_each": {
                    "switch": _milliseconds_each(self.switch, "switch"),
                    "naive": _milliseconds_each(best, "switch"),
                },
                "postgres_ms_each": {
                    "switch": _milliseconds_each(self.switch, "postgres"),
                    "naive": _milliseconds_each(best, "postgres"),
                },
                "turns": [turn.figures() for turn in (*self.switch, *self.naive)],
                "audit": self.audit,
            },
        }

    def show(self, console: Console) -> None:
        """Print the ratio and what each side costs."""
        figures = self.figures()["naive"]
        ours = median(turn.rate for turn in self.switch)
        text = f"one SQLAlchemy transaction per step, a pool of {POOL}: {self._naive_rate(self.best):.0f}/s"
        comparison = (
            f"with {self.best} connections; the switch beside it {ours:.0f}/s, ratio {self.ratio:.1f}"
        )
        console.print(f"{text} {comparison} (aim {AIM:.0f})", highlight=False)
        for part in ("switch", "postgres"):
            each = figures[f"{part}_ms_each"]
            console.print(
                f"  ms of a core in {part} by payment: {each['switch']}, naive {each['naive']}",
                highlight=False,
            )
        console.print(f"  audit: {self.audit}")

    def _naive_rate(self, connections: int) -> float:
        return median(turn.rate for turn in self.naive if turn.clients == connections)


def _milliseconds_each(turns: Sequence[Turn], part: str) -> float:
    return round(median(_MS * turn.cores[part] / turn.rate for turn in turns), 2)


async def measure(rounds: int = 3, seconds: int = 3, naive_seconds: int = 5) -> NaiveRatio:
    """Take turns, `rounds` of each kind; of the naive build with each number of connections.

    Its turns are longer: the payments in flight at their end would weigh too much in short ones.

    Raises:
        StageError: a process did not start, or is not the naive build.
        LoadError: wrk failed.
        BooksError: the books do not bear out what was answered.
    """
    async with open_stage(_PARTNERS, _ACCOUNTS) as stage:
        with served_switch(stage.home_folder, command=_COMMAND, **stage.environ) as (url, process):
            await until_ready(url, process, stage.home_folder)
            naive_stage = replace(stage, switch_url=url, pids=stage.pids | {"switch": process.pid})
            pairs = _TurnPairs(stage, naive_stage, seconds, naive_seconds)
            await pairs.warm_up()
            for _ in range(rounds):
                await pairs.take()
        return NaiveRatio(tuple(pairs.switch), tuple(pairs.naive), await stage.audit())


class _TurnPairs:
    """Takes a turn of the switch and turns of the naive build, on bills fetched by the switch."""

    def __init__(self, stage: Stage, naive_stage: Stage, seconds: int, naive_seconds: int) -> None:
        self._stage = stage
        self._seconds, self._naive_seconds = seconds, naive_seconds
        self._ours = Turns(stage, Load(1, CONNECTIONS))
        self._theirs = [Turns(naive_stage, Load(1, connections)) for connections in NAIVE_CONNECTIONS]
        self.switch: list[Turn] = []
        self.naive: list[Turn] = []

    async def warm_up(self) -> None:
        """A first turn of both, which does not count, before PostgreSQL analyses its tables."""
        fetched = (await self._ours.fetch(_WARM_UP_SECONDS, _FETCH_RATE_MAX)).rate
        while len(self._ours.payments) < max(_WARM_UP_STOCK * fetched, _WARM_UP_STOCK_MIN):
            await self._ours.fetch(_WARM_UP_SECONDS, _FETCH_RATE_MAX)
        self._rate = (await self._ours.pay(1)).rate
        warm = [await self._pay_step_by_step(turns, _WARM_UP_SECONDS) for turns in self._theirs]
        self._naive_rate = max(turn.rate for turn in warm)
        await self._stage.connection.execute("ANALYZE")

    async def take(self) -> None:
        """One turn each; the switch fetches the bills beforehand."""
        naive = len(self._theirs) * self._naive_seconds * self._naive_rate
        while len(self._ours.payments) < _MARGIN * (self._seconds * self._rate + naive):
            await self._ours.fetch(_FETCH_SECONDS, _FETCH_RATE_MAX)
        self.switch.append(await self._ours.pay(self._seconds))
        for turns in self._theirs:
            self.naive.append(await self._pay_step_by_step(turns, self._naive_seconds))
        self._rate = max(turn.rate for turn in self.switch)

    async def _pay_step_by_step(self, turns: Turns, seconds: int) -> Turn:
        turns.payments, self._ours.payments = self._ours.payments, []
        try:
            turn = await turns.pay(seconds)
        finally:
            turns.payments, self._ours.payments = [], turns.payments
        if turn.batch_size != 1:
            raise StageError(f"the naive build shares: {turn.batch_size:.1f} steps a transaction")
        return turn


def serve() -> None:
    """Serve as the naive build, until stopped by a signal."""
    sys.argv[0] = "ekpay"
    with patch("ekpay_switch.composition.switch.GroupCommit", StepwiseStore):
        run()


def main() -> int:
    """Measure; 0 if every turn and the audit hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paying.naive_build", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each side takes its turn")
    parser.add_argument("--seconds", type=int, default=3, help="length of a turn of the switch")
    parser.add_argument("--naive-seconds", type=int, default=5, help="length of a turn of the naive build")
    arguments = parser.parse_args()
    return run_alone("naive", measure(arguments.rounds, arguments.seconds, arguments.naive_seconds))


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    sys.exit(main())
