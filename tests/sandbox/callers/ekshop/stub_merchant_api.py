"""A stand-in for the switch's merchant API, for the shop to be tried against: it says what it is told to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

TOKEN = "eyJhbGciOiJIUzUxMiJ9.e30.c2ln"
MESSAGES = {"1020": "Transaction completed successfully", "1021": "Transaction failed"}


@dataclass
class StubMerchantApi:
    """Answers as ekpay-merchant-api.md 2 shows, and keeps what was asked.

    `refusal` is what it answers to the next calls for a token; `codes` are what a payment stands at, 1023
    where nothing is said; while `is_silent` it closes every connection.
    """

    origin: str = ""
    refusal: tuple[int, dict[str, Any]] | None = None
    is_silent: bool = False
    status_text: str | None = None
    codes: dict[str, str] = field(default_factory=dict)
    amounts: dict[str, str] = field(default_factory=dict)
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    status_calls: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0

    @property
    def base_url(self) -> str:
        return f"{self.origin}/ekpaypg/v1"

    async def take_order(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.is_silent:
            assert request.transport is not None
            request.transport.close()
        if self.refusal is not None:
            status, refused = self.refusal
            return web.json_response(refused, status=status)
        order = await request.json()
        self.orders[order["trns_info"]["trnx_id"]] = order
        issued = {"secure_token": TOKEN, "token_exp_time": "30000s", "msg_code": "1000"}
        more = {
            "msg_det": "Secure token generated successfully",
            "ack_tstamp": "2026-11-25 13:37:41 GMT+06:00",
        }
        return web.json_response(issued | more)

    async def tell_status(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.status_calls.append(asked)
        if self.status_text is not None:
            return web.Response(text=self.status_text)
        return web.json_response(self.document(asked["trnx_id"]))

    def document(self, trnx_id: str) -> dict[str, Any]:
        order = self.orders.get(trnx_id)
        if order is None:
            return {"msg_code": "404", "msg_det": "Transaction not found"}
        code = self.codes.get(trnx_id, "1023")
        asked = order["trns_info"]
        return {
            "secure_token": TOKEN,
            "msg_code": code,
            "msg_det": MESSAGES.get(code, "Transaction pending"),
            "req_timestamp": order["req_timestamp"],
            "basic_Info": {"mer_reg_id": order["mer_info"]["mer_reg_id"], "ord_desc": asked["ord_det"]},
            "cust_info": order["cust_info"],
            "trnx_info": {
                "trnx_amt": self.amounts.get(trnx_id, asked["trnx_amt"]),
                "trnx_id": "26112510112233abc",
                "mer_trnx_id": trnx_id,
                "curr": "BDT",
                "pi_trnx_id": "BKX0000001",
            },
            "pi_det_info": {"pi_name": "bKash", "pay_timestamp": "2026-11-25 10:11:40 GMT+06:00"},
        }

    async def notify(self, trnx_id: str, code: str, url: str = "", **changes: object) -> int:
        """Let a payment stand so and tell the shop, as the switch does; its answer's status, 0 if lost."""
        self.codes[trnx_id] = code
        document = self.document(trnx_id) | changes
        return await self.post(url or self.orders[trnx_id]["ipn_info"]["ipn_uri"], document)

    async def post(self, url: str, document: object, headers: dict[str, str] | None = None) -> int:
        sent = {"webhook-id": "msg_1"} | (headers or {})
        try:
            async with (
                aiohttp.ClientSession() as session,
                session.post(url, json=document, headers=sent) as told,
            ):
                await told.read()
                return told.status
        except aiohttp.ClientError:
            return 0


@asynccontextmanager
async def stub_merchant_api() -> AsyncIterator[StubMerchantApi]:
    stub = StubMerchantApi()
    app = web.Application()
    app.router.add_post("/ekpaypg/v1/merchant-api", stub.take_order)
    app.router.add_post("/ekpaypg/v1/get-status", stub.tell_status)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        stub.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield stub
    finally:
        await runner.cleanup()
