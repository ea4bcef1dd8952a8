"""Each contract test runs twice: over the fakes, and over the stores in a real database."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from ekpay_switch.persistence.embedded.server import Endpoint
from tests.contracts.in_memory import InMemoryBooks, InMemoryNotifications
from tests.contracts.postgres import DatabaseCopy, PostgresBooks, PostgresEndpoints, open_copy
from tests.contracts.setups import CollectionsSetup, NotificationsSetup, PaymentsSetup, RefundsSetup
from tests.database import a_copy


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def database_copy(endpoint: Endpoint) -> AsyncIterator[DatabaseCopy]:
    """One copy of the migrated database for a whole suite; each test finds it empty."""
    async with a_copy(endpoint) as place, open_copy(place) as opened:
        yield opened


@pytest.fixture(params=["in memory", "PostgreSQL"])
def stores(request: pytest.FixtureRequest) -> DatabaseCopy | None:
    """The database of the stores, or None for the fakes, which start no server."""
    if request.param == "in memory":
        return None
    opened: DatabaseCopy = request.getfixturevalue("database_copy")
    return opened


@pytest_asyncio.fixture(loop_scope="module")
async def books(stores: DatabaseCopy | None) -> RefundsSetup:
    """Empty books."""
    if stores is None:
        return InMemoryBooks()
    await stores.empty()
    return PostgresBooks(stores)


@pytest.fixture
def payments_setup(books: RefundsSetup) -> PaymentsSetup:
    return books


@pytest.fixture
def collections_setup(books: RefundsSetup) -> CollectionsSetup:
    return books


@pytest.fixture
def refunds_setup(books: RefundsSetup) -> RefundsSetup:
    return books


@pytest_asyncio.fixture(loop_scope="module")
async def notifications_setup(stores: DatabaseCopy | None) -> NotificationsSetup:
    """No endpoints and no notifications."""
    if stores is None:
        return InMemoryNotifications()
    await stores.empty()
    return PostgresEndpoints(stores)
