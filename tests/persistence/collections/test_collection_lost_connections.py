"""A connection that dies at any statement of a collected payment, at COMMIT, and after it: written once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import CallbackHint
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.errors import CommitUnknownError, OverloadedError
from ekpay_switch.persistence.short_transactions import ShortTransactions, TransactionLimits
from ekpay_switch.ports.collections import (
    CollectionOpened,
    DeliveryStart,
    NoNewTry,
    RawCallback,
    StartedDelivery,
)
from tests.persistence.books import Books
from tests.persistence.collections.collection_setup import (
    KEPT,
    LAPSED,
    QUOTE_OVER,
    TAKEN,
    Till,
    a_try,
    agreed,
    open_till,
    page,
)
from tests.persistence.group_commit.test_lost_connections import (
    AFTER_COMMIT,
    BEFORE_COMMIT,
    NEVER,
    Fragile,
    Trouble,
)


class Outermost(Fragile):
    """Dies around the COMMIT alone: what is posted stands in a savepoint of the same transaction."""

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        if self._connection.is_in_transaction():
            async with self._connection.transaction():
                yield
            return
        async with super().transaction():
            yield


@dataclass
class Unlucky:
    """A till whose next transaction meets the trouble, and one that never does."""

    till: Till
    calm: Till
    trouble: Trouble

    def strike(self, at: object) -> None:
        self.trouble.at, self.trouble.statement = at, 0


@pytest.fixture
async def unlucky(books: Books) -> AsyncIterator[Unlucky]:
    await books.partner()
    trouble = Trouble()

    async def connect() -> Any:  # noqa: ANN401 - stands in for asyncpg's
        return Outermost(await books.database.connect_hot(), books, trouble)

    async with open_till(books, connect, connections=1) as till, open_till(books) as calm:
        yield Unlucky(till, calm, trouble)
        assert trouble.at == NEVER, "the connection did not die"


async def test_second_success_is_written_once_wherever_the_connection_dies(books: Books) -> None:
    """The longest of all: two entries, a refund, the running total, evidence."""
    await books.partner()
    trouble = Trouble()

    async def connect() -> Any:  # noqa: ANN401 - stands in for asyncpg's
        return Outermost(await books.database.connect_hot(), books, trouble)

    async with open_till(books) as calm, open_till(books, connect, connections=1) as till:
        count, rounds = await _statements_of(calm, till, trouble), 1
        assert count > 10
        for place in (*range(1, count + 1), BEFORE_COMMIT, AFTER_COMMIT):
            trouble.at, trouble.statement = place, 0
            recorded = await _second_success(calm, till, rounds := rounds + 1)
            assert (trouble.at, recorded) == (NEVER, Alarm.UNEXPECTED_MONEY), place
            assert await books.count("refunds") == rounds
            assert await books.count("attempts", "outcome = 'second_success'") == rounds
            balances = await calm.balances()
            assert balances == {
                "receivable:bkash": 2 * rounds * (TAKEN - KEPT),
                "connector_fee:bkash": 2 * rounds * KEPT,
                "in_flight": -rounds * TAKEN,
                "refund_due:bkash": -rounds * TAKEN,
            }, place
    assert await books.audit() is None


async def test_a_further_movement_is_written_once_wherever_the_connection_dies(books: Books) -> None:
    """The movement, its two entries, its refund and evidence."""
    await books.partner()
    trouble = Trouble()

    async def connect() -> Any:  # noqa: ANN401 - stands in for asyncpg's
        return Outermost(await books.database.connect_hot(), books, trouble)

    async with open_till(books) as calm, open_till(books, connect, connections=1) as till:
        await _further_movement(calm, till, 1)
        count, rounds, trouble.statement = len(trouble.seen) - 1, 1, 0
        assert count > 10
        for place in (*range(1, count + 1), BEFORE_COMMIT, AFTER_COMMIT):
            trouble.at, trouble.statement = place, 0
            recorded = await _further_movement(calm, till, rounds := rounds + 1)
            assert (trouble.at, recorded) == (NEVER, Alarm.COLLECTED_MISMATCH), place
            assert await books.count("further_movements") == rounds
            assert await books.count("refunds") == rounds
            assert (await calm.balances())["refund_due:bkash"] == -rounds * TAKEN, place
    assert await books.audit() is None


async def _further_movement(calm: Till, till: Till, number: int) -> Alarm | None:
    held = await calm.leased(await calm.funded())
    return (await till.record(held, agreed(held, f"FURTHER{number}"))).alarm


async def _statements_of(calm: Till, till: Till, trouble: Trouble) -> int:
    await _second_success(calm, till, 1)
    # The first time accounts are opened as well; after that it is one statement less.
    trouble.statement = 0
    return len(trouble.seen) - 1


async def _second_success(calm: Till, till: Till, number: int) -> Alarm | None:
    first = await calm.on_page()
    second = await calm.leased(await calm.another(first))
    await calm.record(second, agreed(second, f"A{number}"))
    held = await calm.leased(first)
    return (await till.record(held, agreed(held, f"B{number}"))).alarm


Call = Callable[[Till], Awaitable[Any]]


async def _opening(calm: Till) -> Call:
    new = calm.new("once")
    return lambda till: till.collections.open(new)


async def _trying_again(calm: Till) -> Call:
    held, new = await calm.on_page(), a_try()
    return lambda till: till.collections.open_try("bank1", held.payment_id, new, 0.0)


async def _cancelling(calm: Till) -> Call:
    held = await calm.on_page()
    return lambda till: till.collections.cancel("bank1", held.payment_id)


async def _executing(calm: Till) -> Call:
    held = await calm.leased(await calm.on_page())
    return lambda till: till.collections.begin_execute(held, 10, 90)


async def _paging(calm: Till) -> Call:
    held = await calm.opened()
    return lambda till: till.collections.record(held, page("TR1"))


async def _lapsing(calm: Till) -> Call:
    held = await calm.leased(await calm.on_page())
    return lambda till: till.collections.record(held, LAPSED)


async def _funding(calm: Till) -> Call:
    held = await calm.leased(await calm.on_page())
    return lambda till: till.collections.record(held, agreed(held))


async def _delivering(calm: Till) -> Call:
    held = await calm.funded()
    start: DeliveryStart = calm.delivery_of(held)
    return lambda till: till.collections.start_delivery(start)


async def _calling_back(calm: Till) -> Call:
    await calm.on_page()
    hint = CallbackHint("N1", "TR00110001", "success", is_agreed=True)
    return lambda till: till.callbacks.keep(RawCallback("bkash", "N1", {}, b""), hint)


STORIES = [
    _opening, _trying_again, _cancelling, _executing, _paging, _lapsing, _funding, _delivering, _calling_back,
]  # fmt: skip


@pytest.mark.parametrize("where", [2, AFTER_COMMIT])
@pytest.mark.parametrize("story", STORIES)
async def test_a_call_whose_commit_was_not_heard_of_answers_as_if_nothing_had_happened(
    unlucky: Unlucky, story: Callable[[Till], Awaitable[Call]], where: object
) -> None:
    call = await story(unlucky.calm)
    unlucky.strike(where)

    answer = await call(unlucky.till)

    books = unlucky.calm.books
    assert not isinstance(answer, NoNewTry)
    if story in {_opening, _trying_again, _delivering}:
        assert isinstance(answer, CollectionOpened | LockedTry | StartedDelivery)
    if story is _executing:
        assert answer is True
        assert await books.value("SELECT executes_begun FROM tries") == 1
    if story is _cancelling:
        assert (answer, await books.count("notifications")) == (None, 1)
    if story is _delivering:
        assert await books.value("SELECT last FROM scroll_counters") == 1
    assert await books.count("attempts") == (2 if story in {_trying_again, _delivering} else 1)
    assert await books.count("payments") == 1
    assert await books.audit() is None


async def test_a_payment_that_is_given_up_is_given_up_once_though_nobody_heard(unlucky: Unlucky) -> None:
    held = await unlucky.calm.funded()
    await unlucky.calm.books.tell(QUOTE_OVER, held.payment_id)
    unlucky.strike(AFTER_COMMIT)
    # Reading whose books it stands in is a transaction of its own, and the first to be struck.
    assert await unlucky.till.collections.give_up_delivery(held.payment_id)
    assert (await unlucky.calm.balances())["refund_due:bkash"] == -TAKEN
    assert not await unlucky.till.collections.give_up_delivery(held.payment_id)


async def test_no_verdict_is_given_while_the_database_stays_away() -> None:
    async def connect() -> Any:  # noqa: ANN401 - stands in for asyncpg's
        raise asyncpg.CannotConnectNowError("starting up")

    transactions = ShortTransactions(connect, TransactionLimits(1, patience_seconds=0.3))
    with pytest.raises(CommitUnknownError):
        await transactions.run(lambda connection: connection.fetchval("SELECT 1"))


async def test_a_deadlock_repeats_the_whole_transaction(books: Books) -> None:
    transactions, times = ShortTransactions(books.database.connect_hot), 0

    async def work(connection: Any) -> int:  # noqa: ANN401 - the driver's
        nonlocal times
        times += 1
        await connection.execute("INSERT INTO scroll_counters VALUES ('x', '2026-01-01', 1)")
        if times == 1:
            raise asyncpg.DeadlockDetectedError("deadlock detected")
        return times

    assert await transactions.run(work) == 2
    await transactions.close()
    assert await books.count("scroll_counters") == 1


async def test_what_fails_undoes_itself_and_leaves_no_connection_in_the_middle(books: Books) -> None:
    transactions = ShortTransactions(books.database.connect_hot, TransactionLimits(1))

    async def work(connection: Any) -> None:  # noqa: ANN401 - the driver's
        await connection.execute("INSERT INTO scroll_counters VALUES ('x', '2026-01-01', 1)")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await transactions.run(work)
    asked = asyncio.ensure_future(
        transactions.run(lambda connection: connection.fetchval("SELECT pg_sleep(9)"))
    )
    await asyncio.sleep(0.2)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked

    assert await transactions.run(lambda connection: connection.fetchval("SELECT 7")) == 7
    await transactions.close()
    assert await books.count("scroll_counters") == 0


async def test_whoever_waits_too_long_for_a_connection_is_told_that_nothing_was_done(books: Books) -> None:
    transactions = ShortTransactions(books.database.connect_hot, TransactionLimits(1, patience_seconds=0.2))
    asked = asyncio.ensure_future(
        transactions.run(lambda connection: connection.fetchval("SELECT pg_sleep(1)::text"))
    )
    await asyncio.sleep(0)

    with pytest.raises(OverloadedError):
        await transactions.run(lambda connection: connection.fetchval("SELECT 1"))

    assert await asked == ""
    await transactions.close()
