"""Fixtures of disputes."""

from collections.abc import AsyncIterator

import pytest

from tests.persistence.collections.collection_setup import Till
from tests.persistence.disputes.dispute_setup import DisputeRoom, open_room


@pytest.fixture
async def room(till: Till) -> AsyncIterator[DisputeRoom]:
    """A room whose books are proven once the test is through."""
    async with open_room(till) as room:
        yield room
        assert await till.books.audit() is None
