"""kill -9 of web, worker and PostgreSQL, and a process manager that starts again whatever has died.

The manager does what systemd would do on the machine of an operator: it looks often and starts what is not
there. The database is started as the product's own commands start it.
"""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ekpay_switch.persistence.embedded.server import EmbeddedPostgres, EmbeddedPostgresError
from tests.faults.installation import Installation

LOOK_SECONDS = 0.05
PAUSE_SECONDS_MAX = 0.3
# How many strikes in a hundred fall into the recovery from the one before.
IN_RECOVERY_PERCENT = 45

WEB, WORKER = "web", "worker"
# The postmaster alone, which leaves its backends to find out; all of it; and `pg_ctl stop -m immediate`.
POSTMASTER, BACKENDS, IMMEDIATE = "postmaster", "postmaster and backends", "immediate stop"
DATABASE = frozenset({POSTMASTER, BACKENDS, IMMEDIATE})
# Which victims fall together, and how often.
VICTIMS: dict[tuple[str, ...], int] = {
    (WEB,): 6, (WORKER,): 8, (POSTMASTER,): 4, (BACKENDS,): 3, (IMMEDIATE,): 1, (WEB, WORKER): 2,
    (WEB, POSTMASTER): 1, (WORKER, BACKENDS): 1, (WEB, WORKER, BACKENDS): 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Strike:
    """One moment: who dies, when, and whether in the middle of the recovery from the strike before."""

    victims: tuple[str, ...]
    pause_seconds: float
    waits_for_recovery: bool

    @classmethod
    def drawn(cls, draws: random.Random) -> "Strike":
        """A strike that nobody chose."""
        victims = draws.choices(list(VICTIMS), list(VICTIMS.values()))[0]
        waits = draws.uniform(0, 100) >= IN_RECOVERY_PERCENT
        return cls(victims, draws.uniform(0, PAUSE_SECONDS_MAX), waits)


def postmaster(home: Path) -> int | None:
    """The process id of the embedded server, if it runs."""
    try:
        pid = int((home / "data" / "postmaster.pid").read_text().split("\n", 1)[0])
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except (OSError, ValueError):
        return None
    return pid if name == "postgres" else None


def children(parent: int) -> list[int]:
    """The processes that were started by this one."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                # What follows the name, which may hold anything, is: state, parent.
                after_name = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(after_name[1]) == parent:
                    found.append(int(entry.name))
    return found


def end_database(home: Path, how: str) -> None:
    """End the embedded server in one of the ways of `DATABASE`, if it runs."""
    parent = postmaster(home)
    if parent is None:
        return
    others = children(parent) if how == BACKENDS else []
    number = signal.SIGQUIT if how == IMMEDIATE else signal.SIGKILL
    for pid in (parent, *others):
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def strike(site: Installation, victims: Iterable[str]) -> None:
    """Kill them all, one right after the other."""
    for victim in victims:
        if victim in DATABASE:
            end_database(site.settings.home, victim)
        else:
            site.kill(victim)


@asynccontextmanager
async def managed(site: Installation, *worker_options: str) -> AsyncIterator[None]:
    """Keep web, worker and database running meanwhile, whatever happens to them."""
    keepers = (_keep_processes(site, worker_options), _keep_database(site))
    managers = [asyncio.create_task(keeper) for keeper in keepers]
    try:
        yield
    finally:
        for manager in managers:
            manager.cancel()
        await asyncio.gather(*managers, return_exceptions=True)


async def _keep_processes(site: Installation, worker_options: Sequence[str]) -> None:
    while True:
        if not site.is_alive(WEB):
            site.start(WEB)
        if not site.is_alive(WORKER):
            site.start(WORKER, worker_options)
        await asyncio.sleep(LOOK_SECONDS)


async def _keep_database(site: Installation) -> None:
    server = EmbeddedPostgres(site.settings.home)
    while True:
        if not server.is_running():
            # A server that is killed while it starts did not start: the next look finds it missing.
            with suppress(EmbeddedPostgresError):
                await asyncio.to_thread(server.start)
        await asyncio.sleep(LOOK_SECONDS)
