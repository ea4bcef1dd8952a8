"""Paying what a standing order prepared: the bill is fetched again and ordered, and its payer confirms it."""

from enum import StrEnum

from ekpay_switch.domain.carts.bill_cart import CartRefusal, StoredCart
from ekpay_switch.domain.citizens.reminders import Reminder
from ekpay_switch.domain.citizens.saved_bills import SavedBill
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.carts.fill_cart import add_bill
from ekpay_switch.ports.carts import CartPorts


class PreparedRefusal(StrEnum):
    """Why what was prepared is not paid now."""

    GONE = "gone"  # the biller has no such bill to pay any more, or it is being paid
    ABOVE_CAP = "above_cap"  # of the standing order: the payer looks at the bill first
    PAUSED = "paused"  # or ended
    UNAVAILABLE = "unavailable"


_GONE = frozenset({Refusal.NO_SUCH_BILL, Refusal.ALREADY_PAID, Refusal.BILL_TAKEN, CartRefusal.ALREADY_PAID})


async def prepared_cart(
    saved: SavedBill, reminder: Reminder | None, office: CartPorts
) -> StoredCart | PreparedRefusal:
    """A cart of its own with the one bill, as its biller states it now, where the standing order allows it.

    The cart is not ordered yet; one that is never ordered is dropped.
    """
    order = None if reminder is None else reminder.order
    if order is None or order.is_paused:
        return PreparedRefusal.PAUSED
    answer = await add_bill("", saved.biller_id, saved.fields, office)
    if isinstance(answer, StoredCart):
        return answer if order.prepares(answer.amount) else PreparedRefusal.ABOVE_CAP
    return PreparedRefusal.GONE if answer in _GONE else PreparedRefusal.UNAVAILABLE
