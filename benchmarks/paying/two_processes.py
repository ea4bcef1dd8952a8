"""Two switch processes ÷ one over one PostgreSQL: `two_process_gain`, everything on the same cores.

Both processes have the same home, so the same database and keys, and the settings of `ekpay serve`. The load
is the same in all turns: two wrk, each with half of the connections and half of the partners, with partners
of every committer. In the odd turns both load the first process, in the even ones each loads its own. A
single partner is one lane and one account row, which a second process cannot speed up; its turns are reported
separately.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import median
from typing import Any

from rich.console import Console

from benchmarks.kit import processor_usage as usage
from benchmarks.kit.bench_part import run_alone
from benchmarks.kit.load import Load
from benchmarks.kit.prepared_requests import DESCO
from benchmarks.kit.stage import Stage, open_stage, served_switch, until_ready
from benchmarks.kit.turns import Turn, Turns

AIM = 1.2
CONNECTIONS = 128
_PARTNERS = 16
_ACCOUNTS = 1_000_000
# Accounts of the single partner; earlier turns do not reach them.
_LATER = _ACCOUNTS // 2
_FETCH_RATE_MAX = 5_000.0
_FETCH_SECONDS = 3
_MARGIN = 1.5
_WARM_UP_SECONDS = 2
# For two turns of a second each, with paying twice as fast as fetching.
_WARM_UP_STOCK = 4
_WARM_UP_STOCK_MIN = 1_500
_SINGLE_ROUNDS = 1
_MS = 1_000
_NOT_OURS = frozenset({"others", "waiting for disk"})


@dataclass(frozen=True, slots=True)
class Pairs:
    """Turns of one process and of two, in their order."""

    one_process: tuple[Turn, ...]
    two_processes: tuple[Turn, ...]

    @property
    def gain(self) -> float:
        """The median of the pairs: two processes ÷ one."""
        return median(
            two_turn.rate / one_turn.rate
            for one_turn, two_turn in zip(self.one_process, self.two_processes, strict=True)
        )

    def rates(self) -> tuple[float, float]:
        """Median payments a second of one process and of two."""
        return median(turn.rate for turn in self.one_process), median(
            turn.rate for turn in self.two_processes
        )


@dataclass(frozen=True, slots=True)
class TwoProcessGain:
    """Pairs with the partners spread, and with a single partner; `memory_mib` is that of both processes."""

    spread: Pairs
    single: Pairs
    memory_mib: tuple[float, float]
    audit: str

    def figures(self) -> dict[str, Any]:
        """The keys of results.json; processor time is that of both processes, batches are the first one's."""
        one_rate, two_rate = self.spread.rates()
        single_one, single_two = self.single.rates()
        return {
            "two_process_gain": round(self.spread.gain, 3),
            "two_processes": {
                "cores": os.cpu_count(),
                "partners": _PARTNERS,
                "payments_per_second": {"one": round(one_rate, 1), "two": round(two_rate, 1)},
                "switch_ms_each": {
                    "one": _each(self.spread.one_process),
                    "two": _each(self.spread.two_processes),
                },
                "all_ms_each": {
                    "one": _all_each(self.spread.one_process),
                    "two": _all_each(self.spread.two_processes),
                },
                "batch_size": {
                    "one": _batch(self.spread.one_process),
                    "two": _batch(self.spread.two_processes),
                },
                "single_partner_gain": round(self.single.gain, 3),
                "single_partner_payments_per_second": {
                    "one": round(single_one, 1),
                    "two": round(single_two, 1),
                },
                "memory_mib": [round(mib, 1) for mib in self.memory_mib],
                "turns": {
                    name: [turn.figures() for turn in turns]
                    for name, turns in (
                        ("one", self.spread.one_process),
                        ("two", self.spread.two_processes),
                        ("single_partner_one", self.single.one_process),
                        ("single_partner_two", self.single.two_processes),
                    )
                },
                "audit": self.audit,
            },
        }

    def show(self, console: Console) -> None:
        """Print both gains and the processor time of a payment."""
        (one_rate, two_rate), (single_one, single_two) = self.spread.rates(), self.single.rates()
        text = f"one process {one_rate:.0f}/s, two {two_rate:.0f}/s: gain {self.spread.gain:.2f} (aim {AIM})"
        console.print(f"{_PARTNERS} partners spread over both, {text}", highlight=False)
        for scope, each in (("in the switch", _each), ("in all our processes", _all_each)):
            text = f"{each(self.spread.one_process)} with one, {each(self.spread.two_processes)} with two"
            console.print(f"  ms of a core {scope} by payment: {text}", highlight=False)
        text = f"one process {single_one:.0f}/s, two {single_two:.0f}/s: gain {self.single.gain:.2f}"
        console.print(f"  a single partner, one lane: {text}", highlight=False)
        console.print(f"  audit: {self.audit}")


