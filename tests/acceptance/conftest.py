"""One installation for all stories."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.acceptance.installation import House, opened


# Until the last story here: its idle worker would take a tenth of a core from the tests that follow.
@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with opened(tmp_path_factory.mktemp("acceptance") / "home") as house:
        yield house
