"""A connection that dies at any statement, at COMMIT, and after it: written once, or nobody is told a lie."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from ekpay_switch.domain.errors import CommitUnknownError
from ekpay_switch.domain.payments.claims import RepeatedClaim, StartedClaim
from ekpay_switch.domain.payments.delivery import Recorded
from ekpay_switch.persistence.engine import is_away
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.committer import GroupCommit, GroupCommitLimits
from ekpay_switch.persistence.group_commit.steps import Answer, SaveQuote, Step
from tests.persistence.books import APPROVED, Books, a_top_up, kinds, recording_of

NEVER, BEFORE_COMMIT, AFTER_COMMIT = -1, "before COMMIT", "after COMMIT"
STATEMENTS = ("execute", "fetch", "fetchrow", "fetchval")


@dataclass
class Trouble:
    """Where the next connection dies: at which statement, or around its COMMIT; afterwards all is well."""

    at: object = NEVER
    statement: int = 0
    seen: list[str] = field(default_factory=list)

    def strikes(self, where: object) -> bool:
        if where != self.at:
            return False
        self.at = NEVER
        return True


class Fragile:
    """An asyncpg connection whose backend is terminated where the trouble says."""

    def __init__(self, connection: asyncpg.Connection, books: Books, trouble: Trouble) -> None:
        self._connection = connection
        self._books = books
        self._trouble = trouble

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the real one has
        found = getattr(self._connection, name)
        return self._counted(found) if name in STATEMENTS else found

    def _counted(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(query: str, *values: object) -> Any:  # noqa: ANN401 - the real one's answer
            if query == "COMMIT":
                return await self._commit()
            self._trouble.statement += 1
            self._trouble.seen.append(query)
            if self._trouble.strikes(self._trouble.statement):
                await self._die()
            return await call(query, *values)

        return counted

    async def _commit(self) -> None:
        if self._trouble.strikes(BEFORE_COMMIT):
            await self._die()
        await self._connection.execute("COMMIT")
        if self._trouble.strikes(AFTER_COMMIT):
            self._connection.terminate()
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """What is written with asyncpg's own transactions, by others than the group commit."""
        async with self._connection.transaction():
            yield
            if self._trouble.strikes(BEFORE_COMMIT):
                await self._die()
        if self._trouble.strikes(AFTER_COMMIT):
            self._connection.terminate()
            raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

    async def _die(self) -> None:
        process = self._connection.get_server_pid()
        await self._books.tell("SELECT pg_terminate_backend($1, 5000)", process)


@asynccontextmanager
async def fragile(books: Books, trouble: Trouble) -> AsyncIterator[GroupCommit]:
    async def connect() -> Any:  # noqa: ANN401 - stands in for asyncpg's
        return Fragile(await books.database.connect_hot(), books, trouble)

    group_commit = GroupCommit(connect, GroupCommitLimits(committers=1))
    await group_commit.start()
    yield group_commit
    await group_commit.stop()


async def _a_mixed_batch(books: Books) -> list[Step]:
    await books.partner(prefund=60_000)
    started = await books.start()
    quotes = [await books.quote() for _ in range(3)]
    return [
        recording_of(started, APPROVED),
        *(books.claim_on(quote) for quote in quotes),
        a_top_up("bank1", 500),
    ]


async def _written_once(books: Books, answers: list[Answer]) -> None:
    assert isinstance(answers[0], Recorded)
    assert [answer.scroll_no for answer in answers[1:4] if isinstance(answer, StartedClaim)] == [2, 3, 4]
    assert answers[4] is None
    assert await books.count("payments") == await books.count("attempts") == 4
    # The prefund's own top-up, four payments taken, one delivered, one more top-up.
    assert await books.count("journal_entries") == 7
    assert await books.count("notifications") == 1
    assert await books.count("evidence") == 0
    assert await books.balance() == 60_500 - 4 * 6_000
    assert await books.audit() is None


async def _statements_of_a_batch(books: Books) -> int:
    trouble = Trouble()
    steps = await _a_mixed_batch(books)
    async with fragile(books, trouble) as group_commit:
        await asyncio.gather(*map(group_commit.submit, steps))
    return trouble.statement


async def test_a_batch_takes_as_many_statements_as_the_next_test_breaks(books: Books) -> None:
    assert await _statements_of_a_batch(books) == len(EVERY_PLACE) - 2


EVERY_PLACE = (*range(1, 8), BEFORE_COMMIT, AFTER_COMMIT)


