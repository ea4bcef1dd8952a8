"""`growth_ratio`: payments a second with many stored payments ÷ with a few.

Two equal stages, each with a database, a sandbox and a switch of its own, differ only in the number of stored
payments. They take turns in pairs, so that other load on the machine affects both; the waiting one is idle. A
checkpoint before the first pair makes the first write to each page of the large one count, which the small
one has behind it.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks.kit import processor_usage as usage
from benchmarks.kit.errors import BenchError
from benchmarks.kit.load import Load
from benchmarks.kit.stage import Stage, Staging, open_stage
from benchmarks.kit.turns import Turn, Turns
from benchmarks.paying import prefill as existing
from benchmarks.paying.prefill import PrefillResult, Sizes

PARTNERS, SANDBOX_ACCOUNTS = 16, 4_000_000
SMALL, LARGE = 10_000, 10_000_000
ROUNDS, SECONDS = 5, 5
_LOAD = Load(1, 128)
# More than a fetch turn reaches, so that wrk does not run out of requests.
_FETCH_RATE_MAX = 5_000.0
_MARGIN = 1.4
_WARM_UP_SECONDS = 3
_LOG = "SELECT wal_records, wal_fpi, wal_bytes::bigint FROM pg_stat_wal"
_AIM = 0.9


@dataclass(frozen=True, slots=True)
class FilledStage:
    """A stage with stored payments, and its turns."""

    stage: Stage
    turns: Turns
    filled: PrefillResult


@dataclass(frozen=True, slots=True)
class GrowthSide:
    """The results of one stage's turns; page images in the log are by payment."""

    filled: PrefillResult
    turns: tuple[Turn, ...]
    page_images_each: float
    sizes: Sizes
    memory_mib: float

    @property
    def rate(self) -> float:
        """Payments a second, the median turn."""
        return median(turn.rate for turn in self.turns)

    @property
    def not_completed(self) -> int:
        """Payments of these turns that were not completed."""
        return sum(turn.not_completed for turn in self.turns)

    @property
    def log_bytes_each(self) -> float:
        """Bytes of log a payment, the median turn."""
        return median(turn.wal_bytes_each for turn in self.turns)

    @property
    def cpu_ms_each(self) -> dict[str, float]:
        """Core milliseconds a payment, by part."""
        parts = ("switch", "postgres")
        return {part: median(1_000 * turn.cores[part] / turn.rate for turn in self.turns) for part in parts}

    def latency_ms(self, rank: str) -> float:
        """One percentile, the median turn."""
        return median(turn.latency_ms[rank] for turn in self.turns)


@dataclass(frozen=True, slots=True)
class Growth:
    """Both sides, and each audit's last line with its seconds."""

    small: GrowthSide
    large: GrowthSide
    audits: dict[str, tuple[str, float]]

    @property
    def ratio(self) -> float:
        """The median of the pairs."""
        pairs = zip(self.large.turns, self.small.turns, strict=True)
        return median(large.rate / small.rate for large, small in pairs)

    @property
    def cpu_ratio(self) -> float:
        """Processor time a payment on the small side ÷ on the large one; 1.0 is equal."""
        return sum(self.small.cpu_ms_each.values()) / sum(self.large.cpu_ms_each.values())

    @property
    def is_clean(self) -> bool:
        """Whether both audits are clean."""
        return all(verdict == "clean" for verdict, _ in self.audits.values())

    def figures(self) -> dict[str, Any]:
        """The keys of results.json."""
        sides = {"small": self.small, "large": self.large}
        return {
            "growth_ratio": round(self.ratio, 3),
            "growth": {
                "cpu_ratio": round(self.cpu_ratio, 3),
                "audits": {
                    name: [verdict, round(seconds, 1)] for name, (verdict, seconds) in self.audits.items()
                },
                **{name: _side_figures(side) for name, side in sides.items()},
            },
            **self.large.filled.figures(),
        }

    def show(self, console: Console) -> None:
        """Print both sides side by side."""
        self.large.filled.show(console)
        sides = (self.small, self.large)
        names = [f"{side.filled.payments:,} stand" for side in sides]
        table = Table("what", *names, title=f"growth: {self.ratio:.2f} (aim {_AIM})")
        table.add_row("payments a second", *(f"{side.rate:.0f}" for side in sides))
        for rank in ("p50", "p99"):
            table.add_row(f"{rank} ms", *(f"{side.latency_ms(rank):.1f}" for side in sides))
        for part in ("switch", "postgres"):
            table.add_row(f"ms of a core, {part}", *(f"{side.cpu_ms_each[part]:.3f}" for side in sides))
        table.add_row("bytes of log a payment", *(f"{side.log_bytes_each:.0f}" for side in sides))
        table.add_row("page images a payment", *(f"{side.page_images_each:.2f}" for side in sides))
        table.add_row("tables and indexes, MB", *(f"{side.sizes.total / 1e6:.0f}" for side in sides))
        table.add_row("not completed", *(str(side.not_completed) for side in sides))
        table.add_row("switch, MiB", *(f"{side.memory_mib:.0f}" for side in sides))
        console.print(table)
        for name, (verdict, seconds) in self.audits.items():
            console.print(f"audit of the {name} one: {verdict}, {seconds:.0f} s", highlight=False)


