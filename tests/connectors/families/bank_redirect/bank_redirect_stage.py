"""A bank's gateway that is polite except where a test says otherwise, and a connector that talks to it."""

import json
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.families.bank_redirect.connector import BankRedirect
from connectors.families.bank_redirect.dbbl import signature
from connectors.manifest import Manifest
from connectors.rehearsal import EXAMPLE_REFUND, order_for
from ekpay_switch.domain.collections.connector_calls import CollectOrder
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.families.scroll_rest.desco_stage import DhakaClock
from tests.connectors.conftest import the_manifest
from tests.wire.scripted_peer import Caller, Manners, RudePeer, rude_peer

# Answers are waited for 12 s / 24 here.
DIVISOR = 24
SECRET = "open sesame"
IDS = ("city_bank", "dbbl_nexus", "rocket", "sonali_spg")
REFUND = EXAMPLE_REFUND

# DBBL and Rocket
GETRANSID, GETRESULT = "/ecomrs/rsvr/ecomtxn/getransid", "/ecomrs/rsvr/ecomtxn/getresult"
TRANS_ID = "j4y0t/g6qbHUCdXR60kC+JB5ZNpc="
PAID_DBBL = {
    "RESULT": "OK",
    "RESULT_CODE": "000",
    "RRN": "126208000123",
    "APPROVAL_CODE": "123456",
    "CARD_NUMBER": "4111111111111111",
    "AMOUNT": "50000",
    "TRANS_DATE": "1760940062345",
}

PAGE = "https://ecom.dutchbanglabank.com/ecomm2/ClientHandler"

# Sonali
ACCESS_TOKEN = "/api/v2/SpgService/GetAccessToken"
PAYMENT_REQUEST = "/api/v2/SpgService/CreatePaymentRequest"
VERIFICATION = "/api/v2/SpgService/TransactionVerificationWithToken"
SESSION = "SESSION/1+2="
PAID_SPG = {
    "status": "200",
    "PaymentStatus": "200",
    "TransactionId": "SPG001",
    "TransactionDate": "2025-10-20 12:01:02",
    "TotalAmount": "500.00",
    "PayAmount": "500.00",
    "Vat": "0.00",
    "Commission": "0.00",
    "ScrollNo": "17",
    "BrCode": "00026",
    "PayMode": "A01",
}

# City
TOKEN, CREATEORDER = "/transaction/token", "/transaction/createorder"
DETAILS = "/transaction/getorderdetailsapi"
OPENED = {"url": "https://ecomm.thecitybank.com/index.jsp", "orderId": "921766", "sessionId": "5E55"}
PAID_CITY = {
    "orderId": "921766",
    "amount": "50000",
    "currency": "050",
    "orderStatus": "APPROVED",
    "rrn": "126208000123",
    "pan": "4111111111111111",
    "approvalCode": "123456",
}

CREATES = {"city_bank": CREATEORDER, "sonali_spg": PAYMENT_REQUEST}
ASKS = {"city_bank": DETAILS, "sonali_spg": VERIFICATION}
NAMES = {"city_bank": "921766.5E55", "sonali_spg": SESSION}


def said(fields: Mapping[str, object], **more: object) -> bytes:
    return json.dumps({**fields, **more}).encode()


def signed(**changes: object) -> bytes:
    """A result of DBBL, signed as it stands."""
    told = {**PAID_DBBL, "TRANSACTION_ID": TRANS_ID, **changes}
    return said(
        {"SIGNATURE": signature(SECRET, *(str(told[n]) for n in ("TRANSACTION_ID", "RESULT_CODE", "RRN")))}
        | told
    )


def detailed(**changes: object) -> bytes:
    """The details of an order of City Bank."""
    return said({"responseCode": "100"}, items={**PAID_CITY, "description": REFERENCE, **changes})


def verified(**changes: object) -> bytes:
    """A verification of SPG."""
    return said({**PAID_SPG, "InvoiceNo": REFERENCE}, **changes)


def secrets_of(manifest: Manifest) -> dict[str, str]:
    return dict.fromkeys(manifest.secrets.values(), SECRET)


REFERENCE = order_for(the_manifest("city_bank")).reference


@dataclass
class Desk:
    """All three gateways at once; `rude` and `answers` are how a test bends them."""

    rude: dict[str, Manners] = field(default_factory=dict)
    answers: dict[str, bytes] = field(
        default_factory=lambda: {
            GETRANSID: said({"RSPCODE": "1", "TRANSACTION_ID": TRANS_ID}, REDIRECT_URL=PAGE),
            GETRESULT: signed(),
            ACCESS_TOKEN: said({"status": 200, "access_token": "the-token"}),
            PAYMENT_REQUEST: said({"status": 200, "session_token": SESSION}),
            VERIFICATION: verified(),
            TOKEN: said({"responseCode": "100", "transactionId": "the-token"}),
            CREATEORDER: said({"responseCode": "100"}, items=OPENED),
            DETAILS: detailed(),
        }
    )

    async def serve(self, caller: Caller) -> None:
        path = caller.heard.path
        if path in self.rude:
            await self.rude[path](caller)
        else:
            await caller.answer(self.answers[path])


@dataclass
class RedirectStage:
    manifest: Manifest
    desk: Desk
    peer: RudePeer
    bank: BankRedirect
    environ: dict[str, str]
    wire: HttpWire

    def again(self, **environ: str) -> BankRedirect:
        """The same connector as other settings make it."""
        return BankRedirect(self.manifest, surroundings(self.wire, {**self.environ, **environ}))

    def paths(self) -> list[str]:
        return [heard.path for heard in self.peer.heard]

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [json.loads(heard.body) for heard in self.peer.heard if heard.path == path]

    def order(self, seconds: float = 5.0, **changes: Any) -> CollectOrder:  # noqa: ANN401 - of any field
        order = replace(order_for(self.manifest), provider_reference=NAMES.get(self.manifest.id, TRANS_ID))
        return replace(order, send_before=time.monotonic() + seconds, **changes)


def surroundings(wire: HttpWire, environ: Mapping[str, str]) -> FamilyContext:
    return FamilyContext(wire, InMemoryTokens(), DhakaClock(), environ, DIVISOR)


@asynccontextmanager
async def redirect_stage(
    manifest: Manifest | str,
    desk: Desk | None = None,
    environ: Mapping[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[RedirectStage]:
    if isinstance(manifest, str):
        manifest = the_manifest(manifest)
    desk, wire = desk or Desk(), HttpWire(DhakaClock())
    async with rude_peer(desk.serve, tls) as peer:
        given = {manifest.endpoint.url_setting: peer.url(""), **secrets_of(manifest), **(environ or {})}
        bank = BankRedirect(manifest, surroundings(wire, given))
        try:
            yield RedirectStage(manifest, desk, peer, bank, given, wire)
        finally:
            await wire.close()
