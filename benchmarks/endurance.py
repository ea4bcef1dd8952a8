"""`python -m benchmarks.endurance`: ten million stored payments, and half an hour of load.

A large stage is filled once and soaked; then growth is measured against a small one, and both are audited.
The order matters: freshly filled tables are not cached, so in the first minutes each payment reads its pages
from disk and writes full page images, which a running switch does not. `--write` merges the figures into
results.json.
"""

import argparse
import asyncio
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.kit import load, machine, summary
from benchmarks.kit.errors import BenchError
from benchmarks.paying import growth, soak
from benchmarks.paying.growth import Growth
from benchmarks.paying.soak import Soak


@dataclass(frozen=True, slots=True)
class EnduranceResult:
    """Growth and soak of one run, how many minutes all of it took, and the machine."""

    growth: Growth
    soak: Soak
    minutes: float
    machine_facts: dict[str, Any]

    @property
    def is_clean(self) -> bool:
        """Whether the books of every stage hold."""
        return self.growth.is_clean and self.soak.is_clean

    def figures(self) -> dict[str, Any]:
        """The keys of results.json."""
        took = {"full_minutes": round(self.minutes, 1), "full_machine": self.machine_facts}
        return {**self.growth.figures(), **self.soak.figures(), **took}

    def show(self, console: Console) -> None:
        """Print both."""
        self.growth.show(console)
        self.soak.show(console)


@dataclass(frozen=True, slots=True)
class EndurancePlan:
    """Size, length and number of turns, and the folder of a stage that is filled already, if any."""

    payments: int = growth.LARGE
    soak_minutes: float = soak.MINUTES
    rounds: int = growth.ROUNDS
    seconds: int = growth.SECONDS
    filled_folder: Path | None = None


DEFAULT_PLAN = EndurancePlan()


async def measure(plan: EndurancePlan = DEFAULT_PLAN, console: Console | None = None) -> EnduranceResult:
    """Fill, soak, compare, audit.

    Raises:
        StageError, LoadError, BooksError, ExistingError, SchemaError, OpenLoopError: something did not hold.
    """
    console, started = console or Console(), time.monotonic()
    async with growth.open_filled_stage(plan.payments, console, plan.filled_folder) as large:
        version = await large.stage.connection.fetchval("SHOW server_version")
        machine_facts = machine.machine_facts(large.stage.home_folder, version)
        console.print(f"a soak of {plan.soak_minutes:.0f} minutes …", highlight=False)
        soaked = await soak.run_soak(large, plan.soak_minutes, console)
        async with growth.open_filled_stage(growth.SMALL, console) as small:
            grown = await growth.compare(small, large, plan.rounds, plan.seconds, console)
            grown.audits["small"] = await growth.run_audit(small)
        console.print("auditing the large one …")
        grown.audits["large"] = await growth.run_audit(large)
    soaked = replace(soaked, audit=grown.audits["large"])
    return EnduranceResult(grown, soaked, (time.monotonic() - started) / 60, machine_facts)


def main() -> int:
    """Measure and print; 0 if every book holds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance", description=__doc__)
    parser.add_argument("--payments", type=int, default=DEFAULT_PLAN.payments, help="how many stand before")
    parser.add_argument("--soak-minutes", type=float, default=DEFAULT_PLAN.soak_minutes)
    parser.add_argument(
        "--rounds", type=int, default=DEFAULT_PLAN.rounds, help="pairs of turns for the growth"
    )
    parser.add_argument("--seconds", type=int, default=DEFAULT_PLAN.seconds, help="length of a turn")
    parser.add_argument(
        "--kept", type=Path, help="a stage that benchmarks.paying.prefill --keep filled before"
    )
    parser.add_argument("--write", action="store_true", help="put the figures into the results")
    parser.add_argument(
        "--results", type=Path, default=summary.RESULTS, help="the file that --write writes to"
    )
    arguments, console = parser.parse_args(), Console()
    plan = EndurancePlan(
        arguments.payments, arguments.soak_minutes, arguments.rounds, arguments.seconds, arguments.kept
    )
    try:
        load.wrk_path()
        full = asyncio.run(measure(plan, console))
    except (BenchError, TimeoutError) as problem:
        console.print(f"full: {problem}", style="red", markup=False)
        return 1
    full.show(console)
    if arguments.write:
        summary.write(full.figures(), arguments.results)
    return 0 if full.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
