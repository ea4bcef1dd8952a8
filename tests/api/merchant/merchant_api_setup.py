"""The merchant API over a small world, called from any address without a network in between."""

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from fastapi import FastAPI

from ekpay_switch.api.limits import LimitRequests, RequestLimits
from ekpay_switch.api.merchant.known_servers import KnownServers
from ekpay_switch.api.merchant.refusals import BASE
from ekpay_switch.api.merchant.routes import MerchantApi, mount
from ekpay_switch.api.problems import install_error_handlers
from ekpay_switch.edge_kit.login_watch import LoginWatch
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.ports.merchants import MerchantOpened, MerchantPayment, NewMerchantPayment, TrnxIdTaken
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.merchant_tokens import MerchantTokens
from ekpay_switch.wire.public_addresses import AddressRules, may_be_notified
from tests.api.api_setup import Content, Reply, request_of
from tests.fakes.world import FakeFailedLogins
from tests.scenarios.merchant_orders import SERVER, Market, OrderBook, an_order, as_bytes

TOKENS = MerchantTokens(KeyRing(bytes(range(32))))
STAMP = "2026-03-01 12:00:00 GMT+06:00"
RULES = AddressRules(trusted=frozenset({"localhost:3000"}))
JSON = [("Content-Type", "application/json")]


class Books(OrderBook):
    """Books that may think a while, or be away."""

    trouble: Exception | None = None
    gate: asyncio.Event | None = None

    async def open(self, new: NewMerchantPayment) -> MerchantOpened | TrnxIdTaken:
        await self._reached()
        return await super().open(new)

    async def by_order(self, partner_id: str, trnx_id: str) -> MerchantPayment | None:
        await self._reached()
        return await super().by_order(partner_id, trnx_id)

    async def by_trnx_id(self, trnx_id: str, limit: int = 10) -> Sequence[MerchantPayment]:
        await self._reached()
        return await super().by_trnx_id(trnx_id, limit)

    async def _reached(self) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble


class Stall:
    """The application over fakes; `market` is its world."""

    def __init__(
        self, *, calls: int = 1_000_000, strange_calls: int = 1_000_000, answer_seconds: float = 25.0
    ) -> None:
        self.market = Market(Books)
        assert isinstance(self.market.book, Books)
        clock, self.books = self.market.small.clock, self.market.book
        self.api = MerchantApi(
            world=self.market.world,
            tokens=TOKENS,
            answer_seconds=answer_seconds,
            orders=RateLimit(clock, 1, calls),
            arrivals=RateLimit(clock, 1, calls),
            strangers=RateLimit(clock, 1, strange_calls),
            logins=LoginWatch(FakeFailedLogins(of_address=strange_calls), "merchant"),
            servers=KnownServers(clock),
            may_be_notified=lambda url, plain: may_be_notified(url, replace(RULES, plain=plain)),
        )
        self.app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
        install_error_handlers(self.app, (OSError,))
        mount(self.app, self.api)
        self.app.add_middleware(LimitRequests, limits=RequestLimits(64 * 1024))

    async def request(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        query: bytes = b"",
        address: str = SERVER,
        headers: Iterable[tuple[str, str]] = JSON,
    ) -> Reply:
        """One request, whole at once; a bug is answered like one, and not raised."""
        return await request_of(self.app, method, path, body, headers, query=query, address=address)

    async def order(self, content: object = None, *, address: str = SERVER) -> Reply:
        """An order as JSON, or as whatever bytes it is given as."""
        body = content if isinstance(content, bytes) else as_bytes(an_order() if content is None else content)
        return await self.request("POST", f"{BASE}/merchant-api", body, address=address)

    async def ask(self, content: object, *, address: str = SERVER) -> Reply:
        body = content if isinstance(content, bytes) else as_bytes(content)
        return await self.request("POST", f"{BASE}/get-status", body, address=address)

    async def visit(self, query: str | bytes, *, method: str = "GET") -> Reply:
        """A payer's browser on the address that the merchant made."""
        sent = query if isinstance(query, bytes) else query.encode()
        return await self.request(method, BASE, query=sent, address="198.51.100.77")

    async def taken(self, content: object = None) -> Content:
        reply = await self.order(content)
        assert (reply.status, reply.plain["msg_code"]) == (200, "1000"), reply.body
        return reply.plain


def refusal(code: str, message: str) -> bytes:
    """The two keys, byte for byte."""
    return f'{{"responseCode":"{code}","responseMessage":"{message}"}}'.encode()


def without_member(body: bytes) -> bytes:
    """A refusal without the member that it names."""
    told = json.loads(body)
    assert list(told) == ["responseCode", "responseMessage"]
    return refusal(told["responseCode"], told["responseMessage"].partition(": ")[0])


MALFORMED = refusal("1024", "Validation error")
NO_MOBILE = refusal("1030", "Not a BD mobile number")
NO_URL = refusal("1052", "must be a valid URL")
NOBODY = refusal("1004", "Merchant authentication failed")
TOO_MANY = refusal("1029", "Too many requests")


async def refused(stall: Stall, content: object, status: int = 400) -> bytes:
    """The body without the member that it names, provided that nothing was written."""
    reply = await stall.order(content)
    assert (reply.status, reply.headers["content-type"]) == (status, "application/json")
    assert stall.books.news == []
    return without_member(reply.body)
