"""A shop upon the test's own books."""

from collections.abc import AsyncIterator

import pytest

from tests.persistence.books import Books
from tests.persistence.merchants.merchant_setup import Shop, open_shop


@pytest.fixture
async def shop(books: Books) -> AsyncIterator[Shop]:
    async with open_shop(books) as shop:
        await shop.merchant()
        yield shop
