"""`python -m benchmarks.paying.soak`: a steady load with many stored payments, autovacuum and a worker.

Time is divided into cycles of about a minute: bills are fetched, payments are offered at half of the initial
rate (open loop), and at the end of a cycle the maximum rate is measured for some seconds. So each cycle
reports the latency under steady load and the remaining maximum rate. Neither may drift: the last minutes are
compared with the first.
"""

import argparse
import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.kit import open_loop
from benchmarks.kit import processor_usage as usage
from benchmarks.kit.errors import BenchError
from benchmarks.kit.payment_counts import BooksError
from benchmarks.kit.stage import STOP_SECONDS, Stage, ekpay_command, environment
from benchmarks.kit.turns import Turn
from benchmarks.paying import growth
from benchmarks.paying.growth import FilledStage, fetch_for, open_filled_stage, run_audit, wal_statistics

MINUTES, COMPARED = 30.0, 5
_SHARE = 0.5
_STEADY_SECONDS, _FULL_SECONDS, _FETCH_SECONDS = 25, 5, 5
_MARGIN = 2.0
# The tables of the hot path: their rows are updated, deleted or read all the time.
HOT = (
    "payments", "attempts", "quotes", "notifications", "accounts", "lanes", "scroll_counters", "history",
    "journal_entries", "postings",
)  # fmt: skip
_TABLES = """
SELECT s.relname, s.n_live_tup, s.n_dead_tup, s.n_tup_upd, s.n_tup_hot_upd, s.autovacuum_count,
  s.autoanalyze_count, pg_table_size(s.relid) AS bytes, pg_indexes_size(s.relid) AS index_bytes
FROM pg_stat_user_tables AS s WHERE s.relname = ANY($1)
"""


@dataclass(frozen=True, slots=True)
class Relation:
    """The statistics of one table; updates and vacuums since they were last reset."""

    live: int
    dead: int
    updated: int
    updated_in_place: int
    vacuums: int
    analyzes: int
    bytes: int
    index_bytes: int


@dataclass(frozen=True, slots=True)
class Cycle:
    """A cycle of about a minute; `rate` is under the steady load, `full_rate` without a limit.

    `load_lag_ms` is the load's own lateness, 99th percentile; it is included in `p99_ms`.
    """

    at_seconds: float
    rate: float
    p50_ms: float
    p99_ms: float
    full_rate: float
    full_p99_ms: float
    memory_mib: float
    worker_mib: float
    dead: int
    page_images_each: float
    load_lag_ms: float


