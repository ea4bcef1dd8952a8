"""REST v1 over a small world, a shop that calls it, and the browsers of its payers."""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from itertools import count
from typing import Any
from uuid import UUID

from fastapi import FastAPI

from biller_adapters.manifest import read_manifest
from ekpay_switch.api import callbacks, payer_pages
from ekpay_switch.api.callbacks import CallbackApi
from ekpay_switch.api.limits import LimitRequests, RequestLimits
from ekpay_switch.api.payer_pages import PayerPages
from ekpay_switch.api.problems import install_error_handlers
from ekpay_switch.api.v1.routes import RestV1, mount
from ekpay_switch.domain.collections.connector_calls import CollectInquiry, CollectOrder, CreateOutcome
from ekpay_switch.domain.outcome import Approved
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.new_refund import NewRefund, RefundRefusal
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.domain.vending import TokenKind, TokenLine
from ekpay_switch.edge_kit.fetch_limits import FetchLimits
from ekpay_switch.edge_kit.login_watch import LoginWatch
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.ports.collections import Client, NoNewTry, RefundOpened
from ekpay_switch.settings import Settings
from tests.api.api_setup import Reply, request_of
from tests.factories import BILL_NO, TOTAL, a_bill, a_world
from tests.fakes.bill_notices import FakeRaisedBills
from tests.fakes.billers import Deed, FakeBiller
from tests.fakes.collections.refunds import FakeRefunds
from tests.fakes.collections.store import FakeCollections
from tests.fakes.connectors import FakeConnector, Page
from tests.fakes.world import FakeFailedLogins, FakePermits
from tests.scenarios.job_rounds import collect_due

Content = dict[str, Any]
PAYMENTS = "/v1/payments"
SHOP_KEY, OTHER_KEY = "sk_" + "a" * 43, "sk_" + "b" * 43
SHOP = Client("bank1", "Shop & <b>Sons</b>", 0, frozenset({"shop.example", "localhost:3000"}))
OTHER = Client("bank2", "Other", 1, frozenset({"other.example", "shop.example"}))
NO_PAYMENT = "pay_" + "0" * 32
_KEYS = count(1)


@cache
def office_profile() -> BillerProfile:
    """An office whose bills stand in our own database."""
    manifest = read_manifest(Settings().config / "billers" / "up_holding_tax.toml")
    return replace(manifest.profile(), has_bill_files=True)


def a_key() -> str:
    """An idempotency key that nobody has used."""
    return f"key-of-a-test-{next(_KEYS):06d}"


def an_order(**changes: object) -> Content:
    """What a shop sends to have a bill collected."""
    order: Content = {
        "biller": "b025",
        "parameters": {"bill_no": BILL_NO},
        "amount": TOTAL,
        "currency": "BDT",
        "instrument": "bkash",
        "return_url": "https://shop.example/done?order=7",
    }
    return order | changes


def a_refund(**changes: object) -> Content:
    return {"amount": TOTAL, "currency": "BDT", "reason": "paid for the wrong meter"} | changes


