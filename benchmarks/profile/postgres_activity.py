"""PostgreSQL during a turn, observed from outside: processor time by process, statements and waits."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import ModuleType

import asyncpg

from benchmarks.kit.stage import Stage
from ekpay_switch.persistence.embedded.roles import SUPERUSER
from ekpay_switch.persistence.group_commit import (
    batch,
)
from ekpay_switch.persistence.group_commit import (
    committer as group_commit,
)
from ekpay_switch.persistence.group_commit import (
    lock_and_read as batch_read,
)
from ekpay_switch.persistence.group_commit import (
    write as batch_write,
)

COMMITTERS, OTHER_CLIENTS = "backends of the group commit", "other backends of the switch"
OTHER_PROCESSES = "other processes of PostgreSQL"
ON_PROCESSOR = "on a core, or ready for one"
FOR_THE_SWITCH = "waits for the switch within a batch"
BETWEEN_BATCHES = "waits for the next batch"
_OUTSIDE = "outside of any statement"
_SAMPLE_SECONDS = 0.01
# Workers start and end within a turn: their use is the remainder.
_PROCESSES = """
SELECT pid, backend_type FROM pg_stat_activity WHERE pid <> ALL($1) AND backend_type NOT LIKE '% worker'
"""
_ACTIVITY = """
SELECT state, wait_event_type, wait_event, query FROM pg_stat_activity
WHERE pid = ANY($1) AND state IS NOT NULL
"""
_TEXTS_SHOWN = 40
_QUERY_BYTES_MIN = 99  # bytes of query text that the server keeps at least; 1,023 by default
_TRANSACTION = {"BEGIN;": "BEGIN", "COMMIT;": "COMMIT", "ROLLBACK;": "ROLLBACK"}


@dataclass
class Activity:
    """Samples of the group commit's backends by statement and state, taken over `seconds`."""

    samples: Counter[tuple[str, str]] = field(default_factory=Counter)
    backends: int = 0
    seconds: float = 0.0

    @property
    def states(self) -> dict[str, float]:
        """Shares of the backends' time by state, the largest first."""
        counted: Counter[str] = Counter()
        for (_, state), count in self.samples.items():
            counted[state] += count
        return {state: count / self.samples.total() for state, count in counted.most_common()}

    @property
    def work(self) -> dict[str, float]:
        """Shares of the time that was spent in statements, waits within the server included."""
        counted: Counter[str] = Counter()
        for (statement, state), count in self.samples.items():
            if state not in {FOR_THE_SWITCH, BETWEEN_BATCHES}:
                counted[statement] += count
        return {name: count / max(counted.total(), 1) for name, count in counted.most_common()}

    def served(self, statement: str) -> float:
        """Seconds that the backends together spent in a statement, waits within the server included."""
        within = sum(
            count
            for (name, state), count in self.samples.items()
            if name == statement and state not in {FOR_THE_SWITCH, BETWEEN_BATCHES}
        )
        return within / max(self.samples.total(), 1) * self.backends * self.seconds

    def processor(self, statement: str) -> float:
        """A statement's share of the backends' processor time."""
        on = {name: count for (name, state), count in self.samples.items() if state == ON_PROCESSOR}
        return on.get(statement, 0) / max(sum(on.values()), 1)


async def open_watcher(stage: Stage) -> asyncpg.Connection:
    """A connection with the right to see the other backends; it takes no part in the load."""
    return await asyncpg.connect(stage.postgres.endpoint.dsn(SUPERUSER), timeout=10)


async def processes(
    connection: asyncpg.Connection, committers: Collection[int], own: Collection[int]
) -> dict[int, str]:
    """The server's long-lived processes by purpose, without the bench's own backends."""
    rows = await connection.fetch(_PROCESSES, list(own))
    return {row["pid"]: _purpose(row["pid"], row["backend_type"], committers) for row in rows}


def _purpose(pid: int, kind: str, committers: Collection[int]) -> str:
    if kind != "client backend":
        return kind
    return COMMITTERS if pid in committers else OTHER_CLIENTS


@asynccontextmanager
async def watch_activity(
    connection: asyncpg.Connection, committers: Collection[int]
) -> AsyncIterator[Activity]:
    """Sample the backends of the group commit a hundred times a second until the block ends."""
    activity, is_over = Activity(backends=len(committers)), asyncio.Event()
    started = time.perf_counter()
    looking = asyncio.create_task(_sample_activity(connection, list(committers), activity, is_over))
    try:
        yield activity
    finally:
        is_over.set()
        await looking
        activity.seconds = time.perf_counter() - started


async def _sample_activity(
    connection: asyncpg.Connection, committers: list[int], activity: Activity, is_over: asyncio.Event
) -> None:
    while not is_over.is_set():
        for state, kind, event, query in await connection.fetch(_ACTIVITY, committers):
            statement = statement_name(query) if state == "active" else _OUTSIDE
            activity.samples[statement, state_of(state, kind, event)] += 1
        await asyncio.sleep(_SAMPLE_SECONDS)


def state_of(state: str, kind: str | None, event: str | None) -> str:
    """The state of a backend: on a processor, waiting for the switch, or its wait within the server."""
    if state == "idle":
        return BETWEEN_BATCHES
    if state.startswith("idle in transaction") or kind == "Client":
        return FOR_THE_SWITCH
    return f"{kind}: {event}" if kind else ON_PROCESSOR


def statement_name(text: str) -> str:
    """The name that a statement has in the code of the group commit, or its first words.

    The server truncates long statements (track_activity_query_size); the beginning identifies them.
    """
    known = _TRANSACTION.get(text) or _NAMES.get(text)
    if known is None and len(text) >= _QUERY_BYTES_MIN:
        known = next((name for whole, name in _NAMES.items() if whole.startswith(text)), None)
    return known or " ".join(text.split())[:_TEXTS_SHOWN]


def _named(*modules: ModuleType) -> Mapping[str, str]:
    """The names of these modules' constants by their texts."""
    return {
        text: name
        for module in modules
        for name, text in vars(module).items()
        if name.isupper() and isinstance(text, str)
    }


_NAMES = _named(group_commit, batch, batch_read, batch_write)
