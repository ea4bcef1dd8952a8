"""Refunds: a movement of their own in the order, under our own reference.

What may surprise: order and reference together are the key by which the gateway knows a repeat, which gets
the first outcome again. It is asked first all the same wherever an earlier send may have been heard: the
order shows the refund with its amount, and only who sees it there knows that it is ours.

A VOID before settlement would be the same PUT with another `apiOperation` and the name of the payment in
`transaction.targetTransactionId`. It is not used: a REFUND is right on every day, and in part.
"""

from connectors.call_result import Meant, not_done, nothing_learned
from connectors.families.mpgs.client import MpgsLine
from connectors.families.mpgs.replies import (
    FAILURE,
    PENDING,
    REFUND,
    SUCCESS,
    Movement,
    is_reference,
    movement,
    movements,
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
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, as_object, require_same

_ANSWERED = frozenset(f"result {result}" for result in (SUCCESS, PENDING, FAILURE))


class Refunds:
    """What the gateway gives back, and what it has given back."""

    def __init__(self, line: MpgsLine) -> None:
        self._line = line

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Give back once; where an earlier send may have been heard, only after asking for it."""
        why = _unfit(order)
        if why:
            return Unreached(why)
        return await give_back_once(order, self._send, self._sent_before)

    async def inquire(self, order: RefundOrder) -> RefundInquiry:
        """All refunds of the payment that the gateway has, those that it refused left out."""
        found = await self._refunds_of(order)
        if isinstance(found, NoAnswer):
            return found
        return RefundsFound(
            tuple(
                RefundLine(one.id, one.amount, self._is_done(one)) for one in found if one.result != FAILURE
            )
        )

    async def _refunds_of(self, order: RefundOrder) -> tuple[Movement, ...] | NoAnswer:
        if not is_reference(order.collected_reference):
            return NoAnswer("the payment has no name over there", was_asked=False)
        asked = await self._line.ask("refund_status", {"order_id": order.collected_reference})
        if not isinstance(asked, Meant) or asked.means is not Means.DONE:
            return nothing_learned(asked)
        try:
            require_same(asked.document, "id", order.collected_reference)
            return tuple(one for one in movements(asked.document) if one.kind == REFUND)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def _sent_before(self, order: RefundOrder) -> RefundLine | Declined | InDoubt | None:
        """What came of an earlier send of this order, None where none arrived."""
        found = await self._refunds_of(order)
        if isinstance(found, NoAnswer):
            return InDoubt(f"the refunds so far are not known: {found.why}")
        ours = next((one for one in found if one.id == order.reference), None)
        return None if ours is None else self._outcome(ours, order)

    async def _send(self, order: RefundOrder) -> RefundOutcome:
        places = {"order_id": order.collected_reference, "refund_id": order.reference}
        amount = {"amount": format_taka(order.amount.minor), "currency": order.amount.currency}
        fields = {"apiOperation": REFUND, "transaction": amount}
        asked = await self._line.ask("refund", places, fields, order.send_before)
        if not isinstance(asked, Meant) or asked.code not in _ANSWERED:
            return not_done(asked)
        try:
            require_same(as_object(asked.document.get("order")), "id", order.collected_reference)
            return self._outcome(movement(asked.document), order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    def _outcome(self, one: Movement, order: RefundOrder) -> RefundLine | Declined | InDoubt:
        """What one movement means for this order."""
        if (one.id, one.kind) != (order.reference, REFUND):
            return InDoubt("another movement than the one that was asked for")
        if one.amount != order.amount:
            return InDoubt("another amount was given back")
        if one.result == FAILURE:
            return self._refused(one)
        if one.result == PENDING or self._is_done(one):
            return RefundLine(one.id, one.amount, one.result != PENDING)
        return InDoubt("a result that settles nothing")

    def _refused(self, one: Movement) -> Declined | InDoubt:
        reply = self._line.reply("gateway", one.gateway_code)
        if reply is not None and reply.means is Means.DECLINED:
            return Declined(str(reply.reason), f"gateway {one.gateway_code}")
        return InDoubt("a refusal that nobody mapped")

    def _is_done(self, one: Movement) -> bool:
        reply = self._line.reply("gateway", one.gateway_code)
        is_approved = not one.gateway_code or (reply is not None and reply.means is Means.DONE)
        return one.result == SUCCESS and is_approved


def _unfit(order: RefundOrder) -> str:
    """Why this order must not be sent, or nothing."""
    if not (is_reference(order.collected_reference) and is_reference(order.reference)):
        return "the payment or its refund has no name over there"
    return unfit_amount(order)
