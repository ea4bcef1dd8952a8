"""What a payer gets back for bills that no biller took: their amounts and their part of the charges.

A refund of a merchant payment whose charges are returned is divided over the price and the charges by largest
remainders (`domain.merchants.shares`). So that the portal gives back exactly the bills, and not a paisa more
or less, the refund is the sum of which its share is just that.
"""

from uuid import UUID

from ekpay_switch.domain.carts.bill_cart import CartRefund, StoredCart, without_refund
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.merchants.shares import apportion
from ekpay_switch.domain.money import Money, total

# The sum is at most this far from the exact proportion, in paisa.
_NEAR = 4


def plan_refund(cart: StoredCart, sums: Sums, parts_max: int) -> CartRefund | None:
    """The refund that is due now for bills that were given back; None where there is none (yet).

    A connector takes `parts_max` refunds of one payment. Its last one waits until every bill has ended, so
    that none is left over.
    """
    waiting = without_refund(cart.bills, cart.refunds)
    is_last_part = len(cart.refunds) + 1 >= parts_max
    if not waiting or (cart.open_bills and is_last_part):
        return None
    planned_seqs = {seq for refund in cart.refunds for seq in refund.seqs}
    returned = total(stored.bill.amount for stored in cart.bills if stored.seq in planned_seqs)
    return CartRefund(
        reference=refund_reference(cart.cart_id, len(cart.refunds) + 1),
        seqs=tuple(stored.seq for stored in waiting),
        amount=refund_of_bills(
            sums,
            returned=returned,
            refunded=total(refund.amount for refund in cart.refunds),
            amount=total(stored.bill.amount for stored in waiting),
        ),
    )


def refund_reference(cart_id: UUID, nth: int) -> str:
    """The idempotency key of the nth refund of a cart, from 1."""
    return f"cart-refund:{cart_id.hex}:{nth}"


def refund_of_bills(sums: Sums, *, returned: Money, refunded: Money, amount: Money) -> Money:
    """What a payer gets back for bills of `amount`, after bills of `returned` were refunded by `refunded`.

    The portal's share of all refunds together is then exactly `returned + amount`, and a cart of which no
    bill was paid comes back whole.

    Raises:
        ValueError: no sum has that share, or the bills are more than the cart.
    """
    share = returned + amount
    if share == sums.amount:
        return sums.total - refunded
    weights = [sums.amount.minor, sums.charge.minor, sums.fee.minor, sums.vat.minor]
    exact = share.minor * sums.total.minor // sums.amount.minor
    near = range(max(exact - _NEAR, 0), min(exact + _NEAR, sums.total.minor) + 1)
    whole = next((sum_ for sum_ in near if apportion(sum_, weights)[0] == share.minor), None)
    if whole is None:
        raise ValueError(f"no refund has a share of {share.minor} paisa")
    return Money(whole, sums.amount.currency) - refunded
