"""Group commit: the steps of concurrent callers, collected and written in one durable transaction a batch.

There is no timer: an idle committer takes whatever is in its queue. Lanes are divided among the committers to
avoid lock contention; correctness comes from the row locks alone (architecture.md 6, "Group commit").

Where somebody else holds a row for long, the steps that need it are set aside and tried again by themselves:
they wait outside of any transaction, so nobody waits for them.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import asyncpg

from ekpay_switch import telemetry, trouble
from ekpay_switch.domain.errors import CommitUnknownError, DatabaseRefusesError, OverloadedError
from ekpay_switch.domain.ledger.entries import keeps_balance, kind_of
from ekpay_switch.persistence.engine import REFUSES, refusal_reason
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.locked_rows import find_blocked
from ekpay_switch.persistence.group_commit.steps import Answer, Step, lane_of, postings_of

Connect = Callable[[], Awaitable[asyncpg.Connection]]

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
# How long what is left of a batch, or was set aside, waits for a lock: the first wait was the long one.
LOCK_SECONDS_AFTER_ONE = 0.1
LOOK_AGAIN_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class GroupCommitLimits:
    """The largest batch and queue, and seconds.

    A lost connection or a locked row is retried for `reconnect_seconds`; a batch waits `lock_seconds` for the
    locks of its rows before the steps that need a locked one are set aside.
    """

    committers: int = 1
    batch_max: int = 256
    queue_max: int = 4096
    reconnect_seconds: float = 8.0
    lock_seconds: float = 0.5


@dataclass(slots=True, eq=False)
class QueuedStep:
    """A step and who waits for its answer; once a lock held it up, the monotonic second at which it fails."""

    step: Step
    future: "asyncio.Future[Answer]"
    give_up_at: float | None = None


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
            OverloadedError: the queue is full, or the database cannot write; nothing was written.
            CommitUnknownError: the database was lost and did not come back in time, or somebody else held a
                row of the step all the time; the outcome is unknown.
        """
        return await self._committers[lane_of(step) % len(self._committers)].submit(step)


