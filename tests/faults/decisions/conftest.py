"""A desk over books of each test's own, proven once the test is through."""

from collections.abc import AsyncIterator

import pytest

from tests.persistence.collections.collection_setup import Till
from tests.persistence.conftest import books, till
from tests.persistence.decisions.decision_setup import Desk, open_desk
from tests.persistence.refunds.refund_setup import open_office

__all__ = ["books", "till"]


@pytest.fixture
async def desk(till: Till) -> AsyncIterator[Desk]:
    async with open_office(till) as office, open_desk(office) as desk:
        # Hundreds of payments are made here, and some of them stay paid.
        await till.books.top_up("bank1", 100_000_000)
        yield desk
        assert await till.books.audit() is None
