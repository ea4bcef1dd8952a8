"""The database of the persistence tests, and a switch upon it whose nights are run."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ekpay_switch.persistence.embedded.server import Endpoint
from tests.database import a_copy, at_the_server
from tests.reconciliation.nightly.stage import NightStage

Build = Callable[[NightStage], Awaitable[NightStage]]
Again = Callable[[Build], AbstractAsyncContextManager[NightStage]]
_BUILT: dict[str, NightStage] = {}


@pytest.fixture
def stage(place: Endpoint, tmp_path: Path) -> NightStage:
    """An installation without any night."""
    return NightStage(place, tmp_path / "home")


@pytest.fixture
def again(endpoint: Endpoint, tmp_path_factory: pytest.TempPathFactory) -> Again:
    """Installations as a function leaves them, which is called once: everybody gets a copy."""

    @asynccontextmanager
    async def copied(build: Build) -> AsyncIterator[NightStage]:
        name = f"built_{build.__name__}"
        if name not in _BUILT:
            await at_the_server(endpoint, f"CREATE DATABASE {name} TEMPLATE ekpay OWNER ekpay_owner")
            home = tmp_path_factory.mktemp(name) / "home"
            _BUILT[name] = await build(NightStage(replace(endpoint, database=name), home))
        built, home = _BUILT[name], tmp_path_factory.mktemp("copied") / "home"
        shutil.copytree(built.home_folder, home)
        async with a_copy(endpoint, name) as place:
            yield built.copied(place, home)

    return copied
