"""Rules of every family for refunds: once, in taka, and no more than was collected.

Each family finds an earlier refund in its own way.
"""

from collections.abc import Awaitable, Callable

from ekpay_switch.domain.collections.connector_calls import RefundLine, RefundOrder, RefundOutcome
from ekpay_switch.domain.money import BDT
from ekpay_switch.domain.outcome import Declined, InDoubt

Send = Callable[[RefundOrder], Awaitable[RefundOutcome]]
FindEarlierSend = Callable[[RefundOrder], Awaitable[RefundLine | Declined | InDoubt | None]]


async def give_back_once(order: RefundOrder, send: Send, find_earlier_send: FindEarlierSend) -> RefundOutcome:
    """Send a refund; where an earlier send may have arrived, only after an inquiry.

    `find_earlier_send` returns the outcome of an earlier send of this order, or None where certainly none
    arrived; while that is in doubt, nothing is sent.
    """
    if not order.may_have_been_heard:
        return await send(order)
    earlier = await find_earlier_send(order)
    if earlier is not None:
        return earlier
    outcome = await send(order)
    if isinstance(outcome, Declined):
        # An earlier send may have arrived after the inquiry, and be the reason of this decline.
        return await find_earlier_send(order) or outcome
    return outcome


def refund_amount_fault(order: RefundOrder) -> str:
    """Why this amount must not be refunded, or empty."""
    if not (order.amount.currency == order.collected.currency == BDT):
        return "the amount is not in taka"
    if not 0 < order.amount.minor <= order.collected.minor:
        return "more than was collected, or nothing, cannot be given back"
    return ""
