"""What it means that a connector has paid a refund which nobody was sending any more."""

from enum import StrEnum
from typing import assert_never

from ekpay_switch.domain.refunds.refund import RefundState


class LateStep(StrEnum):
    """What is done about it; everything but NOTHING raises the alarm LATE_REFUND."""

    NOTHING = "nothing"  # it is known, or the refund is still asked about
    END = "end"  # the refund ends as paid back
    STOP = "stop"  # somebody says that our bank has paid it; nobody may confirm that
    BOOK = "book"  # the money has left twice, or nobody was to bear it: a claim, in suspense


def late_step(state: RefundState, *, is_paid_by_hand: bool) -> LateStep:
    """What follows where the connector says that a refund in this state is paid.

    `is_paid_by_hand` says that somebody has recorded the bank's reference, or that the payer had it before.
    """
    match state:
        case RefundState.BY_HAND:
            return LateStep.STOP if is_paid_by_hand else LateStep.END
        case RefundState.DONE:
            return LateStep.BOOK if is_paid_by_hand else LateStep.NOTHING
        case RefundState.FAILED:
            return LateStep.BOOK
        case (
            RefundState.REQUESTED
            | RefundState.APPROVED
            | RefundState.SENT
            | RefundState.IN_DOUBT
            | RefundState.REJECTED
            | RefundState.HELD
            | RefundState.RETURNED
        ):
            return LateStep.NOTHING
        case _:
            assert_never(state)
