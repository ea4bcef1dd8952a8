"""A stand-in for the switch's REST v1, for clients that are tried: it answers as docs/rest-v1.md shows."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "sk_example"
PAYMENT_ID = "pay_0196f0c8a4b27d3e9c5b7a1d2e3f4a5b"
REFUND_ID = "rfd_0196f0c8a4b27d3e9c5b7a1d2e3f4a5c"
PAYMENT: dict[str, Any] = {
    "id": PAYMENT_ID,
    "status": "pending",
    "reason": None,
    "biller": "b025",
    "bill": {
        "number": "102610000007",
        "account": "10000007",
        "amount": 118825,
        "late_fee": 0,
        "vat": 6175,
        "rounding": 0,
        "due_on": "2026-12-01",
        "lines": [{"label": "Demand charge", "amount": 4200}],
    },
    "amount": 125000,
    "charge": 1875,
    "fee": 870,
    "vat": 130,
    "total": 127875,
    "currency": "BDT",
    "instrument": "bkash",
    "next_action": {"type": "redirect", "url": "https://payment.bkash.com/?paymentId=TR1"},
    "pay_until": "2026-11-25T12:00:00Z",
    "next_check_at": "2026-11-25T10:03:00Z",
    "tokens": [],
    "receipt": None,
    "receipt_url": None,
    "refunded": 0,
    "refunds": [],
    "created_at": "2026-11-25T10:00:00Z",
    "updated_at": "2026-11-25T10:00:01.250Z",
}
REFUND: dict[str, Any] = {
    "id": REFUND_ID,
    "payment_id": PAYMENT_ID,
    "kind": "refund",
    "status": "pending",
    "amount": 50000,
    "currency": "BDT",
    "reason": "paid for the wrong meter",
    "created_at": "2026-11-25T10:00:00Z",
    "updated_at": "2026-11-25T10:00:01Z",
}
PROBLEM: dict[str, Any] = {
    "type": "about:blank",
    "title": "Conflict",
    "status": 409,
    "code": "payment_not_payable",
    "retryable": False,
}
_STRANGER = (401, "application/problem+json", PROBLEM | {"status": 401, "code": "unauthenticated"})
_UNKNOWN = (404, "application/problem+json", PROBLEM | {"status": 404, "code": "not_found"})


@dataclass
class StubSwitch:
    """Answers each call with what it is told to, and keeps what was asked."""

    origin: str = ""
    answers: dict[str, tuple[int, str, object]] = field(default_factory=dict)
    replays: bool = False
    earlier: dict[str, list[tuple[int, str, object]]] = field(default_factory=lambda: defaultdict(list))
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def will_answer(self, call: str, status: int, document: object, kind: str = "application/json") -> None:
        self.answers[call] = (status, kind, document)

    def will_refuse(self, call: str, **changes: object) -> None:
        document = PROBLEM | changes
        self.will_answer(call, int(str(document["status"])), document, "application/problem+json")

    def will_first(self, call: str, *answers: tuple[int, str, object]) -> None:
        """Answer so, one after the other, before what `will_answer` says."""
        self.earlier[call].extend(answers)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.asked.append((request.method, request.path, dict(request.headers), body))
        call = f"{request.method} {request.path.replace(PAYMENT_ID, 'ID')}"
        earlier = self.earlier[call]
        answer = earlier.pop(0) if earlier else self.answers.get(call, _UNKNOWN)
        if request.headers.get("Authorization") != f"Bearer {KEY}":
            answer = _STRANGER
        status, kind, document = answer
        is_replay = self.replays and status == 200
        headers = {"Idempotent-Replayed": "true"} if is_replay else {}
        text = document if isinstance(document, str) else json.dumps(document)
        return web.Response(status=status, text=text, content_type=kind, headers=headers)


@asynccontextmanager
async def stub_switch() -> AsyncIterator[StubSwitch]:
    stub = StubSwitch()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stub.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        stub.origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield stub
    finally:
        await runner.cleanup()
