"""A portal upon the test's own books, which are proven once the test is through."""

from collections.abc import AsyncIterator

import pytest

from tests.persistence.books import Books
from tests.persistence.carts.cart_setup import Portal, open_portal


@pytest.fixture
async def portal(books: Books) -> AsyncIterator[Portal]:
    async with open_portal(books) as portal:
        yield portal
        assert await books.audit() is None
