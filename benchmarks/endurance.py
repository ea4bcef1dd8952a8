"""`python -m benchmarks.endurance`: how the switch does among ten million payments, and for half an hour.

One large stage is filled once and soaked; then growth is measured against a small one beside it, and both are
audited. In this order, since tables that were just filled are in nobody's memory: in its first minutes each
payment reads its pages from the disk and writes them into the log as a whole, which no running switch does.
`--write` puts the figures into results.json, beside what stands there.
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
class Full:
    """Growth and soak of one run, how many minutes all of it took, and the machine."""

    growth: Growth
    soak: Soak
    minutes: float
    where: dict[str, Any]

    @property
    def is_clean(self) -> bool:
        """Whether the books of every stage hold."""
        return self.growth.is_clean and self.soak.is_clean

    def figures(self) -> dict[str, Any]:
        """The keys of results.json."""
        took = {"full_minutes": round(self.minutes, 1), "full_machine": self.where}
        return {**self.growth.figures(), **self.soak.figures(), **took}

    def show(self, console: Console) -> None:
        """Print both."""
        self.growth.show(console)
        self.soak.show(console)


@dataclass(frozen=True, slots=True)
class Asked:
    """How large, how long, how often, and the stage that was filled before, if any."""

    payments: int = growth.LARGE
    soak_minutes: float = soak.MINUTES
    rounds: int = growth.ROUNDS
    seconds: int = growth.SECONDS
    kept: Path | None = None


DEFAULT = Asked()


async def measure(asked: Asked = DEFAULT, console: Console | None = None) -> Full:
    """Fill, soak, compare, audit.

    Raises:
        StageError, LoadError, BooksError, ExistingError, SchemaError, OpenLoopError: something did not hold.
    """
    console, started = console or Console(), time.monotonic()
    async with growth.open_place(asked.payments, console, asked.kept) as large:
        version = await large.stage.connection.fetchval("SHOW server_version")
        where = machine.circumstances(large.stage.home, version)
        console.print(f"a soak of {asked.soak_minutes:.0f} minutes …", highlight=False)
        soaked = await soak.load(large, asked.soak_minutes, console)
        async with growth.open_place(growth.SMALL, console) as small:
            grown = await growth.compare(small, large, asked.rounds, asked.seconds, console)
            grown.audits["small"] = await growth.audited(small)
        console.print("auditing the large one …")
        grown.audits["large"] = await growth.audited(large)
    soaked = replace(soaked, audit=grown.audits["large"])
    return Full(grown, soaked, (time.monotonic() - started) / 60, where)


def main() -> int:
    """Measure and print; 0 if every book holds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance", description=__doc__)
    parser.add_argument("--payments", type=int, default=DEFAULT.payments, help="how many stand before")
    parser.add_argument("--soak-minutes", type=float, default=DEFAULT.soak_minutes)
    parser.add_argument("--rounds", type=int, default=DEFAULT.rounds, help="pairs of turns for the growth")
    parser.add_argument("--seconds", type=int, default=DEFAULT.seconds, help="length of a turn")
    parser.add_argument(
        "--kept", type=Path, help="a stage that benchmarks.paying.prefill --keep filled before"
    )
    parser.add_argument("--write", action="store_true", help="put the figures into the results")
    parser.add_argument(
        "--results", type=Path, default=summary.RESULTS, help="the file that --write writes to"
    )
    told, console = parser.parse_args(), Console()
    asked = Asked(told.payments, told.soak_minutes, told.rounds, told.seconds, told.kept)
    try:
        load.wrk()
        full = asyncio.run(measure(asked, console))
    except (BenchError, TimeoutError) as problem:
        console.print(f"full: {problem}", style="red", markup=False)
        return 1
    full.show(console)
    if told.write:
        summary.write(full.figures(), told.results)
    return 0 if full.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
