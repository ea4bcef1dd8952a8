"""Chargebacks: what a connector took back by itself, up to all that its try collected, in any state.

The payee of a completed payment gives what it was credited and has not given back yet. The rest comes from
suspense; below zero, suspense is a claim that finance follows up (docs/adr/0072).
"""

from dataclasses import replace

from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.burden import UNNAMED
from ekpay_switch.domain.refunds.new_refund import NewRefund, Refundable, RefundRefusal


def payee_remaining(payment: Refundable) -> Money:
    """What a chargeback can take from the payee: nothing unless this try paid for a completed payment."""
    if payment.payment_state is not State.COMPLETED or not payment.is_funding:
        return ZERO
    return max(payment.amount_max - payment.refunded, ZERO)


def refuse_chargeback(new: NewRefund, payment: Refundable) -> RefundRefusal | None:
    """Why it cannot be recorded; None where it can.

    Only earlier chargebacks limit it: what was refunded may be taken back as well. What a payee gives of a
    bill whose biller takes nothing back needs somebody who is named to bear it.
    """
    if payment.collected is None:
        return RefundRefusal.NOT_REFUNDABLE
    if new.amount.currency != payment.collected.currency:
        return RefundRefusal.OTHER_CURRENCY
    if new.amount + payment.charged_back > payment.collected:
        return RefundRefusal.EXCEEDS_REMAINING
    is_final = payment.split is None and not new.burden.biller_takes_back
    if is_final and not new.burden.is_named and payee_remaining(payment) > ZERO:
        return RefundRefusal.FINAL
    return None


def divide_chargeback(new: NewRefund, payment: Refundable) -> NewRefund:
    """The chargeback with its part from suspense; where all of it is, nobody is named who bears it."""
    from_payee = min(new.amount, payee_remaining(payment))
    burden = new.burden if from_payee > ZERO else UNNAMED
    return replace(new, from_suspense=new.amount - from_payee, burden=burden)
