"""How a payment is funded by a payer: tries, findings about them, and what follows.

A try is one attempt of the funds leg: one page of one connector. `decide_try` is pure;
`persistence.collections` locks the payment and the try, calls it and writes the plan in the same transaction.
A payment is funded once: any other money goes to suspense and back to the payer (architecture.md 4).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import (
    CollectOrder,
    ConfirmedCollection,
    MismatchedCollection,
    PageCreated,
    connector_fee_of,
)
from ekpay_switch.domain.collections.file_proofs import NO_FILES, FileStatements
from ekpay_switch.domain.collections.held_money import MoneyHeld
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import (
    Sums,
    collected_entry,
    collected_without_payment_entry,
    merchant_credited_entry,
)
from ekpay_switch.domain.merchants.shares import Stake
from ekpay_switch.domain.money import BDT, Money
from ekpay_switch.domain.payment import FINAL, Event, State
from ekpay_switch.domain.refusals import Refusal


class TryState(StrEnum):
    """The state of a try; the values of `attempts.state`."""

    OPEN = "open"  # the payment waits for this try
    ABANDONED = "abandoned"  # another try was begun; inquired about until its page has lapsed, never executed
    CLOSED = "closed"  # its end is known


class TryEnd(StrEnum):
    """The end of a try; the values of `attempts.outcome`."""

    APPROVED = "approved"  # it funded its payment; at most one try does
    DECLINED = "declined"  # the connector declined
    UNREACHED = "unreached"  # the request for the page never left us
    NO_PAGE = "no_page"  # no usable answer: without the provider's reference nothing can be paid
    NEVER_PAID = "never_paid"  # cancelled, refused or lapsed at the provider
    LAPSED = "lapsed"  # the time to pay was over, and only an execute could have moved money
    DISAGREED = "disagreed"  # money was collected that differs from the order
    SECOND_SUCCESS = "second_success"  # money was collected that its payment did not wait for


class Step(StrEnum):
    """The calls of a try, in order; `attempts.step` has the last one that was made durable."""

    CREATE = "create"
    EXECUTE = "execute"


@dataclass(frozen=True, slots=True)
class LockedTry:
    """A try that this process holds under `epoch`, with its payment as of the lease.

    `executes_begun` counts the executes; `questions` the inquiries of the present doubt. `is_agreed` says
    that a callback states the payer's agreement, which is a hint only. `page_until` is when the page lapses
    at the provider, `send_until` the send deadline of its last send; times are the database's, UTC. `files`
    are the statements of the connector's settlement files about the try when it was leased. `held_at` is
    since when the connector holds the payer's money for its risk; `is_other_held`: it holds some that was
    given under another try of this payment.
    """

    payment_id: UUID
    partner_id: str
    lane: int
    payment_state: State
    biller_id: str
    attempt_id: UUID
    epoch: int
    state: TryState
    order: CollectOrder
    sums: Sums
    executes_begun: int
    questions: int
    is_agreed: bool
    opened_at: datetime
    page_until: datetime | None
    pay_until: datetime
    send_until: datetime
    now: datetime
    files: FileStatements = NO_FILES
    held_at: datetime | None = None
    is_other_held: bool = False

    @property
    def connector_id(self) -> str:
        """The id of the try's connector."""
        return self.order.connector_id

    @property
    def may_be_executed(self) -> bool:
        """Whether the try is open, its provider reference known, its quote alive and no money held."""
        return (
            self.state is TryState.OPEN
            and self.held_at is None
            and not self.is_other_held
            and self.payment_state is State.COLLECTING
            and bool(self.order.provider_reference)
            and self.now < self.pay_until
        )


@dataclass(frozen=True, slots=True)
class PageOpened:
    """The connector waits for the payer; the inquiry is due later, the page ends after `life_seconds`."""

    created: PageCreated
    ask_again_seconds: float
    life_seconds: float


@dataclass(frozen=True, slots=True)
class MoneyCollected:
    """The connector has collected money under this try; it keeps `charge_basis_points` of it.

    `is_refused` says that two persons refused it while the connector held it for its risk: it goes back to
    its payer, and the payment is as if nothing had been collected.
    """

    judged: ConfirmedCollection | MismatchedCollection
    charge_basis_points: int
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class NothingCollected:
    """No money moved under this try and none ever will.

    `is_technical` says that the connector refused us, whoever the payer is; `is_our_own` that the cause is
    ours and does not count against the connector. The try is inquired about once more after
    `look_again_seconds`, where the provider might still report money (law 15).
    """

    end: TryEnd
    why: str
    is_technical: bool = False
    is_our_own: bool = False
    look_again_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class StillOpen:
    """The try stays open; `ask_again_seconds` is None where no further inquiry is due.

    `was_asked` counts one more inquiry; `is_new_doubt` starts the count again, after an execute. Where
    `is_execute_undone`, the last execute provably moved no money and does not count.
    """

    ask_again_seconds: float | None
    why: str
    was_asked: bool = True
    is_new_doubt: bool = False
    is_execute_undone: bool = False
    alarm: Alarm | None = None


