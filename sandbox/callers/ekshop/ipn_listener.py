"""The shop's listener for IPNs: what each conduct believes, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sandbox.callers.ekshop.book import ShopBook
from sandbox.callers.ekshop.listener_conduct import Conduct, Conducts
from sandbox.callers.ekshop.merchant_api import MerchantApi
from sandbox.callers.ekshop.orders import Attempt, Heard, Order
from sandbox.callers.ekshop.wire import (
    CURRENCY,
    OVER,
    Told,
    UnreadableDocumentError,
    acknowledgement,
    read_told,
)
from sandbox.callers.partner.webhooks import MessageRefusedError, check_message
from sandbox.kit.institution.clock import Clock

_JSON, _HTML = "application/json", "text/html; charset=utf-8"


class Answer(NamedTuple):
    """What an IPN is answered with; after `wait_seconds`, and not at all if `is_lost`."""

    status: int
    body: bytes = b""
    content_type: str = _JSON
    wait_seconds: float = 0.0
    is_lost: bool = False


class Listener:
    """Takes IPNs and writes each down before it is answered.

    `keys` are the public keys that the switch signs with; without any nothing is checked, as most shops do.
    """

    def __init__(
        self, book: ShopBook, api: MerchantApi, conducts: Conducts, clock: Clock, slow_seconds: float
    ) -> None:
        self._book = book
        self._api = api
        self._conducts = conducts
        self._clock = clock
        self._slow_seconds = slow_seconds
        self.keys: Sequence[Ed25519PublicKey] = ()

    async def take(self, secret: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Take one IPN; header names are lower case."""
        found = self._book.listened_at(secret)
        if found is None:
            self._book.stray("ipn")
            return Answer(404, b'{"status":"unknown"}')
        order, attempt = found
        now = self._clock.now()
        heard = Heard(
            code=None,
            message_id=headers.get("webhook-id", ""),
            conduct=self._conducts.take(attempt.trnx_id),
            answered=400,
            is_signed=is_signed(headers, body, self.keys, now.timestamp()) if self.keys else None,
            at=now.isoformat(),
        )
        try:
            told = read_told(body)
        except UnreadableDocumentError:
            self._book.hear(attempt.trnx_id, heard, None)
            return Answer(400, b'{"status":"no document"}')
        return await self._listen(order, attempt, replace(heard, code=told.code), told)

    async def _listen(self, order: Order, attempt: Attempt, heard: Heard, told: Told) -> Answer:
        conduct = Conduct(heard.conduct)
        answer = _ANSWERS.get(conduct)
        if conduct is Conduct.ASKING:
            answer, told = await self._asked(order, attempt, told)
            is_believed = answer.status == _HTTP_OK
        else:
            is_believed = conduct not in _UNBELIEVING and fits(told, order, attempt, self._api)
        if answer is None:
            answer = Answer(200, orjson.dumps(acknowledgement(self._clock.now())))
        if conduct not in _UNBELIEVING and not is_believed and answer.status == _HTTP_OK:
            answer = Answer(400, b'{"status":"of another payment"}')
        if heard.is_signed is False:
            answer, is_believed = Answer(401, b'{"status":"wrong signature"}'), False
        self._book.hear(
            attempt.trnx_id,
            replace(heard, answered=0 if answer.is_lost else answer.status),
            told if is_believed else None,
            counts_each=conduct is Conduct.COUNTING,
        )
        late = self._slow_seconds if conduct in {Conduct.SLOW, Conduct.SILENT} else 0.0
        return answer._replace(wait_seconds=late)

    async def _asked(self, order: Order, attempt: Attempt, told: Told) -> tuple[Answer, Told]:
        """Ask the switch itself while it waits for our answer, and believe that instead of the message."""
        known = await self._api.status(attempt.trnx_id, attempt.asked_at)
        if not isinstance(known, Told):
            self._book.check(attempt.trnx_id, known.why, None)
            return Answer(417, b'{"status":"no status"}'), told
        self._book.check(attempt.trnx_id, known.code, None)
        if known.code != told.code or not fits(known, order, attempt, self._api):
            return Answer(403, b'{"status":"not confirmed"}'), told
        return Answer(200, b'{"status":"confirmed"}'), known


def fits(told: Told, order: Order, attempt: Attempt, api: MerchantApi) -> bool:
    """Whether a document ends this payment of this merchant, right to the paisa."""
    is_ours = told.mer_trnx_id == attempt.trnx_id and told.mer_reg_id == api.merchant.mer_reg_id
    return (
        is_ours and told.code in OVER and told.amount_paisa == order.total_paisa and told.currency == CURRENCY
    )


def is_signed(headers: Mapping[str, str], body: bytes, keys: Sequence[Ed25519PublicKey], now: float) -> bool:
    """Whether one of the keys has signed it lately, as Standard Webhooks 1.0.0 says."""
    try:
        check_message(headers, body, keys, now)
    except MessageRefusedError:
        return False
    return True


_HTTP_OK = 200
_UNBELIEVING = frozenset({Conduct.TRUSTING, Conduct.SILENT, Conduct.HTTP_500, Conduct.HTTP_401})
_ANSWERS: Mapping[Conduct, Answer] = {
    Conduct.TRUSTING: Answer(200, b'"ok"'),
    Conduct.SILENT: Answer(0, is_lost=True),
    Conduct.HTTP_500: Answer(500, b"Internal Server Error", "text/plain"),
    Conduct.HTTP_401: Answer(401, b'{"message":"unknown address"}'),
    Conduct.EMPTY: Answer(200),
    Conduct.TRUE: Answer(200, b"true"),
    Conduct.HTML: Answer(200, b"<!doctype html><title>ok</title><p>ok", _HTML),
}