def as_bytes(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


@dataclass
class GatedConnector(FakeConnector):
    """A wallet that answers only once its gates are open."""

    gate: asyncio.Event | None = None
    inquiry_gate: asyncio.Event | None = None

    async def create(self, order: CollectOrder) -> CreateOutcome:
        if self.gate is not None:
            await self.gate.wait()
        return await super().create(order)

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        if self.inquiry_gate is not None:
            await self.inquiry_gate.wait()
        return await super().inquire(order)


class SlowRefunds(FakeRefunds):
    """A database that thinks a while before it takes the first refund on."""

    async def request(self, new: NewRefund, parts_max: int, days_max: int) -> RefundOpened | RefundRefusal:
        if not self.tables.refunds:
            await asyncio.sleep(0.1)
        return await super().request(new, parts_max, days_max)


class SlowCollections(FakeCollections):
    """A database that thinks a while before it cancels."""

    async def cancel(
        self, partner_id: str, payment_id: UUID, refusal: Refusal = Refusal.CANCELLED
    ) -> NoNewTry | None:
        await asyncio.sleep(0.1)
        return await super().cancel(partner_id, payment_id, refusal)


class Till:
    """The application over fakes; `small` is its world, and a test may send it anything."""

    def __init__(
        self,
        *,
        look_seconds: float = 20.0,
        calls: int = 1_000,
        body_max_bytes: int = 64 * 1024,
    ) -> None:
        self.small = a_world(prefund=1)
        self.caller_address = "shop"
        self.small.clients.known = {SHOP_KEY: SHOP, OTHER_KEY: OTHER}
        self.small.tables.client_names = {one.partner_id: one.name for one in (SHOP, OTHER)}
        self.wallet = GatedConnector(self.small.clock, self.small.steps)
        self.small.connector, self.small.connectors.known = self.wallet, [self.wallet]
        biller = self.small.biller
        biller.profile = replace(biller.profile, safety=replace(biller.profile.safety, can_be_undone=True))
        self.office = FakeBiller(self.small.clock, self.small.steps, office_profile())
        self.small.billers.known.append(self.office)
        self.raised_bills = FakeRaisedBills({(SHOP.partner_id, self.office.profile.id)})
        clock, world = self.small.clock, self.small.world
        self.v1 = RestV1(
            world=world,
            clients=self.small.clients,
            answer_seconds=25.0,
            orders=RateLimit(clock, 1, calls),
            questions=RateLimit(clock, 1, calls),
            fetches=FetchLimits(FakePermits(clock), "v1"),
            logins=LoginWatch(FakeFailedLogins(), "v1"),
            raised_bills=self.raised_bills,
            receipt_path=lambda payment_id: f"/receipt/{payment_id.hex}",
        )
        self.app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
        install_error_handlers(self.app, (OSError,))
        mount(self.app, self.v1)
        pages = PayerPages(
            world,
            RateLimit(clock, 1, calls),
            RateLimit(clock, 1, calls),
            LoginWatch(FakeFailedLogins(), "payer_pages"),
            self.v1.tasks,
            look_seconds,
        )
        payer_pages.mount(self.app, pages)
        letterbox = CallbackApi(
            world,
            RateLimit(clock, 1, calls),
            RateLimit(clock, 1, calls / 10),
            LoginWatch(FakeFailedLogins(), "callbacks"),
        )
        callbacks.mount(self.app, letterbox)
        self.app.add_middleware(LimitRequests, limits=RequestLimits(body_max_bytes))

    async def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Iterable[tuple[str, str]] = (),
        query: str = "",
    ) -> Reply:
        """One request, whole at once; a bug is answered like one, and not raised."""
        return await request_of(
            self.app, method, path, body, headers, query=query.encode(), address=self.caller_address
        )

    def shop(self) -> "Shop":
        return Shop(self, SHOP_KEY)

    def other_shop(self) -> "Shop":
        return Shop(self, OTHER_KEY)

    def page(self, number: int = -1) -> Page:
        """A page of the wallet, by default the newest."""
        return list(self.small.connector.pages.values())[number]

    async def comes_back(self, query: str | None = None, number: int = -1) -> Reply:
        """A payer's browser, sent back by the wallet."""
        order = self.page(number).order
        if query is None:
            query = f"paymentID={order.provider_reference}&status=success"
        return await self.request("GET", f"/pay/return/{order.reference}", query=query)

    async def has_asked_for_bills(self, count: int) -> None:
        """Wait until that many calls stand before the biller's gate."""
        async with asyncio.timeout(10):
            while self.small.steps.taken.count("fetch") < count:  # noqa: ASYNC110 - the fakes tell nobody
                await asyncio.sleep(0)

    def put_into(self, payment: Content, state: State) -> None:
        """Make a payment stand like this, however it got there."""
        stored = self.small.books.payments[uuid_of(payment)]
        stored.standing = replace(stored.standing, state=state)

    def slows_down(self) -> None:
        """Let the database take its time over a cancellation and the first refund."""
        tables = self.small.tables
        self.v1.world = replace(
            self.v1.world, refunds=SlowRefunds(tables), collections=SlowCollections(tables)
        )

    def sells_tokens(self, *lines: str) -> None:
        """Make the biller a prepaid one that returns these."""
        biller = self.small.biller
        biller.profile = replace(biller.profile, gives_tokens=True)
        tokens = tuple(TokenLine(seq, TokenKind.CREDIT, line) for seq, line in enumerate(lines, start=1))
        biller.deeds.append(Deed(Approved({"receipt_no": "D-1"}, tokens=tokens), posts=True))

    def another_bill(self, number: str) -> Content:
        """An order for a bill of its own."""
        self.small.biller.bills[number] = a_bill(number)
        return an_order(parameters={"bill_no": number})


@dataclass
class Shop:
    """A client by its API key."""

    till: Till
    api_key: str

    async def post(
        self,
        path: str,
        body: bytes,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Any bytes, as JSON unless told otherwise."""
        sent = {"Authorization": f"Bearer {self.api_key}", "Content-Type": "application/json"}
        sent |= {"Idempotency-Key": key} if key is not None else {}
        return await self.till.request("POST", path, body, (sent | dict(headers or {})).items())

    async def get(self, path: str, query: str = "") -> Reply:
        headers = [("Authorization", f"Bearer {self.api_key}")]
        return await self.till.request("GET", path, headers=headers, query=query)

    async def get_bill(self, biller: str, bill_no: str) -> Reply:
        return await self.get("/v1/bills", f"biller={biller}&bill_no={bill_no}")

    async def create(self, order: Content | None = None, key: str | None = None) -> Reply:
        return await self.post(PAYMENTS, as_bytes(order or an_order()), key or a_key())

    async def made(self, order: Content | None = None) -> Content:
        """A payment with a page."""
        reply = await self.create(order)
        assert reply.status == 201, reply.body
        return reply.plain

    async def paid(self, order: Content | None = None) -> Content:
        """A payment whose payer has paid and whose biller knows."""
        made = await self.made(order)
        self.till.page().is_agreed = True
        await self.till.comes_back()
        await collect_due(self.till.small.world)
        paid = await self.look_up(made["id"])
        assert paid["status"] == "paid"
        return paid

    async def look_up(self, payment_id: str) -> Content:
        reply = await self.get(f"{PAYMENTS}/{payment_id}")
        assert reply.status == 200, reply.body
        return reply.plain

    async def refund(self, payment_id: str, wish: Content | None = None, key: str | None = None) -> Reply:
        path = f"{PAYMENTS}/{payment_id}/refunds"
        return await self.post(path, as_bytes(wish or a_refund()), key or a_key())


def uuid_of(payment: Content) -> UUID:
    return UUID(payment["id"].removeprefix("pay_"))


def code_of(reply: Reply) -> str:
    """The code of a problem document that is whole and belongs to its status."""
    document = reply.plain
    assert reply.headers["content-type"] == "application/problem+json"
    assert document["status"] == reply.status
    assert {"type", "title", "status", "code", "retryable"} <= document.keys()
    assert document.keys() <= {
        "type", "title", "status", "code", "retryable", "retry_after_s", "detail", "errors", "payment_id",
    }  # fmt: skip
    assert document["type"] == f"/v1/problems#{document['code']}"
    assert document["retryable"] == ("retry_after_s" in document) == ("retry-after" in reply.headers)
    return str(document["code"])
