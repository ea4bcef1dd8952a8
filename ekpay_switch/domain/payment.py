"""The life of a payment, as one table.

Read a row as: in this state, this event leads to that state. What is not in the table cannot
happen. docs/payment-states.md is drawn from this table; a test keeps it so, and PostgreSQL
holds the same pairs as a CHECK on `history` (architecture.md 4).
"""

from collections.abc import Iterable
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never

from ekpay_switch.domain.errors import IllegalTransitionError


class State(StrEnum):
    """Where a payment stands; the comment of each member is its meaning."""

    CREATED = "created"  # recorded; no connector asked yet, or the last try collected nothing
    COLLECTING = "collecting"  # a connector was asked, or the payer is on its page
    FUNDED = "funded"  # the money is ours to deliver; its entry stands
    DELIVERING = "delivering"  # the payment was sent to the biller
    COMPLETED = "completed"  # the biller acknowledged, or the merchant was credited
    DECLINED = "declined"  # refused for good; no money moved
    EXPIRED = "expired"  # the payer never paid
    REFUNDING = "refunding"  # delivery failed; everything is on its way back
    REFUNDED = "refunded"  # everything is back
    IN_REVIEW = "in_review"  # facts disagree; two persons decide


class PublicState(StrEnum):
    """The state that callers see; a total function of the state."""

    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"
    REFUND_PENDING = "refund pending"
    REFUNDED = "refunded"


class Event(StrEnum):
    """What happened to a payment, as a past fact; the actor and the reason are stored beside it."""

    PREFUND_TAKEN = "prefund_taken"
    REFUSED = "refused"
    COLLECTION_STARTED = "collection_started"
    COLLECTION_CAME_TO_NOTHING = "collection_came_to_nothing"
    PAYER_NEVER_PAID = "payer_never_paid"
    COLLECTED = "collected"
    DELIVERY_STARTED = "delivery_started"
    MERCHANT_CREDITED = "merchant_credited"
    BILLER_ACKNOWLEDGED = "biller_acknowledged"
    BILLER_REFUSED = "biller_refused"
    BILLER_UNREACHED = "biller_unreached"
    PROVEN_NOT_POSTED = "proven_not_posted"
    DELIVERY_GIVEN_UP = "delivery_given_up"
    GIVEN_BACK = "given_back"
    RECEIPT_ISSUED = "receipt_issued"
    FACTS_DISAGREED = "facts_disagreed"
    CONTRARY_EVIDENCE = "contrary_evidence"
    REVIEWED_TO_DELIVER = "reviewed_to_deliver"
    REVIEWED_TO_GIVE_BACK = "reviewed_to_give_back"
    REVIEWED_AS_COMPLETED = "reviewed_as_completed"
    REVIEWED_AS_DECLINED = "reviewed_as_declined"
    REVIEWED_AS_EXPIRED = "reviewed_as_expired"
    REVIEWED_AS_REFUNDED = "reviewed_as_refunded"


TRANSITIONS = MappingProxyType(
    {
        (State.CREATED, Event.PREFUND_TAKEN): State.DELIVERING,
        (State.CREATED, Event.REFUSED): State.DECLINED,
        (State.CREATED, Event.COLLECTION_STARTED): State.COLLECTING,
        (State.CREATED, Event.PAYER_NEVER_PAID): State.EXPIRED,
        (State.COLLECTING, Event.COLLECTION_CAME_TO_NOTHING): State.CREATED,
        (State.COLLECTING, Event.COLLECTED): State.FUNDED,
        (State.COLLECTING, Event.FACTS_DISAGREED): State.IN_REVIEW,
        (State.FUNDED, Event.DELIVERY_STARTED): State.DELIVERING,
        (State.FUNDED, Event.MERCHANT_CREDITED): State.COMPLETED,
        (State.FUNDED, Event.DELIVERY_GIVEN_UP): State.REFUNDING,
        (State.DELIVERING, Event.BILLER_ACKNOWLEDGED): State.COMPLETED,
        (State.COMPLETED, Event.RECEIPT_ISSUED): State.COMPLETED,
        (State.DELIVERING, Event.BILLER_REFUSED): State.REFUNDING,
        (State.DELIVERING, Event.PROVEN_NOT_POSTED): State.REFUNDING,
        (State.DELIVERING, Event.BILLER_UNREACHED): State.FUNDED,
        (State.DELIVERING, Event.FACTS_DISAGREED): State.IN_REVIEW,
        (State.REFUNDING, Event.GIVEN_BACK): State.REFUNDED,
        (State.COMPLETED, Event.CONTRARY_EVIDENCE): State.IN_REVIEW,
        (State.DECLINED, Event.CONTRARY_EVIDENCE): State.IN_REVIEW,
        (State.EXPIRED, Event.CONTRARY_EVIDENCE): State.IN_REVIEW,
        (State.REFUNDED, Event.CONTRARY_EVIDENCE): State.IN_REVIEW,
        (State.IN_REVIEW, Event.REVIEWED_TO_DELIVER): State.FUNDED,
        (State.IN_REVIEW, Event.REVIEWED_TO_GIVE_BACK): State.REFUNDING,
        (State.IN_REVIEW, Event.REVIEWED_AS_COMPLETED): State.COMPLETED,
        (State.IN_REVIEW, Event.REVIEWED_AS_DECLINED): State.DECLINED,
        (State.IN_REVIEW, Event.REVIEWED_AS_EXPIRED): State.EXPIRED,
        (State.IN_REVIEW, Event.REVIEWED_AS_REFUNDED): State.REFUNDED,
    }
)

# No money is held for a payment in one of these, so its bill may be paid under another reference.
RELEASED = frozenset({State.DECLINED, State.EXPIRED, State.REFUNDED})
FINAL = RELEASED | {State.COMPLETED}


def next_state(state: State, event: Event) -> State:
    """The state that follows.

    Raises:
        IllegalTransitionError: the table has no such row.
    """
    following = TRANSITIONS.get((state, event))
    if following is None:
        raise IllegalTransitionError(f"{event} cannot happen to a payment that is {state}")
    return following


def walk(state: State, events: Iterable[Event]) -> list[tuple[State, Event, State]]:
    """Every step from `state` through `events`, in order; raises like `next_state`."""
    steps = []
    for event in events:
        following = next_state(state, event)
        steps.append((state, event, following))
        state = following
    return steps


def public_state(state: State) -> PublicState:
    """The public state of this state (architecture.md 4)."""
    match state:
        case State.CREATED | State.COLLECTING | State.FUNDED | State.DELIVERING | State.IN_REVIEW:
            return PublicState.PENDING
        case State.COMPLETED:
            return PublicState.PAID
        case State.DECLINED | State.EXPIRED:
            return PublicState.FAILED
        case State.REFUNDING:
            return PublicState.REFUND_PENDING
        case State.REFUNDED:
            return PublicState.REFUNDED
        case _:
            assert_never(state)
