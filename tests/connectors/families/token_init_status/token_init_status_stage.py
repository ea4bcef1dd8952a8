"""Three far sides of the family `token_init_status`, by a codec of the tests' own, and a socket to them."""

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.families.token_init_status.connector import TokenInitStatus
from connectors.manifest import Manifest
from connectors.rehearsal import EXAMPLE_ORDER, EXAMPLE_REFUND
from ekpay_switch.domain.collections.connector_calls import CollectOrder, RefundOrder
from ekpay_switch.wing_kit.context import FamilyContext
from ekpay_switch.wire.http import HttpWire
from tests.biller_adapters.families.scroll_rest.desco_stage import DhakaClock
from tests.connectors.conftest import the_manifest
from tests.wing_kit.shared_tokens import SharedTokens
from tests.wire.scripted_peer import Caller, Manners, RudePeer, rude_peer

# Answers are waited for 20 or 30 s / 30 here.
DIVISOR = 30
REFERENCE, NAME = EXAMPLE_ORDER.reference, EXAMPLE_ORDER.provider_reference
MOVEMENT, REFUND = EXAMPLE_REFUND.provider_transaction, EXAMPLE_REFUND.reference
ANOTHER = "EXAMPLE0000000000000009"
GENERIC = ("tap", "mcash", "mycash", "okwallet", "surecash")

Fields = Mapping[str, Any]


def said(*fields: Fields) -> bytes:
    whole: dict[str, Any] = {}
    for some in fields:
        whole |= some
    return json.dumps(whole).encode()


@dataclass(frozen=True)
class Dialect:
    """How one far side writes; `standing` and `page` take what they tell of a payment."""

    id: str
    secrets: tuple[str, ...]
    login: str
    init: str
    status: str
    refund: str
    refund_status: str
    header: str
    words: Mapping[str, str]
    letting_in: Callable[[str, str], bytes]
    page: Callable[[str, str], bytes]
    standing: Callable[..., bytes]
    duplicate: bytes
    turned_away: int = 401

    @property
    def manifest(self) -> Manifest:
        return the_manifest(self.id)


# ---- our generic dialect

FINE = {"code": "0000", "message": "Successful"}
ROW = {
    "refund_id": "RFD00000001",
    "refund_reference": REFUND,
    "amount": "200.00",
    "currency": "BDT",
    "status": "done",
}


def generic_standing(
    word: str, reference: str = REFERENCE, amount: str = "500.00", currency: str = "BDT"
) -> bytes:
    told = {"payment_id": NAME, "merchant_reference": reference, "amount": amount, "currency": currency}
    moved = {
        "transaction_id": MOVEMENT,
        "payer_account": "01712345678",
        "paid_at": "2026-11-01T12:01:02+06:00",
    }
    return said(FINE, told, {"status": word}, moved if word == "paid" else {})


def generic_page(url: str, reference: str = REFERENCE) -> bytes:
    told = {"payment_id": NAME, "merchant_reference": reference, "amount": "500.00", "currency": "BDT"}
    return said(FINE, told, {"status": "pending", "page_url": url})


def generic(connector_id: str) -> Dialect:
    return Dialect(
        id=connector_id,
        secrets=("USER", "PASSWORD"),
        login="/v1/token",
        init="/v1/payments",
        status=f"/v1/payments/{NAME}",
        refund=f"/v1/payments/{NAME}/refunds",
        refund_status=f"/v1/payments/{NAME}/refunds",
        header="Bearer ",
        words={
            "paid": "paid",
            "pending": "pending",
            "failed": "failed",
            "cancelled": "cancelled",
            "expired": "expired",
        },
        letting_in=lambda token, _: said(
            FINE, {"access_token": token, "token_type": "Bearer", "expires_in": 3600}
        ),
        page=generic_page,
        standing=generic_standing,
        duplicate=said({"code": "4091", "message": "used before"}),
    )


# ---- Upay


def upay_said(code: str, data: Fields) -> bytes:
    return said({"code": code, "lang": "en", "message": "as the code says", "data": data})


def upay_standing(word: str, reference: str = REFERENCE, amount: str = "500.00", currency: str = "") -> bytes:
    told = {"txn_id": reference, "trx_id": MOVEMENT, "invoice_id": reference, "session_id": NAME}
    more = {"status": word, "customer_wallet": "01712345678", "date": "2026-11-01 12:01:02"}
    money = {"amount": "AMOUNT"} | ({"currency": currency} if currency else {})
    # A JSON number, and no float on its way there.
    return upay_said("PS2005", told | more | money).replace(b'"AMOUNT"', amount.encode())


def upay_page(url: str, reference: str = REFERENCE) -> bytes:
    told = {"session_id": NAME, "txn_id": reference, "trx_id": MOVEMENT, "gateway_url": url}
    return upay_said("MPIS2002", told)


UPAY = Dialect(
    id="upay",
    secrets=("MERCHANT_ID", "MERCHANT_KEY"),
    login="/payment/merchant-auth/",
    init="/payment/merchant-payment-init/",
    status=f"/payment/single-payment-status/{REFERENCE}/",
    refund="/payment/bulk/refund/",
    refund_status="",
    header="UPAY ",
    words={
        "paid": "success",
        "pending": "pending",
        "failed": "failed",
        "cancelled": "cancelled",
        "expired": "expired",
    },
    letting_in=lambda token, _: upay_said("MAS2001", {"merchant_id": "1", "token": token}),
    page=upay_page,
    standing=upay_standing,
    duplicate=said({"code": "DTP4003", "message": "used before"}),
    turned_away=403,
)

