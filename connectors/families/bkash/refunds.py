"""Refunds: the second version of the interface, and the first one where an app has no route to the second.

What may surprise: a refund carries no reference by which bKash would know a repeat. So wherever an earlier
send may have been heard, bKash is asked first, and a refund there that no other record of ours holds is this
one. The first version gives back once a payment, so that falling back to it can give nothing back twice.
"""

import re
from collections.abc import Mapping
from typing import Any

from connectors.call_result import Asked, Meant, not_done, nothing_learned
from connectors.families.bkash.client import BkashLine
from connectors.families.bkash.replies import (
    COMPLETED,
    FORBIDDEN,
    gateway_code,
    is_reference,
    money,
    reference,
)
from connectors.manifest_parts import Means
from connectors.refunding import give_back_once, unfit_amount
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


class Refunds:
    """What bKash gives back, and what it has given back."""

    def __init__(self, line: BkashLine) -> None:
        self._line = line

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Give back once; where an earlier send may have been heard, only after asking for it."""
        why = _unfit(order)
        if why:
            return Unreached(why)
        return await give_back_once(order, self._send, self._sent_before)

    async def inquire(self, order: RefundOrder) -> RefundInquiry:
        """All refunds of the payment that bKash has."""
        if not (is_reference(order.provider_reference) and is_reference(order.provider_transaction)):
            return NoAnswer("the payment has no names over there", was_asked=False)
        asked = await self._line.ask("refund_status", _names_v2(order))
        is_done, read = _is_done_v2(asked), _lines_v2
        if _has_no_route(asked):
            asked = await self._line.ask("refund_status_v1", _names_v1(order))
            is_done, read = _is_done(asked), _lines_v1
        if not isinstance(asked, Meant) or not is_done:
            return nothing_learned(asked)
        try:
            return RefundsFound(read(asked.document, order))
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def _sent_before(self, order: RefundOrder) -> RefundLine | InDoubt | None:
        """The refund that an earlier send of this order made, None where it made none."""
        found = await self.inquire(order)
        if isinstance(found, NoAnswer):
            return InDoubt(f"the refunds so far are not known: {found.why}")
        strangers = [line for line in found.lines if line.provider_refund not in order.known_refunds]
        ours = next((line for line in strangers if line.amount == order.amount), None)
        if ours is None and strangers:
            return InDoubt("bKash has a refund that no record of ours holds")
        return ours

    async def _send(self, order: RefundOrder) -> RefundOutcome:
        words = {"sku": _plain(order.reference), "reason": _plain(order.reason)}
        amount = format_taka(order.amount.minor)
        fields = {**_names_v2(order), "refundAmount": amount, **words}
        asked = await self._line.ask("refund", fields, order.send_before)
        is_done, read = _is_done_v2(asked), _line_v2
        if _has_no_route(asked):
            fields = {**_names_v1(order), "amount": amount, **words}
            asked = await self._line.ask("refund_v1", fields, order.send_before)
            is_done, read = _is_done(asked), _line_v1
        if not isinstance(asked, Meant) or not is_done:
            return not_done(asked)
        try:
            line = read(asked.document, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))
        return line if line.amount == order.amount else InDoubt("another amount was given back")


def _unfit(order: RefundOrder) -> str:
    """Why this order must not be sent, or nothing."""
    if not (is_reference(order.provider_reference) and is_reference(order.provider_transaction)):
        return "the payment has no names over there"
    return unfit_amount(order)


def _has_no_route(asked: Asked) -> bool:
    """Whether the gateway has no such call for this app: bKash itself never heard of it."""
    return isinstance(asked, Meant) and asked.code == _NO_ROUTE


def _is_done(asked: Asked) -> bool:
    return isinstance(asked, Meant) and asked.means is Means.DONE


def _is_done_v2(asked: Asked) -> bool:
    """Whether it went well, which the second version says by having no code at all."""
    return isinstance(asked, Meant) and (not asked.code or asked.means is Means.DONE)


def _names_v1(order: RefundOrder) -> dict[str, object]:
    return {"paymentID": order.provider_reference, "trxID": order.provider_transaction}


def _names_v2(order: RefundOrder) -> dict[str, object]:
    return {"paymentId": order.provider_reference, "trxId": order.provider_transaction}


def _plain(words: str) -> str:
    """Words as bKash takes them; it wants some."""
    return _FORBIDDEN_CHARACTERS.sub("", words)[:_TEXT_LENGTH_MAX] or "refund"


def _line_v2(document: Mapping[str, Any], order: RefundOrder) -> RefundLine:
    require_same(document, "originalTrxId", order.provider_transaction)
    return RefundLine(
        reference(document, "refundTrxId"),
        money(document, "refundAmount"),
        text(document, "refundTransactionStatus") == COMPLETED,
    )


def _line_v1(document: Mapping[str, Any], order: RefundOrder) -> RefundLine:
    require_same(document, "originalTrxID", order.provider_transaction)
    return RefundLine(
        reference(document, "refundTrxID"),
        money(document, "amount"),
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
    """One refund or, where its name is missing, none."""
    require_same(document, "originalTrxID", order.provider_transaction)
    return (_line_v1(document, order),) if document.get("refundTrxID") else ()