TryFinding = PageOpened | MoneyCollected | MoneyHeld | NothingCollected | StillOpen


@dataclass(frozen=True, slots=True)
class TrySnapshot:
    """What is read under the locks before a finding is judged.

    `sums` are the try's own price; `is_quote_expired` is by the database's clock. `is_movement_known`: this
    movement of money was recorded under another try already. `is_held`: the connector is known to hold the
    payer's money for its risk. `shares` are those of a merchant's payment, None where a bill is paid.
    `refusals_left` is how many more refusals of instruments the payment bears after this try, None for any.
    `is_owed_at_desk`: finance owes the payer the money, or has paid it, by a decision about a break.
    """

    payment_state: State
    state: TryState
    connector_id: str
    sums: Sums
    is_quote_expired: bool
    is_movement_known: bool = False
    is_held: bool = False
    shares: tuple[Stake, ...] | None = None
    refusals_left: int | None = None
    is_owed_at_desk: bool = False


@dataclass(frozen=True, slots=True)
class TryPlan:
    """What to write about one finding, all of it in one transaction.

    `payment_due_seconds` is when the payment is next due for work, None for no change. `gives_back` is money
    that is refunded to the payer at once. `collected` is what the try collected. `entries` are posted in
    order. `refusal` is why the payment ends here.
    """

    state: TryState
    end: TryEnd | None = None
    events: tuple[Event, ...] = ()
    entries: tuple[Entry, ...] = ()
    collected: Money | None = None
    gives_back: Money | None = None
    payment_due_seconds: float | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""
    alarm: Alarm | None = None
    refusal: Refusal | None = None


WAITS_FOR_MONEY = frozenset({State.CREATED, State.COLLECTING})


def decide_try(snapshot: TrySnapshot, finding: TryFinding) -> TryPlan:
    """What a finding about a try leads to, by the states of payment and try under lock."""
    match finding:
        case PageOpened():
            return TryPlan(snapshot.state)
        case StillOpen(alarm=alarm):
            return TryPlan(snapshot.state, alarm=alarm)
        case NothingCollected():
            return _plan_nothing_collected(snapshot, finding)
        case MoneyHeld(why=why):
            alarm = finding.alarm if snapshot.is_held else Alarm.HELD_FOR_RISK  # once for each hold
            return TryPlan(snapshot.state, facts={"why": why}, alarm=alarm)
        case MoneyCollected():
            return _plan_money(snapshot, finding)
        case _:
            assert_never(finding)


def _plan_money(snapshot: TrySnapshot, finding: MoneyCollected) -> TryPlan:
    judged, is_known = finding.judged, snapshot.is_movement_known
    amount = judged.collected.amount
    if finding.is_refused and not is_known:
        return _plan_refused(snapshot, amount, finding)
    if isinstance(judged, MismatchedCollection):
        return _plan_mismatch(snapshot, amount, judged.why, finding)
    if is_known:
        return _plan_mismatch(snapshot, amount, "this movement of money is another try's", finding)
    if snapshot.payment_state in WAITS_FOR_MONEY and not snapshot.is_owed_at_desk:
        return _plan_funded(snapshot, amount, finding)
    return _plan_unexpected(snapshot, amount, finding)


# The payer was refused, or refused, at the instrument; the other ends are ours or the connector's.
INSTRUMENT_REFUSALS = frozenset({TryEnd.DECLINED, TryEnd.NEVER_PAID})


def _plan_nothing_collected(snapshot: TrySnapshot, finding: NothingCollected) -> TryPlan:
    """The payment waits for another try, or ends with its quote or its refusals; any other try just ends."""
    plan = TryPlan(TryState.CLOSED, finding.end, facts={"why": finding.why})
    if snapshot.state is not TryState.OPEN or snapshot.payment_state is not State.COLLECTING:
        return plan
    events: tuple[Event, ...] = (Event.COLLECTION_CAME_TO_NOTHING,)
    if snapshot.is_quote_expired:
        return replace(plan, events=(*events, Event.PAYER_NEVER_PAID), notice="expired")
    if snapshot.refusals_left == 0 and finding.end in INSTRUMENT_REFUSALS:
        refusal = Refusal.INSTRUMENT_REFUSED
        return replace(plan, events=(*events, Event.REFUSED), refusal=refusal, notice="instrument_refused")
    return replace(plan, events=events)