@dataclass(frozen=True, slots=True)
class Soak:
    """All cycles, tables before and after, payments not completed, and the audit with its seconds."""

    minutes: float
    offered: float
    cycles: tuple[Cycle, ...]
    before: dict[str, Relation]
    after: dict[str, Relation]
    not_completed: int
    audit: tuple[str, float]

    @property
    def is_clean(self) -> bool:
        """Whether the books hold."""
        return self.audit[0] == "clean"

    def drift(self, name: str) -> float:
        """The median of the last minutes ÷ that of the first."""
        return end_to_start_ratio(self.cycles, name, COMPARED)

    def figures(self) -> dict[str, Any]:
        """The keys of results.json."""
        first, last = self.cycles[0], self.cycles[-1]
        return {
            "soak_rate_drift": round(self.drift("full_rate"), 3),
            "soak_p99_drift": round(self.drift("p99_ms"), 3),
            "soak": {
                "minutes": round(self.minutes, 1),
                "offered_per_second": round(self.offered, 1),
                "p99_ms": round(median(cycle.p99_ms for cycle in self.cycles), 2),
                "rss_mib": [round(first.memory_mib, 1), round(last.memory_mib, 1)],
                "worker_rss_mib": [round(first.worker_mib, 1), round(last.worker_mib, 1)],
                "not_completed": self.not_completed,
                "autovacuum_runs": self.vacuums,
                "tables": {name: self._table_growth(name) for name in self.after},
                "cycles": [_as_figures(cycle) for cycle in self.cycles],
                "audit": [self.audit[0], round(self.audit[1], 1)],
            },
        }

    @property
    def vacuums(self) -> dict[str, int]:
        """Autovacuum runs by table."""
        return {name: after.vacuums - self.before[name].vacuums for name, after in self.after.items()}

    def _table_growth(self, name: str) -> dict[str, Any]:
        before, after = self.before[name], self.after[name]
        updates = after.updated - before.updated
        in_place = after.updated_in_place - before.updated_in_place
        return {
            "bytes": [before.bytes, after.bytes],
            "index_bytes": [before.index_bytes, after.index_bytes],
            "dead": [before.dead, after.dead],
            "updated_in_place": round(in_place / max(updates, 1), 3),
            "autovacuums": after.vacuums - before.vacuums,
            "autoanalyzes": after.analyzes - before.analyzes,
        }

    def show(self, console: Console) -> None:
        """Print the cycles and the growth of the tables."""
        table = Table("minute", "paid/s", "p50 ms", "p99 ms", "lag ms", "full/s", "p99 ms", "MiB", "dead")
        table.title = f"soak of {self.minutes:.0f} minutes at {self.offered:.0f}/s"
        for cycle in self.cycles:
            latency = (f"{ms:.1f}" for ms in (cycle.p50_ms, cycle.p99_ms, cycle.load_lag_ms))
            whole = (
                f"{number:.0f}"
                for number in (cycle.full_rate, cycle.full_p99_ms, cycle.memory_mib, cycle.dead)
            )
            table.add_row(f"{cycle.at_seconds / 60:.1f}", f"{cycle.rate:.0f}", *latency, *whole)
        console.print(table)
        grown = Table("table", "MB", "indexes", "dead rows", "in place", "vacuums", "analyzes")
        for name in self.after:
            row = self._table_growth(name)
            grown.add_row(
                name,
                *(" → ".join(f"{size / 1e6:.0f}" for size in row[key]) for key in ("bytes", "index_bytes")),
                " → ".join(f"{dead:,}" for dead in row["dead"]),
                f"{row['updated_in_place']:.0%}",
                str(row["autovacuums"]),
                str(row["autoanalyzes"]),
            )
        console.print(grown)
        console.print(
            f"last {COMPARED} ÷ first {COMPARED}: rate {self.drift('full_rate'):.2f}, steady p99 "
            f"{self.drift('p99_ms'):.2f}; not completed: {self.not_completed}; "
            f"audit: {self.audit[0]}, {self.audit[1]:.0f} s",
            highlight=False,
        )


def _as_figures(cycle: Cycle) -> dict[str, float]:
    return {name: round(float(getattr(cycle, name)), 2) for name in cycle.__dataclass_fields__}


def end_to_start_ratio(cycles: Sequence[Cycle], name: str, compared: int) -> float:
    """The median of one number over the last `compared` cycles ÷ that over the first, which may overlap.

    Raises:
        ValueError: there are no cycles.
    """
    if not cycles:
        raise ValueError("nothing was measured")
    numbers = [float(getattr(cycle, name)) for cycle in cycles]
    return median(numbers[-compared:]) / median(numbers[:compared])


async def read_tables(stage: Stage) -> dict[str, Relation]:
    """The statistics of the hot tables now."""
    rows = await stage.connection.fetch(_TABLES, list(HOT))
    return {row[0]: Relation(*tuple(row)[1:]) for row in sorted(rows)}


@contextmanager
def served_worker(stage: Stage) -> Iterator[int]:
    """A worker beside the switch: it sends notifications, drops quotes and counts payments."""
    with (
        (stage.home_folder / "worker.log").open("wb") as log,
        subprocess.Popen(  # noqa: S603 - our own command
            ekpay_command("worker"), env=environment(stage.home_folder, **stage.environ), stderr=log
        ) as process,
    ):
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


