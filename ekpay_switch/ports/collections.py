"""What flows need to collect money and to refund it, as protocols; `persistence` implements them.

Each call is one durable transaction and none is open around a wire call. `ports.world` has bills and
deliveries, `ports.connectors` the connectors themselves.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm
from ekpay_switch.domain.collections.connector_calls import CallbackHint
from ekpay_switch.domain.collections.funding import LockedTry, TryFinding, TryState
from ekpay_switch.domain.collections.new_tries import NewCollection, NewTry
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.parties.partner_limits import USUAL_FETCHES, FetchTerms
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import Delivery, PayOrder
from ekpay_switch.domain.refunds.new_refund import NewRefund, RefundRefusal
from ekpay_switch.domain.refunds.refund import LockedRefund, RefundFinding, RefundKind, RefundState
from ekpay_switch.domain.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Client:
    """The caller of REST v1: a partner by one of its API keys (docs/adr/0027).

    `return_hosts` are the hosts (`host` or `host:port`) that payers may be sent back to. Its new payments may
    fetch bills within `fetches`.
    """

    partner_id: str
    name: str
    lane: int
    return_hosts: frozenset[str]
    fetches: FetchTerms = USUAL_FETCHES


class Clients(Protocol):
    """Clients by API key."""

    async def by_key(self, key: str) -> Client | None:
        """The client of this key, or None: unknown, revoked, or of an inactive partner."""
        ...


@dataclass(frozen=True, slots=True)
class RefundView:
    """A refund as the partner of its payment may see it."""

    refund_id: UUID
    payment_id: UUID
    kind: RefundKind
    state: RefundState
    amount: Money
    reason: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A collected payment as its partner may see it.

    `page_url` is where the payer pays now, empty where no page is open. `next_look_at` is when the next
    inquiry is due, None without one. `connector_id` collected the money, or was asked last.
    """

    payment_id: UUID
    partner_id: str
    reference: str
    fingerprint: bytes
    state: State
    refusal: Refusal | None
    biller_id: str
    sums: Sums
    bill: Mapping[str, object]
    connector_id: str
    page_url: str
    pay_until: datetime
    next_look_at: datetime | None
    return_url: str
    facts: Mapping[str, str]
    created_at: datetime
    updated_at: datetime
    refunds: tuple[RefundView, ...] = ()


@dataclass(frozen=True, slots=True)
class CollectionOpened:
    """The payment is stored and its first try is open: ask the connector now."""

    locked_try: LockedTry


@dataclass(frozen=True, slots=True)
class AlreadyOpened:
    """The reference was used before with the same content: its payment is the answer."""

    view: PaymentView


@dataclass(frozen=True, slots=True)
class OtherContent:
    """The reference was used before with other content; nothing was written."""


@dataclass(frozen=True, slots=True)
class BillTaken:
    """Another payment has taken this bill; `payment_id` only where it is the same partner's."""

    payment_id: UUID | None


OpenAnswer = CollectionOpened | AlreadyOpened | OtherContent | BillTaken


@dataclass(frozen=True, slots=True)
class NoNewTry:
    """The payment's state allows no further try (or no cancellation); nothing was written."""

    state: State | None
    """None where there is no such payment of this partner."""


@dataclass(frozen=True, slots=True)
class TryRecorded:
    """The finding is recorded; `state` is the payment's new state.

    `further_alarm` is about another movement of money than the one that was recorded.
    """

    state: State
    alarm: Alarm | None = None
    further_alarm: Alarm | None = None

    def alarms_of(self, payment_id: UUID, connector_id: str) -> list[RaisedAlarm]:
        """The alarms as their rows begin."""
        facts = {"connector_id": connector_id}
        kinds = (self.alarm, self.further_alarm)
        return [RaisedAlarm.of_payment(kind, payment_id, facts) for kind in kinds if kind is not None]


@dataclass(frozen=True, slots=True)
class DeliveryStart:
    """The start of a funded payment's delivery; ids are made by us, seconds count from the database's now."""

    payment_id: UUID
    attempt_id: UUID
    attempt_reference: str
    step: str
    scroll_series: str
    send_seconds: float
    hold_seconds: float


@dataclass(frozen=True, slots=True)
class StartedDelivery:
    """The delivery is durable and this process holds it: send it to the biller now."""

    delivery: Delivery
    order: PayOrder


@dataclass(frozen=True, slots=True)
class FundedPayment:
    """A funded payment whose delivery is due; `is_quote_expired` says that its quote has expired."""

    payment_id: UUID
    biller_id: str
    is_quote_expired: bool


@dataclass(frozen=True, slots=True)
class ReturnPage:
    """The data of the page that the payer's browser returns to.

    `checkout_reference` names our own page of a merchant's payment, and is empty where there is none.
    """

    payment_id: UUID
    connector_id: str
    client_name: str
    state: State
    total: Money
    return_url: str
    try_state: TryState
    checkout_reference: str = ""


