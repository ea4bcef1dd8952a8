"""A merchant with payees upon the test's own books, which are proven once the test is through."""

from collections.abc import AsyncIterator

import pytest

from tests.persistence.books import Books
from tests.persistence.merchants_money.stall import PAYEES, Stall, open_stall


@pytest.fixture
async def stall(books: Books) -> AsyncIterator[Stall]:
    async with open_stall(books, connections=8) as stall:
        await stall.shop.merchant(payees=PAYEES)
        yield stall
        assert await books.audit() is None
