"""What became of a cart and of each of its bills, as its payer reads it and the books prove it.

Pure. A sentence about somebody's money stands on one of these outcomes, and each outcome on rows
(docs/adr/0109).
"""

from collections.abc import Collection
from enum import StrEnum

from ekpay_switch.domain.carts.bill_cart import (
    BillEnd,
    BillInCart,
    CartRefund,
    PaidUp,
    StoredCart,
    bill_end_of,
)
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.web.checkout.evidence import Evidence


class BillOutcome(StrEnum):
    """How one bill of a paid cart stands."""

    PAID = "paid"  # its biller has the money
    ON_ITS_WAY = "on_its_way"  # the money is in the prefund, and no answer of the biller is final
    ACCEPTED = "accepted"  # the same, and its biller, who cannot be reached, takes it later (stand-in)
    REVIEW = "review"  # two persons decide
    GOES_BACK = "goes_back"  # its biller has nothing, and the refund is not done
    GIVEN_BACK = "given_back"  # the refund is done
    BY_STAFF = "by_staff"  # its biller has nothing, and people bring the money back


class CartOutcome(StrEnum):
    """How a cart stands as a whole."""

    NOT_PAID_YET = "not_paid_yet"  # its payment is open
    RECEIVED = "received"  # the money came, and is not in the prefund yet
    UNDER_WAY = "under_way"  # a bill is open
    ALL_PAID = "all_paid"
    SOME_PAID = "some_paid"
    NONE_PAID = "none_paid"
    NOTHING_TAKEN = "nothing_taken"  # it was never paid, and no money moved
    RETURNING = "returning"  # what was paid goes back as a whole
    RETURNED = "returned"
    UNSURE = "unsure"  # it was never paid as far as we know
    REVIEW = "review"  # two persons decide


OPEN_BILLS = frozenset({BillOutcome.ON_ITS_WAY, BillOutcome.ACCEPTED, BillOutcome.REVIEW})
# A page of these changes by itself before long.
CHANGING = frozenset({CartOutcome.NOT_PAID_YET, CartOutcome.RECEIVED, CartOutcome.UNDER_WAY})
# The same bills may be paid once more: nothing of the first payment is with us, or on its way back.
REPEATABLE = frozenset({CartOutcome.NOTHING_TAKEN, CartOutcome.RETURNED})
_RECEIVED = frozenset({State.FUNDED, State.DELIVERING, State.COMPLETED})
_BY_STAFF = frozenset(
    {RefundState.BY_HAND, RefundState.FAILED, RefundState.REJECTED, RefundState.HELD, RefundState.RETURNED}
)
_OF_EVIDENCE = (
    (Evidence.RETURNED, CartOutcome.RETURNED),
    (Evidence.RETURNING, CartOutcome.RETURNING),
    (Evidence.NOTHING_MOVED, CartOutcome.NOTHING_TAKEN),
)


def cart_outcome(cart: StoredCart, proven: Collection[Evidence]) -> CartOutcome:
    """How an ordered cart stands; `proven` is what the books prove of its payment at the checkout."""
    match cart.paid_up:
        case PaidUp.IN_REVIEW:
            return CartOutcome.REVIEW
        case PaidUp.NEVER_PAID:
            ends = (outcome for evidence, outcome in _OF_EVIDENCE if evidence in proven)
            return next(ends, CartOutcome.UNSURE)
        case PaidUp.WAITS:
            is_received = cart.payment is not None and cart.payment.state in _RECEIVED
            return CartOutcome.RECEIVED if is_received else CartOutcome.NOT_PAID_YET
        case PaidUp.FUNDED:
            return _of_bills({bill_outcome(cart, stored) for stored in cart.bills})


def bill_outcome(cart: StoredCart, stored: BillInCart) -> BillOutcome:
    """How a bill of a funded cart stands."""
    if (stored.end or bill_end_of(stored.state)) is BillEnd.PAID:
        return BillOutcome.PAID
    if stored.end is None:
        # A payment that went back is no end yet: the bill may have another one in stand-in.
        waiting = BillOutcome.ON_ITS_WAY if stored.stand_in_until is None else BillOutcome.ACCEPTED
        return BillOutcome.REVIEW if stored.state is State.IN_REVIEW else waiting
    refund = refund_of(cart, stored)
    state = refund.state if refund is not None else None
    if state is RefundState.DONE:
        return BillOutcome.GIVEN_BACK
    return BillOutcome.BY_STAFF if state in _BY_STAFF else BillOutcome.GOES_BACK


def refund_of(cart: StoredCart, stored: BillInCart) -> CartRefund | None:
    """The refund that a bill is part of, once it is planned."""
    return next((refund for refund in cart.refunds if stored.seq in refund.seqs), None)


def _of_bills(outcomes: Collection[BillOutcome]) -> CartOutcome:
    if OPEN_BILLS & set(outcomes):
        return CartOutcome.UNDER_WAY
    if set(outcomes) == {BillOutcome.PAID}:
        return CartOutcome.ALL_PAID
    return CartOutcome.SOME_PAID if BillOutcome.PAID in outcomes else CartOutcome.NONE_PAID