def _each(turns: Sequence[Turn]) -> float:
    parts = ("switch", "second switch")
    return round(median(_MS * sum(turn.cores[part] for part in parts) / turn.rate for turn in turns), 2)


def _all_each(turns: Sequence[Turn]) -> float:
    """Processor time of all our processes by payment, in milliseconds."""
    used = [sum(cores for part, cores in turn.cores.items() if part not in _NOT_OURS) for turn in turns]
    return round(median(_MS * cores / turn.rate for cores, turn in zip(used, turns, strict=True)), 2)


def _batch(turns: Sequence[Turn]) -> float:
    return round(median(turn.batch_size for turn in turns), 1)


async def measure(rounds: int = 3, seconds: int = 3) -> TwoProcessGain:
    """Take turns, `rounds` of each kind with the partners spread, and fewer with one partner.

    Raises:
        StageError: a process did not start.
        LoadError: wrk failed.
        BooksError: the books do not bear out what was answered.
    """
    async with open_stage(_PARTNERS, _ACCOUNTS) as stage:
        with served_switch(stage.home_folder, **stage.environ) as (url, second):
            await until_ready(url, second, stage.home_folder)
            both_processes = replace(stage, pids=stage.pids | {"second switch": second.pid})
            spread = await _take_pairs(_Sides.of(both_processes, url), rounds, seconds)
            since = await stage.connection.fetchval("SELECT now()")
            alone = replace(both_processes, partners=both_processes.partners[:1])
            single = await _take_pairs(_Sides.of(alone, url, since), _SINGLE_ROUNDS, seconds)
            memory = usage.memory_mib(stage.pids["switch"]), usage.memory_mib(second.pid)
        return TwoProcessGain(spread, single, memory, await stage.audit())


@dataclass(frozen=True, slots=True)
class _Sides:
    """The same partners over one process and over two."""

    stage: Stage
    one_process: Turns
    two_processes: Turns

    @classmethod
    def of(cls, stage: Stage, second_url: str, since: datetime | None = None) -> "_Sides":
        """`since` is when the turns before ended; unused accounts are paid from then on."""
        first = stage.switch_url
        loads = Load(1, CONNECTIONS, (first, first)), Load(1, CONNECTIONS, (first, second_url))
        if since is None:
            return cls(stage, *(Turns(stage, load) for load in loads))
        later = replace(DESCO, members=lambda nth: DESCO.members(_LATER + nth))
        return cls(stage, *(Turns(stage, load, since, (later,)) for load in loads))

    async def pay(self, turns: Turns, seconds: int) -> Turn:
        """A turn from the common stock, which `two_processes` holds because it fetches."""
        stock = self.two_processes.payments
        self.two_processes.payments, turns.payments = [], stock
        try:
            return await turns.pay(seconds)
        finally:
            unsent, turns.payments = turns.payments, []
            self.two_processes.payments = unsent


async def _take_pairs(sides: _Sides, rounds: int, seconds: int) -> Pairs:
    """Turns alternate between one and two processes; both fetch before the clock of a round starts."""
    fetched = (await sides.two_processes.fetch(_WARM_UP_SECONDS, _FETCH_RATE_MAX)).rate
    while len(sides.two_processes.payments) < max(_WARM_UP_STOCK * fetched, _WARM_UP_STOCK_MIN):
        await sides.two_processes.fetch(_WARM_UP_SECONDS, _FETCH_RATE_MAX)
    rate = max([(await sides.pay(turns, 1)).rate for turns in (sides.one_process, sides.two_processes)])
    await sides.stage.connection.execute("ANALYZE")
    one_turns: list[Turn] = []
    two_turns: list[Turn] = []
    for _ in range(rounds):
        while len(sides.two_processes.payments) < 2 * _MARGIN * seconds * rate:
            await sides.two_processes.fetch(_FETCH_SECONDS, _FETCH_RATE_MAX)
        one_turns.append(await sides.pay(sides.one_process, seconds))
        two_turns.append(await sides.pay(sides.two_processes, seconds))
        rate = max(rate, one_turns[-1].rate, two_turns[-1].rate)
    return Pairs(tuple(one_turns), tuple(two_turns))


def main() -> int:
    """Measure; 0 if every turn and the audit hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paying.two_processes", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often one and two take their turn")
    parser.add_argument("--seconds", type=int, default=3, help="length of a turn")
    arguments = parser.parse_args()
    return run_alone("two", measure(arguments.rounds, arguments.seconds))


if __name__ == "__main__":
    sys.exit(main())
