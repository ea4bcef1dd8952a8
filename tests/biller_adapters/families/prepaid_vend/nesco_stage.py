"""A NESCO that is polite except where a test says otherwise, and an adapter that talks to it."""

import json
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from biller_adapters.manifest import Manifest
from ekpay_switch.domain.bill import BillQuery
from tests.biller_adapters.far_side_stage import FarStage, far_stage
from tests.wire.scripted_peer import Caller, Manners

CUSTOMER, QUOTE = "14012345", "Q2510200000000001"
QUERY = BillQuery("nesco_prepaid", {"customer_no": CUSTOMER, "amount": "500"})
DIGITS = tuple(f"{number:04d}" * 5 for number in range(1001, 1013))
FEE = {
    "purchaseAmount": "500.00",
    "energyCost": "369.29",
    "demandCharge": "84.00",
    "rebate": "-2.29",
    "pfc": "0.00",
    "debt": "0.00",
    "meterRent": "40.00",
    "vat": "9.00",
    "tax": "0.00",
}


def envelope(data: object = None, code: object = "0") -> bytes:
    return json.dumps({"resultcode": code, "resultdesc": "as said", "data": data}).encode()


def quote_data(**changes: object) -> dict[str, Any]:
    data: dict[str, Any] = {
        "transactionId": QUOTE,
        "customerNo": CUSTOMER,
        "customerName": "Abdul Karim",
        "meterNo": "31041234567",
        "fee": dict(FEE),
    }
    return data | changes


def vend_data(lines: int = 1, **changes: object) -> dict[str, Any]:
    bought = {
        "orderNo": "N90001",
        "balance": "81500.00",
        "token": ",".join(DIGITS[:lines]),
        "tokenType": ",".join(["TARIFF"] * (lines - 1) + ["CREDIT"]),
    }
    return quote_data(**(bought | changes))


SOLD = envelope(vend_data())


@dataclass
class NescoDesk:
    rude: dict[str, Manners] = field(default_factory=dict)
    answers: dict[str, bytes] = field(
        default_factory=lambda: {
            "/pre-charge": envelope(quote_data()),
            "/remote-charge": SOLD,
            "/history": envelope(code="10001"),
        }
    )
    logins: int = 0
    good_token: str = ""

    async def serve(self, caller: Caller) -> None:
        path = caller.heard.path.removeprefix("/api")
        if path in self.rude:
            await self.rude[path](caller)
        elif path == "/login":
            self.logins += 1
            self.good_token = f"token-{self.logins}"
            await caller.answer(envelope({"access_token": self.good_token, "expiresIn": 3600}))
        elif caller.heard.headers.get("access_token") != self.good_token:
            await caller.answer(envelope(code="401"), status=401)
        else:
            await caller.answer(self.answers[path])


def nesco_stage(manifest: Manifest, desk: NescoDesk, **environ: str) -> AbstractAsyncContextManager[FarStage]:
    return far_stage(manifest, QUERY, desk, **environ)
