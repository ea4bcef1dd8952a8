"""The way of a refund as its payer reads it: one dated step for each thing that its history proves."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ekpay_switch.domain.refunds.refund import RefundEvent


class RefundStepKind(StrEnum):
    """What a step says."""

    REQUESTED = "requested"
    SENT = "sent"  # sending it to the connector began: the event is durable before the call
    DOUBTED = "doubted"  # the connector has not answered, and is asked again
    WITH_STAFF = "with_staff"  # the connector gives nothing back: people do
    PAID_BACK = "paid_back"  # by the connector's word
    PAID_BY_HAND = "paid_by_hand"


@dataclass(frozen=True, slots=True)
class RefundStep:
    """One step with its instant, UTC."""

    kind: RefundStepKind
    at: datetime


# The step that an event is, and the earlier ones that it ends.
_MEANINGS: Mapping[RefundEvent, tuple[RefundStepKind | None, tuple[RefundStepKind, ...]]] = {
    RefundEvent.APPROVED: (None, ()),
    RefundEvent.REJECTED: (RefundStepKind.WITH_STAFF, ()),
    RefundEvent.SENDING: (RefundStepKind.SENT, (RefundStepKind.DOUBTED,)),
    RefundEvent.NOT_SENT: (None, (RefundStepKind.SENT, RefundStepKind.DOUBTED)),
    RefundEvent.DOUBTED: (RefundStepKind.DOUBTED, ()),
    RefundEvent.PAID_BACK: (RefundStepKind.PAID_BACK, (RefundStepKind.DOUBTED,)),
    RefundEvent.REFUSED: (RefundStepKind.WITH_STAFF, (RefundStepKind.DOUBTED,)),
    RefundEvent.LEFT_TO_FINANCE: (RefundStepKind.WITH_STAFF, (RefundStepKind.DOUBTED,)),
    RefundEvent.PAID_BY_HAND: (RefundStepKind.PAID_BY_HAND, ()),
    RefundEvent.BY_HAND_WITHDRAWN: (None, ()),
    RefundEvent.PAID_LATE: (None, ()),
    RefundEvent.TAKEN_BY_CONNECTOR: (RefundStepKind.PAID_BACK, ()),
    RefundEvent.HELD_BY_CONNECTOR: (None, ()),
    RefundEvent.RETURNED_BY_CONNECTOR: (None, (RefundStepKind.PAID_BACK,)),
    RefundEvent.REVIEWED_AS_PAID_BACK: (RefundStepKind.PAID_BACK, (RefundStepKind.DOUBTED,)),
    RefundEvent.REVIEWED_AS_UNPAID: (RefundStepKind.WITH_STAFF, (RefundStepKind.DOUBTED,)),
}


def refund_steps(
    requested_at: datetime, history: Iterable[tuple[RefundEvent, datetime]]
) -> tuple[RefundStep, ...]:
    """The steps in their order, from the events of a refund in theirs.

    What was repeated is one step with its newest date, and what was taken back by a later event is none: a
    send that was proven not to have left us, a doubt that has ended.
    """
    steps = {RefundStepKind.REQUESTED: requested_at}
    for event, at in history:
        kind, ended = _MEANINGS[event]
        for past in ended:
            steps.pop(past, None)
        if kind is not None:
            steps.pop(kind, None)
            steps[kind] = at
    return tuple(RefundStep(kind, at) for kind, at in steps.items())
