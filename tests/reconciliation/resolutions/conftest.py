"""A desk of finance over a migrated PostgreSQL of its own."""

from collections.abc import AsyncIterator

import pytest

from ekpay_switch.persistence.embedded.server import Endpoint
from tests.reconciliation.resolutions.scene import Scene, set_scene

__all__ = ["scene"]


@pytest.fixture
async def scene(place: Endpoint) -> AsyncIterator[Scene]:
    async with set_scene(place) as scene:
        yield scene