# ---- shurjoPay


def shurjo_standing(
    word: str, reference: str = REFERENCE, amount: str = "500.00", currency: str = "BDT"
) -> bytes:
    told = {"order_id": NAME, "customer_order_id": reference, "amount": amount, "recived_amount": amount}
    more = {
        "currency": currency,
        "sp_code": word,
        "sp_massage": "as the code says",
        "phone_no": "01712345678",
    }
    moved = {"bank_trx_id": MOVEMENT, "date_time": "2026-11-01 12:01:02"}
    return json.dumps([told | more | moved]).encode()


def shurjo_page(url: str, reference: str = REFERENCE) -> bytes:
    told = {"sp_order_id": NAME, "customer_order_id": reference, "amount": "500.00", "currency": "BDT"}
    return said(told, {"checkout_url": url, "transactionStatus": "Initiated"})


def shurjo_letting_in(token: str, base: str) -> bytes:
    told = {"token": token, "store_id": 7, "execute_url": f"{base}/api/secret-pay", "token_type": "Bearer"}
    return said(told, {"sp_code": "200", "expires_in": 3600})


SHURJOPAY = Dialect(
    id="shurjopay",
    secrets=("USER", "PASSWORD"),
    login="/api/get_token",
    init="/api/secret-pay",
    status="/api/verification",
    refund="",
    refund_status="",
    header="Bearer ",
    words={"paid": "1000", "pending": "1068", "failed": "1001", "cancelled": "1002"},
    letting_in=shurjo_letting_in,
    page=shurjo_page,
    standing=shurjo_standing,
    duplicate=said({"sp_code": "4444", "message": "used before"}),
)

TAP = generic("tap")
DIALECTS = (TAP, UPAY, SHURJOPAY)

# ---- the far side and the stage


@dataclass
class Desk:
    """Lets in and answers politely, except where a test says otherwise; keys are a method and a path."""

    dialect: Dialect
    answers: dict[str, bytes] = field(default_factory=dict)
    rude: dict[str, Manners] = field(default_factory=dict)
    logins: int = 0
    good_token: str = "token-0"
    base: str = ""

    async def serve(self, caller: Caller) -> None:
        path, call = caller.heard.path, f"{caller.heard.method} {caller.heard.path}"
        if path in self.rude:
            await self.rude[path](caller)
        elif path == self.dialect.login:
            self.logins += 1
            self.good_token = f"token-{self.logins}"
            await caller.answer(self.dialect.letting_in(self.good_token, self.base))
        elif caller.heard.headers.get("authorization") != self.dialect.header + self.good_token:
            await caller.answer(b'{"detail": "no"}', status=self.dialect.turned_away)
        else:
            await caller.answer(self.answers[call])


@dataclass
class Stage:
    dialect: Dialect
    manifest: Manifest
    desk: Desk
    peer: RudePeer
    tokens: SharedTokens
    connector: TokenInitStatus
    wire: HttpWire
    environ: dict[str, str]

    def another_process(self) -> TokenInitStatus:
        """The same connector in a second process of the cluster, with a memory of its own."""
        around = FamilyContext(self.wire, self.tokens, DhakaClock(), self.environ, DIVISOR)
        return TokenInitStatus(self.manifest, around)

    def paths(self) -> list[str]:
        return [heard.path for heard in self.peer.heard]

    def bodies(self, path: str) -> list[bytes]:
        return [heard.body for heard in self.peer.heard if heard.path == path]

    def now_says(self, word: str, **told: str) -> None:
        """What the status call says from now on."""
        answer = self.dialect.standing(self.dialect.words.get(word, word), **told)
        method = self.manifest.operations["status"].method
        self.desk.answers[f"{method} {self.dialect.status}"] = answer


@asynccontextmanager
async def stage_of(
    dialect: Dialect, desk: Desk | None = None, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Stage]:
    desk, manifest = desk or Desk(dialect), dialect.manifest
    clock, tokens = DhakaClock(), SharedTokens()
    wire = HttpWire(clock)
    async with rude_peer(desk.serve) as peer:
        own = f"EKPAY_{dialect.id.upper()}_"
        secrets = {f"{own}{name}": f"the {name.lower()}" for name in dialect.secrets}
        given = {f"{own}URL": peer.url(""), **secrets, **(environ or {})}
        desk.base = peer.url("")
        desk.answers.setdefault(f"POST {dialect.init}", dialect.page(peer.url("/page"), REFERENCE))
        connector = TokenInitStatus(manifest, FamilyContext(wire, tokens, clock, given, DIVISOR))
        stage = Stage(dialect, manifest, desk, peer, tokens, connector, wire, given)
        stage.now_says("paid")
        try:
            yield stage
        finally:
            await wire.close()


def an_order(seconds: float = 5.0, **changes: Any) -> CollectOrder:  # noqa: ANN401 - of any field
    return replace(EXAMPLE_ORDER, send_before=time.monotonic() + seconds, **changes)


def a_refund(seconds: float = 5.0, **changes: Any) -> RefundOrder:  # noqa: ANN401 - of any field
    return replace(EXAMPLE_REFUND, send_before=time.monotonic() + seconds, **changes)
