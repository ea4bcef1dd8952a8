"""What every family keeps to as it gives back: once, in taka, and no more than was collected.

How a refund is known again over there is each family's own affair.
"""

from collections.abc import Awaitable, Callable

from ekpay_switch.domain.collections.connector_calls import RefundLine, RefundOrder, RefundOutcome
from ekpay_switch.domain.money import BDT
from ekpay_switch.domain.outcome import Declined, InDoubt

Send = Callable[[RefundOrder], Awaitable[RefundOutcome]]
SentBefore = Callable[[RefundOrder], Awaitable[RefundLine | Declined | InDoubt | None]]


async def give_back_once(order: RefundOrder, send: Send, sent_before: SentBefore) -> RefundOutcome:
    """Send a refund; where an earlier send may have been heard, only after asking for it.

    `sent_before` says what an earlier send of this very order led to, None where it is certain that none
    was heard; while that is in doubt, nothing is sent.
    """
    if not order.may_have_been_heard:
        return await send(order)
    earlier = await sent_before(order)
    if earlier is not None:
        return earlier
    outcome = await send(order)
    if isinstance(outcome, Declined):
        # An earlier send may have arrived between the question and this one, and be why it was refused.
        return await sent_before(order) or outcome
    return outcome


def unfit_amount(order: RefundOrder) -> str:
    """Why no provider may be asked for this amount, or nothing."""
    if not (order.amount.currency == order.collected.currency == BDT):
        return "the amount is not in taka"
    if not 0 < order.amount.minor <= order.collected.minor:
        return "more than was collected, or nothing, cannot be given back"
    return ""