@pytest.mark.parametrize("place_of_death", EVERY_PLACE)
async def test_a_connection_that_dies_anywhere_doubles_nothing(books: Books, place_of_death: object) -> None:
    steps = await _a_mixed_batch(books)
    trouble = Trouble(place_of_death)

    async with fragile(books, trouble) as group_commit:
        answers = await asyncio.gather(*map(group_commit.submit, steps))

    assert trouble.at == NEVER, "the connection did not die"
    await _written_once(books, list(answers))


async def test_quotes_alone_are_one_statement_and_begin_nothing(books: Books) -> None:
    await books.partner(prefund=60_000)
    step = SaveQuote(await books.quote(), 0)
    trouble = Trouble()
    async with fragile(books, trouble) as group_commit:
        assert await group_commit.submit(step) is None
    # Accounts are opened once a process.
    assert [query.split()[:3] for query in trouble.seen] == [
        ["INSERT", "INTO", "accounts"], ["INSERT", "INTO", "quotes"],
    ]  # fmt: skip


async def test_lost_after_hash(books: Books) -> None:
    """A crash at any statement leaves a reference with its payment, entry and attempt, or none of them."""
    await books.partner(prefund=60_000)
    claim = books.claim_on(await books.quote())
    for place in (*range(1, 6), BEFORE_COMMIT):
        connection = Fragile(await books.database.connect_hot(), books, Trouble(place))
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await write_batch(connection, [claim])

        assert await books.count("payments") == await books.count("attempts") == 0
        assert await books.count("history") == await books.count("scroll_counters") == 0
        assert await books.balance() == 60_000
    assert isinstance(await books.submit(claim), StartedClaim)
    assert await books.audit() is None


