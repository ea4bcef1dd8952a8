"""A simulated DESCO on a free loopback port."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from uvicorn.server import ServerState

from sandbox.desco.clock import Clock
from sandbox.desco.hang_up import HangUpProtocol
from sandbox.desco.institution import Institution
from sandbox.desco.server import build_server, listen
from sandbox.desco.settings import DescoSettings
from tests.sandbox.caller import Caller, SetClock


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def settings(tmp_path: Path) -> DescoSettings:
    return DescoSettings(home=tmp_path, accounts=200, slow_seconds=1.0)


@pytest.fixture
def institution(settings: DescoSettings, clock: SetClock) -> Iterator[Institution]:
    opened = Institution.open(settings, Clock(clock.now))
    yield opened
    opened.book.close()


@pytest.fixture
async def desco(institution: Institution, clock: SetClock) -> AsyncIterator[Caller]:
    # The server's own loop and signal handlers stay out: starting and stopping them takes longer
    # than most tests. A whole process is started in test_sandbox_process.py.
    config = build_server(institution).config
    config.load()
    state = ServerState()
    with listen("127.0.0.1", 0) as listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = await asyncio.get_running_loop().create_server(
            lambda: HangUpProtocol(config, state, {}), sock=listener
        )
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
            caller = Caller(session, origin, clock)
            await caller.log_in()
            yield caller
        server.close()
        await server.wait_closed()
