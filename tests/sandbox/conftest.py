"""Simulated institutions on free loopback ports."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from uvicorn.server import ServerState

import sandbox.billers.breb.institution as breb_house
import sandbox.billers.nesco.institution as nesco_house
import sandbox.providers.bkash.institution as bkash_house
from sandbox.billers.breb.settings import BrebSettings
from sandbox.billers.desco.institution import DescoInstitution
from sandbox.billers.desco.settings import DescoSettings
from sandbox.billers.nesco.settings import NescoSettings
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.far_side import FarSide
from sandbox.kit.institution.hang_up import HangUpProtocol
from sandbox.kit.institution.server import build_server, listen
from sandbox.providers.bkash.settings import BkashSettings
from tests.sandbox.caller import BrebCaller, Caller, NescoCaller, SetClock
from tests.sandbox.kit.provider.sample_family import Merchant, Sample, gateway_settings
from tests.sandbox.providers.bkash.caller import BkashCaller


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def settings(tmp_path: Path) -> DescoSettings:
    return DescoSettings(home=tmp_path, accounts=200, slow_seconds=1.0)


@pytest.fixture
def institution(settings: DescoSettings, clock: SetClock) -> Iterator[DescoInstitution]:
    opened = DescoInstitution.open(settings, Clock(clock.now))
    yield opened
    opened.book.close()


@pytest.fixture
async def desco(institution: DescoInstitution, clock: SetClock) -> AsyncIterator[Caller]:
    async with served(institution) as (session, origin):
        caller = Caller(session, origin, clock)
        await caller.log_in()
        yield caller


@pytest.fixture
async def breb(tmp_path: Path, clock: SetClock) -> AsyncIterator[BrebCaller]:
    settings = BrebSettings(home=tmp_path, accounts=200, slow_seconds=1.0)
    async with served(breb_house.BrebInstitution.open(settings, Clock(clock.now))) as (session, origin):
        caller = BrebCaller(session, origin)
        await caller.log_in()
        yield caller


@pytest.fixture
async def nesco(tmp_path: Path, clock: SetClock) -> AsyncIterator[NescoCaller]:
    settings = NescoSettings(home=tmp_path, accounts=200, slow_seconds=1.0, deposit_paisa=10_000_000)
    async with served(nesco_house.NescoInstitution.open(settings, Clock(clock.now))) as (session, origin):
        caller = NescoCaller(session, origin)
        await caller.log_in()
        yield caller


@pytest.fixture
async def bkash(tmp_path: Path, clock: SetClock) -> AsyncIterator[BkashCaller]:
    settings = BkashSettings(home=tmp_path, accounts=200, slow_seconds=1.0, hang_seconds=1.0)
    async with served(bkash_house.BkashInstitution.open(settings, Clock(clock.now))) as (session, origin):
        caller = BkashCaller(session, origin)
        await caller.log_in()
        yield caller


@pytest.fixture
async def merchant(tmp_path: Path, clock: SetClock) -> AsyncIterator[Merchant]:
    async with served(Sample.open(gateway_settings(tmp_path), Clock(clock.now))) as (session, origin):
        merchant = Merchant(session, origin)
        await merchant.log_in()
        yield merchant


@pytest.fixture
async def by_card(merchant: Merchant) -> Merchant:
    other = Merchant(merchant.session, merchant.origin, "postpay")
    await other.log_in()
    return other


@asynccontextmanager
async def served(far_side: FarSide) -> AsyncIterator[tuple[aiohttp.ClientSession, str]]:
    # The server's own loop and signal handlers stay out: starting and stopping them takes longer
    # than most tests. A whole process is started in the tests named after it.
    config = build_server(far_side).config
    config.load()
    state = ServerState()
    try:
        with listen("127.0.0.1", 0) as listener:
            origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
            far_side.set_origin(origin)
            work = asyncio.create_task(far_side.work())
            server = await asyncio.get_running_loop().create_server(
                lambda: HangUpProtocol(config, state, {}), sock=listener
            )
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session:
                yield session, origin
            server.close()
            await server.wait_closed()
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
    finally:
        far_side.close()
