"""The whole application and its worker over real books: a key, a token, a challan, and the treasury away."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from ekpay_switch.api.limits import Message
from ekpay_switch.composition.http_app import build_app
from ekpay_switch.settings import Settings
from tests.api.echallan.echallan_setup import CREATE
from tests.persistence.books import Books
from tests.persistence.challans.challan_setup import open_counter
from tests.persistence.collections.merchant_money_setup import AMOUNT
from tests.persistence.worker_setup import KEY, a_worker


async def ask(
    app: FastAPI, method: str, path: str, message: object = None, token: str = "", query: str = ""
) -> dict[str, Any]:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": f"/echallan/api/{path}",
        "raw_path": b"",
        "query_string": query.encode(),
        "root_path": "",
        "scheme": "http",
        "headers": [(b"authorization", token.encode())],
        "server": ("switch", 80),
        "client": ("shop", 1),
    }
    body = b"" if message is None else json.dumps(message).encode()
    arriving: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        return arriving.pop() if arriving else {"type": "http.disconnect"}

    async def send(told: Message) -> None:
        sent.append(told)

    await app(scope, receive, send)
    told: dict[str, Any] = json.loads(b"".join(one.get("body", b"") for one in sent[1:]))
    return told


async def test_a_shop_logs_in_and_loses_nothing_to_a_treasury_that_is_away(
    books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody listens there: not a byte leaves us.
    monkeypatch.setenv("EKPAY_ACHALLAN_URL", "http://127.0.0.1:9/acs")
    settings = Settings(home=tmp_path, master_key=KEY, time_divisor=10, operations_port=0)
    app = build_app(settings, books.database)
    async with open_counter(books) as counter, app.router.lifespan_context(app):
        given = await counter.given()
        payment = await counter.stall.shop.seen((await counter.stall.sold()).payment_id)
        login = {"username": given.username, "key": given.key}
        token = (await ask(app, "POST", "authenticate", login))["jwt_token"]
        order = {**CREATE, "PAY_TRXID": payment.ekpay_trnx_id}
        made = await ask(app, "POST", "challan/create", order, token)
        assert made["STATUS"] in {"424", "202"}
        async with a_worker(books, tmp_path):
            while await books.count("challan_work", "next_action_at IS NOT NULL"):
                await books.tell(
                    "UPDATE challan_work SET next_action_at = now() WHERE next_action_at > now()"
                )
                await asyncio.sleep(0.1)
        found = await ask(app, "GET", "challan/search", token=token, query="REQUEST_ID=R1")
        assert (found["STATUS"], found["TRANAMOUNT"]) == ("424", "575.00")
        assert {line["STATUS"] for line in found["CREDIT_INFO"]} == {"424"}
        assert await counter.balances() == (0, 0, 0, AMOUNT)
        assert await books.audit() is None
