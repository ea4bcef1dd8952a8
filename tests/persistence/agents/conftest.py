"""A counter upon the test's own books, which are proven once the test is through."""

from collections.abc import AsyncIterator

import pytest

from tests.persistence.agents.counter_setup import Centre, open_centre
from tests.persistence.books import Books


@pytest.fixture
async def centre(books: Books) -> AsyncIterator[Centre]:
    async with open_centre(books) as centre:
        yield centre
        assert await books.audit() is None