async def run_soak(place: FilledStage, minutes: float, console: Console) -> Soak:
    """Load the stage for so long; the audit follows.

    Raises:
        BooksError, OpenLoopError: a payment was not made, or the load was late.
    """
    await fetch_for(place.turns, _FETCH_SECONDS, needed=1)
    offered = _SHARE * (await place.turns.pay(2)).rate
    before, started = await read_tables(place.stage), time.monotonic()
    not_completed_before, _ = await place.turns.not_completed()
    cycles: list[Cycle] = []
    with served_worker(place.stage) as worker:
        while time.monotonic() < started + 60 * minutes or not cycles:
            best = max([offered / _SHARE, *(cycle.full_rate for cycle in cycles)])
            cycle = await _cycle(place, offered, best, started, worker)
            cycles.append(cycle)
            console.print(
                f"  minute {cycle.at_seconds / 60:5.1f}: {cycle.rate:.0f}/s, p99 {cycle.p99_ms:.1f} ms; "
                f"at full {cycle.full_rate:.0f}/s",
                highlight=False,
            )
        lasted, after = (time.monotonic() - started) / 60, await read_tables(place.stage)
        not_completed, other_ends = await place.turns.not_completed()
    if not_completed > not_completed_before:
        console.print(f"  not completed: {other_ends}", highlight=False)
    return Soak(
        lasted, offered, tuple(cycles), before, after, not_completed - not_completed_before, ("not made", 0.0)
    )


async def _cycle(place: FilledStage, offered: float, best: float, started: float, worker: int) -> Cycle:
    stage, turns = place.stage, place.turns
    instants = open_loop.poisson_instants(offered, _STEADY_SECONDS, seed=int(time.monotonic()))
    await fetch_for(
        turns,
        _FETCH_SECONDS,
        needed=len(instants) + int(best * _MARGIN * _FULL_SECONDS),
    )
    before = await wal_statistics(stage.connection)
    bodies, turns.payments = turns.payments[: len(instants)], turns.payments[len(instants) :]
    observed = await open_loop.offer_load(open_loop.switch_target(stage), instants, bodies)
    if observed.failed_count:
        raise BooksError(f"{observed.failed_count} of {len(instants)} payments were not answered")
    images = (await wal_statistics(stage.connection))["wal_fpi"] - before["wal_fpi"]
    latencies = observed.latencies_ms()
    until = max(sample.answered for sample in observed.samples)
    full: Turn = await turns.pay(_FULL_SECONDS, may_fall_short=True)
    dead = sum(relation.dead for relation in (await read_tables(stage)).values())
    return Cycle(
        at_seconds=time.monotonic() - started,
        rate=len(instants) / until,
        p50_ms=open_loop.percentile(latencies, 50),
        p99_ms=open_loop.percentile(latencies, 99),
        full_rate=full.rate,
        full_p99_ms=full.latency_ms["p99"],
        memory_mib=usage.memory_mib(stage.pids["switch"]),
        worker_mib=usage.memory_mib(worker),
        dead=dead,
        page_images_each=images / len(instants),
        load_lag_ms=observed.lag_p99_ms,
    )


async def measure(
    payments: int = growth.LARGE, minutes: float = MINUTES, console: Console | None = None
) -> Soak:
    """Open a stage with so many stored payments, and load it.

    Raises:
        StageError, LoadError, BooksError, ExistingError, SchemaError, OpenLoopError: something did not hold.
    """
    console = console or Console()
    async with open_filled_stage(payments, console) as place:
        soaked = await run_soak(place, minutes, console)
        console.print("auditing …")
        return replace(soaked, audit=await run_audit(place))


def main() -> int:
    """Soak and print; results.json is not written."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paying.soak", description=__doc__)
    parser.add_argument("--payments", type=int, default=growth.LARGE, help="how many stand before")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    arguments, console = parser.parse_args(), Console()
    try:
        soak = asyncio.run(measure(arguments.payments, arguments.minutes, console))
    except (BenchError, TimeoutError) as problem:
        console.print(f"soak: {problem}", style="red", markup=False)
        return 1
    soak.show(console)
    return 0 if soak.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
