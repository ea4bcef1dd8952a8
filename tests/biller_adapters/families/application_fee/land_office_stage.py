"""A land office that is polite except where a test says otherwise, and an adapter that talks to it."""

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

LDTAX = the_manifest("ldtax")
REFERENCE = "566001234567"
CITIZEN = {"payment_ref": REFERENCE, "owner_type": "citizen"}
ORGANISATION = {"payment_ref": REFERENCE, "owner_type": "organisation"}
QUERY = BillQuery("ldtax", CITIZEN)
HEADS = {"current_tax": "700.00", "arrears": "300.00", "interest": "18.75"}


def demand_said(heads: dict[str, str] | None = None, /, **changes: object) -> bytes:
    rows = [{"code": code, "label_en": code, "amount": told} for code, told in (heads or HEADS).items()]
    demand: dict[str, Any] = {
        "reference": REFERENCE,
        "service": "land-development-tax",
        "applicant": "Kamal Patwary",
        "heads": rows,
        "total": "1018.75",
        "payableFrom": "01-07-2025",
        "payableUntil": "30-06-2026",
        "partAllowed": False,
        "outstanding": "1018.75",
    }
    return json.dumps({"code": "0", "demand": demand | changes}).encode()


def paid_said(**changes: object) -> bytes:
    paid: dict[str, Any] = {
        "code": "0",
        "transactionId": EXAMPLE_REFERENCE,
        "reference": REFERENCE,
        "service": "land-development-tax",
        "amount": "1018.75",
        "receiptNo": "IR2510200001",
        "interim": True,
    }
    return json.dumps(paid | changes).encode()


def status_said(**changes: object) -> bytes:
    return paid_said(**({"state": "paid"} | changes))


def code_said(code: object) -> bytes:
    return json.dumps({"code": code, "message": "as said"}).encode()


@dataclass
class LandOffice:
    """Answers demand, pay and status; asks for user and password with every call."""

    rude: dict[str, Manners] = field(default_factory=dict)
    answers: dict[str, bytes] = field(
        default_factory=lambda: {"/demand": demand_said(), "/pay": paid_said(), "/status": status_said()}
    )
    key: str = "Basic ZWtwYXk6b3BlbiBzZXNhbWU="

    async def serve(self, caller: Caller) -> None:
        path = caller.heard.path.removeprefix("/api")
        if path in self.rude:
            await self.rude[path](caller)
        elif caller.heard.headers.get("authorization") != self.key:
            await caller.answer(code_said("401"), status=401)
        else:
            await caller.answer(self.answers[path])


def land_office(
    office: LandOffice | None = None,
    named: dict[str, str] | None = None,
    manifest: Manifest = LDTAX,
    **environ: str,
) -> AbstractAsyncContextManager[FarStage]:
    query = BillQuery(manifest.id, named) if named else QUERY
    return far_stage(manifest, query, office or LandOffice(), **environ)
