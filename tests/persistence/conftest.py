"""One PostgreSQL server a test process; each test gets a copy of the migrated database for itself."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
import pytest

from ekpay_switch.persistence.embedded.server import EmbeddedPostgres, Endpoint
from ekpay_switch.persistence.migrate import migrate
from ekpay_switch.persistence.payments.store import PostgresPayments
from tests.persistence.books import SEALER, Books, database_of, group_commit_of
from tests.persistence.collections.collection_setup import Till, open_till
from tests.persistence.collections.merchant_money_setup import PAYEES, Stall, open_stall
from tests.persistence.notifications.notifier_setup import Post

TEMPLATE = "ekpay"
NAMES = (f"books_{number}" for number in itertools.count())


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres") / "home")
    endpoint = server.start()
    asyncio.run(migrate(database_of(endpoint)))
    yield endpoint
    server.destroy()


@asynccontextmanager
async def a_copy(endpoint: Endpoint, template: str = TEMPLATE) -> AsyncIterator[Endpoint]:
    """A fresh copy of a database that nobody is connected to; it is gone afterwards."""
    name = next(NAMES)
    await at_the_server(endpoint, f"CREATE DATABASE {name} TEMPLATE {template} OWNER ekpay_owner")
    try:
        yield replace(endpoint, database=name)
    finally:
        await at_the_server(endpoint, f"DROP DATABASE {name} WITH (FORCE)")


async def at_the_server(endpoint: Endpoint, statement: str) -> None:
    connection = await asyncpg.connect(replace(endpoint, database="postgres").dsn("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def open_books(endpoint: Endpoint, **limits: float) -> AsyncIterator[Books]:
    group_commit = group_commit_of(database_of(endpoint), **limits)
    await group_commit.start()
    try:
        yield Books(endpoint, group_commit)
    finally:
        await group_commit.stop()


@pytest.fixture
async def place(endpoint: Endpoint) -> AsyncIterator[Endpoint]:
    """An empty migrated database."""
    async with a_copy(endpoint) as place:
        yield place


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
