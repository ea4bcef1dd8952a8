"""`make bench`: payments a second through the whole switch, and what that number is worth.

The switch and pgbench take turns, so that neither has the other beside it; medians are compared. The parts
that follow compare the switch with a naive build, hot with even traffic, two processes with one, and look at
latency, round trips, and what somebody who hangs costs the others. What has to hold for a number to be
printed at all is checked by the books after every turn, and by `ekpay audit` at the end of each part. Last
a million payments are reconciled (`benchmarks.reconciling.million_rows`).
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.collecting import hanging_connector as hanging
from benchmarks.collecting import routing_decision as routing
from benchmarks.kit import load, machine, summary
from benchmarks.kit import pgbench_reference as reference
from benchmarks.kit import turn_report as report
from benchmarks.kit.bench_part import CLEAN, Part
from benchmarks.kit.errors import BenchError
from benchmarks.kit.stage import open_stage
from benchmarks.kit.turns import Turn, Turns
from benchmarks.paying import (
    hanging_biller as bulkhead,
)
from benchmarks.paying import (
    hot_biller as mix,
)
from benchmarks.paying import (
    latency,
    round_trips,
)
from benchmarks.paying import (
    naive_build as naive,
)
from benchmarks.paying import (
    two_processes as two,
)
from benchmarks.reconciling import million_rows as reconcile

PARTNERS = 16
ACCOUNTS = 1_000_000
# More than a fetch turn will reach, so that wrk does not run dry; unused messages wait for the next turn.
_FETCH_RATE_MAX = 5_000.0
_MARGIN = 1.4
_WARM_UP_SECONDS = 3
_CLIENTS_WITHOUT_SCROLL = 16


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each side takes its turn")
    parser.add_argument("--seconds", type=int, default=5, help="length of a turn of the switch")
    parser.add_argument("--reference-seconds", type=int, default=3, help="length of a turn of pgbench")
    parser.add_argument("--connections", type=int, default=128, help="connections of wrk")
    parser.add_argument("--threads", type=int, default=1, help="threads of wrk")
    parser.add_argument("--main-only", action="store_true", help="leave out what follows the main turns")
    parser.add_argument("--results", type=Path, default=summary.RESULTS, help="the file that is written")
    return parser.parse_args()


async def _main_turns(asked: argparse.Namespace, console: Console) -> tuple[report.Report, dict[str, Any]]:
    console.print("starting PostgreSQL, the sandbox and one switch …")
    async with open_stage(PARTNERS, ACCOUNTS) as stage:
        turns = Turns(stage, load.Load(asked.threads, asked.connections))
        taken: list[Turn] = []
        await turns.fetch(_WARM_UP_SECONDS, _FETCH_RATE_MAX)
        rows = {"switch": await turns.rows_of("pay"), "pgbench": await turns.rows_of("pgbench")}
        await stage.connection.execute("ANALYZE")
        rate = rows["switch"].rate
        for number in range(1, asked.rounds + 1):
            console.print(f"round {number} of {asked.rounds}")
            taken += await _round(turns, asked, rate, console)
            rate = max(turn.rate for turn in taken if turn.what == "pay")
        facts = await report.facts(stage, load.Load(asked.threads, asked.connections))
        where = machine.circumstances(stage.home, facts["server_version"])
        console.print("auditing the books …")
        return report.Report(tuple(taken), rows, facts, await stage.audit()), {"machine": where}


async def _round(turns: Turns, asked: argparse.Namespace, rate: float, console: Console) -> list[Turn]:
    """Fetch until there is enough to pay, pay, then pgbench with each number of clients."""
    needed = int(rate * _MARGIN * asked.seconds)
    # Once at least, however much is left over: the fetch rate is a number of its own.
    taken = [_told(await turns.fetch(asked.seconds, _FETCH_RATE_MAX), console)]
    while len(turns.payments) < needed:
        taken.append(_told(await turns.fetch(asked.seconds, _FETCH_RATE_MAX), console))
    taken.append(_told(await turns.pay(asked.seconds), console))
    for clients in reference.CLIENTS:
        turn = await turns.reference(clients, asked.reference_seconds)
        taken.append(_told(turn, console))
    turn = await turns.reference(_CLIENTS_WITHOUT_SCROLL, asked.reference_seconds, has_scroll=False)
    return [*taken, _told(turn, console)]


def _told(turn: Turn, console: Console) -> Turn:
    console.print(f"  {turn.what:8} {turn.clients:4} connections {turn.rate:8.0f}/s", highlight=False)
    return turn


def _parts(capacity: float) -> Iterator[tuple[str, Callable[[], Awaitable[Part]]]]:
    """What follows the main turns, each on a stage of its own; nothing else runs meanwhile."""
    yield "one SQLAlchemy transaction per step", naive.measure
    yield "one biller with most of the traffic", mix.measure
    yield "two processes", two.measure
    yield "latency at half load", lambda: latency.measure(capacity)
    yield "a biller that hangs", bulkhead.measure
    yield "a connector that hangs", hanging.measure
    yield "round trips", round_trips.measure


async def _bench(asked: argparse.Namespace, console: Console) -> tuple[dict[str, Any], list[str]]:
    """The figures of everything, and what each audit said."""
    result, where = await _main_turns(asked, console)
    report.show(result, console)
    figures, audits = {**where, **report.figures(result)}, [result.audit]
    figures["routing_decision_us"] = round(routing.measure(), 1)
    if asked.main_only:
        return figures, audits
    for what, measure in _parts(result.rate("pay")):
        started = time.monotonic()
        console.rule(what)
        part = await measure()
        part.show(console)
        console.print(f"{time.monotonic() - started:.0f} s", highlight=False)
        figures |= part.figures()
        audits.append(part.audit)
    return figures, audits


def main() -> int:
    """Run the bench; 0 if every turn and every audit hold."""
    asked, console, started = _arguments(), Console(), time.monotonic()
    try:
        load.wrk()
        figures, audits = asyncio.run(_bench(asked, console))
        if not asked.main_only:
            console.rule("a million payments reconciled")
            figures |= reconcile.measured(asked.rounds, console)
            figures["bench_minutes"] = round((time.monotonic() - started) / 60, 1)
    except (BenchError, TimeoutError) as problem:
        console.print(f"bench: {problem}", style="red", markup=False)
        return 1
    summary.show(summary.write(figures, asked.results), console)
    broken = [audit for audit in audits if audit != CLEAN]
    console.print(
        f"{(time.monotonic() - started) / 60:.1f} minutes; audits: {', '.join(broken) or 'all clean'}"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
