"""Group commit: the steps of concurrent callers, collected and written in one durable transaction a batch.

There is no timer: an idle committer takes whatever is in its queue. Lanes are divided among the committers to
avoid lock contention; correctness comes from the row locks alone (architecture.md 6, "Group commit").
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg

from ekpay_switch import telemetry
from ekpay_switch.domain.errors import CommitUnknownError, OverloadedError
from ekpay_switch.domain.ledger.entries import keeps_balance, kind_of
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.steps import Answer, Step, lane_of, postings_of

Connect = Callable[[], Awaitable[asyncpg.Connection]]
QueuedStep = tuple[Step, "asyncio.Future[Answer]"]

RETRYABLE = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    # A migration has changed a column meanwhile; the driver prepares the statement anew.
    asyncpg.InvalidCachedStatementError,
)
CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # Raised where the server died between two messages: "the protocol is in the failed state".
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.CannotConnectNowError,
    OSError,
)
NEW_ACCOUNTS = """
INSERT INTO accounts (code, kind) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class GroupCommitLimits:
    """The largest batch and queue, and for how many seconds a lost connection is retried."""

    committers: int = 1
    batch_max: int = 256
    queue_max: int = 4096
    reconnect_seconds: float = 8.0


class GroupCommit:
    """The only way to post money. `submit` returns when the step is durable."""

    def __init__(self, connect: Connect, limits: GroupCommitLimits) -> None:
        self._connect = connect
        self._limits = limits
        self._committers = [_Committer(connect, limits) for _ in range(limits.committers)]

    async def start(self) -> None:
        """Open the connections; fails at once where the database cannot be reached."""
        for committer in self._committers:
            await committer.start()

    async def stop(self) -> None:
        """Write the queued steps, then close the connections."""
        for committer in self._committers:
            await committer.stop()

    @property
    def depth(self) -> int:
        """How many steps are queued."""
        return sum(committer.depth for committer in self._committers)

    async def submit(self, step: Step) -> Answer:
        """Write one step in the next batch; returns its answer once it is durable.

        Raises:
            OverloadedError: the queue is full; nothing was written.
            CommitUnknownError: the database was lost and did not come back in time; the outcome is unknown.
        """
        return await self._committers[lane_of(step) % len(self._committers)].submit(step)


class _Committer:
    """One connection, one queue, one batch at a time."""

    def __init__(self, connect: Connect, limits: GroupCommitLimits) -> None:
        self._connect = connect
        self._limits = limits
        self._queue: deque[QueuedStep] = deque()
        self._filled = asyncio.Event()
        self._connection: asyncpg.Connection | None = None
        self._known_accounts: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False

    @property
    def depth(self) -> int:
        return len(self._queue)

    async def start(self) -> None:
        self._connection = await self._connect()
        self._task = asyncio.create_task(self._run(), name="group-commit")

    async def stop(self) -> None:
        self._is_stopping = True
        self._filled.set()
        if self._task is not None:
            await self._task
        if self._connection is not None:
            await self._connection.close()

    async def submit(self, step: Step) -> Answer:
        if len(self._queue) >= self._limits.queue_max or self._is_stopping:
            telemetry.QUEUE_REFUSALS.inc()
            raise OverloadedError
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._queue.append((step, future))
        self._filled.set()
        return await future

    async def _run(self) -> None:
        while self._queue or not self._is_stopping:
            if not self._queue:
                self._filled.clear()
                await self._filled.wait()
                continue
            size = min(len(self._queue), self._limits.batch_max)
            await self._commit([self._queue.popleft() for _ in range(size)])

    async def _commit(self, batch: list[QueuedStep]) -> None:
        """Write a batch; where it fails, split it until the failing step is alone."""
        started = time.perf_counter()
        try:
            answers = await self._write_until_acknowledged([step for step, _ in batch])
        except CommitUnknownError as error:
            _fail(batch, error)
        except Exception as error:  # noqa: BLE001 - the failing step is found by splitting, and its caller gets the error
            await self._split(batch, error)
        else:
            telemetry.BATCH_SIZE.observe(len(batch))
            telemetry.BATCH_SECONDS.observe(time.perf_counter() - started)
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)

    async def _split(self, batch: list[QueuedStep], error: Exception) -> None:
        if len(batch) == 1:
            telemetry.count_error("batch_step_failed", error=error, step=type(batch[0][0]).__name__)
            _fail(batch, error)
            return
        middle = len(batch) // 2
        await self._commit(batch[:middle])
        await self._commit(batch[middle:])

    async def _write_until_acknowledged(self, steps: list[Step]) -> list[Answer]:
        """Write a batch, again after a deadlock or a lost connection; steps written before are recognised."""
        give_up_at = time.monotonic() + self._limits.reconnect_seconds
        while True:
            try:
                connection = await self._open_connection()
                await self._add_accounts(connection, steps)
                return await write_batch(connection, steps)
            except RETRYABLE as error:
                telemetry.BATCH_REPEATS.labels("deadlock").inc()
                telemetry.log_warning("batch_repeated", error=error)
                _give_up_after(give_up_at, error)
            except CONNECTION_LOST as error:
                telemetry.BATCH_REPEATS.labels("connection_lost").inc()
                telemetry.log_warning("database_lost", error=error)
                await self._drop_connection()
                _give_up_after(give_up_at, error)
                await asyncio.sleep(0.1)

    async def _open_connection(self) -> asyncpg.Connection:
        """The connection, opened again where it was lost; failing to open it counts as one more loss."""
        if self._connection is None or self._connection.is_closed():
            try:
                self._connection = await self._connect()
            except asyncpg.PostgresError as error:
                raise ConnectionError(str(error)) from error
        return self._connection

    async def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*CONNECTION_LOST):
                connection.terminate()

    async def _add_accounts(self, connection: asyncpg.Connection, steps: list[Step]) -> None:
        """Add the rows of accounts that these steps post to, in a transaction of its own, once a process."""
        codes = {posting.account for step in steps for posting in postings_of(step)} | {"in_flight"}
        missing = sorted(code for code in codes - self._known_accounts if not keeps_balance(code))
        if missing:
            await connection.execute(NEW_ACCOUNTS, missing, [kind_of(code) for code in missing])
            self._known_accounts.update(missing)


def _give_up_after(give_up_at: float, error: Exception) -> None:
    if time.monotonic() > give_up_at:
        raise CommitUnknownError from error


def _fail(batch: list[QueuedStep], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
