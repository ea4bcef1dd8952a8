"""A shop on a free loopback port, before a stand-in for the switch."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from uvicorn.server import ServerState

from sandbox.callers.ekshop.app import build_app, build_server
from sandbox.callers.ekshop.listener_conduct import Conduct
from sandbox.callers.ekshop.shop import Shop, ShopSettings
from sandbox.callers.ekshop.wire import Merchant
from sandbox.kit.institution.clock import Clock
from sandbox.kit.institution.hang_up import HangUpProtocol
from sandbox.kit.institution.server import listen
from tests.sandbox.callers.ekshop.stub_merchant_api import StubMerchantApi, stub_merchant_api

FORM = {
    "q-kantha": "1",
    "q-doi": "2",
    "name": "Anwara Akanda",
    "mobile": "01700000000",
    "email": "",
    "address": "House 1, Sandbox Road",
    "district": "bogura",
    "agent": "",
}


@dataclass
class Customer:
    """Somebody at the shop, without hands: what is asked and what comes."""

    session: aiohttp.ClientSession
    origin: str
    shop: Shop

    async def get(self, path: str) -> tuple[int, str]:
        async with self.session.get(f"{self.origin}{path}", allow_redirects=False) as answer:
            return answer.status, await answer.text()

    async def send(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        url = f"{self.origin}{path}"
        async with self.session.post(url, data=form or {}, allow_redirects=False) as answer:
            return answer.status, answer.headers.get("location", "")

    async def order(self, **changes: str) -> str:
        """Place an order and return its trnx_id."""
        status, location = await self.send("/orders", FORM | changes)
        assert status == 302, location
        return location.rpartition("trnsID=")[2]

    async def conduct(self, conduct: Conduct, **more: object) -> None:
        order = {"conduct": conduct} | more
        async with self.session.post(f"{self.origin}/_admin/conduct", json=order) as answer:
            assert answer.status == 200

    async def known(self, trnx_id: str) -> dict[str, Any]:
        """What the shop's desk tells of a payment."""
        async with self.session.get(f"{self.origin}/_admin/dump") as answer:
            dump = await answer.json()
        attempts = [attempt for order in dump["orders"] for attempt in order["attempts"]]
        found: dict[str, Any] = next(one for one in attempts if one["trnx_id"] == trnx_id)
        return found


Opening = Callable[[], AbstractAsyncContextManager[Customer]]


@pytest.fixture
async def switch() -> AsyncIterator[StubMerchantApi]:
    async with stub_merchant_api() as stub:
        yield stub


@pytest.fixture
def opening(switch: StubMerchantApi, tmp_path: Path) -> Opening:
    """Opens the shop, again and again over the same book."""
    return lambda: opened_shop(switch, tmp_path)


@pytest.fixture
async def customer(opening: Opening) -> AsyncIterator[Customer]:
    async with opening() as customer:
        yield customer


@asynccontextmanager
async def opened_shop(switch: StubMerchantApi, home: Path) -> AsyncIterator[Customer]:
    """The shop over the book of this folder, listening."""
    # Cookies of bare addresses are refused by the usual jar.
    jar = aiohttp.CookieJar(unsafe=True)
    with listen("127.0.0.1", 0) as listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        merchant = Merchant(switch.base_url, "ekshop_test", "a-pass-key")
        shop = Shop(ShopSettings(home, origin, merchant, slow_seconds=0.05), Clock())
        config = build_server(build_app(shop)).config
        config.load()
        state = ServerState()
        server = await asyncio.get_running_loop().create_server(
            lambda: HangUpProtocol(config, state, {}), sock=listener
        )
        async with (
            shop.api,
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True), cookie_jar=jar
            ) as session,
        ):
            yield Customer(session, origin, shop)
        server.close()
        await server.wait_closed()
        shop.close()
