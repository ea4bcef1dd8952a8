"""A treasury that is polite except where a test says otherwise, and an adapter that talks to it."""

import json
from base64 import b64encode
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from biller_adapters.challans.calls import payment_id_of
from biller_adapters.manifest import Manifest
from biller_adapters.rehearsal import EXAMPLE_REFERENCE
from ekpay_switch.domain.bill import BillQuery
from tests.biller_adapters.conftest import the_manifest
from tests.biller_adapters.far_side_stage import FarStage, far_stage
from tests.wire.scripted_peer import Caller, Manners

PASSPORT, INCOME_TAX, VAT = (
    the_manifest("epassport_fee"),
    the_manifest("income_tax"),
    the_manifest("vat_online"),
)
MOBILE = "01712345678"
QUERY = BillQuery("epassport_fee", {"application_id": "OID2511000001", "mobile": MOBILE}, {"mobile": MOBILE})
TAX = BillQuery(
    "income_tax",
    {
        "tin": "123456700001",
        "assessment_year": "2025-2026",
        "economic_code": "1111101",
        "amount": "4025",
        "mobile": MOBILE,
    },
    {"mobile": MOBILE},
)
PAYMENT_ID = payment_id_of(EXAMPLE_REFERENCE)
TRANSACTION, CHALLAN = "TX2510200000001", "2526-0000000123"
HEADS = (
    {"economic_code": "1142202", "title": "Passport fee", "amount": "3500.00"},
    {"economic_code": "1141101", "title": "VAT", "amount": "525.00"},
)
CLIENT = "Basic " + b64encode(b"the-switch:the-secret").decode()


def said(code: object = "0", **members: object) -> bytes:
    return json.dumps({"responsecode": code, "responsemessage": "as said"} | members).encode()


def demand_said(asked: object = None, **changes: object) -> bytes:
    members: dict[str, object] = {
        "asked": dict(QUERY.parameters) if asked is None else asked,
        "demand_no": "EP-1",
        "organization_code": "1220301103520",
        "heads": list(HEADS),
        "total": "4025.00",
        "applicant_name": "Rahela Khatun",
        "valid_until": "30-10-2025",
    }
    return said(**(members | changes))


def initiated_said(**changes: object) -> bytes:
    members: dict[str, object] = {
        "responseurl": "https://challan.example/pay",
        "transaction_id": TRANSACTION,
    }
    return said(**(members | changes))


def confirmed_said(**changes: object) -> bytes:
    members: dict[str, object] = {
        "challan_no": CHALLAN,
        "paymentid": PAYMENT_ID,
        "paidamount": "4025.00",
        "transaction_id": TRANSACTION,
    }
    return said(**(members | changes))


def details_said(**changes: object) -> bytes:
    members: dict[str, object] = {
        "challan_no": CHALLAN,
        "payment_id": PAYMENT_ID,
        "paidamount": "4025.00",
        "payment_date": "20-10-2025",
        "bank_name": "EKPAY",
        "used_flag": "N",
    }
    return said(**(members | changes))


DEMAND, INITIATE, CONFIRM = (
    "/epassport_fee/demand",
    "/clients/payment/initiate",
    "/clients/payment/confirmation",
)
DETAILS, SLIP = "/clients/payment/details", "/clients/payment/initiateOTC"


@dataclass
class ChallanDesk:
    rude: dict[str, Manners] = field(default_factory=dict)
    answers: dict[str, bytes] = field(
        default_factory=lambda: {
            DEMAND: demand_said(),
            INITIATE: initiated_said(),
            CONFIRM: confirmed_said(),
            DETAILS: said("201"),
            SLIP: said(slip_no="OTC1", valid_until="27-10-2025"),
        }
    )
    asked_for_tokens: list[dict[str, str]] = field(default_factory=list)
    good_token: str = ""
    refuses_tokens: bool = False

    async def serve(self, caller: Caller) -> None:
        path = caller.heard.path.removeprefix("/api")
        if path in self.rude:
            await self.rude[path](caller)
        elif path == "/token":
            await self.grant(caller)
        elif caller.heard.headers.get("authorization") != f"Bearer {self.good_token}" or self.refuses_tokens:
            await caller.answer(said("401"), status=401)
        else:
            await caller.answer(self.answers[path])

    async def grant(self, caller: Caller) -> None:
        assert caller.heard.headers["content-type"] == "application/x-www-form-urlencoded"
        if caller.heard.headers["authorization"] != CLIENT:
            await caller.answer(said("401"), status=401)
            return
        self.asked_for_tokens.append(dict(parse_qsl(caller.heard.body.decode(), strict_parsing=True)))
        self.good_token = f"token-{len(self.asked_for_tokens)}"
        grant = {"access_token": self.good_token, "token_type": "bearer", "expires_in": 3600}
        await caller.answer(json.dumps(grant).encode())


def challan_stage(
    desk: ChallanDesk, manifest: Manifest = PASSPORT, query: BillQuery = QUERY, **environ: str
) -> AbstractAsyncContextManager[FarStage]:
    client = {
        "EKPAY_ACHALLAN_CLIENT_ID": "the-switch",
        "EKPAY_ACHALLAN_CLIENT_SECRET": "the-secret",
    }
    return far_stage(manifest, query, desk, **(client | environ))


def sent(stage: FarStage, path: str) -> list[dict[str, Any]]:
    return [json.loads(body) for body in stage.bodies(path)]
