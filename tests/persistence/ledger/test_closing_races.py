"""Closing windows while payments post, twice at once, over connections that die: whole, once or not."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from ekpay_switch.domain.outcome import Outcome
from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.ledger import windows as closing_module
from ekpay_switch.persistence.ledger.windows import SettlementWindows, WindowsBusyError
from tests.persistence.books import APPROVED, REFUSED, SILENT, Books
from tests.persistence.collections.collection_setup import Till, open_till
from tests.persistence.conftest import open_books
from tests.persistence.group_commit.test_lost_connections import AFTER_COMMIT, BEFORE_COMMIT, Fragile, Trouble
from tests.persistence.ledger.window_closing_setup import Closing
from tests.persistence.refunds.refund_setup import Office, open_office

OUTCOMES: tuple[Outcome, ...] = (APPROVED, REFUSED, SILENT)
# What the driver says of a server that dies while it speaks to it, which one depends on the moment.
LOST = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, ConnectionError)


@pytest.fixture
async def closing(books: Books) -> AsyncIterator[Closing]:
    """Windows upon the books; whatever was closed is whole at the end."""
    closing = Closing(books)
    yield closing
    await closing.is_whole()


@dataclass
class _Lives:
    """Payments that take any of their ways, by a choice that can be repeated."""

    office: Office
    chance: random.Random

    async def pay(self, number: int) -> None:
        """From a prefund, at any time beside others."""
        books, bank, lane = self.office.books, f"bank{number % 2}", number % 2
        await books.finish(await books.start(bank, lane=lane), self.chance.choice(OUTCOMES))

    async def collect(self) -> None:
        """One after the other, as the till counts its pages."""
        office = self.office
        ways = (office.completed, office.refused, office.till.on_page, office.paid_twice, self.refund)
        for way in self.chance.choices(ways, k=5):
            await way()

    async def refund(self) -> None:
        refund = await self.office.take(await self.office.completed(), 1_000)
        await self.office.done(refund.refund_id)


@pytest.mark.parametrize("seed", range(4))
async def test_any_history_is_frozen_whole(place: Endpoint, seed: int) -> None:
    """Whatever happens in whatever order, with windows that close in between and beside it."""
    chance = random.Random(seed)  # noqa: S311 - a repeatable choice
    async with open_books(place, batch_max=4) as books, open_till(books) as till, open_office(till) as office:
        closing, lives = Closing(books), _Lives(office, chance)
        for lane in range(2):
            await books.partner(f"bank{lane}", lane, prefund=10_000_000)
        for _ in range(4):
            await asyncio.gather(
                closing.close(), lives.collect(), *(lives.pay(number) for number in range(6))
            )
        await closing.close()
        await closing.is_whole()
        assert await books.audit() is None


async def test_closers_at_once_close_once(closing: Closing, till: Till) -> None:
    await till.funded()
    windows = await asyncio.gather(*(closing.close() for _ in range(4)))
    assert Counter(len(closed) for closed in windows) == {1: 1, 0: 3}
    assert len(await closing.lines()) == 1


async def test_closing_gives_way_to_postings_and_comes_back(closing: Closing, till: Till) -> None:
    """One posting that dawdles holds up closing, and closing holds up the others for a second at most."""
    await till.funded()
    dawdling = await till.books.superuser()
    transaction = dawdling.transaction()
    await transaction.start()
    await dawdling.execute("SELECT pg_advisory_xact_lock_shared(1, 1)")
    task = asyncio.ensure_future(closing.close())
    await till.books.top_up("bank1", 1_000)  # behind the closer, until it gives way
    assert not task.done()
    await transaction.rollback()
    await dawdling.close()
    assert [window.lines for window in await task] == [1]
    assert await till.books.count("settlement_windows", "state = 'open'") == 0


async def test_closing_that_finds_no_moment_changes_nothing(
    closing: Closing, till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    await till.funded()
    monkeypatch.setattr(closing_module, "_TIMES", 1)
    dawdling = await till.books.superuser()
    async with dawdling.transaction():
        await dawdling.execute("SELECT pg_advisory_xact_lock_shared(1, 1)")
        with pytest.raises(WindowsBusyError):
            await closing.close()
    await dawdling.close()
    assert await closing.lines() == []
    assert await till.books.count("settlement_windows", "state = 'open'") == 1


@pytest.mark.parametrize("where", [BEFORE_COMMIT, AFTER_COMMIT])
async def test_a_connection_that_dies_around_commit_leaves_all_or_nothing(
    closing: Closing, till: Till, where: str
) -> None:
    await till.funded()
    await till.on_page()
    trouble = _Once(where)

    async def connect() -> Any:  # noqa: ANN401 - stands in for asyncpg's
        return _Whole(await till.books.database.connect(), till.books, trouble)

    with pytest.raises(LOST):
        await SettlementWindows(connect).close(await closing.today())
    assert len(await closing.lines()) == (2 if where == AFTER_COMMIT else 0)

    again = await SettlementWindows(connect).close(await closing.today())

    assert len(again) == (0 if where == AFTER_COMMIT else 1)
    assert len(await closing.lines()) == 2
    assert await till.books.audit() is None


@pytest.mark.parametrize("statement", range(1, 9))
async def test_a_connection_that_dies_at_any_statement_leaves_nothing(
    closing: Closing, till: Till, statement: int
) -> None:
    await till.funded()
    trouble = Trouble(statement)

    async def connect() -> Any:  # noqa: ANN401 - stands in for asyncpg's
        return Fragile(await till.books.database.connect(), till.books, trouble)

    with pytest.raises(LOST):
        await SettlementWindows(connect).close(await closing.today())
    assert await closing.lines() == []
    assert len(await closing.close()) == 1


class _Once(Trouble):
    """Trouble around the COMMIT itself, not around a savepoint of the same transaction."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.depth = 0


class _Whole(Fragile):
    """A connection that dies around its outermost transaction."""

    def __init__(self, connection: asyncpg.Connection, books: Books, trouble: _Once) -> None:
        super().__init__(connection, books, trouble)
        self._once = trouble

    def transaction(self) -> Any:  # noqa: ANN401 - a context manager of either kind
        self._once.depth += 1
        return super().transaction() if self._once.depth == 1 else self._connection.transaction()
