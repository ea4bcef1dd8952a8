"""A shop with challan access upon the test's own books, which are proven once the test is through."""

from collections.abc import AsyncIterator

import pytest

from tests.persistence.books import Books
from tests.persistence.challans.challan_setup import Counter, open_counter


@pytest.fixture
async def counter(books: Books) -> AsyncIterator[Counter]:
    async with open_counter(books) as counter:
        await counter.given()
        yield counter
        assert await books.audit() is None
