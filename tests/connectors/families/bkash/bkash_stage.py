"""A bKash that is polite except where a test says otherwise, and a connector that talks to it."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.families.bkash.connector import Bkash
from connectors.manifest import Manifest
from connectors.rehearsal import EXAMPLE_ORDER, EXAMPLE_REFUND
from ekpay_switch.domain.collections.connector_calls import CollectOrder, RefundOrder
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.families.scroll_rest.desco_stage import DhakaClock
from tests.wing_kit.shared_tokens import SharedTokens
from tests.wire.scripted_peer import Caller, Manners, RudePeer, rude_peer

# Answers are waited for 32 s / 32 here.
DIVISOR = 32
PREFIX = "/v1.2.0-beta/tokenized/checkout"
GRANT, REFRESH = f"{PREFIX}/token/grant", f"{PREFIX}/token/refresh"
CREATE, EXECUTE = f"{PREFIX}/create", f"{PREFIX}/execute"
STATUS, SEARCH = f"{PREFIX}/payment/status", f"{PREFIX}/general/searchTransaction"
REFUND_V1 = f"{PREFIX}/payment/refund"
REFUND = "/v2/tokenized-checkout/refund/payment/transaction"
REFUND_STATUS = "/v2/tokenized-checkout/refund/payment/status"
SECRETS = {
    "EKPAY_BKASH_USER": "merchant",
    "EKPAY_BKASH_PASSWORD": "open sesame",
    "EKPAY_BKASH_APP_KEY": "the-app",
    "EKPAY_BKASH_APP_SECRET": "the-app-secret",
}
FINE = {"statusCode": "0000", "statusMessage": "Successful"}
TOLD = {
    "paymentID": EXAMPLE_ORDER.provider_reference,
    "amount": "500.00",
    "currency": "BDT",
    "merchantInvoiceNumber": EXAMPLE_ORDER.reference,
    "payerReference": "EXAMPLE",
}
MOVED = {"trxID": EXAMPLE_REFUND.provider_transaction, "transactionStatus": "Completed"}
GIVEN_BACK = {
    "originalTrxId": EXAMPLE_REFUND.provider_transaction,
    "refundTrxId": "EXAMPLE002",
    "refundTransactionStatus": "Completed",
    "refundAmount": "200.00",
    "currency": "BDT",
}
NO_ROUTE = b'{"message": "Missing Authentication Token"}'


def said(fields: Mapping[str, object], **more: object) -> bytes:
    return json.dumps({**fields, **more}).encode()


def code(number: str) -> bytes:
    return said({"statusCode": number, "statusMessage": "as the code says"})


def refunds_said(*rows: Mapping[str, object]) -> bytes:
    return said(
        {"originalTrxId": EXAMPLE_REFUND.provider_transaction, "originalTrxAmount": "500.00"},
        refundTransactions=list(rows),
    )


CREATED = said(FINE | TOLD, bkashURL="https://payment.bkash.com/?p=1", transactionStatus="Initiated")
EXECUTED = said(
    FINE | TOLD | MOVED,
    customerMsisdn="01712345678",
    paymentExecuteTime="2025-10-20T12:01:02:345 GMT+0600",
)


@dataclass
class BkashDesk:
    """Grants tokens and answers politely, except where a test says otherwise."""

    rude: dict[str, Manners] = field(default_factory=dict)
    answers: dict[str, bytes] = field(
        default_factory=lambda: {
            CREATE: CREATED,
            EXECUTE: EXECUTED,
            STATUS: said(FINE | TOLD | MOVED, verificationStatus="Complete"),
            SEARCH: said(FINE | TOLD | MOVED),
            REFUND: said(GIVEN_BACK),
            REFUND_STATUS: refunds_said(),
            REFUND_V1: said(FINE, originalTrxID=EXAMPLE_REFUND.provider_transaction, currency="BDT"),
        }
    )
    grants: int = 0
    good_token: str = "token-0"

    async def serve(self, caller: Caller) -> None:
        path = caller.heard.path
        if path in self.rude:
            await self.rude[path](caller)
        elif path in {GRANT, REFRESH}:
            await self.grant(caller)
        elif caller.heard.headers.get("authorization") != self.good_token:
            await caller.answer(b'{"message": "Unauthorized"}', status=401)
        else:
            await caller.answer(self.answers[path])

    async def grant(self, caller: Caller) -> None:
        self.grants += 1
        self.good_token = f"token-{self.grants}"
        granted = {
            "id_token": self.good_token,
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": f"refresh-{self.grants}",
        }
        await caller.answer(said(FINE | granted))


@dataclass
class BkashStage:
    manifest: Manifest
    desk: BkashDesk
    peer: RudePeer
    tokens: SharedTokens
    bkash: Bkash
    wire: HttpWire
    environ: dict[str, str]

    def another_process(self) -> Bkash:
        """The same connector in a second process of the cluster, with a wire and a memory of its own."""
        return Bkash(
            self.manifest, FamilyContext(self.wire, self.tokens, DhakaClock(), self.environ, DIVISOR)
        )

    def paths(self) -> list[str]:
        return [heard.path for heard in self.peer.heard]

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [json.loads(heard.body) for heard in self.peer.heard if heard.path == path]


@asynccontextmanager
async def bkash_stage(
    manifest: Manifest, desk: BkashDesk | None = None, **environ: str
) -> AsyncIterator[BkashStage]:
    desk, clock, tokens = desk or BkashDesk(), DhakaClock(), SharedTokens()
    wire = HttpWire(clock)
    async with rude_peer(desk.serve) as peer:
        given = {"EKPAY_BKASH_URL": peer.url(""), **SECRETS, **environ}
        bkash = Bkash(manifest, FamilyContext(wire, tokens, clock, given, DIVISOR))
        try:
            yield BkashStage(manifest, desk, peer, tokens, bkash, wire, given)
        finally:
            await wire.close()


def an_order(seconds: float = 5.0, **changes: Any) -> CollectOrder:  # noqa: ANN401 - of any field
    return replace(EXAMPLE_ORDER, send_before=time.monotonic() + seconds, **changes)


def a_refund(seconds: float = 5.0, **changes: Any) -> RefundOrder:  # noqa: ANN401 - of any field
    return replace(EXAMPLE_REFUND, send_before=time.monotonic() + seconds, **changes)
