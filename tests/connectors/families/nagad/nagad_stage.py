"""A Nagad that is polite except where a test says otherwise, with a codec of the tests' own."""

import base64
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from connectors.families.nagad.connector import Nagad
from connectors.manifest import Manifest
from connectors.rehearsal import EXAMPLE_REFUND, order_for, refund_for
from ekpay_switch.domain.collections.connector_calls import CollectOrder, RefundOrder
from ekpay_switch.ports.world import Wire, WireAnswer, WireReply, WireRequest
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wing_kit.rehearsal_ports import InMemoryTokens
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.families.scroll_rest.desco_stage import DhakaClock
from tests.connectors.conftest import the_manifest
from tests.wire.scripted_peer import Caller, Manners, RudePeer, rude_peer

# Answers are waited for 15 s / 15 here.
DIVISOR = 15
NOWHERE = "http://127.0.0.1:1/nagad"
HOUSE = "/nagad/api/dfs"
INITIALISE, COMPLETE = f"{HOUSE}/check-out/initialize/", f"{HOUSE}/check-out/complete/"
VERIFY, REFUND = f"{HOUSE}/verify/payment/", f"{HOUSE}/purchase/cancel"
MERCHANT_ID = "100000000000001"
ORDER = order_for(the_manifest("nagad"))
OURS, THEIRS = ORDER.reference, ORDER.provider_reference
PAGE = {"callBackUrl": "https://payment.mynagad.com:30000/check-out/1", "status": "Success"}
BEGUN = {"paymentReferenceId": THEIRS, "acceptDateTime": "20251020120000", "challenge": "a1" * 20}
PAID: dict[str, Any] = {
    "merchantId": MERCHANT_ID,
    "orderId": OURS,
    "paymentRefId": THEIRS,
    "amount": "500.00",
    "clientMobileNo": "017****5678",
    "orderDateTime": "2025-10-20 11:58:00.0",
    "issuerPaymentDateTime": "2025-10-20 12:01:02.0",
    "issuerPaymentRefNo": EXAMPLE_REFUND.provider_transaction,
    "additionalMerchantInfo": None,
    "status": "Success",
    "statusCode": "000",
    "cancelIssuerDateTime": None,
    "cancelIssuerRefNo": None,
}
UNPAID = PAID | {"issuerPaymentDateTime": None, "issuerPaymentRefNo": None, "clientMobileNo": None}
PENDING = [
    "OrderInitiated",
    "Ready",
    "InProgress",
    "TransactionInProgress",
    "OtpSent",
    "OtpVerified",
    "PinGiven",
]
NEVER = ["Cancelled", "Aborted", "InvalidRequest", "Fraud", "Failed", "UnKnownFailed"]
GAVE_BACK = ["PartialCancelled", "PartialRefunded", "Refunded"]
GONE_BACK = PAID | {"status": "Refunded", "cancelIssuerRefNo": "EXAMPLE002"}
GIVEN = {
    "status": "PartialCancelled",
    "code": "000",
    "originalAmount": "500.00",
    "cancelAmount": "200.00",
    "cancelTrxId": "EXAMPLE002",
}


@cache
def a_key(owner: str, bits: int = 2_048) -> rsa.RSAPrivateKey:
    """The key of an owner, made once."""
    del owner
    return rsa.generate_private_key(public_exponent=65_537, key_size=bits)


def private_text(key: rsa.RSAPrivateKey) -> str:
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return base64.b64encode(der).decode()


def public_text(key: rsa.RSAPrivateKey) -> str:
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return base64.b64encode(der).decode()


def secrets() -> dict[str, str]:
    return {
        "EKPAY_NAGAD_MERCHANT_ID": MERCHANT_ID,
        "EKPAY_NAGAD_PRIVATE_KEY": private_text(a_key("merchant")),
        "EKPAY_NAGAD_GATEWAY_KEY": public_text(a_key("nagad")),
    }


def sealed(plaintext: bytes, reader: str = "merchant", signer: str = "nagad") -> dict[str, str]:
    """What its `signer` says to its `reader`."""
    encrypted = a_key(reader).public_key().encrypt(plaintext, padding.PKCS1v15())
    signature = a_key(signer).sign(plaintext, padding.PKCS1v15(), hashes.SHA256())
    return {
        "sensitiveData": base64.b64encode(encrypted).decode(),
        "signature": base64.b64encode(signature).decode(),
    }


def answered(fields: Mapping[str, object]) -> bytes:
    """The same under Nagad's seal."""
    return json.dumps(sealed(json.dumps(fields).encode())).encode()


