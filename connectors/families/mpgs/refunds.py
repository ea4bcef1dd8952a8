"""Refunds: movements in the order under our own reference.

The gateway recognises a repeat by order and reference together and returns the first outcome again. Where an
earlier send may have arrived it is asked first all the same, since the order shows the refund with its
amount.

A VOID before settlement would be the same PUT with another `apiOperation` and the payment's id in
`transaction.targetTransactionId`. It is not used, since a REFUND works on every day and in part.
"""

from connectors.call_result import MappedReply, has_meaning, inconclusive_answer, unsuccessful_outcome
from connectors.families.mpgs.client import MpgsClient
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
from connectors.refunding import give_back_once, refund_amount_fault
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


class MpgsRefunds:
    """Sends refunds to the gateway and asks for them."""

    def __init__(self, client: MpgsClient) -> None:
        self._client = client

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        """Refund once; where an earlier send may have arrived, only after an inquiry."""
        fault = _order_fault(order)
        if fault:
            return Unreached(fault)
        return await give_back_once(order, self._send, self._find_earlier_send)

    async def inquire(self, order: RefundOrder) -> RefundInquiry:
        """All refunds of the payment at the gateway, without those that it declined."""
        refunds = await self._refunds_of(order)
        if isinstance(refunds, NoAnswer):
            return refunds
        return RefundsFound(
            tuple(
                RefundLine(refund.id, refund.amount, self._is_done(refund))
                for refund in refunds
                if refund.result != FAILURE
            )
        )

    async def _refunds_of(self, order: RefundOrder) -> tuple[Movement, ...] | NoAnswer:
        if not is_reference(order.collected_reference):
            return NoAnswer("the payment has no id at the provider", was_asked=False)
        result = await self._client.call("refund_status", {"order_id": order.collected_reference})
        if not has_meaning(result, Means.DONE):
            return inconclusive_answer(result)
        try:
            require_same(result.document, "id", order.collected_reference)
            return tuple(refund for refund in movements(result.document) if refund.kind == REFUND)
        except BrokenReplyError as error:
            return NoAnswer(str(error))

    async def _find_earlier_send(self, order: RefundOrder) -> RefundLine | Declined | InDoubt | None:
        """The outcome of an earlier send of this order, or None where none arrived."""
        refunds = await self._refunds_of(order)
        if isinstance(refunds, NoAnswer):
            return InDoubt(f"the refunds so far are not known: {refunds.why}")
        ours = next((refund for refund in refunds if refund.id == order.reference), None)
        return None if ours is None else self._outcome(ours, order)

    async def _send(self, order: RefundOrder) -> RefundOutcome:
        path_parameters = {"order_id": order.collected_reference, "refund_id": order.reference}
        amount = {"amount": format_taka(order.amount.minor), "currency": order.amount.currency}
        fields = {"apiOperation": REFUND, "transaction": amount}
        result = await self._client.call("refund", path_parameters, fields, order.send_before)
        if not isinstance(result, MappedReply) or result.code not in _ANSWERED:
            return unsuccessful_outcome(result)
        try:
            require_same(as_object(result.document.get("order")), "id", order.collected_reference)
            return self._outcome(movement(result.document), order)
        except BrokenReplyError as error:
            return InDoubt(str(error))

    def _outcome(self, refund: Movement, order: RefundOrder) -> RefundLine | Declined | InDoubt:
        """The outcome of this order by its movement."""
        if (refund.id, refund.kind) != (order.reference, REFUND):
            return InDoubt("another movement than the one that was asked for")
        if refund.amount != order.amount:
            return InDoubt("another amount was given back")
        if refund.result == FAILURE:
            return self._refusal_outcome(refund)
        if refund.result == PENDING or self._is_done(refund):
            return RefundLine(refund.id, refund.amount, refund.result != PENDING)
        return InDoubt("a result that settles nothing")

    def _refusal_outcome(self, refund: Movement) -> Declined | InDoubt:
        reply = self._client.reply("gateway", refund.gateway_code)
        if reply is not None and reply.means is Means.DECLINED:
            return Declined(str(reply.reason), f"gateway {refund.gateway_code}")
        return InDoubt("a decline without a mapping")

    def _is_done(self, refund: Movement) -> bool:
        reply = self._client.reply("gateway", refund.gateway_code)
        is_approved = not refund.gateway_code or (reply is not None and reply.means is Means.DONE)
        return refund.result == SUCCESS and is_approved


def _order_fault(order: RefundOrder) -> str:
    """Why this order must not be sent, or nothing."""
    if not (is_reference(order.collected_reference) and is_reference(order.reference)):
        return "the payment or its refund has no usable reference"
    return refund_amount_fault(order)
