"""`make bench`: payments a second through the whole switch, with comparisons and other measurements.

The switch and pgbench take turns and never run at once; medians are compared. The next parts compare the
switch with a naive build, hot with even traffic, two processes with one, and measure latency, round trips,
and the effect of a hanging biller or connector. Every turn is checked against the database, and each part
ends with `ekpay audit`. Last a million payments are reconciled (`benchmarks.reconciling.million_rows`).
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
from benchmarks.kit.bench_part import CLEAN, BenchPart
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
# More than a fetch turn reaches, so that wrk does not run out; unused messages wait for the next turn.
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


async def _main_turns(
    arguments: argparse.Namespace, console: Console
) -> tuple[report.TurnReport, dict[str, Any]]:
    console.print("starting PostgreSQL, the sandbox and one switch …")
    async with open_stage(PARTNERS, ACCOUNTS) as stage:
        turns = Turns(stage, load.Load(arguments.threads, arguments.connections))
        results: list[Turn] = []
        await turns.fetch(_WARM_UP_SECONDS, _FETCH_RATE_MAX)
        rows = {"switch": await turns.rows_of("pay"), "pgbench": await turns.rows_of("pgbench")}
        await stage.connection.execute("ANALYZE")
        rate = rows["switch"].rate
        for number in range(1, arguments.rounds + 1):
            console.print(f"round {number} of {arguments.rounds}")
            results += await _round(turns, arguments, rate, console)
            rate = max(turn.rate for turn in results if turn.kind == "pay")
        facts = await report.facts(stage, load.Load(arguments.threads, arguments.connections))
        machine_facts = machine.machine_facts(stage.home_folder, facts["server_version"])
        console.print("auditing the books …")
        return report.TurnReport(tuple(results), rows, facts, await stage.audit()), {"machine": machine_facts}


async def _round(turns: Turns, arguments: argparse.Namespace, rate: float, console: Console) -> list[Turn]:
    """Fetch until there is enough to pay, pay, then pgbench with each number of clients."""
    needed = int(rate * _MARGIN * arguments.seconds)
    # Once at least, however many are left: the fetch rate is a number of its own.
    results = [_print_turn(await turns.fetch(arguments.seconds, _FETCH_RATE_MAX), console)]
    while len(turns.payments) < needed:
        results.append(_print_turn(await turns.fetch(arguments.seconds, _FETCH_RATE_MAX), console))
    results.append(_print_turn(await turns.pay(arguments.seconds), console))
    for clients in reference.CLIENTS:
        turn = await turns.reference(clients, arguments.reference_seconds)
        results.append(_print_turn(turn, console))
    turn = await turns.reference(_CLIENTS_WITHOUT_SCROLL, arguments.reference_seconds, has_scroll=False)
    return [*results, _print_turn(turn, console)]


def _print_turn(turn: Turn, console: Console) -> Turn:
    console.print(f"  {turn.kind:8} {turn.clients:4} connections {turn.rate:8.0f}/s", highlight=False)
    return turn


def _parts(capacity: float) -> Iterator[tuple[str, Callable[[], Awaitable[BenchPart]]]]:
    """The parts after the main turns, each on a stage of its own; nothing else runs meanwhile."""
    yield "one SQLAlchemy transaction per step", naive.measure
    yield "one biller with most of the traffic", mix.measure
    yield "two processes", two.measure
    yield "latency at half load", lambda: latency.measure(capacity)
    yield "a biller that hangs", bulkhead.measure
    yield "a connector that hangs", hanging.measure
    yield "round trips", round_trips.measure


async def _bench(arguments: argparse.Namespace, console: Console) -> tuple[dict[str, Any], list[str]]:
    """All figures, and the last line of each audit."""
    result, machine_facts = await _main_turns(arguments, console)
    report.show(result, console)
    figures, audits = {**machine_facts, **report.figures(result)}, [result.audit]
    figures["routing_decision_us"] = round(routing.measure(), 1)
    if arguments.main_only:
        return figures, audits
    for name, measure in _parts(result.rate("pay")):
        started = time.monotonic()
        console.rule(name)
        part = await measure()
        part.show(console)
        console.print(f"{time.monotonic() - started:.0f} s", highlight=False)
        figures |= part.figures()
        audits.append(part.audit)
    return figures, audits


def main() -> int:
    """Run the bench; 0 if every turn and every audit hold."""
    arguments, console, started = _arguments(), Console(), time.monotonic()
    try:
        load.wrk_path()
        figures, audits = asyncio.run(_bench(arguments, console))
        if not arguments.main_only:
            console.rule("a million payments reconciled")
            figures |= reconcile.measure(arguments.rounds, console)
            figures["bench_minutes"] = round((time.monotonic() - started) / 60, 1)
    except (BenchError, TimeoutError) as problem:
        console.print(f"bench: {problem}", style="red", markup=False)
        return 1
    summary.show(summary.write(figures, arguments.results), console)
    broken = [audit for audit in audits if audit != CLEAN]
    console.print(
        f"{(time.monotonic() - started) / 60:.1f} minutes; audits: {', '.join(broken) or 'all clean'}"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
