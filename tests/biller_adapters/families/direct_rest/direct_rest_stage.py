"""A plain REST biller that is polite except where a test says otherwise, and an adapter that talks to it."""

import json
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

from biller_adapters.manifest import Manifest
from biller_adapters.rehearsal import EXAMPLE_REFERENCE
from ekpay_switch.domain.bill import BillQuery
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.far_side_stage import FarStage, far_stage
from tests.wire.scripted_peer import Caller, Manners

ACCOUNT, BILL, RECEIPT = "301234567", "2509301234567", "WZ-90001"
WEST_ZONE = the_manifest("wzpdcl_postpaid")
QUERY = BillQuery(WEST_ZONE.id, {"account_no": ACCOUNT})


def reworded(manifest: Manifest = WEST_ZONE, /, **settings: str) -> Manifest:
    """The manifest with more family settings."""
    return manifest.model_copy(update={"family_settings": {**manifest.family_settings, **settings}})


def envelope(code: object = "200", **members: object) -> bytes:
    return json.dumps({"code": code, "message": "as said", **members}).encode()


def bill_data(**changes: object) -> dict[str, Any]:
    data: dict[str, Any] = {
        "billNo": BILL,
        "accountNo": ACCOUNT,
        "customerName": "Rahela Khatun",
        "address": "House 12, Road 7, Khulna",
        "meterNo": "54321098",
        "period": "202509",
        "issueDate": "2025-10-05",
        "dueDate": "2025-10-25",
        "amount": "1000.00",
        "vat": "50.00",
        "lateFee": "52.50",
        "stamp": "0.00",
        "total": "1050.00",
        "outstanding": "1050.00",
        "billCount": 1,
        "paid": "N",
    }
    return data | changes


def bill_said(**changes: object) -> bytes:
    return envelope(bill=bill_data(**changes))


def payment_data(**changes: object) -> dict[str, Any]:
    data: dict[str, Any] = {
        "transactionId": EXAMPLE_REFERENCE,
        "billNo": BILL,
        "amount": "1050.00",
        "receiptNo": RECEIPT,
        "state": "PAID",
        "paidAt": "2025-10-20T12:00:00+06:00",
    }
    return data | changes


def paid_said(**changes: object) -> bytes:
    told = {"receiptNo": RECEIPT, "transactionId": EXAMPLE_REFERENCE, "amount": "1050.00"}
    return envelope(**(told | changes))


PAID = paid_said()


@dataclass
class DirectDesk:
    rude: dict[str, Manners] = field(default_factory=dict)
    answers: dict[str, bytes] = field(
        default_factory=lambda: {
            "/bill": bill_said(),
            "/payment": PAID,
            "/status": envelope("204"),
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
            await caller.answer(envelope(token=self.good_token, expires_in=3600))
        elif caller.heard.headers.get("authorization") != f"Bearer {self.good_token}":
            await caller.answer(envelope("401"), status=401)
        else:
            await caller.answer(self.answers[path])


def saying(**answers: bytes) -> DirectDesk:
    """A desk that answers some of its calls otherwise."""
    desk = DirectDesk()
    desk.answers |= {f"/{path}": answer for path, answer in answers.items()}
    return desk


def direct_stage(
    desk: DirectDesk | None = None, manifest: Manifest = WEST_ZONE, query: BillQuery = QUERY, **environ: str
) -> AbstractAsyncContextManager[FarStage]:
    return far_stage(manifest, query, desk or DirectDesk(), **environ)
