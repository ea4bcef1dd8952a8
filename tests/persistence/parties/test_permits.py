"""Permits over PostgreSQL, of tokens and of fetches: so many a second, for all processes together."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.persistence.parties.permits import FETCHES, TOKENS, VALID_SECONDS, PostgresPermits
from tests.fakes.world import FakeClock
from tests.persistence.books import Books

BANK, OTHER_BANK = "bank1", "bank2"
PER_SECOND, BATCH = 1_000, 50
FULL = "UPDATE token_permits SET free_at = clock_timestamp() - interval '1 s'"
EMPTY = "UPDATE token_permits SET free_at = clock_timestamp() + interval '1 h'"
VERSION = "SELECT xmin::text || ctid::text FROM token_permits WHERE partner_id = 'bank1'"
NOW = "SELECT extract(epoch FROM clock_timestamp())"


@pytest.fixture
async def engine(books: Books) -> AsyncIterator[AsyncEngine]:
    for name in (BANK, OTHER_BANK):
        await books.partner(name)
    engine = books.database.engine()
    yield engine
    await engine.dispose()


async def test_a_batch_costs_the_database_one_statement(engine: AsyncEngine, books: Books) -> None:
    permits = PostgresPermits(engine, FakeClock(), TOKENS)
    assert await permits.take(BANK, PER_SECOND)
    first = await books.value(VERSION)

    rest = await asyncio.gather(*(permits.take(BANK, PER_SECOND) for _ in range(BATCH - 1)))
    assert all(rest)
    assert await books.value(VERSION) == first

    await books.tell(FULL)
    first = await books.value(VERSION)
    assert await permits.take(BANK, PER_SECOND)
    assert await books.value(VERSION) != first


async def test_processes_count_together(engine: AsyncEngine, books: Books) -> None:
    processes = [PostgresPermits(engine, FakeClock(), TOKENS) for _ in range(2)]
    started = await books.value(NOW)
    taken = 0
    for _ in range(30):
        for permits in processes:
            taken += sum(await asyncio.gather(*(permits.take(BANK, PER_SECOND) for _ in range(BATCH))))
    elapsed = float(await books.value(NOW)) - float(started)
    assert PER_SECOND <= taken <= PER_SECOND * (1 + elapsed)


async def test_a_partner_waits_for_itself_alone(engine: AsyncEngine, books: Books) -> None:
    permits = PostgresPermits(engine, FakeClock(), TOKENS)
    assert await permits.take(BANK, 1)
    await books.tell(EMPTY)
    assert not await permits.take(BANK, 1)
    assert await permits.take(OTHER_BANK, 1)


async def test_whoever_waits_costs_the_database_nothing_meanwhile(engine: AsyncEngine, books: Books) -> None:
    clock = FakeClock()
    permits = PostgresPermits(engine, clock, TOKENS)
    assert await permits.take(BANK, 1)
    await books.tell(EMPTY)
    assert not await permits.take(BANK, 1)
    await books.tell(FULL)
    assert not await permits.take(BANK, 1)
    clock.pass_by(0.5)
    assert await permits.take(BANK, 1)


async def test_permits_that_were_not_used_lapse(engine: AsyncEngine, books: Books) -> None:
    clock = FakeClock()
    permits = PostgresPermits(engine, clock, TOKENS)
    assert await permits.take(BANK, PER_SECOND)
    await books.tell(EMPTY)
    assert await permits.take(BANK, PER_SECOND)
    clock.pass_by(VALID_SECONDS)
    assert not await permits.take(BANK, PER_SECOND)


async def test_fetches_of_one_door_leave_those_of_another_alone(engine: AsyncEngine) -> None:
    permits = PostgresPermits(engine, FakeClock(), FETCHES)
    assert await permits.take("syndicate:bank1", 1)
    other = PostgresPermits(engine, FakeClock(), FETCHES)
    assert not await other.take("syndicate:bank1", 1)
    assert await other.take("v1:bank1", 1)
