"""Refunds to a payer as records of their own, with a locked running total.

Every refund belongs to one try that collected money, and all of them never exceed what it collected. A refund
of a completed payment leaves the payment completed; a give-back ends it as refunded. `decide_refund` is pure;
`persistence.refunds` locks, reads, calls it and writes (architecture.md 4, "Refunds").
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import assert_never
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import RefundLine, RefundOrder, RefundOutcome
from ekpay_switch.domain.collections.file_proofs import NO_FILES, FileStatements
from ekpay_switch.domain.errors import IllegalTransitionError
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import (
    owed_back_as_loss_entry,
    owed_back_by_payee_entry,
    owed_back_from_suspense_entry,
    paid_back_by_hand_entry,
    paid_back_entry,
)
from ekpay_switch.domain.merchants.merchant import is_merchant
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, Unreached
from ekpay_switch.domain.payment import Event, State
from ekpay_switch.domain.refunds.burden import Bearer


class RefundKind(StrEnum):
    """Why money goes back."""

    REFUND = "refund"  # a requested refund of a completed payment, whole or in part
    GIVE_BACK = "give_back"  # delivery failed, or a review decided so
    UNEXPECTED = "unexpected"  # money that its payment was not waiting for
    CHARGEBACK = "chargeback"  # the connector has taken the money back by itself


class RefundState(StrEnum):
    """The state of a refund; the comment of each member is its meaning."""

    REQUESTED = "asked"  # a second person has to approve; the amount counts in the running total
    APPROVED = "approved"  # the money is owed; to be sent, or sent and proven not to have left us
    SENT = "sent"  # being sent to the connector
    IN_DOUBT = "in_doubt"  # sent to the connector, outcome unknown
    DONE = "done"  # the payer has the money
    FAILED = "failed"  # the connector refused it, and the payee keeps the money
    BY_HAND = "by_hand"  # the connector refused it, and it is owed: finance pays it
    REJECTED = "rejected"  # the second person rejected it; no money moved
    HELD = "held"  # a chargeback of an open dispute: the connector holds the money back
    RETURNED = "returned"  # a chargeback of a dispute that was won: the connector has let go of the money


class RefundEvent(StrEnum):
    """What happened to a refund, as a past fact."""

    APPROVED = "approved"
    REJECTED = "rejected"
    SENDING = "sending"
    NOT_SENT = "not_sent"
    DOUBTED = "doubted"
    PAID_BACK = "given"
    REFUSED = "refused"
    LEFT_TO_FINANCE = "left_to_finance"
    PAID_BY_HAND = "paid_by_hand"
    BY_HAND_WITHDRAWN = "by_hand_withdrawn"
    PAID_LATE = "given_late"
    TAKEN_BY_CONNECTOR = "taken_by_connector"
    HELD_BY_CONNECTOR = "held_by_connector"
    RETURNED_BY_CONNECTOR = "returned_by_connector"
    REVIEWED_AS_PAID_BACK = "reviewed_as_paid_back"
    REVIEWED_AS_UNPAID = "reviewed_as_unpaid"


REFUND_TRANSITIONS: Mapping[tuple[RefundState, RefundEvent], RefundState] = MappingProxyType(
    {
        (RefundState.REQUESTED, RefundEvent.APPROVED): RefundState.APPROVED,
        (RefundState.REQUESTED, RefundEvent.REJECTED): RefundState.REJECTED,
        (RefundState.REQUESTED, RefundEvent.TAKEN_BY_CONNECTOR): RefundState.DONE,
        # Of a dispute alone (docs/adr/0096).
        (RefundState.REQUESTED, RefundEvent.HELD_BY_CONNECTOR): RefundState.HELD,
        (RefundState.HELD, RefundEvent.TAKEN_BY_CONNECTOR): RefundState.DONE,
        (RefundState.HELD, RefundEvent.RETURNED_BY_CONNECTOR): RefundState.RETURNED,
        (RefundState.DONE, RefundEvent.RETURNED_BY_CONNECTOR): RefundState.RETURNED,
        (RefundState.APPROVED, RefundEvent.SENDING): RefundState.SENT,
        (RefundState.APPROVED, RefundEvent.LEFT_TO_FINANCE): RefundState.BY_HAND,
        (RefundState.APPROVED, RefundEvent.REFUSED): RefundState.FAILED,
        (RefundState.SENT, RefundEvent.SENDING): RefundState.SENT,
        (RefundState.SENT, RefundEvent.NOT_SENT): RefundState.APPROVED,
        (RefundState.SENT, RefundEvent.DOUBTED): RefundState.IN_DOUBT,
        (RefundState.SENT, RefundEvent.PAID_BACK): RefundState.DONE,
        (RefundState.SENT, RefundEvent.REFUSED): RefundState.FAILED,
        (RefundState.SENT, RefundEvent.LEFT_TO_FINANCE): RefundState.BY_HAND,
        (RefundState.IN_DOUBT, RefundEvent.SENDING): RefundState.SENT,
        # By two persons, with the connector's word (docs/adr/0077).
        (RefundState.IN_DOUBT, RefundEvent.REVIEWED_AS_PAID_BACK): RefundState.DONE,
        (RefundState.IN_DOUBT, RefundEvent.REVIEWED_AS_UNPAID): RefundState.BY_HAND,
        (RefundState.APPROVED, RefundEvent.REVIEWED_AS_UNPAID): RefundState.BY_HAND,
        (RefundState.BY_HAND, RefundEvent.REVIEWED_AS_PAID_BACK): RefundState.DONE,
        (RefundState.BY_HAND, RefundEvent.PAID_BY_HAND): RefundState.DONE,
        (RefundState.BY_HAND, RefundEvent.PAID_BACK): RefundState.DONE,
        (RefundState.BY_HAND, RefundEvent.BY_HAND_WITHDRAWN): RefundState.BY_HAND,
        (RefundState.FAILED, RefundEvent.PAID_LATE): RefundState.FAILED,
        (RefundState.DONE, RefundEvent.PAID_LATE): RefundState.DONE,
    }
)
# Refunds in these states no longer count in the running total.
FREED = frozenset({RefundState.FAILED, RefundState.REJECTED, RefundState.RETURNED})
# Chargebacks in these states are nothing that the payer has: nobody is shown them as a refund.
NOT_SHOWN = frozenset({RefundState.HELD, RefundState.RETURNED})
# At most one refund of a try is in one of these: a provider that knows no reference of ours for it could not
# tell two of them apart (connectors.md 1.6).
IN_THE_AIR = frozenset({RefundState.SENT, RefundState.IN_DOUBT})


def refund_after(state: RefundState, event: RefundEvent) -> RefundState:
    """The state that follows.

    Raises:
        IllegalTransitionError: the table has no such row.
    """
    following = REFUND_TRANSITIONS.get((state, event))
    if following is None:
        raise IllegalTransitionError(f"{event} cannot happen to a refund that is {state}")
    return following


@dataclass(frozen=True, slots=True)
class LockedRefund:
    """A refund that this process holds under `epoch`, with all that its connector needs.

    `sends` counts how often a send was begun, `questions` the inquiries. `collected_at` is when its money was
    collected; times are the database's, UTC. `files` are the statements of the connector's settlement files
    about the refund when it was leased. Who bears a refund has its money again where the connector refuses.
    `is_of_further_movement`: what goes back is not the movement that its try has collected; the order then
    names that other movement, and the connector is never asked for it (docs/adr/0075).
    """

    payment_id: UUID
    partner_id: str
    lane: int
    payee: str
    kind: RefundKind
    state: RefundState
    epoch: int
    order: RefundOrder
    sends: int
    questions: int
    collected_at: datetime
    now: datetime
    files: FileStatements = NO_FILES
    bearer: Bearer = Bearer.PAYEE
    is_of_further_movement: bool = False

    @property
    def refund_id(self) -> UUID:
        """The id of the refund."""
        return self.order.refund_id


@dataclass(frozen=True, slots=True)
class RefundAnswer:
    """The outcome of a refund call to the connector."""

    outcome: RefundOutcome
    ask_again_seconds: float


@dataclass(frozen=True, slots=True)
class NoRefundRoute:
    """The connector cannot refund: it gives nothing back, or not any more."""

    why: str


@dataclass(frozen=True, slots=True)
class PaidByHand:
    """Finance has paid it from our own bank account; the bank's reference proves it."""

    bank_reference: str


