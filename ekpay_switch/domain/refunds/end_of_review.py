"""What the refund of mismatched money does to the review that the money caused."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ekpay_switch.domain.payment import Event, State
from ekpay_switch.domain.refunds.refund import RefundKind

# The event that restores a payment's final state once money that contradicted it has gone back, and its
# notice.
_STATE_RESTORED: Mapping[State, tuple[Event, str]] = MappingProxyType(
    {
        State.COMPLETED: (Event.REVIEWED_AS_COMPLETED, "completed"),
        State.DECLINED: (Event.REVIEWED_AS_DECLINED, "cancelled"),
        State.EXPIRED: (Event.REVIEWED_AS_EXPIRED, "expired"),
        State.REFUNDED: (Event.REVIEWED_AS_REFUNDED, "given_back"),
    }
)


@dataclass(frozen=True, slots=True)
class ReviewEnd:
    """What the refund of mismatched money does to its payment; without events the payment does not change."""

    kind: RefundKind
    payment_events: tuple[Event, ...] = ()
    notice: str = ""


def end_of_review(state: State, previous_state: State, *, is_its_reason: bool) -> ReviewEnd:
    """What the refund of mismatched money in suspense means for its payment.

    `previous_state` is the state before the payment's last step, and `is_its_reason` says that this money was
    the reason of that step. A payment that waited for the money is given back; one that was final before is
    final again; one that is not in review because of this money does not change.
    """
    if state is not State.IN_REVIEW or not is_its_reason:
        return ReviewEnd(RefundKind.UNEXPECTED)
    if previous_state in _STATE_RESTORED:
        event, notice = _STATE_RESTORED[previous_state]
        return ReviewEnd(RefundKind.UNEXPECTED, (event,), notice)
    return ReviewEnd(RefundKind.GIVE_BACK, (Event.REVIEWED_TO_GIVE_BACK,))
