"""What a payer has back of a try's money already, so that it is not given again."""

from ekpay_switch.domain.money import ZERO, Money


def had_of(refund: Money, collected: Money, refunded: Money, beside: Money) -> Money:
    """What the payer would have twice of `refund`: what exceeds all together the money that was collected.

    `refunded` is the running total of the try, with this refund in it. `beside` is what the payer has beside
    that: what chargebacks took from suspense and what the connector paid late, less what refunds have settled
    of it.
    """
    return max(min(refund, refunded + beside - collected), ZERO)
