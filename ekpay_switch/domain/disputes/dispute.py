"""The life of a dispute, as one table, and what each of its steps does with the money (docs/adr/0096).

A dispute is its connector's word that a payer contests a collection. Its money is one chargeback at most: a
refund that the connector has begun, held by it while the dispute is open and final once it is lost.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from ekpay_switch.domain.errors import IllegalTransitionError, SwitchError
from ekpay_switch.domain.refunds.refund import RefundState


class DisputeState(StrEnum):
    """The state of a dispute; the comment of each member is its meaning."""

    NOTIFIED = "notified"  # the connector has told of it; nobody has answered
    EVIDENCE_DUE = "evidence_due"  # the connector wants evidence by a date
    REPRESENTED = "represented"  # our evidence was sent; the connector decides
    ACCEPTED = "accepted"  # two persons say that the payer is right; the money is the payer's
    WON = "won"  # the money stays, or comes back to us; the payer may open a further round
    LOST = "lost"  # the money is the payer's; we may open a further round
    SETTLED = "settled"  # the claim was settled in another way, which is named; final


class DisputeEvent(StrEnum):
    """What happened to a dispute, as a past fact."""

    EVIDENCE_REQUESTED = "evidence_requested"
    REPRESENTED = "represented"
    MONEY_HELD = "money_held"
    ACCEPTED = "accepted"
    WON = "won"
    LOST = "lost"
    SETTLED_OTHERWISE = "settled_otherwise"
    ROUND_OPENED = "round_opened"
    PROPOSAL_REJECTED = "proposal_rejected"


UNANSWERED = (DisputeState.NOTIFIED, DisputeState.EVIDENCE_DUE)
# Their outcome is not known yet.
OPEN = (*UNANSWERED, DisputeState.REPRESENTED)
# The payer keeps the money, once the connector has taken it.
AGAINST_US = (DisputeState.ACCEPTED, DisputeState.LOST)

DISPUTE_TRANSITIONS: Mapping[tuple[DisputeState, DisputeEvent], DisputeState] = MappingProxyType(
    {
        **{(state, DisputeEvent.EVIDENCE_REQUESTED): DisputeState.EVIDENCE_DUE for state in OPEN},
        **{(state, DisputeEvent.REPRESENTED): DisputeState.REPRESENTED for state in UNANSWERED},
        **{(state, DisputeEvent.ACCEPTED): DisputeState.ACCEPTED for state in UNANSWERED},
        **{(state, DisputeEvent.WON): DisputeState.WON for state in OPEN},
        **{(state, DisputeEvent.LOST): DisputeState.LOST for state in OPEN},
        **{(state, DisputeEvent.MONEY_HELD): state for state in (*OPEN, *AGAINST_US)},
        **{(state, DisputeEvent.SETTLED_OTHERWISE): DisputeState.SETTLED for state in (*OPEN, *AGAINST_US)},
        **{(state, DisputeEvent.PROPOSAL_REJECTED): state for state in (*OPEN, *AGAINST_US)},
        **{
            (state, DisputeEvent.ROUND_OPENED): DisputeState.NOTIFIED
            for state in (DisputeState.WON, *AGAINST_US)
        },
    }
)
# They move money or end a claim: one person proposes, another approves.
TWO_PERSON_EVENTS = (
    DisputeEvent.MONEY_HELD,
    DisputeEvent.ACCEPTED,
    DisputeEvent.WON,
    DisputeEvent.LOST,
    DisputeEvent.SETTLED_OTHERWISE,
)


class MoneyStep(StrEnum):
    """What a step of a dispute does with its chargeback."""

    NOTHING = "nothing"
    HOLD = "hold"  # the connector holds the money back until the dispute ends
    TAKE = "take"  # the connector has taken it for good, with nothing held before
    TAKE_HELD = "take_held"  # what it holds is the payer's
    RETURN_HELD = "return_held"  # what it holds is ours again
    RETURN_TAKEN = "return_taken"  # what was final is ours again, and whoever gave it has it back


class HeldMoneyError(SwitchError):
    """The connector holds money of this dispute, or has taken it, so this step cannot happen."""


def dispute_after(state: DisputeState, event: DisputeEvent) -> DisputeState:
    """The state that follows.

    Raises:
        IllegalTransitionError: the table has no such row.
    """
    following = DISPUTE_TRANSITIONS.get((state, event))
    if following is None:
        raise IllegalTransitionError(f"event: {event} cannot happen to a dispute that is {state}")
    return following


def money_step(state: DisputeState, event: DisputeEvent, chargeback: RefundState | None) -> MoneyStep:
    """What `event` does with the money of a dispute in `state`; `chargeback` is that of its money, if any.

    Raises:
        IllegalTransitionError: the event cannot happen in this state.
        HeldMoneyError: the money of the dispute is held or taken already, or is held where it is settled.
    """
    dispute_after(state, event)
    match event:
        case DisputeEvent.MONEY_HELD:
            if chargeback is not None:
                raise HeldMoneyError("movement: the money of this dispute is recorded already")
            return MoneyStep.HOLD if state in OPEN else MoneyStep.TAKE
        case DisputeEvent.WON if chargeback is not None:
            is_held = chargeback is RefundState.HELD
            return MoneyStep.RETURN_HELD if is_held else MoneyStep.RETURN_TAKEN
        case DisputeEvent.ACCEPTED | DisputeEvent.LOST if chargeback is RefundState.HELD:
            return MoneyStep.TAKE_HELD
        case DisputeEvent.SETTLED_OTHERWISE if chargeback is RefundState.HELD:
            raise HeldMoneyError("settlement: the connector holds money of this dispute: it is won or lost")
        case _:
            return MoneyStep.NOTHING
