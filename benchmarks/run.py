"""`make bench`: payments a second through the whole switch, beside what pgbench does with the same rows.

The switch and pgbench take turns, so that neither has the other beside it; medians are compared. What has
to hold for a number to be printed at all is checked by the books after every turn, and by `ekpay audit`
at the end. Behind it the reconciliation is measured (`benchmarks.reconcile`).
"""

import argparse
import asyncio
import sys
from pathlib import Path

from rich.console import Console

from benchmarks import hanging, load, reconcile, reference, report, routing
from benchmarks.books import BooksError
from benchmarks.reference import PgbenchError
from benchmarks.stage import StageError, open_stage
from benchmarks.turns import Turn, Turns

PARTNERS = 16
ACCOUNTS = 1_000_000
RESULTS = Path(__file__).with_name("results.json")
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
    return parser.parse_args()


async def _bench(asked: argparse.Namespace, console: Console) -> report.Report:
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
        console.print("auditing the books …")
        audit = await stage.audit()
    # Alone on the machine: nothing of the stage runs any more.
    decision_us = routing.measure()
    console.print("one connector hangs beside another …")
    hang = await hanging.measure(asked.rounds, asked.seconds)
    return report.Report(tuple(taken), rows, facts, audit, decision_us, hang)


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


def main() -> int:
    """Run the bench; 0 if every turn and the audit hold."""
    asked, console = _arguments(), Console()
    try:
        load.wrk()
        result = asyncio.run(_bench(asked, console))
    except (load.LoadError, PgbenchError, StageError, BooksError) as problem:
        console.print(f"bench: {problem}", style="red", markup=False)
        return 1
    report.show(result, console)
    report.write(result, RESULTS)
    console.print("reconciling a million payments …")
    try:
        reconcile.run(asked.rounds, console)
    except reconcile.ReconcileError as problem:
        console.print(f"bench: {problem}", style="red", markup=False)
        return 1
    return 0 if result.audit == result.hanging.audit == "clean" else 1


if __name__ == "__main__":
    sys.exit(main())
