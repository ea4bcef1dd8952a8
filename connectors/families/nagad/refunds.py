"""Refunds: one call that is only known from one public implementation (connectors.md 2.3, mark C).

Nagad can be told to give back, and cannot be asked whether it did: verify alone shows the name of one
cancellation, and never its amount. Our decision is the cautious one. A refund is sent once; wherever an
earlier send may have been heard it is never sent again, only asked about. It is proven where verify says
that the whole of the payment went back, under one name, and the whole was ordered; and where the name is the
one that an answer of Nagad's gave this very refund, when it was on its way. Any other part that went back
proves nothing, since nobody says how much it was; and that nothing went back yet proves nothing either, since
it may still go. Then there is no answer, the refund stays in doubt, and a person looks at Nagad's statement.
So one payment is given back once (`parts_max` of the manifest), and no two refunds can be mixed up.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connectors.call_result import Meant, not_done, nothing_learned
from connectors.families.nagad.client import NagadLine
from connectors.families.nagad.credentials import Credentials
from connectors.families.nagad.replies import (
    DAY,
    SUCCESS,
    is_reference,
    is_there,
    reference,
    require_taka,
)
from connectors.manifest_parts import Means
from connectors.refunding import unfit_amount
from ekpay_switch.domain.business_day import in_dhaka
from ekpay_switch.domain.collections.connector_calls import (
    RefundInquiry,
    RefundLine,
    RefundOrder,
    RefundOutcome,
    RefundsFound,
)
from ekpay_switch.domain.money import format_taka
from ekpay_switch.domain.outcome import InDoubt, NoAnswer, Unreached
from ekpay_switch.ports.world import NotSent
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, require_same, taka, text

_WHOLE = frozenset({"Refunded", "Cancelled"})
_PARTLY = frozenset({"PartialRefunded", "PartialCancelled"})
# What the answer to our own word may call it: no source says which (C), and all of them are a yes.
_GIVEN = _WHOLE | _PARTLY | {SUCCESS}
_NOT_PLAIN = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
_REASON = "refund"


class Refunds:
    """What Nagad gives back, and what it shows of it."""

    def __init__(self, line: NagadLine) -> None:
        self._line = line

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Give back once; where an earlier send may have been heard, only ask whether it was."""
        us = self._line.us
        if isinstance(us, NotSent):
            return Unreached(us.why)
        why = _unfit(order)
        if why or order.collected_at is None:
            return Unreached(why or "nobody knows when it was collected")
        if order.may_have_been_heard:
            return await self._sent_before(order)
        return await self._send(order, us, order.collected_at)

    async def inquire(self, order: RefundOrder) -> RefundInquiry:
        """The one refund that Nagad shows, where its amount is certain; no answer is the rule."""
        if not (is_reference(order.provider_reference) and is_reference(order.provider_transaction)):
            return NoAnswer("the payment has no names over there", was_asked=False)
        asked = await self._line.ask("verify", {"payment_ref_id": order.provider_reference})
        if not isinstance(asked, Meant) or asked.means is not Means.DONE:
            return nothing_learned(asked)
        try:
            return self._shown(asked.document, order)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def _sent_before(self, order: RefundOrder) -> RefundOutcome:
        """What an earlier send of this order came to, as far as it is proven."""
        found = await self.inquire(order)
        if isinstance(found, NoAnswer):
            return InDoubt(f"sent before, and never sent twice: {found.why}")
        ours = next((line for line in found.lines if line.amount == order.amount), None)
        return ours or InDoubt("Nagad gave back what no record of ours holds")

    async def _send(self, order: RefundOrder, us: Credentials, collected_at: datetime) -> RefundOutcome:
        plaintext = _plaintext(order, us, collected_at)
        if len(plaintext) > us.seal.plaintext_bytes_max:
            return Unreached("the refund does not fit under the seal")
        sealed = us.seal.close(plaintext)
        asked = await self._line.ask(
            "refund",
            {},
            {"sensitiveDataCancelRequest": sealed.sensitive_data, "signature": sealed.signature},
            query={"paymentRefId": order.provider_reference, "orderId": order.collected_reference},
            send_before=order.send_before,
        )
        if not isinstance(asked, Meant) or asked.means is not Means.DONE:
            return not_done(asked)
        try:
            return self._given(self._line.opened(asked.document), order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    def _given(self, document: Mapping[str, Any], order: RefundOrder) -> RefundLine:
        """The refund that Nagad says it has made of this order; raises BrokenReplyError."""
        for name, ours in (
            ("paymentRefId", order.provider_reference),
            ("orderId", order.collected_reference),
        ):
            if is_there(document, name):
                require_same(document, name, ours)
        require_taka(document)
        status, means = self._line.means(document)
        if status not in _GIVEN and means is not Means.AWAITING_PAYER:
            raise BrokenReplyError("a status that says neither given back nor on its way")
        if (
            taka(document, "originalAmount") != order.collected
            or taka(document, "cancelAmount") != order.amount
        ):
            raise BrokenReplyError("another amount")
        return RefundLine(reference(document, "cancelTrxId"), order.amount, status in _GIVEN)

    def _shown(self, document: Mapping[str, Any], order: RefundOrder) -> RefundInquiry:
        """What verify shows of a refund; raises BrokenReplyError."""
        us = self._line.us
        assert isinstance(us, Credentials), "nobody answers who was not asked"
        require_same(document, "merchantId", us.merchant_id)
        require_same(document, "paymentRefId", order.provider_reference)
        require_same(document, "orderId", order.collected_reference)
        require_same(document, "issuerPaymentRefNo", order.provider_transaction)
        require_taka(document)
        if taka(document, "amount") != order.collected:
            return NoAnswer("another amount")
        status = text(document, "status")
        if status not in _WHOLE | _PARTLY:
            return NoAnswer("verify shows no refund, which proves nothing")
        if order.known_refunds:
            return NoAnswer("verify shows one refund, and there were several")
        name = reference(document, "cancelIssuerRefNo")
        if status in _PARTLY and name != order.provider_refund:
            return NoAnswer("a part went back, and nobody says how much")
        amount = order.collected if status in _WHOLE else order.amount
        return RefundsFound((RefundLine(name, amount, is_done=True),))


def _unfit(order: RefundOrder) -> str:
    """Why this order must not be sent, or nothing."""
    names = (order.provider_reference, order.provider_transaction, order.collected_reference, order.reference)
    if not all(is_reference(name) for name in names):
        return "the payment or its refund has no name"
    return unfit_amount(order)


def _plaintext(order: RefundOrder, us: Credentials, collected_at: datetime) -> bytes:
    """What goes under the seal; the reason is cut to the room that is left."""
    fields = {
        "merchantId": us.merchant_id,
        "orderId": order.collected_reference,
        "originalRequestDate": in_dhaka(collected_at).strftime(DAY),
        "originalAmount": format_taka(order.collected.minor),
        "cancelAmount": format_taka(order.amount.minor),
        "referenceNo": order.reference,
        "referenceMessage": "",
    }
    room = us.seal.plaintext_bytes_max - len(_compact(fields))
    # A plain character is one byte in JSON, so that what is cut fits.
    words = _NOT_PLAIN.sub("", order.reason).strip() or _REASON
    return _compact({**fields, "referenceMessage": words[: max(room, 0)]})


def _compact(fields: Mapping[str, str]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode()
