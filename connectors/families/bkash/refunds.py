"""Refunds: the second version of the interface, and the first one where an app has no route to the second.

A refund has no reference by which bKash would recognise a repeat. Where an earlier send may have arrived,
bKash is asked first, and a refund there that no other record of ours has is this one. The first version
refunds once a payment, so falling back to it cannot refund twice.
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
from connectors.families.bkash.client import BkashClient
from connectors.families.bkash.replies import (
    COMPLETED,
    FORBIDDEN,
    gateway_code,
    is_reference,
    reference,
)
from connectors.manifest_parts import Means
from connectors.refunding import give_back_once, refund_amount_fault
from connectors.reply_amounts import money_of
from ekpay_switch.domain.collections.connector_calls import (
    RefundInquiry,
    RefundLine,
    RefundOrder,
    RefundOutcome,
    RefundsFound,
)
from ekpay_switch.domain.money import format_taka
from ekpay_switch.domain.outcome import InDoubt, NoAnswer, Unreached
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, as_rows, require_same, taka, text

_TEXT_LENGTH_MAX = 255
_FORBIDDEN_CHARACTERS = re.compile(r"[<>&\x00-\x1f\x7f\ud800-\udfff]")
_NO_ROUTE = gateway_code(FORBIDDEN)


class BkashRefunds:
    """Sends refunds to bKash and asks for them."""

    def __init__(self, client: BkashClient) -> None:
        self._client = client

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Refund once; where an earlier send may have arrived, only after an inquiry."""
        fault = _order_fault(order)
        if fault:
            return Unreached(fault)
        return await give_back_once(order, self._send, self._find_earlier_send)

    async def inquire(self, order: RefundOrder) -> RefundInquiry:
        """All refunds of the payment at bKash."""
        if not (is_reference(order.provider_reference) and is_reference(order.provider_transaction)):
            return NoAnswer("the payment lacks an id at the provider", was_asked=False)
        result = await self._client.call("refund_status", _names_v2(order))
        is_done, read = _is_done_v2(result), _lines_v2
        if _has_no_route(result):
            result = await self._client.call("refund_status_v1", _names_v1(order))
            is_done, read = has_meaning(result, Means.DONE), _lines_v1
        if not isinstance(result, MappedReply) or not is_done:
            return inconclusive_answer(result)
        try:
            return RefundsFound(read(result.document, order))
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def _find_earlier_send(self, order: RefundOrder) -> RefundLine | InDoubt | None:
        """The refund that an earlier send of this order made, or None."""
        inquiry = await self.inquire(order)
        if isinstance(inquiry, NoAnswer):
            return InDoubt(f"the refunds so far are not known: {inquiry.why}")
        unknown_refunds = [line for line in inquiry.lines if line.provider_refund not in order.known_refunds]
        ours = next((line for line in unknown_refunds if line.amount == order.amount), None)
        if ours is None and unknown_refunds:
            return InDoubt("bKash has a refund that no record of ours holds")
        return ours

    async def _send(self, order: RefundOrder) -> RefundOutcome:
        texts = {"sku": _plain_text(order.reference), "reason": _plain_text(order.reason)}
        amount = format_taka(order.amount.minor)
        fields = {**_names_v2(order), "refundAmount": amount, **texts}
        result = await self._client.call("refund", fields, order.send_before)
        is_done, read = _is_done_v2(result), _line_v2
        if _has_no_route(result):
            fields = {**_names_v1(order), "amount": amount, **texts}
            result = await self._client.call("refund_v1", fields, order.send_before)
            is_done, read = has_meaning(result, Means.DONE), _line_v1
        if not isinstance(result, MappedReply) or not is_done:
            return unsuccessful_outcome(result)
        try:
            line = read(result.document, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))
        return line if line.amount == order.amount else InDoubt("another amount was given back")


def _order_fault(order: RefundOrder) -> str:
    """Why this order must not be sent, or nothing."""
    if not (is_reference(order.provider_reference) and is_reference(order.provider_transaction)):
        return "the payment lacks an id at the provider"
    return refund_amount_fault(order)


def _has_no_route(result: CallResult) -> bool:
    """Whether the gateway has no such call for this app, so that nothing reached bKash."""
    return isinstance(result, MappedReply) and result.code == _NO_ROUTE


def _is_done_v2(result: CallResult) -> bool:
    """Whether a call of the second version succeeded, which has no code then."""
    return isinstance(result, MappedReply) and (not result.code or result.means is Means.DONE)


def _names_v1(order: RefundOrder) -> dict[str, object]:
    return {"paymentID": order.provider_reference, "trxID": order.provider_transaction}


def _names_v2(order: RefundOrder) -> dict[str, object]:
    return {"paymentId": order.provider_reference, "trxId": order.provider_transaction}


def _plain_text(texts: str) -> str:
    """A text as bKash takes it, never empty."""
    return _FORBIDDEN_CHARACTERS.sub("", texts)[:_TEXT_LENGTH_MAX] or "refund"


def _line_v2(document: Mapping[str, Any], order: RefundOrder) -> RefundLine:
    require_same(document, "originalTrxId", order.provider_transaction)
    return RefundLine(
        reference(document, "refundTrxId"),
        money_of(document, "refundAmount"),
        text(document, "refundTransactionStatus") == COMPLETED,
    )


def _line_v1(document: Mapping[str, Any], order: RefundOrder) -> RefundLine:
    require_same(document, "originalTrxID", order.provider_transaction)
    return RefundLine(
        reference(document, "refundTrxID"),
        money_of(document, "amount"),
        text(document, "transactionStatus") == COMPLETED,
    )


def _lines_v2(document: Mapping[str, Any], order: RefundOrder) -> tuple[RefundLine, ...]:
    require_same(document, "originalTrxId", order.provider_transaction)
    return tuple(
        RefundLine(
            reference(row, "refundTrxId"),
            taka(row, "refundAmount"),
            text(row, "refundTransactionStatus") == COMPLETED,
        )
        for row in as_rows(document.get("refundTransactions"))
    )


def _lines_v1(document: Mapping[str, Any], order: RefundOrder) -> tuple[RefundLine, ...]:
    """The refund of the answer; none where its id is missing."""
    require_same(document, "originalTrxID", order.provider_transaction)
    return (_line_v1(document, order),) if document.get("refundTrxID") else ()
