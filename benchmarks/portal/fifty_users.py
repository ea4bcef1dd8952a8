"""`make bench-portal`: how long citizens wait for a page, with fifty of them at once, among many that stand.

A million payments, 600,000 citizens and 300,000 of their carts are put into the database of a stage; then
fifty users walk through the portal, half of their visits to pay a bill that the sandbox's DESCO answers.
First each thinks a second between two pages; then nobody thinks, which shows what one process can do.
Everything runs on this machine, the users too. `--write` merges the figures into results.json.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import quantiles
from typing import Any

import asyncpg
from rich.console import Console
from rich.table import Table

from benchmarks.kit import machine, summary
from benchmarks.kit.errors import BenchError
from benchmarks.kit.stage import Staging, open_stage
from benchmarks.paying.prefill import fill
from benchmarks.portal.citizen_rows import CITIZENS, fill_citizens
from benchmarks.portal.users import VISITS, WARM_UP_SHARE
from ekpay_switch.persistence.embedded.roles import SUPERUSER
from ekpay_switch.security.keys import KeyRing

AIM_MS = 200.0
PAYMENTS, CARTS, USERS, SECONDS = 1_000_000, 300_000, 50, 60
_PARTNERS, _ACCOUNTS = 16, 1_000_000
_TURN_ACCOUNTS = 100_000
# Codes would be sent there, and nobody requests one.
GATEWAY = {
    "EKPAY_SMS_URL": "http://127.0.0.1:9",
    "EKPAY_SMS_API_TOKEN": "bench-of-the-portal",
    "EKPAY_SMS_SENDER_ID": "EKPAY",
}


class UsersError(BenchError):
    """The users met a page that they should not have met."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The milliseconds of each page in one turn of the users."""

    think_seconds: float
    seconds: float
    by_page: Mapping[str, list[float]]

    @property
    def all_ms(self) -> list[float]:
        """Those of every request."""
        return [one for page in self.by_page.values() for one in page]

    @property
    def p95_ms(self) -> float:
        """95 of 100 requests were answered in that time."""
        return _percentile(self.all_ms, 95)

    def figures(self) -> dict[str, Any]:
        """The keys of results.json."""
        return {
            "think_seconds": self.think_seconds,
            "pages_per_second": round(len(self.all_ms) / (self.seconds * (1 - WARM_UP_SHARE)), 1),
            "p50_ms": round(_percentile(self.all_ms, 50), 1),
            "p95_ms": round(self.p95_ms, 1),
            "p99_ms": round(_percentile(self.all_ms, 99), 1),
            "p95_ms_by_page": {page: round(_percentile(ms, 95), 1) for page, ms in self.by_page.items()},
        }

    def show(self, console: Console) -> None:
        """Print it for a person."""
        facts = self.figures()
        title = f"{USERS} users, {self.think_seconds:g} s between pages: {facts['pages_per_second']} pages/s"
        table = Table("page", "requests", "p50 ms", "p95 ms", "p99 ms", title=title)
        for page, ms in (*sorted(self.by_page.items()), ("all", self.all_ms)):
            table.add_row(page, f"{len(ms):,}", *(f"{_percentile(ms, rank):.1f}" for rank in (50, 95, 99)))
        console.print(table)


async def measure(seconds: float, payments: int, console: Console) -> tuple[list[Turn], dict[str, Any]]:
    """Fill the stage and let the users walk, thinking and not.

    Raises:
        BenchError: something did not start, or a page was not there.
    """
    async with open_stage(_PARTNERS, _ACCOUNTS, Staging(environ=GATEWAY)) as stage:
        await fill(stage.postgres, payments, console)
        console.print(f"adding {CITIZENS:,} citizens and their carts …", highlight=False)
        owner = await asyncpg.connect(stage.postgres.endpoint.dsn(SUPERUSER))
        try:
            await fill_citizens(owner, KeyRing.open(stage.home_folder, None), USERS, min(CARTS, payments))
            version = await owner.fetchval("SHOW server_version")
        finally:
            await owner.close()
        turns = []
        for nth, think_seconds in enumerate((1.0, 0.0)):
            console.print(f"{USERS} users for {seconds:g} s …", highlight=False)
            turns.append(await _turn(stage.switch_url, seconds, think_seconds, nth))
        return turns, machine.machine_facts(stage.home_folder, version)


async def _turn(url: str, seconds: float, think_seconds: float, nth: int) -> Turn:
    options = {
        "--users": USERS,
        "--seconds": seconds,
        "--think-seconds": think_seconds,
        "--first-account": 10_000_000 + nth * _TURN_ACCOUNTS,
    }
    words = [text for name, value in options.items() for text in (name, str(value))]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.portal.users", url, *words, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise UsersError(f"the users ended with {process.returncode}")
    return Turn(think_seconds, seconds, json.loads(output))


def _percentile(ms: Iterable[float], rank: int) -> float:
    sample = sorted(ms)
    return quantiles(sample, n=100)[rank - 1] if len(sample) > 1 else sample[0]


def main() -> int:
    """Measure, print, and say whether the aim is met."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.portal.fifty_users", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--payments", type=int, default=PAYMENTS)
    parser.add_argument("--write", action="store_true", help="merge the figures into results.json")
    typed, console = parser.parse_args(), Console()
    try:
        turns, machine_facts = asyncio.run(measure(typed.seconds, typed.payments, console))
    except (BenchError, TimeoutError) as problem:
        console.print(f"portal: {problem}", style="red", markup=False)
        return 1
    for turn in turns:
        turn.show(console)
    console.print(f"visits of a hundred: {VISITS}", highlight=False)
    thinking, hurrying = turns
    if typed.write:
        figures = {
            "portal_p95_ms": round(thinking.p95_ms, 1),
            "portal": {"thinking": thinking.figures(), "hurrying": hurrying.figures()},
            "portal_machine": machine_facts,
        }
        stored = {**summary.stored_figures(), **figures}
        summary.RESULTS.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
    return 0 if thinking.p95_ms < AIM_MS else 1


if __name__ == "__main__":
    sys.exit(main())
