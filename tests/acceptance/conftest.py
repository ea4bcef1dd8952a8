"""One installation for all stories."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.acceptance.house import House, opened


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The processes and connections of the house live in one event loop, so its stories do too."""
    for item in items:
        if "house" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with opened(tmp_path_factory.mktemp("acceptance") / "home") as house:
        yield house
