"""Rows of requests to hosts, as one process and as two see them."""

from collections.abc import AsyncIterator

import pytest

from tests.persistence.books import Books
from tests.persistence.host_links.host_message_setup import Desk, TwoProcesses, rows_desk, two_processes


@pytest.fixture(params=["postgres", "memory"])
async def two(request: pytest.FixtureRequest, books: Books) -> AsyncIterator[TwoProcesses]:
    async with two_processes(request.param, books) as two:
        yield two


@pytest.fixture
def desk(two: TwoProcesses) -> Desk:
    return two.one


@pytest.fixture
async def postgres(books: Books) -> AsyncIterator[Desk]:
    async with rows_desk(books) as desk:
        yield desk
