"""One installation for all stories."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.acceptance.installation import House, opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with opened(tmp_path_factory.mktemp("acceptance") / "home") as house:
        yield house
