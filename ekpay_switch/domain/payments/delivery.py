"""What an answer about a delivery means for its payment: events, entry and refusal.

`plan_outcome` judges the answer to a pay call, the other plans the answer to a later inquiry. None knows the
database: the group commit walks the events from the state under lock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import assert_never
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import (
    Sums,
    delivered_entry,
    given_back_entry,
    owed_back_entry,
    posted_after_give_back_entry,
)
from ekpay_switch.domain.outcome import Approved, Declined, InDoubt, Outcome, Posted, Unreached
from ekpay_switch.domain.payment import Event, State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.domain.vending import TokenLine


@dataclass(frozen=True, slots=True)
class PayOrder:
    """Everything a biller adapter needs to post one payment, the same on every repeat.

    `step` is which of its steps is to be sent; most billers have one. `reference` is ours and made before
    the first send; `scroll_no` is 0 where the biller wants none. `send_before` is a reading of the monotonic
    clock, in seconds: not a byte may leave after it.
    """

    payment_id: UUID
    biller_id: str
    reference: str
    sums: Sums
    biller_quote: Mapping[str, str]
    scroll_no: int
    business_date: date
    send_before: float
    step: str = "pay"


@dataclass(frozen=True, slots=True)
class BillerTerms:
    """How a biller is settled with and what it gives in return, as its manifest says.

    `from_deposit`: it takes each payment off money that we keep there. `has_unique_receipt`: its receipt
    buys one service only. `receipt_comes_later`: the final receipt follows some time after the payment.
    `answers_repeats_alike`: it answers a repeat as it answered the first send.
    """

    from_deposit: bool = False
    has_unique_receipt: bool = False
    receipt_comes_later: bool = False
    answers_repeats_alike: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """A payment that is being delivered, as far as judging an answer needs it.

    Its money came from `prefund`, or was collected by the connector `collected_by`; the other one is empty.
    `sends` counts the sends of its attempt: one, and one more after a proven loss. `questions` counts the
    inquiries of its present doubt, which set the time of the next one. `terms` are those of its biller's
    profile about the money and the receipt.
    """

    payment_id: UUID
    attempt_id: UUID
    partner_id: str
    lane: int
    epoch: int
    biller_id: str
    prefund: str
    sums: Sums
    sends: int = 1
    questions: int = 0
    collected_by: str = ""
    terms: BillerTerms = BillerTerms()


class AttemptEnd:
    """The state of an attempt after an answer; the values of `attempts.outcome`."""

    APPROVED = "approved"
    DECLINED = "declined"
    UNREACHED = "unreached"
    NOT_POSTED = "not_posted"
    IN_DOUBT = "in_doubt"
    DISAGREED = "disagreed"


# The notifications that are alarms as well.
CONTRADICTIONS = frozenset(
    {
        Alarm.LATE_SUCCESS,
        Alarm.AMOUNT_ECHO_MISMATCH,
        Alarm.LATE_ECHO_MISMATCH,
        Alarm.HALF_DONE_AFTER_GIVE_BACK,
        Alarm.RECEIPT_USED_TWICE,
    }
)


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """What to write about one answer.

    An empty `events` leaves the state alone (the doubt goes on); `entry` is the journal entry of the same
    transaction; `notice` names the notification, or is empty; `tokens` are kept sealed.
    `unique_receipt` is a receipt that no other payment may have, or empty. Where it `keeps_facts`, they are
    added to those that the payment has, instead of replacing them.
    """

    end: str
    events: tuple[Event, ...] = ()
    entry: Entry | None = None
    refusal: Refusal | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""
    tokens: tuple[TokenLine, ...] = ()
    unique_receipt: str = ""
    keeps_facts: bool = False

    @property
    def alarm(self) -> Alarm | None:
        """The alarm that goes with the notification of a contradiction, under the same name."""
        return Alarm(self.notice) if self.notice in CONTRADICTIONS else None


@dataclass(frozen=True, slots=True)
class Recording:
    """A plan for one attempt under one epoch; an answer under an older epoch is stored as evidence only.

    `ask_again_seconds` says when the resolver looks again, None when nothing is left to ask.
    """

    delivery: Delivery
    plan: DeliveryPlan
    ask_again_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class NextSend:
    """One more send of the same attempt, made durable before it happens: the next step, or one again.

    `sends` is how often the attempt will then have been begun; it grows only when a proven loss is sent
    again. `answered` is the answer to the step before, stored as evidence, or None where a step is repeated.
    The send may start within `send_seconds`, no other process touches the payment within `hold_seconds`.
    """

    delivery: Delivery
    step: str
    sends: int
    send_seconds: float
    hold_seconds: float
    answered: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class SendStarted:
    """The send may happen now, once."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The plan is recorded; `state` is the payment's new state.

    `receipt_was_taken`: another payment has the same receipt, so this one went to review instead.
    """

    state: State
    refusal: Refusal | None
    recorded_at: datetime
    facts: Mapping[str, str] = field(default_factory=dict)
    receipt_was_taken: bool = False


@dataclass(frozen=True, slots=True)
class Stale:
    """Another process took the payment over: the answer is stored as evidence and an inquiry made due.

    State, refusal and time are those of the stored payment.
    """

    state: State
    refusal: Refusal | None = None
    recorded_at: datetime | None = None


RecordAnswer = Recorded | Stale
SendAnswer = SendStarted | Stale

# Answers under an old epoch after which the biller may hold the payment: it is asked at once (law 14).
LATE_TO_ASK_ABOUT = frozenset({AttemptEnd.APPROVED, AttemptEnd.IN_DOUBT, AttemptEnd.DISAGREED})
# The facts of an approval that a payer is given: what proves the payment, and what proves it for good.
RECEIPT, FINAL_RECEIPT = "receipt", "final_receipt"
# The fact of a refunded payment that its biller holds and is to undo: the decision that says so.
UNDO_WANTED = "undo_wanted"
REFUSED = (Event.BILLER_REFUSED,)
UNSENT = (Event.BILLER_UNREACHED, Event.DELIVERY_GIVEN_UP)
NOT_POSTED = (Event.PROVEN_NOT_POSTED,)


def receipts_of(facts: Mapping[str, str]) -> dict[str, str]:
    """The facts of a payment that its payer may see."""
    return {name: facts[name] for name in (RECEIPT, FINAL_RECEIPT) if facts.get(name)}


def plan_outcome(delivery: Delivery, outcome: Outcome, *, is_first_step: bool = True) -> DeliveryPlan:
    """What the answer to a pay call leads to; a failed prefund payment goes back at once.

    Collected money goes back by the connector that brought it, which takes its time; so where nothing was
    ever sent, another try comes first. After a proven loss none does: what was lost may yet arrive.

    Only the first step can come to nothing. After it the biller holds the payment, so a later step that was
    refused or never sent leaves a doubt for the resolver, and never gives money back by itself.

    A decline of a second send is a doubt as well: "already paid" may mean the first one, which was not lost
    after all. It is believed only where the biller answers a repeat as it answered the first.
    """
    if not is_first_step:
        outcome = _doubted(outcome)
    elif delivery.sends > 1 and not delivery.terms.answers_repeats_alike:
        outcome = _doubted_decline(outcome)
    match outcome:
        case Approved(facts=facts, tokens=tokens):
            return _completed(delivery, facts, tokens)
        case Declined(reason=reason, code=code):
            return _given_back(delivery, AttemptEnd.DECLINED, REFUSED, {"reason": reason, "code": code})
        case Unreached(why=why) if delivery.collected_by and delivery.sends == 1:
            return DeliveryPlan(AttemptEnd.UNREACHED, (Event.BILLER_UNREACHED,), facts={"why": why})
        case Unreached(why=why):
            return _given_back(delivery, AttemptEnd.UNREACHED, UNSENT, {"why": why})
        case InDoubt(why=why):
            return DeliveryPlan(AttemptEnd.IN_DOUBT, facts={"why": why})
        case _:
            assert_never(outcome)


def plan_posted(delivery: Delivery, state: State, posted: Posted) -> DeliveryPlan:
    """What it leads to when an inquiry finds the payment at the biller.

    Completed needs the equal amount where the far side echoes one (law 6). A payment that was given back
    meanwhile goes to review with the biller owed out of suspense (law 15).
    """
    facts = dict(posted.facts)
    if posted.amount_minor is not None and posted.amount_minor != delivery.sums.billed_amount.minor:
        facts |= {"echoed_amount": str(posted.amount_minor)}
        return DeliveryPlan(
            AttemptEnd.DISAGREED,
            _disagreement(state),
            facts=facts,
            notice="late_echo_mismatch" if state is State.REFUNDED else "amount_echo_mismatch",
            tokens=posted.tokens,
        )
    if state is State.REFUNDED:
        entry = posted_after_give_back_entry(
            delivery.biller_id, delivery.sums.amount, from_deposit=delivery.terms.from_deposit
        )
        return DeliveryPlan(
            AttemptEnd.DISAGREED,
            (Event.CONTRARY_EVIDENCE,),
            entry,
            facts=facts,
            notice="late_success",
            tokens=posted.tokens,
        )
    return _completed(delivery, facts, posted.tokens)


def plan_receipt(final_receipt: str) -> DeliveryPlan:
    """The final receipt of a completed payment; the state does not change."""
    return DeliveryPlan(
        AttemptEnd.APPROVED,
        (Event.RECEIPT_ISSUED,),
        facts={FINAL_RECEIPT: final_receipt},
        notice="receipt_issued",
        keeps_facts=True,
    )


def plan_receipt_taken(plan: DeliveryPlan) -> DeliveryPlan:
    """A completion whose receipt belongs to another payment already goes to review."""
    return replace(
        plan,
        end=AttemptEnd.DISAGREED,
        events=(Event.FACTS_DISAGREED,),
        entry=None,
        notice="receipt_used_twice",
        unique_receipt="",
    )


def plan_half_done(waits_for: str) -> DeliveryPlan:
    """The biller holds a payment that we gave back and waits for a step: it is not sent but reviewed."""
    facts = {"waits_for": waits_for}
    return DeliveryPlan(
        AttemptEnd.DISAGREED, (Event.CONTRARY_EVIDENCE,), facts=facts, notice="half_done_after_give_back"
    )


def facts_after(facts: Mapping[str, str], plan: DeliveryPlan) -> Mapping[str, str]:
    """What is known of a payment after a plan: its last answer, or that beside what was known before."""
    if not plan.events:
        return facts
    known = {name: fact for name, fact in facts.items() if plan.keeps_facts and name != UNDO_WANTED}
    return known | dict(plan.facts)


def plan_not_posted(delivery: Delivery) -> DeliveryPlan:
    """Proven not posted and not to be sent again: the money goes back to where it came from."""
    return _given_back(delivery, AttemptEnd.NOT_POSTED, NOT_POSTED, {"why": "proven not posted"})


def _disagreement(state: State) -> tuple[Event, ...]:
    return (Event.CONTRARY_EVIDENCE,) if state is State.REFUNDED else (Event.FACTS_DISAGREED,)


def _doubted(outcome: Outcome) -> Outcome:
    match outcome:
        case Declined(reason=reason, code=code):
            return InDoubt(f"a later step was refused: {reason} {code}".rstrip())
        case Unreached(why=why):
            return InDoubt(f"a later step was not sent: {why}")
        case Approved() | InDoubt():
            return outcome
        case _:
            assert_never(outcome)


def _doubted_decline(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Declined):
        return InDoubt(f"a repeat was refused: {outcome.reason} {outcome.code}".rstrip())
    return outcome


def _completed(delivery: Delivery, facts: Mapping[str, str], tokens: tuple[TokenLine, ...]) -> DeliveryPlan:
    return DeliveryPlan(
        AttemptEnd.APPROVED,
        (Event.BILLER_ACKNOWLEDGED,),
        delivered_entry(delivery.biller_id, delivery.sums, from_deposit=delivery.terms.from_deposit),
        facts=facts,
        notice="completed",
        tokens=tokens,
        unique_receipt=facts.get(RECEIPT, "") if delivery.terms.has_unique_receipt else "",
    )


def _given_back(
    delivery: Delivery, end: str, events: tuple[Event, ...], facts: Mapping[str, str]
) -> DeliveryPlan:
    refusal = Refusal.BILLER_REFUSED if end == AttemptEnd.DECLINED else Refusal.BILLER_UNAVAILABLE
    if delivery.collected_by:
        return DeliveryPlan(
            end, events, owed_back_entry(delivery.collected_by, delivery.sums), refusal, facts
        )
    entry = given_back_entry(delivery.prefund, delivery.sums)
    return DeliveryPlan(end, (*events, Event.GIVEN_BACK), entry, refusal, facts, notice="refunded")