def _plan_funded(snapshot: TrySnapshot, amount: Money, finding: MoneyCollected) -> TryPlan:
    """A bill is delivered next; a merchant is credited at once, which completes the payment."""
    connector_fee = connector_fee_of(amount, finding.charge_basis_points)
    events: tuple[Event, ...] = (*_restart_events(snapshot), Event.COLLECTED)
    entries: tuple[Entry, ...] = (collected_entry(snapshot.connector_id, snapshot.sums, connector_fee),)
    is_bill = snapshot.shares is None
    if snapshot.shares is not None:
        events += (Event.MERCHANT_CREDITED,)
        entries += (merchant_credited_entry(snapshot.shares, snapshot.sums),)
    return TryPlan(
        TryState.CLOSED,
        TryEnd.APPROVED,
        events,
        entries,
        collected=amount,
        payment_due_seconds=0.0 if is_bill else None,
        facts=_movement_facts(finding),
        notice="" if is_bill else "completed",
    )


def _plan_unexpected(snapshot: TrySnapshot, amount: Money, finding: MoneyCollected) -> TryPlan:
    """Money that its payment does not wait for (any more) goes to suspense and back to the payer (law 15).

    What finance owes at its desk stays in suspense, and neither funds the payment nor goes back twice.
    """
    is_owed = snapshot.is_owed_at_desk
    connector_fee = connector_fee_of(amount, finding.charge_basis_points)
    return TryPlan(
        TryState.CLOSED,
        TryEnd.SECOND_SUCCESS,
        entries=(collected_without_payment_entry(snapshot.connector_id, amount, connector_fee),),
        collected=amount,
        gives_back=None if is_owed else amount,
        facts=_movement_facts(finding),
        alarm=Alarm.PAID_BACK_AT_DESK if is_owed else Alarm.UNEXPECTED_MONEY,
    )


def _plan_refused(snapshot: TrySnapshot, amount: Money, finding: MoneyCollected) -> TryPlan:
    """Held money that two persons refused goes to suspense and back; the payment and its bill are free.

    What finance owes at its desk stays in suspense, with the alarm that says so.
    """
    plan = _plan_unexpected(snapshot, amount, finding)
    plan = plan if snapshot.is_owed_at_desk else replace(plan, alarm=None)
    if snapshot.state is not TryState.OPEN or snapshot.payment_state is not State.COLLECTING:
        return plan
    events: tuple[Event, ...] = (Event.COLLECTION_CAME_TO_NOTHING,)
    # The payment's facts say what became of it; those of the movement stay with the evidence.
    plan = replace(plan, events=events, facts={"why": "held for its risk, and refused by two persons"})
    if snapshot.is_quote_expired:
        return replace(plan, events=(*events, Event.PAYER_NEVER_PAID), notice="expired")
    return plan


def _plan_mismatch(snapshot: TrySnapshot, amount: Money, why: str, finding: MoneyCollected) -> TryPlan:
    """Two persons decide. Money in taka waits in suspense; other currencies are not posted."""
    if snapshot.payment_state in WAITS_FOR_MONEY:
        events: tuple[Event, ...] = (*_restart_events(snapshot), Event.FACTS_DISAGREED)
    elif snapshot.payment_state in FINAL:
        events = (Event.CONTRARY_EVIDENCE,)
    else:
        events = ()
    is_ours = amount.currency == BDT and amount.minor > 0 and not snapshot.is_movement_known
    connector_fee = connector_fee_of(amount, finding.charge_basis_points)
    facts = {**_movement_facts(finding), "why": why, "collected_amount": str(amount.minor)}
    return TryPlan(
        TryState.CLOSED,
        TryEnd.DISAGREED,
        events,
        (collected_without_payment_entry(snapshot.connector_id, amount, connector_fee),) if is_ours else (),
        collected=amount if is_ours else None,
        facts=facts | {"collected_currency": amount.currency},
        notice="collected_mismatch" if events else "",
        alarm=Alarm.COLLECTED_MISMATCH,
    )


def _restart_events(snapshot: TrySnapshot) -> tuple[Event, ...]:
    """A payment between tries is collecting again once one of them turns out to have money."""
    return (Event.COLLECTION_STARTED,) if snapshot.payment_state is State.CREATED else ()


def _movement_facts(finding: MoneyCollected) -> dict[str, str]:
    money = finding.judged.collected
    return {**money.facts, "provider_transaction": money.provider_transaction}