async def test_ack_before_commit(books: Books) -> None:
    """Nobody is answered before the row is durable: a caller whose COMMIT cannot happen hears nothing."""
    await books.partner(prefund=60_000)
    claim = books.claim_on(await books.quote())
    blocker = await books.superuser()
    transaction = blocker.transaction()
    await transaction.start()
    await blocker.execute("SELECT FROM accounts WHERE code = 'prefund:bank1:postpaid' FOR UPDATE")
    asked = asyncio.ensure_future(books.submit(claim))
    waiting = (
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with asyncio.timeout(10):
        while not (stuck := await books.rows(waiting)):
            assert not asked.done()

    await books.tell("SELECT pg_terminate_backend($1, 5000)", stuck[0]["pid"])

    assert not asked.done()
    assert await books.count("payments") == 0
    await transaction.rollback()
    await blocker.close()
    assert isinstance(await asked, StartedClaim)
    assert await books.count("payments") == 1


async def test_no_verdict_is_given_for_a_database_that_stays_away(books: Books) -> None:
    await books.partner(prefund=60_000)
    claim = books.claim_on(await books.quote())
    is_away = False

    async def connect() -> asyncpg.Connection:
        if is_away:
            raise ConnectionRefusedError
        return await books.database.connect_hot()

    group_commit = GroupCommit(connect, GroupCommitLimits(committers=1, reconnect_seconds=0.3))
    await group_commit.start()
    is_away = True
    ours = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'ekpay_app'"
    await books.tell(f"{ours} AND datname = current_database()")

    with pytest.raises(CommitUnknownError):
        await group_commit.submit(claim)

    assert await books.count("payments") == 0
    is_away = False
    assert isinstance(await group_commit.submit(claim), StartedClaim)
    await group_commit.stop()
    assert await books.audit() is None


@pytest.mark.parametrize(
    "error", [asyncpg.TooManyConnectionsError("sorry"), asyncpg.CannotConnectNowError("no")]
)
async def test_a_verdict_that_was_lost_with_its_connection_is_unknown_however_reconnecting_fails(
    books: Books, error: Exception
) -> None:
    """The COMMIT was sent and not heard of; the caller must be told that nobody knows, not that it failed."""
    await books.partner(prefund=60_000)
    claim = books.claim_on(await books.quote())
    trouble, may_connect = Trouble(AFTER_COMMIT), [True, False, False]

    async def connect() -> Any:  # noqa: ANN401 - stands in for asyncpg's
        if not (may_connect.pop(0) if may_connect else False):
            raise error
        return Fragile(await books.database.connect_hot(), books, trouble)

    group_commit = GroupCommit(connect, GroupCommitLimits(committers=1, reconnect_seconds=0.2))
    await group_commit.start()
    with pytest.raises(CommitUnknownError):
        await group_commit.submit(claim)
    await group_commit.stop()

    assert await books.count("payments") == 1
    # Read back by its own id, it is told as it stands; under another id it is only a repeat.
    assert isinstance(await books.submit(claim), StartedClaim)
    again = await books.submit(books.claim_on(await books.quote(), claim.reference))
    assert kinds([again]) == {"ConflictingClaim": 1}


@pytest.mark.parametrize(
    "lock", ["SELECT FROM lanes WHERE lane = 0 FOR UPDATE", "SELECT pg_advisory_xact_lock(1, 1)"]
)
async def test_a_lock_that_is_held_too_long_is_no_verdict_either(books: Books, lock: str) -> None:
    """Nothing was written, so the callers may come again; they are not told of an inner failure."""
    await books.partner(prefund=60_000)
    claim = books.claim_on(await books.quote())
    blocker = await books.superuser()
    transaction = blocker.transaction()
    await transaction.start()
    await blocker.execute(lock)

    async def connect() -> asyncpg.Connection:
        connection = await books.database.connect_hot()
        await connection.execute("SET lock_timeout = '50ms'")
        return connection

    group_commit = GroupCommit(connect, GroupCommitLimits(committers=1, reconnect_seconds=5))
    await group_commit.start()
    asked = asyncio.ensure_future(group_commit.submit(claim))
    await asyncio.wait({asked}, timeout=0.3)
    assert not asked.done()
    await transaction.rollback()
    await blocker.close()

    assert isinstance(await asked, StartedClaim)
    await group_commit.stop()


async def test_a_driver_whose_protocol_has_failed_is_a_lost_connection_and_no_verdict(books: Books) -> None:
    """So a payment that was paid long ago is never told to be in progress again by a server that dies."""
    await books.partner(prefund=60_000)
    claim, trouble = books.claim_on(await books.quote()), Trouble()

    class Failed(Fragile):
        async def _die(self) -> None:
            raise asyncpg.InternalClientError('cannot switch to state 12; protocol is in the "failed" state')

    async def connect() -> Any:  # noqa: ANN401 - stands in for asyncpg's
        return Failed(await books.database.connect_hot(), books, trouble)

    group_commit = GroupCommit(connect, GroupCommitLimits(committers=1))
    await group_commit.start()
    trouble.at = 5
    assert isinstance(await group_commit.submit(claim), StartedClaim)
    await group_commit.stop()
    assert trouble.at == NEVER
    assert await books.audit() is None


async def test_a_deadlock_repeats_the_batch(books: Books) -> None:
    await books.partner(prefund=60_000)
    claim = books.claim_on(await books.quote())
    trouble = Trouble()

    class Deadlocks(Fragile):
        async def _die(self) -> None:
            raise asyncpg.DeadlockDetectedError("deadlock detected")

    async def connect() -> Any:  # noqa: ANN401 - stands in for asyncpg's
        return Deadlocks(await books.database.connect_hot(), books, trouble)

    group_commit = GroupCommit(connect, GroupCommitLimits(committers=1))
    await group_commit.start()
    trouble.at = 5
    assert isinstance(await group_commit.submit(claim), StartedClaim)
    await group_commit.stop()
    assert trouble.at == NEVER
    assert not isinstance(await books.submit(claim), RepeatedClaim)
    assert await books.audit() is None


@pytest.mark.parametrize(
    "cause",
    [
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.CrashShutdownError("another process died"),
        asyncpg.TooManyConnectionsError("crowded"),
        asyncpg.InternalClientError('cannot switch to state 12; protocol is in the "failed" state'),
        ConnectionRefusedError("refused"),
    ],
)
def test_a_server_that_starts_or_is_crowded_is_away_and_not_broken(cause: Exception) -> None:
    driver = Exception("as the dialect wraps it")
    driver.__cause__ = cause
    assert is_away(DBAPIError("SELECT 1", None, driver))
    assert is_away(cause)


def test_a_wrong_statement_is_not_taken_for_an_absence() -> None:
    driver = Exception("as the dialect wraps it")
    driver.__cause__ = asyncpg.UndefinedTableError("no such table")
    assert not is_away(DBAPIError("SELECT 1", None, driver))
    assert not is_away(IntegrityError("INSERT", None, driver))
    assert not is_away(ValueError())
    assert is_away(OperationalError("SELECT 1", None, driver))
