"""A merchant's side of bKash's wire, written from its description, and an endpoint for its notifications."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from aiohttp import web

from sandbox.callers.payer.payer import Payer, PayerDecision, PayerVisit, pay
from tests.sandbox.caller import AdminCaller, Json

PREFIX = "/v1.2.0-beta/tokenized/checkout"
V2 = "/v2/tokenized-checkout/refund/payment"
WALLET = "01700000003"
CALLBACK = "https://merchant.example/return?order=7"
LOGIN = {"username": "ekpay", "password": "bkash-sandbox"}
APP = {"app_key": "bkash-sandbox-app", "app_secret": "bkash-sandbox-secret"}
_INVOICES = count(1)


@dataclass
class BkashCaller(AdminCaller):
    """Whoever takes money through bKash."""

    token: str = ""
    refresh_token: str = ""

    async def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Make a call by its path from the root; the answer may be no JSON."""
        sent = {"Authorization": self.token, "X-APP-Key": APP["app_key"]} if headers is None else headers
        async with self.session.post(f"{self.origin}{path}", json=body, headers=sent) as answer:
            is_json = answer.content_type == "application/json"
            return answer.status, await (answer.json() if is_json else answer.text())

    async def ask(self, path: str, **fields: object) -> Json:
        """Make a call below the prefix that must be answered with HTTP 200 and JSON."""
        status, answer = await self.post(f"{PREFIX}/{path}", fields)
        assert status == 200, answer
        answered: Json = answer
        return answered

    async def code(self, path: str, **fields: object) -> str:
        answer = await self.ask(path, **fields)
        code: str = answer.get("statusCode") or answer["errorCode"]
        return code

    async def grant(self) -> tuple[int, Any]:
        return await self.post(f"{PREFIX}/token/grant", APP, LOGIN)

    async def log_in(self) -> None:
        status, answer = await self.grant()
        assert status == 200, answer
        self.token, self.refresh_token = answer["id_token"], answer["refresh_token"]

    async def create(self, **changes: object) -> Json:
        return await self.ask("create", **(a_create() | changes))

    async def a_payment(self, wallet: str = WALLET, **changes: object) -> str:
        """Open a payment that its payer approves at the page, and return its id."""
        creation_time = await self.create(**changes)
        await self.visit(creation_time, wallet)
        payment_id: str = creation_time["paymentID"]
        return payment_id

    async def visit(
        self, creation_time: Json, wallet: str = WALLET, does: PayerDecision = PayerDecision.APPROVE
    ) -> PayerVisit:
        return await pay(creation_time["bkashURL"], Payer(wallet), does)

    async def execute(self, payment_id: str) -> Json:
        return await self.ask("execute", paymentID=payment_id)

    async def status(self, payment_id: str) -> Json:
        return await self.ask("payment/status", paymentID=payment_id)

    async def a_paid(self, wallet: str = WALLET, **changes: object) -> tuple[str, str]:
        """Take a payment, and return its id and that of its transaction."""
        payment_id = await self.a_payment(wallet, **changes)
        answer = await self.execute(payment_id)
        return payment_id, answer["trxID"]

    async def create_agreement(self, **changes: object) -> Json:
        return await self.ask("create", **(a_create_of_agreement() | changes))

    async def an_agreement(self, wallet: str = WALLET, **changes: object) -> Json:
        """Open an agreement that its payer approves at the page, and return what its execute answers."""
        opened = await self.create_agreement(**changes)
        assert (await self.visit(opened, wallet)).status == "success"
        return await self.execute(opened["paymentID"])

    async def refund_v2(
        self, payment_id: str, trx_id: str, amount: str, **changes: object
    ) -> tuple[int, Json]:
        named = {"paymentId": payment_id, "trxId": trx_id}
        body = named | {"refundAmount": amount, "sku": "bill", "reason": "wrong bill"} | changes
        return await self.post(f"{V2}/transaction", body)

    async def refunds_v2(self, payment_id: str, trx_id: str) -> Json:
        status, answer = await self.post(f"{V2}/status", {"paymentId": payment_id, "trxId": trx_id})
        assert status == 200, answer
        answered: Json = answer
        return answered

    async def fault(self, fault: str, **order: object) -> None:
        answer = await self.admin("POST", "faults", {"fault": fault, **order})
        assert "faults" in answer, answer

    async def line(self, payment_id: str) -> Json:
        payments = (await self.admin("GET", "dump"))["payments"]
        found: Json = next(line for line in payments if line["paymentID"] == payment_id)
        return found

    async def balance(self, wallet: str) -> int:
        answer = await self.admin("GET", f"unpaid?count=1&offset={int(wallet) - 1_700_000_000}")
        balance: int = answer["wallets"][0]["balance_paisa"]
        return balance


def a_create() -> dict[str, object]:
    return {
        "mode": "0011",
        "payerReference": "01712345678",
        "callbackURL": CALLBACK,
        "amount": "120.50",
        "currency": "BDT",
        "intent": "sale",
        "merchantInvoiceNumber": f"INV{next(_INVOICES)}",
    }


def a_create_of_agreement() -> dict[str, object]:
    return {"mode": "0000", "payerReference": f"payer-{next(_INVOICES)}", "callbackURL": CALLBACK}


@dataclass
class Endpoint:
    """Where a merchant takes notifications; it refuses the first `refusals` of them."""

    url: str = ""
    refusals: int = 0
    bodies: list[Json] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event | None = None

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(json.loads(await request.text()))
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        self.came.set()
        if self.gate is not None:
            await self.gate.wait()
        if self.refusals:
            self.refusals -= 1
            return web.Response(status=500)
        return web.Response()

    async def after(self, length: int) -> list[Json]:
        """What has come, once so many have."""
        async with asyncio.timeout(20):
            while len(self.bodies) < length:
                self.came.clear()
                await self.came.wait()
        return self.bodies


@asynccontextmanager
async def an_endpoint(refusals: int = 0) -> AsyncIterator[Endpoint]:
    endpoint = Endpoint(refusals=refusals)
    app = web.Application()
    app.router.add_post("/sns", endpoint.take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        endpoint.url = f"http://127.0.0.1:{runner.addresses[0][1]}/sns"
        yield endpoint
    finally:
        await runner.cleanup()
