"""Providers of this family that are polite except where a test says otherwise, and a connector to them."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from connectors.families.sslcommerz.connector import Sslcommerz
from connectors.manifest import Manifest
from connectors.rehearsal import EXAMPLE_ORDER, EXAMPLE_REFUND
from ekpay_switch.domain.collections.connector_calls import Collected, CollectOrder, RefundOrder
from ekpay_switch.domain.money import Money
from ekpay_switch.ports.world import WireAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens, StoppedClock
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.families.scroll_rest.desco_stage import NOON, DhakaClock
from tests.wire.scripted_peer import Caller, Heard, Manners, RudePeer, rude_peer

# Answers are waited for 30 s / 30 here.
DIVISOR = 30
STORE_ID = "ekpaytest"
# With every character that a form or a query has to write otherwise.
SECRET = "p&ss=w+rd %?#"
REFERENCE = EXAMPLE_ORDER.reference
MOVEMENT = EXAMPLE_REFUND.provider_transaction
VAL_ID = "260918060019EXAMPLE"

MONEY = {"amount": "500.00", "currency": "BDT", "currency_type": "BDT", "currency_amount": "500.00"}
GOOD = {
    "status": "VALID",
    "tran_date": "2026-09-18 12:00:19",
    "tran_id": REFERENCE,
    "val_id": VAL_ID,
    "bank_tran_id": MOVEMENT,
    "card_no": "432149XXXXXX0667",
    "risk_level": "0",
} | MONEY
COLLECTED = Collected(
    REFERENCE,
    Money(50_000),
    MOVEMENT,
    {"executed_at": "2026-09-18T06:00:19+00:00", "payer_account": "************0667", "val_id": VAL_ID},
)
FAILED = GOOD | {"status": "FAILED", "val_id": "", "bank_tran_id": "EXAMPLE000"}
VALIDATION = GOOD | {"APIConnect": "DONE"}
SESSION = {
    "status": "SUCCESS",
    "failedreason": "",
    "sessionkey": "SESSION1",
    "GatewayPageURL": "https://sandbox.sslcommerz.com/EasyCheckOut/x",
}
BEGUN = {
    "APIConnect": "DONE",
    "bank_tran_id": MOVEMENT,
    "trans_id": REFERENCE,
    "refund_ref_id": "RFD1",
    "status": "success",
}
GIVEN_BACK = {"APIConnect": "DONE", "refund_ref_id": "RFD1", "status": "refunded"}
PAID = {
    "status_code": "2",
    "pay_status": "Successful",
    "mer_txnid": REFERENCE,
    "pg_txnid": "AAM1",
    "bank_txn": "BANK1",
    "amount": "500.00",
    "currency": "BDT",
    "currency_merchant": "BDT",
    "other_currency": "500.00",
    "pay_time": "2026-09-18 12:00:19",
    "card_number": "432149XXXXXX0667",
    "pg_card_risklevel": "",
}
PAGE = {"result": "true", "payment_url": "https://sandbox.aamarpay.com/paynow.php?track=AAM1"}


def said(told: object) -> bytes:
    return json.dumps(told).encode()


def attempts(*rows: Mapping[str, object]) -> bytes:
    return said({"APIConnect": "DONE", "no_of_trans_found": len(rows), "element": list(rows)})


POLITE = {
    "sslcommerz": {
        "create": said(SESSION),
        "query": attempts(GOOD),
        "validate": said(VALIDATION),
        "refund": said(BEGUN),
        "refund_status": said(GIVEN_BACK),
    },
    "aamarpay": {"create": said(PAGE), "query": said(PAID)},
}


def operation_of(manifest: Manifest, url: str) -> str:
    """Which call a URL is, by a reading of our own."""
    path, told = urlsplit(url).path, dict(parse_qsl(urlsplit(url).query))
    return next(
        name
        for name, one in manifest.operations.items()
        if path.endswith(one.path) and (one.told_by is None or one.told_by in told)
    )


@dataclass
class Desk:
    """Answers every call politely, except where a test says otherwise; `rude` comes first."""

    manifest: Manifest
    answers: dict[str, bytes]
    rude: dict[str, Manners] = field(default_factory=dict)

    async def serve(self, caller: Caller) -> None:
        name = operation_of(self.manifest, caller.heard.path)
        if name in self.rude:
            await self.rude[name](caller)
        else:
            await caller.answer(self.answers[name])


@dataclass
class Stage:
    manifest: Manifest
    desk: Desk
    peer: RudePeer
    connector: Sslcommerz
    wire: HttpWire
    environ: dict[str, str]

    def another_process(self) -> Sslcommerz:
        """The same connector in a second process of the cluster."""
        return Sslcommerz(
            self.manifest, FamilyContext(self.wire, InMemoryTokens(), DhakaClock(), self.environ, DIVISOR)
        )

    def calls(self) -> list[str]:
        return [operation_of(self.manifest, heard.path) for heard in self.peer.heard]

    def heard(self, operation: str) -> list[Heard]:
        return [one for one in self.peer.heard if operation_of(self.manifest, one.path) == operation]

    def asked(self, operation: str) -> dict[str, str]:
        """What stood in the query of the only call of this kind."""
        (heard,) = self.heard(operation)
        assert heard.method == "GET"
        return dict(parse_qsl(urlsplit(heard.path).query, keep_blank_values=True))


def secrets(manifest: Manifest) -> dict[str, str]:
    return {setting: STORE_ID if name == "store_id" else SECRET for name, setting in manifest.secrets.items()}


@asynccontextmanager
async def a_stage(
    manifest: Manifest, rude: dict[str, Manners] | None = None, **answers: bytes
) -> AsyncIterator[Stage]:
    desk = Desk(manifest, POLITE[manifest.id] | answers, rude or {})
    clock = DhakaClock()
    wire = HttpWire(clock)
    async with rude_peer(desk.serve) as peer:
        environ = {manifest.endpoint.url_setting: peer.url(f"/{manifest.id}"), **secrets(manifest)}
        connector = Sslcommerz(manifest, FamilyContext(wire, InMemoryTokens(), clock, environ, DIVISOR))
        try:
            yield Stage(manifest, desk, peer, connector, wire, environ)
        finally:
            await wire.close()


@dataclass
class Played:
    """A wire that answers each call as told, without a socket; what was asked is kept."""

    manifest: Manifest
    answers: Mapping[str, bytes]
    status: int = 200
    asked: list[WireRequest] = field(default_factory=list)

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        del far_side
        self.asked.append(request)
        return WireAnswer(self.status, {}, self.answers[operation_of(self.manifest, request.url)])


def played(manifest: Manifest, wire: Played, **environ: str) -> Sslcommerz:
    given = secrets(manifest) | environ
    return Sslcommerz(manifest, FamilyContext(wire, InMemoryTokens(), StoppedClock(NOON), given))


def a_connector(manifest: Manifest, **answers: bytes) -> Sslcommerz:
    """A connector whose provider answers politely but for these answers, without a socket."""
    return played(manifest, Played(manifest, POLITE[manifest.id] | answers))


def an_order(seconds: float = 5.0, **changes: Any) -> CollectOrder:  # noqa: ANN401 - of any field
    return replace(EXAMPLE_ORDER, send_before=time.monotonic() + seconds, **changes)


def a_refund(seconds: float = 5.0, **changes: Any) -> RefundOrder:  # noqa: ANN401 - of any field
    return replace(EXAMPLE_REFUND, send_before=time.monotonic() + seconds, **changes)