def read(sensitive_data: str, signature: str) -> dict[str, Any]:
    """What the merchant said to Nagad; a wrong signature raises."""
    plaintext = a_key("nagad").decrypt(base64.b64decode(sensitive_data), padding.PKCS1v15())
    key = a_key("merchant").public_key()
    key.verify(base64.b64decode(signature), plaintext, padding.PKCS1v15(), hashes.SHA256())
    assert len(plaintext) <= 245
    told: dict[str, Any] = json.loads(plaintext)
    return told


def plain(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields).encode()


def refused(reason: str) -> bytes:
    return plain({"reason": reason, "message": "as the reason says"})


@dataclass
class Echo:
    """A wire on which everything is answered alike, without a socket."""

    body: bytes = b""
    status: int = 200

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        del far_side, request
        return WireAnswer(self.status, {}, self.body)


@dataclass
class Forwarding:
    """Whatever wire a test brings, to whichever port: a connector that reads its keys once for all tests."""

    wire: Wire = field(default_factory=Echo)
    base: str = NOWHERE

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        return await self.wire.send(
            far_side, replace(request, url=request.url.replace(NOWHERE, self.base, 1))
        )


@cache
def _shared() -> tuple[Nagad, Forwarding]:
    """Made once, since reading a private key takes long."""
    wire = Forwarding()
    around = FamilyContext(
        wire, InMemoryTokens(), DhakaClock(), {"EKPAY_NAGAD_URL": NOWHERE, **secrets()}, DIVISOR
    )
    return Nagad(the_manifest("nagad"), around), wire


def hearing(body: bytes, status: int = 200) -> Nagad:
    """A connector that hears the same answer to whatever it asks next."""
    nagad, forwarding = _shared()
    forwarding.wire = Echo(body, status)
    return nagad


@dataclass
class NagadDesk:
    """Answers politely, except where a test says otherwise; both by the beginning of a path."""

    rude: dict[str, Manners] = field(default_factory=dict)
    answers: dict[str, bytes] = field(
        default_factory=lambda: {
            INITIALISE: answered(BEGUN),
            COMPLETE: plain(PAGE),
            VERIFY: plain(PAID),
            REFUND: answered(GIVEN),
        }
    )

    async def serve(self, caller: Caller) -> None:
        begins = next(path for path in self.answers if caller.heard.path.startswith(path))
        if begins in self.rude:
            await self.rude[begins](caller)
        else:
            answer = self.answers[begins]
            await caller.answer(answer, status=400 if answer[:9] == b'{"reason"' else 200)


@dataclass
class NagadStage:
    manifest: Manifest
    desk: NagadDesk
    peer: RudePeer
    nagad: Nagad
    wire: HttpWire
    environ: dict[str, str]

    def another_process(self) -> Nagad:
        """The same connector in a second process, with the settings as they are now."""
        around = FamilyContext(self.wire, InMemoryTokens(), DhakaClock(), self.environ, DIVISOR)
        return Nagad(self.manifest, around)

    def paths(self) -> list[str]:
        return [unquote(urlsplit(heard.path).path) for heard in self.peer.heard]

    def bodies(self, begins: str) -> list[dict[str, Any]]:
        return [json.loads(heard.body) for heard in self.peer.heard if heard.path.startswith(begins)]

    def queries(self, begins: str) -> list[dict[str, list[str]]]:
        paths = [heard.path for heard in self.peer.heard if heard.path.startswith(begins)]
        return [parse_qs(urlsplit(path).query) for path in paths]


@asynccontextmanager
async def nagad_stage(desk: NagadDesk | None = None, **environ: str) -> AsyncIterator[NagadStage]:
    manifest, desk, clock = the_manifest("nagad"), desk or NagadDesk(), DhakaClock()
    wire = HttpWire(clock)
    async with rude_peer(desk.serve) as peer:
        given = {"EKPAY_NAGAD_URL": peer.url("/nagad"), **secrets(), **environ}
        nagad, forwarding = _shared()
        forwarding.wire, forwarding.base = wire, peer.url("/nagad")
        stage = NagadStage(manifest, desk, peer, nagad, wire, given)
        if environ:
            stage.nagad = stage.another_process()
        try:
            yield stage
        finally:
            await wire.close()


def an_order(seconds: float = 5.0, **changes: Any) -> CollectOrder:  # noqa: ANN401 - of any field
    return replace(ORDER, send_before=time.monotonic() + seconds, **changes)


def a_refund(seconds: float = 5.0, **changes: Any) -> RefundOrder:  # noqa: ANN401 - of any field
    refund = refund_for(the_manifest("nagad"))
    return replace(refund, send_before=time.monotonic() + seconds, **changes)
