"""Refunds of SSLCommerz: begun by one call, done by the word of another (connectors.md 3.4).

What may surprise: the answer to a refund says only that it was begun ("success"), or had been begun before
("processing"). Whether the payer has the money, the refund query alone says, by SSLCommerz's own name of the
refund. A repeat has our same `refund_trans_id` and begins nothing new; where an earlier answer has told the
name, nothing is sent at all. A repeat that is refused is refused: one that was begun says so. No answer names
an amount: it is the one that we asked for under our reference.
"""

import re
from collections.abc import Mapping
from typing import Any

from connectors.call_result import Asked, Meant, not_done, nothing_learned
from connectors.families.sslcommerz.client import Line
from connectors.families.sslcommerz.replies import is_reference, reference, word
from connectors.manifest_parts import Means
from connectors.refunding import unfit_amount
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


class Refunds:
    """What SSLCommerz gives back, and what became of it."""

    def __init__(self, line: Line) -> None:
        self._line = line

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Begin a refund, or look after one that was begun, and say whether it is done."""
        why = _unfit(order)
        if why:
            return Unreached(why)
        if order.provider_refund:
            asked = await self._ask(order.provider_refund)
            return _line(asked, order, order.provider_refund) or not_done(asked)
        return await self._begin(order)

    async def _begin(self, order: RefundOrder) -> RefundOutcome:
        """Send it, and find out what has become of it; a name that was told is never lost again."""
        begun = await self._line.ask("refund", _fields(order), self._read_refund, order.send_before)
        if not isinstance(begun, Meant) or begun.means is not Means.DONE:
            return not_done(begun)
        try:
            name = _begun(begun.document, order)
        except BrokenReplyError as error:
            return InDoubt(str(error))
        asked = await self._ask(name)
        if isinstance(asked, Meant) and asked.means is Means.DECLINED:
            return not_done(asked)
        return _line(asked, order, name) or RefundLine(name, order.amount, is_done=False)

    async def inquire(self, order: RefundOrder) -> RefundInquiry:
        """The refund that the order names, as SSLCommerz lists none."""
        if not is_reference(order.provider_refund):
            return NoAnswer("the refund has no name over there", was_asked=False)
        asked = await self._ask(order.provider_refund)
        if isinstance(asked, Meant) and asked.means is Means.DECLINED:
            return RefundsFound(())
        line = _line(asked, order, order.provider_refund)
        return nothing_learned(asked) if line is None else RefundsFound((line,))

    async def _ask(self, name: str) -> Asked:
        """What became of a refund, in an answer that names no other one."""
        asked = await self._line.ask("refund_status", {"refund_ref_id": name}, self._read_status)
        if isinstance(asked, Meant) and text_or_empty(asked.document, "refund_ref_id") not in {"", name}:
            return NoUsableAnswer("another refund_ref_id")
        return asked

    def _read_refund(self, body: bytes) -> Meant:
        return self._read(body, "refund")

    def _read_status(self, body: bytes) -> Meant:
        return self._read(body, "refund_status")

    def _read(self, body: bytes, call: str) -> Meant:
        document = json_object(body)
        connected = self._line.meant("connect", word(document, "APIConnect"), document)
        if connected.means is not Means.DONE:
            return connected
        return self._line.meant(call, word(document, "status"), document)


def _unfit(order: RefundOrder) -> str:
    """Why this order must not be sent, or nothing."""
    if not is_reference(order.provider_transaction) or not _OUR_REFERENCE.fullmatch(order.reference):
        return "the payment or the refund has no name over there"
    return unfit_amount(order)


def _fields(order: RefundOrder) -> dict[str, str]:
    remarks = _FORBIDDEN_CHARACTERS.sub("", order.reason)[:_REMARKS_LENGTH_MAX]
    return {
        "bank_tran_id": order.provider_transaction,
        "refund_trans_id": order.reference,
        "refund_amount": format_taka(order.amount.minor),
        "refund_remarks": remarks or "refund",
        "refe_id": order.reference,
    }


def _begun(document: Mapping[str, Any], order: RefundOrder) -> str:
    """SSLCommerz's name of the refund that was begun of this very payment; raises BrokenReplyError."""
    require_same(document, "bank_tran_id", order.provider_transaction)
    if "refund_amount" in document and taka(document, "refund_amount") != order.amount:
        raise BrokenReplyError("another amount was given back")
    return reference(document, "refund_ref_id")


def _line(asked: Asked, order: RefundOrder, name: str) -> RefundLine | None:
    """The refund as an answer about it has it; None where the answer settles nothing, or says no."""
    if not isinstance(asked, Meant) or asked.means not in {Means.DONE, Means.AWAITING_PAYER}:
        return None
    return RefundLine(name, order.amount, is_done=asked.means is Means.DONE)
