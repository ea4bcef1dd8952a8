"""IPNs as worker and web side are put together: a shop that asks get-status from within the IPN."""

import asyncio
import base64
import itertools
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import pytest
import uvicorn
from pydantic import SecretStr

from ekpay_switch.composition.http_app import build_app
from ekpay_switch.composition.worker import run_worker
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.persistence.embedded.server import EmbeddedPostgres
from ekpay_switch.persistence.engine import open_database
from ekpay_switch.ports.merchants import MerchantPayment
from ekpay_switch.settings import Settings
from tests.database import database_of
from tests.persistence.books import OPENS_NOTHING, Books, group_commit_of
from tests.persistence.collections.collection_setup import DUE, HOLD_SECONDS, agreed, page
from tests.persistence.merchants.merchant_setup import Shop, a_text, open_shop
from tests.persistence.notifications.notifier_setup import until
from tests.wire.scripted_peer import Caller, rude_peer

OUR_OWN = "UPDATE merchants SET networks = '[\"127.0.0.0/8\"]' WHERE partner_id = $1"
# As slow as the other jobs may be set to look: IPNs do not wait for it.
AN_HOUR = 3_600.0


@dataclass
class AskingShop:
    """A live client's habit (ekpay-merchant-api.md 2.6): it believes an IPN that get-status confirms."""

    status_url: str
    told: list[dict[str, Any]] = field(default_factory=list)
    confirmed: list[dict[str, Any]] = field(default_factory=list)

    async def take(self, caller: Caller) -> None:
        told = json.loads(caller.heard.body)
        self.told.append(told)
        asked = {"trnx_id": told["trnx_info"]["mer_trnx_id"], "trans_date": "2026-03-10"}
        async with asyncio.timeout(10), aiohttp.ClientSession() as session:
            answer = await session.post(self.status_url, json=asked)
            self.confirmed.append(await answer.json())
        is_so = self.confirmed[-1]["msg_code"] == told["msg_code"]
        await caller.answer(b"", 200 if is_so else 403)


@asynccontextmanager
async def a_shop(home: Path) -> AsyncIterator[tuple[Shop, str]]:
    """A merchant of its own over the books of the home."""
    place = EmbeddedPostgres(home).start()
    group_commit = group_commit_of(database_of(place))
    await group_commit.start()
    books = Books(place, group_commit, itertools.count(uuid4().int % 10**11))
    try:
        async with open_shop(books) as shop:
            partner_id = await shop.merchant(f"m{uuid4().hex[:10]}")
            await books.tell(OUR_OWN, partner_id)
            yield shop, partner_id
    finally:
        await group_commit.stop()


@asynccontextmanager
async def both_sides(settings: Settings, listener: socket.socket) -> AsyncIterator[None]:
    """The web side on this socket, and a worker."""
    database, stop = open_database(settings), asyncio.Event()
    app = build_app(settings, database)
    server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_config=None, access_log=False))
    web = asyncio.create_task(server.serve([listener]))
    worker = asyncio.create_task(run_worker(settings, database, stop))
    try:
        yield
    finally:
        stop.set()
        await worker
        server.should_exit = True
        await web


async def _sold(shop: Shop, partner_id: str, ipn_uri: str) -> UUID:
    """A payment of the merchant that a connector has collected: completed, by the real finding."""
    new = shop.new(partner_id=partner_id)
    text = a_text(new.payment_id.hex, ipn_uri=ipn_uri)
    payment = await shop.opened(shop.new(partner_id=partner_id, payment_id=new.payment_id, text=text))
    held = await shop.begun(payment)
    await shop.till.record(held, page(new.payment_id.hex))
    again = await _leased(shop, held)
    await shop.till.record(again, agreed(again, f"TRX{new.payment_id.hex[:12]}"))
    return payment.payment_id


async def _leased(shop: Shop, held: LockedTry) -> LockedTry:
    """The try under our lease, whoever of us and the worker is first to see it due.

    The worker that took it asks a connector that nobody serves here, and leaves it for later.
    """
    leases: list[LockedTry] = []

    async def is_leased() -> bool:
        await shop.books.tell(DUE, held.attempt_id)
        lease = await shop.till.collections.lease_try(held.order.reference, HOLD_SECONDS)
        leases.extend([lease] if lease else [])
        return lease is not None

    await until(is_leased)
    return leases[0]


async def test_a_shop_that_asks_from_within_the_ipn_is_told_the_same_and_is_not_held_up(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EKPAY_DATABASE_URL", raising=False)
    async with a_shop(own_home) as (shop, partner_id):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            asking = AskingShop(f"http://127.0.0.1:{port}/ekpaypg/v1/get-status")
            async with rude_peer(asking.take) as peer:
                settings = Settings(
                    home=own_home,
                    # The shop's orders are sealed under it.
                    master_key=SecretStr(base64.b64encode(OPENS_NOTHING).decode()),
                    database_url=None,
                    worker_poll_seconds=AN_HOUR,
                    operations_port=0,
                    worker_operations_port=0,
                    webhook_trusted_hosts=frozenset({f"127.0.0.1:{peer.port}"}),
                )
                async with both_sides(settings, listener):
                    # The second is sold to a worker that has nothing to do, and looks again by itself.
                    sold = [await _told(shop, partner_id, peer.url("/ipn")) for _ in range(2)]
    assert [told["msg_code"] for told in asking.told] == ["1020", "1020"]
    assert asking.confirmed == asking.told
    assert [told["trnx_info"]["mer_trnx_id"] for told in asking.told] == [one.text.trnx_id for one in sold]
    assert [(one.is_told, one.ipn_tries) for one in sold] == [(True, 1)] * 2


async def _told(shop: Shop, partner_id: str, ipn_uri: str) -> MerchantPayment:
    """A payment that was sold just now, once its merchant has taken the IPN."""
    payment_id = await _sold(shop, partner_id, ipn_uri)

    async def is_told() -> bool:
        return (await shop.seen(payment_id)).is_told

    await until(is_told)
    return await shop.seen(payment_id)
