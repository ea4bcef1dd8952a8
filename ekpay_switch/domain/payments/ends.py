"""Whether a payment from a prefund has ended, for those who wait: lines of challans, bills of carts."""

from enum import StrEnum
from typing import assert_never

from ekpay_switch.domain.payment import State


class PrefundEnd(StrEnum):
    """How a payment from a prefund ended."""

    PAID = "paid"  # its biller has the money
    BACK = "back"  # the money is in the prefund


def prefund_end(state: State | None) -> PrefundEnd | None:
    """How a payment ended, by its state; None while it is open, or not there.

    One in review is open: the money does not move until two persons decide.
    """
    match state:
        case State.COMPLETED:
            return PrefundEnd.PAID
        case State.DECLINED | State.EXPIRED | State.REFUNDED:
            return PrefundEnd.BACK
        case None | State.CREATED | State.COLLECTING | State.FUNDED | State.DELIVERING:
            return None
        case State.REFUNDING | State.IN_REVIEW:
            return None
        case _:
            assert_never(state)