class Collections(Protocol):
    """Payments whose money is collected from a payer."""

    async def by_reference(self, partner_id: str, reference: str) -> PaymentView | None:
        """The payment under this idempotency key, or None."""
        ...

    async def view(self, partner_id: str, payment_id: UUID) -> PaymentView | None:
        """The payment, or None: unknown, another partner's, or not a collected one."""
        ...

    async def open(self, new: NewCollection) -> OpenAnswer:
        """Record the payment with its first try, both durable on return, or say why not."""
        ...

    async def open_try(
        self, partner_id: str, payment_id: UUID, new: NewTry, page_is_ours_after_seconds: float
    ) -> LockedTry | NoNewTry:
        """Begin another try of a payment that waits for money; the open one is abandoned.

        Not where the quote has expired, where the open try has begun an execute, or where its page is younger
        than `page_is_ours_after_seconds` (0 where only our execute moves money), or where a connector holds
        the payer's money for its risk.
        """
        ...

    async def cancel(
        self, partner_id: str, payment_id: UUID, refusal: Refusal = Refusal.CANCELLED
    ) -> NoNewTry | None:
        """Decline a payment before any execute; None where it is declined now (or was already).

        Not where a connector holds the payer's money for its risk.
        `refusal` is CANCELLED, or INSTRUMENT_REFUSED where its payer gives up after one.
        """
        ...

    async def lease_try(self, reference: str, lease_seconds: float) -> LockedTry | None:
        """Lease the try of our reference if it is due and not leased; it gets a new epoch."""
        ...

    async def lease_due_tries(
        self, limit: int, lease_seconds: float, *, per_far_side: int, passing_over: Collection[str] = ()
    ) -> Sequence[LockedTry]:
        """Lease tries whose next inquiry is due and that are not leased; each gets a new epoch."""
        ...

    async def begin_execute(self, locked_try: LockedTry, send_seconds: float, hold_seconds: float) -> bool:
        """Make an execute durable before it is sent; False where it may not be sent.

        That is where the try is no longer ours, was abandoned, or its quote has expired.
        """
        ...

    async def record(self, locked_try: LockedTry, finding: TryFinding) -> TryRecorded | None:
        """Write what a finding leads to, under the try's epoch.

        None where another process took the try over: the finding is stored as evidence only.
        """
        ...

    async def expire_due(self, limit: int) -> int:
        """Expire payments without an open try whose quote has expired; how many."""
        ...

    async def funded_due(
        self, limit: int, *, per_far_side: int = 16, passing_over: Collection[str] = ()
    ) -> Sequence[FundedPayment]:
        """Funded payments whose delivery is due: at most `per_far_side` of a biller, none of `passing_over`.

        Where a quote has expired, the delivery is to be given up, which calls no far side: those are never
        passed over.
        """
        ...

    async def start_delivery(self, start: DeliveryStart) -> StartedDelivery | None:
        """Begin to deliver a funded payment; None where another process did, or its quote has expired.

        The caller fills in the order's `send_before`.
        """
        ...

    async def give_up_delivery(self, payment_id: UUID) -> bool:
        """Owe a funded payment with an expired quote back to its payer; False where it is not one."""
        ...

    async def credit_merchant(self, payment_id: UUID) -> bool:
        """Credit the shares of a merchant payment that a review has made funded; False for any other.

        Otherwise `record` credits a merchant payment in the transaction that accepts its money.
        """
        ...

    async def return_page(self, reference: str) -> ReturnPage | None:
        """The data of this try's return page, or None."""
        ...

    async def reference_of(self, connector_id: str, provider_reference: str) -> str | None:
        """Our reference of the try with this provider reference, or None."""
        ...


@dataclass(frozen=True, slots=True)
class RawCallback:
    """A callback as received, stored before anything is done about it.

    `name` is the same on every repeat; `why` is empty where it was understood.
    """

    connector_id: str
    name: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    why: str = ""
    is_forged: bool = False


class UnclaimedRefusedError(SwitchError):
    """Too many callbacks that name nothing of ours came from one place."""


class Callbacks(Protocol):
    """Callbacks of connectors."""

    async def keep(
        self,
        callback: RawCallback,
        hint: CallbackHint | None,
        may_keep_unclaimed: Callable[[], bool] = lambda: True,
    ) -> bool:
        """Store it once, durable on return; False where it is stored already.

        A hint also makes the inquiry of what it names due now, for each try at most once in five seconds. A
        hint about an unknown reference takes effect once that reference is known; it is asked of
        `may_keep_unclaimed` whether it is stored, since a stranger may have invented it.

        Raises:
            UnclaimedRefusedError: it names nothing of ours, and may not be stored; nothing was written.
        """
        ...


@dataclass(frozen=True, slots=True)
class RefundOpened:
    """The refund is stored (`is_repeat`: it was stored before with the same content)."""

    view: RefundView
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class RefundRecorded:
    """The finding is recorded; `state` is the refund's new state."""

    state: RefundState
    alarm: Alarm | None = None


class Refunds(Protocol):
    """Refunds as records of their own."""

    async def request(self, new: NewRefund, parts_max: int, days_max: int) -> RefundOpened | RefundRefusal:
        """Accept a refund under the locked running total, or say why not; durable on return."""
        ...

    async def open_give_backs(self, limit: int) -> int:
        """Create the refund of each payment that is refunding and has none yet; how many."""
        ...

    async def lease_due(
        self, limit: int, lease_seconds: float, *, passing_over: Collection[str] = ()
    ) -> Sequence[LockedRefund]:
        """Lease refunds that are due and not leased, at most one of each try; each gets a new epoch."""
        ...

    async def begin_send(self, locked_refund: LockedRefund, hold_seconds: float) -> bool:
        """Make a send durable before it happens; False where the refund is no longer ours."""
        ...

    async def postpone(self, locked_refund: LockedRefund, again_seconds: float) -> None:
        """Release the refund until its next retry; nothing was sent."""
        ...

    async def record(self, locked_refund: LockedRefund, finding: RefundFinding) -> RefundRecorded | None:
        """Write what a finding leads to, under the refund's epoch.

        None where it is no longer ours: the finding is evidence only, and an alarm where money was refunded
        twice.
        """
        ...

    async def of_payment(self, partner_id: str, payment_id: UUID) -> Sequence[RefundView]:
        """Every refund of a payment of this partner, the oldest first."""
        ...