def _side_figures(side: GrowthSide) -> dict[str, Any]:
    return {
        "payments": side.filled.payments,
        "payments_per_second": round(side.rate, 1),
        "rates": [round(turn.rate, 1) for turn in side.turns],
        "p50_ms": round(side.latency_ms("p50"), 2),
        "p99_ms": round(side.latency_ms("p99"), 2),
        "not_completed": side.not_completed,
        "cpu_ms_each": {part: round(ms, 3) for part, ms in side.cpu_ms_each.items()},
        "log_bytes_each": round(side.log_bytes_each),
        "page_images_each": round(side.page_images_each, 2),
        "bytes": side.sizes.total,
        "memory_mib": round(side.memory_mib, 1),
    }


@asynccontextmanager
async def open_filled_stage(
    payments: int, console: Console, filled_folder: Path | None = None
) -> AsyncIterator[FilledStage]:
    """A stage with so many stored payments and a warm switch; `filled_folder` names a filled one."""
    console.print(f"a stage with {payments:,} payments …", highlight=False)
    filled = existing.claim_stage(filled_folder, payments) if filled_folder else None
    async with open_stage(PARTNERS, SANDBOX_ACCOUNTS, Staging(home_folder=filled_folder)) as stage:
        filled = filled or await existing.fill(stage.postgres, payments, console)
        turns = Turns(stage, _LOAD, since=datetime.now(UTC))
        await fetch_for(turns, _WARM_UP_SECONDS)
        await turns.pay(1)
        yield FilledStage(stage, turns, filled)


async def fetch_for(turns: Turns, seconds: int, *, needed: int = 1) -> list[Turn]:
    """Fetch in turns of so many seconds until that many bills can be paid."""
    fetches = []
    while len(turns.payments) < needed:
        fetches.append(await turns.fetch(seconds, _FETCH_RATE_MAX))
    return fetches


async def compare(
    small: FilledStage, large: FilledStage, rounds: int, seconds: int, console: Console
) -> Growth:
    """Take the turns in pairs; the audits follow.

    Raises:
        BooksError: the database and the load generator disagree.
    """
    stages, rate = (small, large), _FETCH_RATE_MAX / 4
    turns_by_side: tuple[list[Turn], list[Turn]] = ([], [])
    images = [0, 0]
    for stage in stages:
        await fetch_for(stage.turns, seconds, needed=int(rate * _MARGIN * seconds))
        await _checkpoint(stage.stage)
    for number in range(1, rounds + 1):
        for stage in stages:
            await fetch_for(stage.turns, seconds, needed=int(rate * _MARGIN * seconds))
        for side in (0, 1) if number % 2 else (1, 0):
            before = await wal_statistics(stages[side].stage.connection)
            turn = await stages[side].turns.pay(seconds, may_fall_short=True)
            images[side] += (await wal_statistics(stages[side].stage.connection))["wal_fpi"] - before[
                "wal_fpi"
            ]
            turns_by_side[side].append(turn)
            rate = max(rate, turn.rate)
        rates = " and ".join(f"{turns[-1].rate:.0f}/s" for turns in turns_by_side)
        console.print(f"  round {number} of {rounds}: {rates}", highlight=False)
    sides = [await _side(stage, turns_by_side[side], images[side]) for side, stage in enumerate(stages)]
    return Growth(sides[0], sides[1], {})


async def run_audit(place: FilledStage) -> tuple[str, float]:
    """The last line of the audit, and how many seconds it took."""
    started = time.monotonic()
    return await place.stage.audit(), time.monotonic() - started


async def wal_statistics(connection: asyncpg.Connection) -> dict[str, int]:
    """The counters of the write-ahead log."""
    return dict(await connection.fetchrow(_LOG))


async def _side(place: FilledStage, turns: list[Turn], images: int) -> GrowthSide:
    sizes = await existing.table_sizes(place.stage.connection)
    paid = sum(turn.done for turn in turns)
    return GrowthSide(
        place.filled, tuple(turns), images / paid, sizes, usage.memory_mib(place.stage.pids["switch"])
    )


async def _checkpoint(stage: Stage) -> None:
    connection = await asyncpg.connect(stage.postgres.endpoint.dsn("postgres"))
    try:
        await connection.execute("CHECKPOINT", timeout=None)
    finally:
        await connection.close()


async def measure(
    payments: int = LARGE, rounds: int = ROUNDS, seconds: int = SECONDS, console: Console | None = None
) -> Growth:
    """Open both stages, take the turns, audit both.

    Raises:
        StageError, LoadError, BooksError, ExistingError, SchemaError: something did not hold.
    """
    console = console or Console()
    async with open_filled_stage(payments, console) as large, open_filled_stage(SMALL, console) as small:
        growth = await compare(small, large, rounds, seconds, console)
        growth.audits["small"] = await run_audit(small)
        console.print("auditing the large one …")
        growth.audits["large"] = await run_audit(large)
        return growth


def main() -> int:
    """Measure and print; results.json is not written."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paying.growth", description=__doc__)
    parser.add_argument("--payments", type=int, default=LARGE, help="how many stand on the large side")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seconds", type=int, default=SECONDS, help="length of a turn")
    arguments, console = parser.parse_args(), Console()
    try:
        growth = asyncio.run(measure(arguments.payments, arguments.rounds, arguments.seconds, console))
    except (BenchError, TimeoutError) as problem:
        console.print(f"growth: {problem}", style="red", markup=False)
        return 1
    growth.show(console)
    return 0 if growth.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
