"""A desk of DESCO that is polite except where a test says otherwise, and an adapter that talks to it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from biller_adapters.families.scroll_rest import ScrollRest
from biller_adapters.manifest import Manifest
from biller_adapters.rehearsal import order_for
from ekpay_switch.domain.bill import Bill, BillFound, BillQuery
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from tests.wire.scripted_peer import Caller, RudePeer, rude_peer

BILL = "092512345678"
QUERY = BillQuery("desco_postpaid", {"bill_no": BILL})
NOON = datetime(2025, 10, 20, 6, 0, tzinfo=UTC)
SAVED = json.dumps({"status": "SUCCESS", "statusCode": 323, "message": "Saved"}).encode()

Manners = Callable[[Caller], Awaitable[None]]


@dataclass
class DhakaClock:
    """Real monotonic time under a date that the test chooses."""

    instant: datetime = NOON

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return self.instant

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def bill_data(**changes: object) -> dict[str, object]:
    data: dict[str, object] = {
        "billNo": BILL,
        "accountNo": "12345678",
        "meterNo": "54321098",
        "year": "2025",
        "month": "09",
        "tariff": "LT-A",
        "departmentCode": "D07",
        "totalAmount": "1050.00",
        "totalVat": "50.00",
        "lpc": "52.50",
        "totalAmountTobePaid": "1050.00",
        "issueDate": "05-10-2025",
        "dueDate": "25-10-2025",
        "billToken": "tok-1",
        "customerName": "Rahela Khatun",
        "address": "House 4, Road 2, Mirpur",
        "totalKwh": "142",
    }
    return data | changes


def envelope(data: object, code: int = 200) -> bytes:
    return json.dumps({"statusCode": code, "message": "OK", "data": data}).encode()


@dataclass
class Desk:
    """A far side that logs in and answers politely, except where a test says otherwise."""

    rude: dict[str, Manners] = field(default_factory=dict)
    answers: dict[str, bytes] = field(
        default_factory=lambda: {
            "/bill": envelope(bill_data()),
            "/bills": envelope([]),
            "/payment": SAVED,
            "/payment-status": envelope([]),
        }
    )
    logins: int = 0
    good_token: str = "token-1"
    rotates: bool = False

    async def serve(self, caller: Caller) -> None:
        path = caller.heard.path.removeprefix("/api")
        if path in self.rude:
            await self.rude[path](caller)
        elif path == "/login":
            await self.log_in(caller)
        elif caller.heard.headers.get("authorization") != f"Bearer {self.good_token}":
            await caller.answer(b'{"statusCode": 401, "message": "no"}', status=401)
        else:
            await caller.answer(self.answers[path])

    async def log_in(self, caller: Caller) -> None:
        self.logins += 1
        self.good_token = f"token-{self.logins}"
        grant = {"statusCode": 200, "message": "OK", "token": self.good_token, "expiresIn": 3600}
        await caller.answer(json.dumps(grant).encode())


@dataclass
class Stage:
    """An adapter, the desk it talks to and the socket between them."""

    adapter: ScrollRest
    desk: Desk
    peer: RudePeer
    tokens: InMemoryTokens
    clock: DhakaClock

    def paths(self) -> list[str]:
        return [heard.path.removeprefix("/api") for heard in self.peer.heard]

    def sent(self, path: str) -> list[dict[str, Any]]:
        return [json.loads(heard.body) for heard in self.peer.heard if heard.path == f"/api{path}"]

    async def bill(self) -> Bill:
        reply = await self.adapter.fetch(QUERY)
        assert isinstance(reply, BillFound), reply
        return reply.bill

    async def order(self, on: date = date(2025, 10, 20), seconds: float = 5.0) -> PayOrder:
        return order_for("desco_postpaid", await self.bill(), on, time.monotonic() + seconds)


# The context manager of one stage, for a desk and settings of the environment.
Staged = Callable[..., AbstractAsyncContextManager[Stage]]


def staging(desco: Manifest) -> Staged:
    """Makes stages for this manifest."""

    @asynccontextmanager
    async def stage(desk: Desk | None = None, **environ: str) -> AsyncIterator[Stage]:
        desk = desk or Desk()
        clock, tokens = DhakaClock(), InMemoryTokens()
        wire = HttpWire(clock)
        async with rude_peer(desk.serve) as peer:
            settings = {"EKPAY_DESCO_URL": peer.url("/api"), "EKPAY_DESCO_PASSWORD": "open sesame"} | environ
            # Answers are waited for 20 s / 40 here.
            adapter = ScrollRest(desco, FamilyContext(wire, tokens, clock, settings, divisor=40))
            yield Stage(adapter, desk, peer, tokens, clock)
            await wire.close()

    return stage
