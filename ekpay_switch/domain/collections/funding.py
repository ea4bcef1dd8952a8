"""How a payment gets its money from a payer: tries, what is learned about them, and what that leads to.

A try is one attempt of the funds leg: one page of one connector. `decide` is pure; `persistence.collections`
locks the payment and the try, calls it and writes what it says in the same transaction. A payment gets its
money once: whatever comes beside that stands in suspense and goes back to the payer (architecture.md 4).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import Agreed, CollectOrder, Created, Disagreed
from ekpay_switch.domain.collections.file_proofs import NO_FILES, FilesSaid
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import (
    Charges,
    Sums,
    collected,
    collected_without_payment,
    credited,
)
from ekpay_switch.domain.money import BDT, Money, percent_half_up
from ekpay_switch.domain.payment import FINAL, Event, State
from ekpay_switch.domain.routing.decision import Decision
from ekpay_switch.domain.shares import Stake


class TryState(StrEnum):
    """How a try stands; these are the words in `attempts.state`."""

    OPEN = "open"  # the payment waits for this one
    ABANDONED = "abandoned"  # another one was begun; asked about until its page has lapsed, never executed
    CLOSED = "closed"  # what came of it is known


class TryEnd(StrEnum):
    """What came of a try; these are the words in `attempts.outcome`."""

    APPROVED = "approved"  # it funded its payment; at most one does
    DECLINED = "declined"  # the connector said no
    UNREACHED = "unreached"  # the page was never asked for
    NO_PAGE = "no_page"  # asked for, and no usable answer: without a name over there nothing can be paid
    NEVER_PAID = "never_paid"  # cancelled, refused or lapsed over there
    LAPSED = "lapsed"  # our own time for it was over, and only our word could have moved money
    DISAGREED = "disagreed"  # money is there, and not what was asked for
    SECOND_SUCCESS = "second_success"  # money is there, and its payment did not wait for it


class Step(StrEnum):
    """The calls of a try, in order; `attempts.step` names the last one that was made durable."""

    CREATE = "create"
    EXECUTE = "execute"


@dataclass(frozen=True, slots=True)
class NewTry:
    """A try before anything is asked; ids and reference are made by us.

    `reference` is unguessable, since it names the page that the payer's browser comes back to. Nobody else
    touches the try within `hold_seconds` of the database's now. `decision` says why this connector is asked.
    `charges` are what this try adds to the price where each instrument has its own (a merchant's payment);
    None: the payment's own. `nth` is which try of its payment it is to be, so that one order of a payer that
    comes twice begins one; None: whichever it is.
    """

    attempt_id: UUID
    reference: str
    connector_id: str
    send_seconds: float
    hold_seconds: float
    decision: Decision | None = None
    charges: Charges | None = None
    nth: int | None = None


@dataclass(frozen=True, slots=True)
class NewCollection:
    """A payment whose money is to be collected, made ready before the database is asked.

    `reference` is the caller's idempotency key, in a name space apart from the syndicate's references;
    `fingerprint` covers what a repeat must equal. `pay_until` is when its quote dies: money is not taken
    after it. `bill` is what may be shown of the bill, as text and whole paisa.
    """

    payment_id: UUID
    partner_id: str
    lane: int
    reference: str
    fingerprint: bytes
    biller_id: str
    bill_key: str
    bucket: str
    sums: Sums
    biller_quote: Mapping[str, str]
    bill: Mapping[str, object]
    pay_until: datetime
    return_url: str
    first: NewTry


@dataclass(frozen=True, slots=True)
class HeldTry:
    """A try that this process holds under `epoch`, with its payment as it stood then.

    `executes_begun` counts how often the payer's money was asked for; `asked` the questions of the present
    doubt. `is_agreed` says that a callback claims the payer's agreement: a hint, nothing more.
    `page_until` is when the page lapses over there, `send_until` until when its last send had to start; times
    are the database's, UTC. `files` are the answers of the connector's settlement files about the try, as
    they stood when it was leased.
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
    asked: int
    is_agreed: bool
    opened_at: datetime
    page_until: datetime | None
    pay_until: datetime
    send_until: datetime
    now: datetime
    files: FilesSaid = NO_FILES

    @property
    def connector_id(self) -> str:
        """The connector that was asked."""
        return self.order.connector_id

    @property
    def may_be_executed(self) -> bool:
        """Whether taking the money now is what the payer wants and the quote still allows."""
        return (
            self.state is TryState.OPEN
            and self.payment_state is State.COLLECTING
            and bool(self.order.provider_reference)
            and self.now < self.pay_until
        )


@dataclass(frozen=True, slots=True)
class PageOpened:
    """The connector waits for the payer, who is asked about later; the page lapses after `life_seconds`."""

    created: Created
    ask_again_seconds: float
    life_seconds: float


@dataclass(frozen=True, slots=True)
class MoneyCame:
    """The connector has money under this try; `kept_basis_points` is what it keeps of it."""

    judged: Agreed | Disagreed
    kept_basis_points: int


@dataclass(frozen=True, slots=True)
class CameToNothing:
    """No money moved under this try and none ever will.

    `is_technical` says that the connector refused us, whoever the payer is; `is_our_own` that we were cut off
    ourselves, so that its answer, if there was one, says nothing about it. The try is looked at once more
    after `look_again_seconds`, where the provider might yet find money that nobody waits for (law 15).
    """

    end: TryEnd
    why: str
    is_technical: bool = False
    is_our_own: bool = False
    look_again_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class StillOpen:
    """Nothing is decided; `ask_again_seconds` is None where nothing is left to ask.

    `was_asked` counts one more question; `is_new_doubt` starts the count again, after an execute. Where
    `is_execute_undone`, the execute that was begun last provably came to nothing and does not count.
    """

    ask_again_seconds: float | None
    why: str
    was_asked: bool = True
    is_new_doubt: bool = False
    is_execute_undone: bool = False


Finding = PageOpened | MoneyCame | CameToNothing | StillOpen


@dataclass(frozen=True, slots=True)
class SeenTry:
    """What is read under the locks before a finding is judged.

    `sums` are the try's own price. `shares` are those of a merchant's payment, None where a bill is paid.
    """

    payment_state: State
    state: TryState
    connector_id: str
    sums: Sums
    is_over: bool
    """Whether the quote is dead, by the database's clock."""
    is_movement_known: bool = False
    """Whether this very movement of money brought money in under another try already."""
    shares: tuple[Stake, ...] | None = None


@dataclass(frozen=True, slots=True)
class TryPlan:
    """What to write about one finding, all of it in one transaction.

    `payment_due_seconds` is when the payment itself has something to do next, None for leave it alone.
    `gives_back` is money that goes back to the payer by itself. `collected` is what the try brought in.
    `entries` are posted in their order.
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


WAITS_FOR_MONEY = frozenset({State.CREATED, State.COLLECTING})


def decide(seen: SeenTry, finding: Finding) -> TryPlan:
    """What a finding about a try leads to, given how payment and try stand under lock."""
    match finding:
        case PageOpened() | StillOpen():
            return TryPlan(seen.state)
        case CameToNothing():
            return _nothing(seen, finding)
        case MoneyCame(judged=Agreed(collected=came)) if not seen.is_movement_known:
            if seen.payment_state in WAITS_FOR_MONEY:
                return _funded(seen, came.amount, finding)
            return _unexpected(seen, came.amount, finding)
        case MoneyCame(judged=judged):
            why = judged.why if isinstance(judged, Disagreed) else "this movement of money is another try's"
            return _disagreed(seen, judged.collected.amount, why, finding)
        case _:
            assert_never(finding)


def kept_of(amount: Money, basis_points: int) -> Money:
    """What the connector keeps of an amount that it collected, half a paisa rounded up."""
    return Money(percent_half_up(amount.minor, basis_points), amount.currency)


def _nothing(seen: SeenTry, nothing: CameToNothing) -> TryPlan:
    """The payment waits for another try, or for its quote to die; a try it does not wait for just ends."""
    plan = TryPlan(TryState.CLOSED, nothing.end, facts={"why": nothing.why})
    if seen.state is not TryState.OPEN or seen.payment_state is not State.COLLECTING:
        return plan
    events: tuple[Event, ...] = (Event.COLLECTION_CAME_TO_NOTHING,)
    if seen.is_over:
        events += (Event.PAYER_NEVER_PAID,)
    notice = "expired" if seen.is_over else ""
    return TryPlan(plan.state, plan.end, events, facts=plan.facts, notice=notice)


def _funded(seen: SeenTry, amount: Money, came: MoneyCame) -> TryPlan:
    """A bill is delivered next; a merchant is credited at once, so that nothing is left to be done."""
    kept = kept_of(amount, came.kept_basis_points)
    events: tuple[Event, ...] = (*_begun(seen), Event.COLLECTED)
    entries: tuple[Entry, ...] = (collected(seen.connector_id, seen.sums, kept),)
    is_bill = seen.shares is None
    if seen.shares is not None:
        events += (Event.MERCHANT_CREDITED,)
        entries += (credited(seen.shares, seen.sums),)
    return TryPlan(
        TryState.CLOSED,
        TryEnd.APPROVED,
        events,
        entries,
        collected=amount,
        payment_due_seconds=0.0 if is_bill else None,
        facts=_movement(came),
        notice="" if is_bill else "completed",
    )


def _unexpected(seen: SeenTry, amount: Money, came: MoneyCame) -> TryPlan:
    """Money that its payment does not wait for (any more): suspense, and back to the payer (law 15)."""
    kept = kept_of(amount, came.kept_basis_points)
    return TryPlan(
        TryState.CLOSED,
        TryEnd.SECOND_SUCCESS,
        entries=(collected_without_payment(seen.connector_id, amount, kept),),
        collected=amount,
        gives_back=amount,
        facts=_movement(came),
        alarm=Alarm.UNEXPECTED_MONEY,
    )


def _disagreed(seen: SeenTry, amount: Money, why: str, came: MoneyCame) -> TryPlan:
    """Two persons decide. Money in taka stands in suspense meanwhile; of other money we keep no account."""
    if seen.payment_state in WAITS_FOR_MONEY:
        events: tuple[Event, ...] = (*_begun(seen), Event.FACTS_DISAGREED)
    elif seen.payment_state in FINAL:
        events = (Event.CONTRARY_EVIDENCE,)
    else:
        events = ()
    is_ours = amount.currency == BDT and amount.minor > 0 and not seen.is_movement_known
    kept = kept_of(amount, came.kept_basis_points)
    facts = {**_movement(came), "why": why, "collected_amount": str(amount.minor)}
    return TryPlan(
        TryState.CLOSED,
        TryEnd.DISAGREED,
        events,
        (collected_without_payment(seen.connector_id, amount, kept),) if is_ours else (),
        collected=amount if is_ours else None,
        facts=facts | {"collected_currency": amount.currency},
        notice="collected_mismatch" if events else "",
        alarm=Alarm.COLLECTED_MISMATCH,
    )


def _begun(seen: SeenTry) -> tuple[Event, ...]:
    """A payment that waits between tries is collecting again once one of them turns out to have money."""
    return (Event.COLLECTION_STARTED,) if seen.payment_state is State.CREATED else ()


def _movement(came: MoneyCame) -> dict[str, str]:
    found = came.judged.collected
    return {**found.facts, "provider_transaction": found.provider_transaction}
