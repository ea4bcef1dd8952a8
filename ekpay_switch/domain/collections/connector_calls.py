"""Orders to connectors, and their answers.

Like in `outcome`, answers are values: a connector returns one and raises nothing for what the far side did.
Money counts as collected only where the provider says so with our reference, amount and currency (law 6);
`judge_collected` compares them, so that no connector has to be trusted with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from ekpay_switch.domain.collections.payer_page import NOTHING_KNOWN, PageContent
from ekpay_switch.domain.money import Money, percent_half_up
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, Unreached


@dataclass(frozen=True, slots=True)
class CollectOrder:
    """Everything that a connector needs to collect one payment, the same on every repeat.

    `reference` is ours and made before the first send, `provider_reference` the provider's own name of it,
    empty until a create call has returned it. `return_url` is where the payer's browser comes back to,
    `notify_url` where the provider sends callbacks; only a create call needs them. `send_before` is a reading
    of the monotonic clock, in seconds: not a byte may leave after it. `consent` comes from the payer's
    agreement and is shown at the execute, empty where there is none. `executes_begun` counts the executes
    that may have arrived; `epoch` grows with each holder of the try. `is_held` says that the provider has
    answered before that it holds the payer's money for its risk. `page` is what the provider's page is told;
    only a create call needs it, and none is ever repeated.
    """

    payment_id: UUID
    connector_id: str
    reference: str
    amount: Money
    payer_reference: str
    return_url: str
    provider_reference: str = ""
    send_before: float = 0.0
    notify_url: str = ""
    consent: str = field(default="", repr=False)
    executes_begun: int = 0
    epoch: int = 0
    is_held: bool = False
    page: PageContent = NOTHING_KNOWN


@dataclass(frozen=True, slots=True)
class PageCreated:
    """The provider waits for the payer on `page_url`; no money has moved. Store it before redirecting."""

    provider_reference: str
    page_url: str
    facts: Mapping[str, str] = field(default_factory=dict)


CreateOutcome = PageCreated | Declined | Unreached | InDoubt


@dataclass(frozen=True, slots=True)
class Collected:
    """The provider says that it has collected this amount under this reference.

    `provider_transaction` is the provider's name of the movement of money; a refund needs it. `further` are
    other movements of money under the same reference, of a payer who has paid twice on one page, that the
    provider says it has collected as well. `unproven` are those of which it does not say so: it holds them
    for their risk, or does not confirm them; of one that it tells no amount of, the amount is 0. They are no
    money of ours, and nothing is owed for them.
    """

    reference: str
    amount: Money
    provider_transaction: str
    facts: Mapping[str, str] = field(default_factory=dict)
    further: tuple["Collected", ...] = ()
    unproven: tuple["Collected", ...] = ()


@dataclass(frozen=True, slots=True)
class HeldForRisk:
    """The provider has taken the payer's money and holds it until somebody has judged its risk.

    It is neither collected nor refused: the provider decides later, or two persons do. `money` is what it
    says it holds.
    """

    money: Collected
    why: str


@dataclass(frozen=True, slots=True)
class AwaitingPayer:
    """Not paid yet; `may_execute` says that the payer has agreed and only our execute is missing.

    `is_execute_undone` says that an execute that was begun provably never left us and never will.
    """

    may_execute: bool = False
    is_execute_undone: bool = False


@dataclass(frozen=True, slots=True)
class NeverPaid:
    """Not paid, and under this provider reference it never will be: cancelled, refused or lapsed."""

    why: str


CollectInquiry = Collected | HeldForRisk | AwaitingPayer | NeverPaid | NoAnswer
ExecuteOutcome = Collected | AwaitingPayer | Declined | Unreached | InDoubt


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """One refund of a collected payment; `reference` is ours and made before the first send.

    `amount` is what goes back this time, `collected` what was collected in all, at `collected_at` (UTC) under
    our `collected_reference`. `known_refunds` are the provider's names of the payment's other refunds: where
    a refund has no reference at the provider, any further refund there is this one, sent before. Where
    `may_have_been_heard` is false, no earlier send can have arrived, and the provider is not asked first.
    `provider_refund` is the provider's name of this refund, where an earlier answer contained it.
    """

    refund_id: UUID
    connector_id: str
    reference: str
    provider_reference: str
    provider_transaction: str
    amount: Money
    collected: Money
    reason: str
    send_before: float = 0.0
    known_refunds: frozenset[str] = frozenset()
    may_have_been_heard: bool = True
    collected_reference: str = ""
    collected_at: datetime | None = None
    provider_refund: str = ""


@dataclass(frozen=True, slots=True)
class RefundLine:
    """One refund as the provider has it."""

    provider_refund: str
    amount: Money
    is_done: bool


@dataclass(frozen=True, slots=True)
class RefundsFound:
    """All refunds of one collected payment that the provider has, in its order; may be empty."""

    lines: tuple[RefundLine, ...]


RefundOutcome = RefundLine | Declined | Unreached | InDoubt
RefundInquiry = RefundsFound | NoAnswer


@dataclass(frozen=True, slots=True)
class MovementFound:
    """One movement of money by the provider's name of it, payment or refund; it names no payment of ours."""

    provider_transaction: str
    amount: Money
    is_done: bool


@dataclass(frozen=True, slots=True)
class CallbackHint:
    """The content of a callback: it wakes the resolver and changes no state (law 6).

    `event_id` is the same on every repeat of the message. `claims` is the status that the provider states;
    `is_agreed`: it states the payer's agreement, so that only our execute is missing. The payment or refund
    is named by the provider's reference or by ours; the other one may be empty. `consent` comes with an
    agreement and is shown at the execute.
    """

    event_id: str
    provider_reference: str
    claims: str
    reference: str = ""
    is_agreed: bool = False
    consent: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class NoHint:
    """The callback is not the provider's or cannot be read; `is_forged` where its signature is wrong."""

    why: str
    is_forged: bool = False


@dataclass(frozen=True, slots=True)
class ConfirmedCollection:
    """The provider's answer matches our order in full."""

    collected: Collected


@dataclass(frozen=True, slots=True)
class MismatchedCollection:
    """The provider has collected something else than ordered: two persons decide."""

    collected: Collected
    why: str


def judge_collected(order: CollectOrder, collected: Collected) -> ConfirmedCollection | MismatchedCollection:
    """Compare what the provider says it collected with our order."""
    if collected.reference != order.reference:
        return MismatchedCollection(collected, "another reference")
    if collected.amount.currency != order.amount.currency:
        return MismatchedCollection(collected, "another currency")
    if collected.amount != order.amount:
        return MismatchedCollection(collected, "another amount")
    if not collected.provider_transaction:
        return MismatchedCollection(collected, "no name of the movement of money")
    return ConfirmedCollection(collected)


# The named declines of a call that say that the provider refuses us and not our payer.
TECHNICAL_DECLINES = frozenset({"malformed", "not_allowed"})


def connector_fee_of(amount: Money, basis_points: int) -> Money:
    """The connector's fee on an amount that it collected, half a paisa rounded up."""
    return Money(percent_half_up(amount.minor, basis_points), amount.currency)
