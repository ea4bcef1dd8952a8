"""A gateway that is polite except where a test says otherwise, and a connector that talks to it."""

import base64
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.families.mpgs.connector import Mpgs
from connectors.manifest import Manifest
from connectors.rehearsal import EXAMPLE_ORDER, EXAMPLE_REFUND
from ekpay_switch.domain.collections.connector_calls import CollectOrder, RefundOrder
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.families.scroll_rest.desco_stage import DhakaClock
from tests.wire.scripted_peer import Caller, Manners, RudePeer, rude_peer

# Answers are waited for 30 s / 30 here.
DIVISOR = 30
MERCHANT = "/api/rest/version/78/merchant/TEST01"
CREATE = f"POST {MERCHANT}/session"
ORDER = f"GET {MERCHANT}/order/{EXAMPLE_ORDER.reference}"
REFUND = f"PUT {MERCHANT}/order/{EXAMPLE_ORDER.reference}/transaction/{EXAMPLE_REFUND.reference}"
SECRETS = {
    "EKPAY_EBL_MERCHANT_ID": "TEST01",
    "EKPAY_EBL_API_PASSWORD": "open sesame",
    "EKPAY_EBL_WEBHOOK_SECRET": "between us",
}
AUTHORIZATION = f"Basic {base64.b64encode(b'merchant.TEST01:open sesame').decode()}"
SESSION = "SESSION0002776555072F1187121H96"


def said(fields: Mapping[str, object], **more: object) -> bytes:
    return json.dumps({**fields, **more}).encode()


def error(cause: str, **more: str) -> bytes:
    return said({"error": {"cause": cause, "explanation": "as the cause says", **more}, "result": "ERROR"})


def a_row(
    kind: str = "PAYMENT", name: str = "1", amount: object = "500.00", **more: object
) -> dict[str, Any]:
    moved = {"id": name, "type": kind, "amount": amount, "currency": "BDT"}
    return {
        "result": "SUCCESS",
        "response": {"gatewayCode": "APPROVED"},
        "order": {"id": EXAMPLE_ORDER.reference},
        "transaction": moved,
        **more,
    }


def refunded(**more: object) -> dict[str, Any]:
    return a_row("REFUND", EXAMPLE_REFUND.reference, "200.00", **more)


PAID: dict[str, Any] = {
    "id": EXAMPLE_ORDER.reference,
    "result": "SUCCESS",
    "status": "CAPTURED",
    "amount": "500.00",
    "currency": "BDT",
    "totalCapturedAmount": "500.00",
    "transaction": [a_row()],
}
CREATED = said({"result": "SUCCESS", "session": {"id": SESSION, "updateStatus": "SUCCESS", "version": "1"}})


def with_rows(*rows: Mapping[str, object]) -> bytes:
    return said(PAID, transaction=[PAID["transaction"][0], *rows])


@dataclass
class GatewayDesk:
    """Answers politely, except where a test says otherwise; calls are named by method and path."""

    rude: dict[str, Manners] = field(default_factory=dict)
    answers: dict[str, tuple[int, bytes]] = field(
        default_factory=lambda: {
            CREATE: (201, CREATED),
            ORDER: (200, said(PAID)),
            REFUND: (201, said(refunded())),
        }
    )

    async def serve(self, caller: Caller) -> None:
        call = f"{caller.heard.method} {caller.heard.path}"
        if call in self.rude:
            await self.rude[call](caller)
        elif caller.heard.headers.get("authorization") != AUTHORIZATION:
            await caller.answer(error("INVALID_REQUEST"), status=401)
        else:
            status, body = self.answers[call]
            await caller.answer(body, status=status)


@dataclass
class MpgsStage:
    manifest: Manifest
    desk: GatewayDesk
    peer: RudePeer
    ebl: Mpgs
    wire: HttpWire
    environ: dict[str, str]

    def another(self, **environ: str) -> Mpgs:
        """The same connector in another process, with settings of its own."""
        given = self.environ | environ
        around = FamilyContext(self.wire, InMemoryTokens(), DhakaClock(), given, DIVISOR)
        return Mpgs(self.manifest, around)

    def calls(self) -> list[str]:
        return [f"{heard.method} {heard.path}" for heard in self.peer.heard]

    def bodies(self, call: str) -> list[dict[str, Any]]:
        return [json.loads(heard.body) for heard in self.peer.heard if f"{heard.method} {heard.path}" == call]


@asynccontextmanager
async def mpgs_stage(
    manifest: Manifest, desk: GatewayDesk | None = None, **environ: str
) -> AsyncIterator[MpgsStage]:
    desk, clock = desk or GatewayDesk(), DhakaClock()
    wire = HttpWire(clock)
    async with rude_peer(desk.serve) as peer:
        given = {"EKPAY_EBL_URL": peer.url(""), **SECRETS, **environ}
        ebl = Mpgs(manifest, FamilyContext(wire, InMemoryTokens(), clock, given, DIVISOR))
        try:
            yield MpgsStage(manifest, desk, peer, ebl, wire, given)
        finally:
            await wire.close()


def an_order(seconds: float = 5.0, **changes: Any) -> CollectOrder:  # noqa: ANN401 - of any field
    order = replace(EXAMPLE_ORDER, connector_id="ebl", provider_reference=SESSION)
    return replace(order, **{"send_before": time.monotonic() + seconds, **changes})


def a_refund(seconds: float = 5.0, **changes: Any) -> RefundOrder:  # noqa: ANN401 - of any field
    return replace(EXAMPLE_REFUND, **{"send_before": time.monotonic() + seconds, **changes})
