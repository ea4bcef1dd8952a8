"""A merchant of SSLCommerz and aamarPay, and the server that their forms are posted to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from sandbox.callers.payer.payer import Payer, PayerDecision, PayerVisit, pay
from sandbox.kit.institution.clock import Clock
from sandbox.kit.provider.settings import ProviderSettings
from sandbox.providers.sslcommerz.family import SslcommerzFamily
from tests.sandbox.caller import AdminCaller, Json, SetClock
from tests.sandbox.conftest import served

STORE = {"store_id": "ekpay", "store_passwd": "gateway-sandbox"}
KEY = {"store_id": "ekpay", "signature_key": "gateway-sandbox"}
CUSTOMER = {
    "cus_name": "A. Payer",
    "cus_email": "payer@example.org",
    "cus_add1": "Dhaka",
    "cus_city": "Dhaka",
    "cus_postcode": "1000",
    "cus_country": "Bangladesh",
    "cus_phone": "01700000000",
}
PRODUCT = {
    "product_category": "bill",
    "product_name": "Bill",
    "product_profile": "non-physical-goods",
    "shipping_method": "NO",
}
SESSION, VALIDATION = "gwprocess/v4/api.php", "validator/api/validationserverAPI.php"
QUESTIONS, TRXCHECK = "validator/api/merchantTransIDvalidationAPI.php", "api/v1/trxcheck/request.php"
_NUMBERS = count(1)


@dataclass
class Shop(AdminCaller):
    """A merchant of both houses, and the forms that were posted to it."""

    url: str = ""
    forms: list[dict[str, str]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        self.forms.append(dict(parse_qsl(await request.text(), keep_blank_values=True)))
        self.came.set()
        return web.Response(text="OK")

    async def until(self, forms: int) -> None:
        async with asyncio.timeout(10):
            while len(self.forms) < forms:
                self.came.clear()
                await self.came.wait()

    async def call(
        self,
        house: str,
        path: str,
        method: str = "GET",
        **sent: Any,  # noqa: ANN401 - whatever aiohttp takes
    ) -> Any:  # noqa: ANN401 - whatever JSON holds
        async with self.session.request(method, f"{self.origin}/{house}/{path}", **sent) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    def fields(self, **changes: str) -> dict[str, str]:
        urls = {name: f"{self.url}/{name}" for name in ("success_url", "fail_url", "cancel_url", "ipn_url")}
        named = {"total_amount": "120.50", "currency": "BDT", "tran_id": f"T{next(_NUMBERS)}"}
        return {**STORE, **CUSTOMER, **PRODUCT, **urls, **named, "value_a": "a & ক", **changes}

    async def opened(self, **changes: str) -> tuple[str, Json]:
        fields = self.fields(**changes)
        answer: Json = await self.call("sslcommerz", SESSION, "POST", data=fields)
        assert answer["status"] == "SUCCESS", answer
        return fields["tran_id"], answer

    async def visited(
        self, kind: str = "normal", does: PayerDecision = PayerDecision.APPROVE
    ) -> tuple[str, PayerVisit]:
        tran_id, answer = await self.opened()
        payer = Payer(await self.number("sslcommerz", kind))
        return tran_id, await pay(answer["GatewayPageURL"], payer, does)

    async def number(self, house: str, kind: str) -> str:
        answer = await self.admin("GET", f"payers?house={house}&kind={kind}")
        number: str = answer["payers"][0]["number"]
        return number

    async def ask(self, **query: str) -> Json:
        answer: Json = await self.call("sslcommerz", QUESTIONS, params={**STORE, **query})
        return answer

    async def attempts(self, tran_id: str) -> list[Json]:
        answer = await self.ask(tran_id=tran_id)
        assert (answer["APIConnect"], answer["no_of_trans_found"]) == ("DONE", len(answer["element"]))
        attempts: list[Json] = answer["element"]
        return attempts

    async def validate(self, val_id: str) -> Json:
        query = {**STORE, "val_id": val_id, "v": "1", "format": "json"}
        answer: Json = await self.call("sslcommerz", VALIDATION, params=query)
        return answer

    async def paid(self, kind: str = "normal") -> Json:
        """The good attempt of an order that a payer of a kind has paid."""
        tran_id, _ = await self.visited(kind)
        return (await self.attempts(tran_id))[-1]

    async def refund(self, attempt: Json, amount: str, name: str = "") -> Json:
        more = {"refund_amount": amount, "refund_remarks": "back", "refe_id": "1"}
        named = {"refund_trans_id": name} if name else {}
        return await self.ask(bank_tran_id=attempt["bank_tran_id"], **more, **named)

    # ---- aamarPay

    def order(self, **changes: str) -> dict[str, str]:
        urls = {name: f"{self.url}/{name}" for name in ("success_url", "fail_url", "cancel_url")}
        named = {"amount": "120.50", "currency": "BDT", "tran_id": f"A{next(_NUMBERS)}", "desc": "Bill"}
        return {**KEY, **CUSTOMER, **urls, **named, "opt_a": "a", "type": "json", **changes}

    async def text_of_request_php(self, order: dict[str, str] | bytes) -> str:
        """Open an order as old shops do, by a form; the answer as it is written."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        async with self.session.post(
            f"{self.origin}/aamarpay/request.php", data=order, headers=headers
        ) as answer:
            assert answer.status == 200
            return await answer.text()

    async def at_aamarpay(
        self, kind: str = "normal", does: PayerDecision = PayerDecision.APPROVE
    ) -> tuple[str, PayerVisit]:
        order = self.order()
        answer = await self.call("aamarpay", "jsonpost.php", "POST", json=order)
        assert answer["result"] == "true"
        payer = Payer(await self.number("aamarpay", kind))
        return order["tran_id"], await pay(answer["payment_url"], payer, does)

    async def trxcheck(self, tran_id: str) -> Any:  # noqa: ANN401 - an object, or a text where it is none
        return await self.call("aamarpay", TRXCHECK, params={**KEY, "request_id": tran_id, "type": "json"})


@asynccontextmanager
async def sslcommerz_served(home: Path, clock: SetClock) -> AsyncIterator[Shop]:
    settings = ProviderSettings(home=home, accounts=200, slow_seconds=0.3, hang_seconds=0.3)
    async with served(SslcommerzFamily.open(settings, Clock(clock.now))) as (session, origin):
        shop = Shop(session, origin)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", shop.take)
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            shop.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield shop
        finally:
            await runner.cleanup()
