"""A switch that answers as it is told, and a shop's client of it."""

from collections.abc import AsyncIterator

import pytest

from sandbox.callers.client.client import ApiClient
from tests.sandbox.callers.client.stub_rest_v1 import KEY, StubSwitch, stub_switch


@pytest.fixture
async def switch() -> AsyncIterator[StubSwitch]:
    async with stub_switch() as stub:
        yield stub


@pytest.fixture
async def client(switch: StubSwitch) -> AsyncIterator[ApiClient]:
    async with ApiClient(switch.origin, KEY) as opened_client:
        yield opened_client