RefundFinding = RefundAnswer | NoRefundRoute | PaidByHand


@dataclass(frozen=True, slots=True)
class RefundPlan:
    """What to write about one finding, all of it in one transaction.

    `payment_events` move the payment that waits for this refund. `ask_again_seconds` is None where no retry
    is due. `frees` says that the amount leaves the running total; the shares of a merchant payment then get
    back what they gave for it (`share_reversals`).
    """

    event: RefundEvent
    entry: Entry | None = None
    payment_events: tuple[Event, ...] = ()
    provider_refund: str = ""
    ask_again_seconds: float | None = None
    frees: bool = False
    facts: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""
    alarm: Alarm | None = None


def decide_refund(refund: LockedRefund, payment_state: State, finding: RefundFinding) -> RefundPlan:
    """What a finding about a refund leads to, given the payment's state under lock."""
    match finding:
        case PaidByHand(bank_reference=reference):
            entry = paid_back_by_hand_entry(refund.order.connector_id, refund.order.amount)
            return _plan_done(
                refund, payment_state, RefundEvent.PAID_BY_HAND, entry, {"bank_reference": reference}
            )
        case NoRefundRoute(why=why):
            return _plan_by_hand({"why": why})
        case RefundAnswer(outcome=RefundLine(name, amount, is_done=True)) if amount == refund.order.amount:
            entry = paid_back_entry(refund.order.connector_id, amount)
            return _plan_done(refund, payment_state, RefundEvent.PAID_BACK, entry, {"provider_refund": name})
        case RefundAnswer(outcome=Declined(reason=reason, code=code), ask_again_seconds=again):
            return _plan_refused(refund, {"reason": reason, "code": code}, again)
        case RefundAnswer(outcome=outcome, ask_again_seconds=again):
            # An earlier send may have arrived: only a refund that was never sent is not in doubt.
            is_unsent = isinstance(outcome, Unreached) and refund.sends == 0
            event = RefundEvent.NOT_SENT if is_unsent else RefundEvent.DOUBTED
            name = _pending_refund_name(outcome, refund.order.amount)
            # Once for each statement: a settlement file names it, and the connector does not say the same.
            is_contradicted = refund.files.is_news and event is RefundEvent.DOUBTED
            return RefundPlan(
                event,
                provider_refund=name,
                ask_again_seconds=again,
                facts=_why(outcome),
                alarm=Alarm.FILE_NEEDS_A_PERSON if is_contradicted else None,
            )
        case _:
            assert_never(finding)


