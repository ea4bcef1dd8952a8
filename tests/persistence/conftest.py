"""Books over a database of the test's own, and what stands upon them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from ekpay_switch.persistence.embedded.server import Endpoint
from ekpay_switch.persistence.payments.store import PostgresPayments
from tests.database import database_of
from tests.persistence.books import SEALER, Books, group_commit_of
from tests.persistence.collections.collection_setup import Till, open_till
from tests.persistence.collections.merchant_money_setup import PAYEES, Stall, open_stall
from tests.persistence.notifications.notifier_setup import Post


@asynccontextmanager
async def open_books(endpoint: Endpoint, **limits: float) -> AsyncIterator[Books]:
    group_commit = group_commit_of(database_of(endpoint), **limits)
    await group_commit.start()
    books = Books(endpoint, group_commit, keeps_connections=True)
    try:
        yield books
    finally:
        await books.close()
        await group_commit.stop()


@pytest.fixture
async def books(place: Endpoint) -> AsyncIterator[Books]:
    async with open_books(place) as books:
        yield books


@pytest.fixture
async def payments(books: Books) -> AsyncIterator[PostgresPayments]:
    engine = books.database.engine()
    yield PostgresPayments(engine, books.group_commit, 16, SEALER)
    await engine.dispose()


@pytest.fixture
async def post(books: Books) -> AsyncIterator[Post]:
    """A post office over the books, and `bank1` with money."""
    await books.partner(prefund=10_000_000)
    engine = books.database.engine()
    yield Post(books, engine)
    await engine.dispose()


@pytest.fixture
async def till(books: Books) -> AsyncIterator[Till]:
    """Collections over the books, and `bank1` that asks for them."""
    await books.partner()
    async with open_till(books) as till:
        yield till


@pytest.fixture
async def stall(books: Books) -> AsyncIterator[Stall]:
    """A merchant with payees, whose books are proven once the test is through."""
    async with open_stall(books, connections=8) as stall:
        await stall.shop.merchant(payees=PAYEES)
        yield stall
        assert await books.audit() is None
