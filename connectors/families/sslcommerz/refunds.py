"""Refunds of SSLCommerz: begun by one call, confirmed by another (connectors.md 3.4).

The answer to a refund says only that it was begun ("success"), or was begun before ("processing"). Only the
refund query, by SSLCommerz's own id of the refund, says whether the payer has the money. A repeat has our
same `refund_trans_id` and begins nothing new; once an earlier answer gave the id, nothing is sent. A declined
repeat is a decline, since a refund that was begun is reported as such. No answer has an amount: it is the one
that we requested under our reference.
"""

import re
from collections.abc import Mapping
from typing import Any

from connectors.call_result import (
    CallResult,
    MappedReply,
    has_meaning,
    inconclusive_answer,
    unsuccessful_outcome,
)
from connectors.families.sslcommerz.client import SslcommerzClient
from connectors.families.sslcommerz.replies import is_reference, reference, word
from connectors.manifest_parts import Means
from connectors.refunding import refund_amount_fault
from ekpay_switch.domain.collections.connector_calls import (
    RefundInquiry,
    RefundLine,
    RefundOrder,
    RefundOutcome,
    RefundsFound,
)
from ekpay_switch.domain.money import format_taka
from ekpay_switch.domain.outcome import InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.world import NoUsableAnswer
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    json_object,
    require_same,
    taka,
    text_or_empty,
)

_REMARKS_LENGTH_MAX = 255
_FORBIDDEN_CHARACTERS = re.compile(r"[<>&\x00-\x1f\x7f\ud800-\udfff]")
_OUR_REFERENCE = re.compile(r"[A-Za-z0-9-]{1,30}")


class SslcommerzRefunds:
    """Sends refunds to SSLCommerz and asks for their state."""

    def __init__(self, client: SslcommerzClient) -> None:
        self._client = client

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Begin a refund, or inquire about one that was begun; whether it is done."""
        fault = _order_fault(order)
        if fault:
            return Unreached(fault)
        if order.provider_refund:
            result = await self._inquire_refund(order.provider_refund)
            return _refund_line(result, order, order.provider_refund) or unsuccessful_outcome(result)
        return await self._begin(order)

    async def _begin(self, order: RefundOrder) -> RefundOutcome:
        """Begin the refund and inquire about it; the id of a begun refund is always returned."""
        result = await self._client.call("refund", _fields(order), self._read_refund, order.send_before)
        if not has_meaning(result, Means.DONE):
            return unsuccessful_outcome(result)
        try:
            name = _refund_id_of(result.document, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))
        result = await self._inquire_refund(name)
        if has_meaning(result, Means.DECLINED):
            return unsuccessful_outcome(result)
        return _refund_line(result, order, name) or RefundLine(name, order.amount, is_done=False)

    async def inquire(self, order: RefundOrder) -> RefundInquiry:
        """The refund that the order names, since SSLCommerz has no list of refunds."""
        if not is_reference(order.provider_refund):
            return NoAnswer("the refund has no id at the provider", was_asked=False)
        result = await self._inquire_refund(order.provider_refund)
        if has_meaning(result, Means.DECLINED):
            return RefundsFound(())
        line = _refund_line(result, order, order.provider_refund)
        return inconclusive_answer(result) if line is None else RefundsFound((line,))

    async def _inquire_refund(self, name: str) -> CallResult:
        """The state of a refund; an answer about another refund is `NoUsableAnswer`."""
        result = await self._client.call("refund_status", {"refund_ref_id": name}, self._read_status)
        if isinstance(result, MappedReply) and text_or_empty(result.document, "refund_ref_id") not in {
            "",
            name,
        }:
            return NoUsableAnswer("another refund_ref_id")
        return result

    def _read_refund(self, body: bytes) -> MappedReply:
        return self._read(body, "refund")

    def _read_status(self, body: bytes) -> MappedReply:
        return self._read(body, "refund_status")

    def _read(self, body: bytes, call: str) -> MappedReply:
        document = json_object(body)
        connected = self._client.map_reply("connect", word(document, "APIConnect"), document)
        if connected.means is not Means.DONE:
            return connected
        return self._client.map_reply(call, word(document, "status"), document)


def _order_fault(order: RefundOrder) -> str:
    """Why this order must not be sent, or nothing."""
    if not is_reference(order.provider_transaction) or not _OUR_REFERENCE.fullmatch(order.reference):
        return "the payment or the refund has no usable reference"
    return refund_amount_fault(order)


def _fields(order: RefundOrder) -> dict[str, str]:
    remarks = _FORBIDDEN_CHARACTERS.sub("", order.reason)[:_REMARKS_LENGTH_MAX]
    return {
        "bank_tran_id": order.provider_transaction,
        "refund_trans_id": order.reference,
        "refund_amount": format_taka(order.amount.minor),
        "refund_remarks": remarks or "refund",
        "refe_id": order.reference,
    }


def _refund_id_of(document: Mapping[str, Any], order: RefundOrder) -> str:
    """SSLCommerz's id of the refund begun for this payment; raises BrokenReplyError."""
    require_same(document, "bank_tran_id", order.provider_transaction)
    if "refund_amount" in document and taka(document, "refund_amount") != order.amount:
        raise BrokenReplyError("another amount was given back")
    return reference(document, "refund_ref_id")


def _refund_line(result: CallResult, order: RefundOrder, name: str) -> RefundLine | None:
    """The refund of an answer; None where the answer settles nothing or declines."""
    if not isinstance(result, MappedReply) or result.means not in {Means.DONE, Means.AWAITING_PAYER}:
        return None
    return RefundLine(name, order.amount, is_done=result.means is Means.DONE)
