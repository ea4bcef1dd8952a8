"""The shop's IPN listener: which IPNs each conduct accepts, and how it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sandbox.callers.ekshop.book import ShopBook
from sandbox.callers.ekshop.listener_conduct import Conduct, ConductTable
from sandbox.callers.ekshop.merchant_api import MerchantApi
from sandbox.callers.ekshop.orders import Attempt, ReceivedIpn, ShopOrder
from sandbox.callers.ekshop.wire import (
    CURRENCY,
    FINAL_CODES,
    PaymentDocument,
    UnreadableDocumentError,
    acknowledgement,
    read_payment_document,
)
from sandbox.callers.partner.webhooks import MessageRefusedError, check_message
from sandbox.kit.institution.clock import Clock

_JSON, _HTML = "application/json", "text/html; charset=utf-8"


class IpnResponse(NamedTuple):
    """The answer to an IPN, sent after `wait_seconds`, and not at all if `is_lost`."""

    status: int
    body: bytes = b""
    content_type: str = _JSON
    wait_seconds: float = 0.0
    is_lost: bool = False


class IpnListener:
    """Processes IPNs and records each one before it is answered.

    `keys` are the public keys of the switch; without any, signatures are not checked, as in most shops.
    """

    def __init__(
        self, book: ShopBook, api: MerchantApi, conducts: ConductTable, clock: Clock, slow_seconds: float
    ) -> None:
        self._book = book
        self._api = api
        self._conducts = conducts
        self._clock = clock
        self._slow_seconds = slow_seconds
        self.keys: Sequence[Ed25519PublicKey] = ()

    async def take(self, secret: str, headers: Mapping[str, str], body: bytes) -> IpnResponse:
        """Process one IPN; header names are lower case."""
        payment = self._book.payment_by_secret(secret)
        if payment is None:
            self._book.record_stray("ipn")
            return IpnResponse(404, b'{"status":"unknown"}')
        order, attempt = payment
        now = self._clock.now()
        ipn = ReceivedIpn(
            code=None,
            message_id=headers.get("webhook-id", ""),
            conduct=self._conducts.take(attempt.trnx_id),
            answered=400,
            is_signed=is_signed(headers, body, self.keys, now.timestamp()) if self.keys else None,
            at=now.isoformat(),
        )
        try:
            document = read_payment_document(body)
        except UnreadableDocumentError:
            self._book.record_ipn(attempt.trnx_id, ipn, None)
            return IpnResponse(400, b'{"status":"no document"}')
        return await self._respond(order, attempt, replace(ipn, code=document.code), document)

    async def _respond(
        self, order: ShopOrder, attempt: Attempt, ipn: ReceivedIpn, document: PaymentDocument
    ) -> IpnResponse:
        conduct = Conduct(ipn.conduct)
        answer = _ANSWERS.get(conduct)
        if conduct is Conduct.ASKING:
            answer, document = await self._confirm_status(order, attempt, document)
            is_accepted = answer.status == _HTTP_OK
        else:
            is_accepted = conduct not in _IGNORING and ends_payment(document, order, attempt, self._api)
        if answer is None:
            answer = IpnResponse(200, orjson.dumps(acknowledgement(self._clock.now())))
        if conduct not in _IGNORING and not is_accepted and answer.status == _HTTP_OK:
            answer = IpnResponse(400, b'{"status":"of another payment"}')
        if ipn.is_signed is False:
            answer, is_accepted = IpnResponse(401, b'{"status":"wrong signature"}'), False
        self._book.record_ipn(
            attempt.trnx_id,
            replace(ipn, answered=0 if answer.is_lost else answer.status),
            document if is_accepted else None,
            counts_each=conduct is Conduct.COUNTING,
        )
        late = self._slow_seconds if conduct in {Conduct.SLOW, Conduct.SILENT} else 0.0
        return answer._replace(wait_seconds=late)

    async def _confirm_status(
        self, order: ShopOrder, attempt: Attempt, document: PaymentDocument
    ) -> tuple[IpnResponse, PaymentDocument]:
        """Call get-status while the switch waits for our answer, and accept that instead of the message."""
        status = await self._api.status(attempt.trnx_id, attempt.asked_at)
        if not isinstance(status, PaymentDocument):
            self._book.record_status(attempt.trnx_id, status.why, None)
            return IpnResponse(417, b'{"status":"no status"}'), document
        self._book.record_status(attempt.trnx_id, status.code, None)
        if status.code != document.code or not ends_payment(status, order, attempt, self._api):
            return IpnResponse(403, b'{"status":"not confirmed"}'), document
        return IpnResponse(200, b'{"status":"confirmed"}'), status


def ends_payment(document: PaymentDocument, order: ShopOrder, attempt: Attempt, api: MerchantApi) -> bool:
    """Whether a document ends this payment of this merchant with exactly its amount."""
    is_ours = document.mer_trnx_id == attempt.trnx_id and document.mer_reg_id == api.merchant.mer_reg_id
    return (
        is_ours
        and document.code in FINAL_CODES
        and document.amount_paisa == order.total_paisa
        and document.currency == CURRENCY
    )


def is_signed(headers: Mapping[str, str], body: bytes, keys: Sequence[Ed25519PublicKey], now: float) -> bool:
    """Whether it has a valid and recent signature by one of the keys (Standard Webhooks 1.0.0)."""
    try:
        check_message(headers, body, keys, now)
    except MessageRefusedError:
        return False
    return True


_HTTP_OK = 200
_IGNORING = frozenset({Conduct.TRUSTING, Conduct.SILENT, Conduct.HTTP_500, Conduct.HTTP_401})
_ANSWERS: Mapping[Conduct, IpnResponse] = {
    Conduct.TRUSTING: IpnResponse(200, b'"ok"'),
    Conduct.SILENT: IpnResponse(0, is_lost=True),
    Conduct.HTTP_500: IpnResponse(500, b"Internal Server Error", "text/plain"),
    Conduct.HTTP_401: IpnResponse(401, b'{"message":"unknown address"}'),
    Conduct.EMPTY: IpnResponse(200),
    Conduct.TRUE: IpnResponse(200, b"true"),
    Conduct.HTML: IpnResponse(200, b"<!doctype html><title>ok</title><p>ok", _HTML),
}