class _Committer:
    """One connection, one queue, one batch at a time."""

    def __init__(self, connect: Connect, limits: GroupCommitLimits) -> None:
        self._connect = connect
        self._limits = limits
        self._queue: deque[QueuedStep] = deque()
        self._blocked: list[QueuedStep] = []
        self._look_at = 0.0
        self._filled = asyncio.Event()
        self._connection: asyncpg.Connection | None = None
        self._known_accounts: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._is_stopping = False

    @property
    def depth(self) -> int:
        return len(self._queue) + len(self._blocked)

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
        if self.depth >= self._limits.queue_max or self._is_stopping:
            telemetry.QUEUE_REFUSALS.inc()
            raise OverloadedError
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._queue.append(QueuedStep(step, future))
        self._filled.set()
        return await future

    async def _run(self) -> None:
        while self._queue or self._blocked or not self._is_stopping:
            if self._blocked and time.monotonic() >= self._look_at:
                await self._retry_blocked()
            elif self._queue:
                size = min(len(self._queue), self._limits.batch_max)
                batch = [self._queue.popleft() for _ in range(size)]
                await self._commit(batch, self._limits.lock_seconds)
            else:
                await self._wait_for_work()

    async def _wait_for_work(self) -> None:
        """Wait for a step, or until steps that were set aside are to be looked at."""
        self._filled.clear()
        seconds = self._look_at - time.monotonic() if self._blocked else None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._filled.wait()

    async def _commit(self, batch: list[QueuedStep], lock_seconds: float) -> None:
        """Write a batch; where it fails, split it until the failing step is alone."""
        started, began_at = time.perf_counter(), time.monotonic()
        try:
            answers = await self._write_until_acknowledged([queued.step for queued in batch], lock_seconds)
        except (CommitUnknownError, DatabaseRefusesError) as error:
            # Not split: what refuses one step for want of room refuses every one.
            _fail(batch, error)
        except asyncpg.LockNotAvailableError as error:
            await self._part_with_blocked(batch, began_at, error)
        except Exception as error:  # noqa: BLE001 - the failing step is found by splitting, and its caller gets the error
            await self._split(batch, lock_seconds, error)
        else:
            telemetry.BATCH_SIZE.observe(len(batch))
            telemetry.BATCH_SECONDS.observe(time.perf_counter() - started)
            for queued, answer in zip(batch, answers, strict=True):
                if not queued.future.done():
                    queued.future.set_result(answer)

    async def _split(self, batch: list[QueuedStep], lock_seconds: float, error: Exception) -> None:
        if len(batch) == 1:
            telemetry.count_error("batch_step_failed", error=error, step=type(batch[0].step).__name__)
            _fail(batch, error)
            return
        middle = len(batch) // 2
        await self._commit(batch[:middle], lock_seconds)
        await self._commit(batch[middle:], lock_seconds)

    async def _part_with_blocked(self, batch: list[QueuedStep], began_at: float, error: Exception) -> None:
        """Set aside the steps that need a row of somebody else, and write the others at once.

        A batch that is held up by something else, such as a counter, is split until the step is alone.
        """
        telemetry.BATCH_REPEATS.labels("locked_row").inc()
        telemetry.log_warning("locked_row", error=error, batch_size=len(batch))
        for queued in batch:
            queued.give_up_at = queued.give_up_at or began_at + self._limits.reconnect_seconds
        blocked = await self._find_blocked(batch, with_lanes=False)
        blocked = blocked or await self._find_blocked(batch, with_lanes=True)
        if len(batch) == 1 or began_at + self._limits.reconnect_seconds <= time.monotonic():
            blocked = batch
        self._set_aside(blocked, error)
        others = [queued for queued in batch if queued not in blocked]
        middle = 0 if blocked else len(others) // 2
        for part in (others[:middle], others[middle:]):
            if part:
                await self._commit(part, LOCK_SECONDS_AFTER_ONE)

    async def _retry_blocked(self) -> None:
        """Write what was set aside and is free now; what has been held for too long fails.

        A look takes no place in line, so on a busy row each may find another holder. Before steps fail they
        wait in line once, all together.
        """
        waiting, self._blocked = self._blocked, []
        blocked = await self._find_blocked(waiting, with_lanes=False)
        now = time.monotonic()
        last_try = [
            queued for queued in blocked if queued.give_up_at is not None and queued.give_up_at <= now
        ]
        later = [queued for queued in blocked if queued not in last_try]
        self._set_aside(later, asyncpg.LockNotAvailableError("somebody else holds the row"))
        free = [queued for queued in waiting if queued not in blocked]
        for first in range(0, len(free), self._limits.batch_max):
            await self._commit(free[first : first + self._limits.batch_max], LOCK_SECONDS_AFTER_ONE)
        for first in range(0, len(last_try), self._limits.batch_max):
            await self._commit(last_try[first : first + self._limits.batch_max], self._limits.lock_seconds)

    def _set_aside(self, blocked: Sequence[QueuedStep], error: Exception) -> None:
        """Keep steps for another look; those that have waited long enough fail by themselves."""
        now = time.monotonic()
        self._look_at = now + LOOK_AGAIN_SECONDS
        for queued in blocked:
            if queued.give_up_at is None or queued.give_up_at > now:
                self._blocked.append(queued)
                continue
            unknown = CommitUnknownError()
            unknown.__cause__ = error
            _fail([queued], unknown)

    async def _find_blocked(self, batch: Sequence[QueuedStep], *, with_lanes: bool) -> list[QueuedStep]:
        """The steps that need a row of somebody else; none where the database does not say."""
        try:
            connection = await self._open_connection()
            found = await find_blocked(connection, [queued.step for queued in batch], with_lanes=with_lanes)
        except Exception as error:  # noqa: BLE001 - the batch is split without it, and meets the same error there
            telemetry.log_warning("locked_row_not_found", error=error)
            return []
        return [queued for queued, is_blocked in zip(batch, found, strict=True) if is_blocked]

    async def _write_until_acknowledged(self, steps: list[Step], lock_seconds: float) -> list[Answer]:
        """Write a batch, again after a deadlock or a lost connection; steps written before are recognised.

        Raises:
            LockNotAvailableError: somebody else held a lock for longer; nothing was written this time.
            DatabaseRefusesError: it has no room to write; nothing was written.
            CommitUnknownError: it was lost, and did not write again in time or refuses now.
        """
        give_up_at = time.monotonic() + self._limits.reconnect_seconds
        was_lost = False
        while True:
            try:
                connection = await self._open_connection()
                await self._add_accounts(connection, steps)
                return await write_batch(connection, steps, lock_seconds)
            except asyncpg.LockNotAvailableError:
                raise
            except REFUSES as error:
                trouble.count_database_refusal(refusal_reason(error))
                # What was lost before may have been a COMMIT that stands.
                raise (CommitUnknownError if was_lost else DatabaseRefusesError) from error
            except RETRYABLE as error:
                telemetry.BATCH_REPEATS.labels("deadlock").inc()
                telemetry.log_warning("batch_repeated", error=error)
                _give_up_after(give_up_at, error)
            except CONNECTION_LOST as error:
                was_lost = True
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
    for queued in batch:
        if not queued.future.done():
            queued.future.set_exception(error)