def _pending_refund_name(outcome: RefundOutcome, amount: Money) -> str:
    """The provider's name of a refund that it has begun and not done; its callback may use only this name."""
    if isinstance(outcome, RefundLine) and not outcome.is_done and outcome.amount == amount:
        return outcome.provider_refund
    return ""


def _why(outcome: RefundOutcome) -> dict[str, str]:
    if isinstance(outcome, Unreached | InDoubt):
        return {"why": outcome.why}
    is_done = isinstance(outcome, RefundLine) and outcome.is_done
    return {"why": "another amount was given back" if is_done else "begun over there and not done"}


def _plan_done(
    refund: LockedRefund,
    payment_state: State,
    event: RefundEvent,
    entry: Entry,
    facts: Mapping[str, str],
) -> RefundPlan:
    is_waited_for = refund.kind is RefundKind.GIVE_BACK and payment_state is State.REFUNDING
    return RefundPlan(
        event,
        entry,
        payment_events=(Event.GIVEN_BACK,) if is_waited_for else (),
        provider_refund=facts.get("provider_refund", ""),
        facts=facts,
        notice="given_back" if is_waited_for else "refund_done" if refund.kind is RefundKind.REFUND else "",
    )


def _plan_refused(refund: LockedRefund, facts: Mapping[str, str], again_seconds: float) -> RefundPlan:
    """The connector refused: a requested refund fails, and whoever bore it has the money again.

    Money that is owed to the payer is left to finance, and asked about if an earlier send may have arrived.
    """
    if refund.kind is RefundKind.REFUND:
        order = refund.order
        due = refund_due_entry(refund.kind, refund.payee, order.connector_id, order.amount, refund.bearer)
        entry = None if due is None else due.reversal()
        return RefundPlan(RefundEvent.REFUSED, entry, frees=True, facts=facts, notice="refund_failed")
    return _plan_by_hand(facts, again_seconds if refund.sends else None)


def _plan_by_hand(facts: Mapping[str, str], again_seconds: float | None = None) -> RefundPlan:
    return RefundPlan(
        RefundEvent.LEFT_TO_FINANCE,
        ask_again_seconds=again_seconds,
        facts=facts,
        alarm=Alarm.REFUND_NEEDS_A_PERSON,
    )


def refund_due_entry(
    kind: RefundKind, payee: str, connector_id: str, amount: Money, bearer: Bearer = Bearer.PAYEE
) -> Entry | None:
    """The entry that makes the money owed to its payer; None where another entry does.

    A give-back is owed by an earlier entry, a merchant payment's refund by `share_reversals`. `bearer` says
    whose money a refund or a chargeback of a bill is.
    """
    match kind:
        case RefundKind.REFUND | RefundKind.CHARGEBACK:
            if is_merchant(payee):
                return None
            if bearer is Bearer.LOSS:
                return owed_back_as_loss_entry(connector_id, amount)
            return owed_back_by_payee_entry(payee, connector_id, amount)
        case RefundKind.UNEXPECTED:
            return owed_back_from_suspense_entry(connector_id, amount)
        case RefundKind.GIVE_BACK:
            return None
        case _:
            assert_never(kind)
