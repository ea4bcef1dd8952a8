"""What flows need to collect money and to give it back, as protocols; `persistence` implements them.

Each call is one durable transaction and none is open around a wire call. Beside these stand `ports` (bills
and deliveries) and `connector_ports` (the connectors themselves).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import CallbackHint
from ekpay_switch.domain.collections.funding import Finding, HeldTry, NewCollection, NewTry, TryState
from ekpay_switch.domain.delivery import Delivery, PayOrder
from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import (
    HeldRefund,
    NewRefund,
    RefundFinding,
    RefundKind,
    RefundRefusal,
    RefundState,
)
from ekpay_switch.domain.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Client:
    """Whoever calls REST v1: a partner by one of its API keys (docs/adr/0027).

    `return_hosts` are the hosts (`host` or `host:port`) that payers may be sent back to.
    """

    partner_id: str
    name: str
    lane: int
    return_hosts: frozenset[str]


class Clients(Protocol):
    """Who holds which API key."""

    async def by_key(self, key: str) -> Client | None:
        """The client whose key this is, or None: unknown, revoked, or of a partner that is not active."""
        ...


@dataclass(frozen=True, slots=True)
class RefundView:
    """A refund as its payment's owner may see it."""

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
    """A collected payment as its owner may see it.

    `page_url` is where the payer pays now, empty where no page is open. `next_look_at` is when we look again
    by ourselves, None when nothing is left to look at. `connector_id` brought the money, or was asked
    for it last.
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
class Opened:
    """The payment stands and its first try is open: ask the connector now."""

    held: HeldTry


@dataclass(frozen=True, slots=True)
class AlreadyOpened:
    """The reference stands already with the same content: its payment is the answer."""

    view: PaymentView


@dataclass(frozen=True, slots=True)
class OtherContent:
    """The reference stands already with other content; nothing was written."""


@dataclass(frozen=True, slots=True)
class BillHeld:
    """Another payment holds this bill; `payment_id` only where it is the same partner's."""

    payment_id: UUID | None


OpenAnswer = Opened | AlreadyOpened | OtherContent | BillHeld


@dataclass(frozen=True, slots=True)
class NoNewTry:
    """No further try may be begun (or the payment not be cancelled) as it stands; nothing was written."""

    state: State | None
    """None where there is no such payment of this partner."""


@dataclass(frozen=True, slots=True)
class TryRecorded:
    """The finding stands in the books; `state` is what it led the payment to."""

    state: State
    alarm: Alarm | None = None


@dataclass(frozen=True, slots=True)
class DeliveryStart:
    """How a delivery of a funded payment begins; ids are made by us, seconds run from the database's now."""

    payment_id: UUID
    attempt_id: UUID
    attempt_reference: str
    step: str
    scroll_series: str
    send_seconds: float
    hold_seconds: float


@dataclass(frozen=True, slots=True)
class StartedDelivery:
    """The delivery is durable and this process holds it: tell the biller now."""

    delivery: Delivery
    order: PayOrder


@dataclass(frozen=True, slots=True)
class Funded:
    """A payment whose money is there and whose delivery is due; `is_over` says that its quote is dead."""

    payment_id: UUID
    biller_id: str
    is_over: bool


@dataclass(frozen=True, slots=True)
class Returning:
    """What the page needs that the payer's browser comes back to.

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
    ) -> HeldTry | NoNewTry:
        """Begin another try of a payment that waits for money; the open one is abandoned.

        Not where the quote is dead, where the open try asked for money already, or where its page is younger
        than `page_is_ours_after_seconds` (0 where only our word moves money).
        """
        ...

    async def cancel(self, partner_id: str, payment_id: UUID) -> NoNewTry | None:
        """End a payment before its money was asked for; None when it is declined now (or was already)."""
        ...

    async def lease_try(self, reference: str, lease_seconds: float) -> HeldTry | None:
        """Hold the try of this reference of ours if it is due and nobody holds it; it gets a new epoch."""
        ...

    async def lease_due_tries(
        self, limit: int, lease_seconds: float, *, per_far_side: int, passing_over: Collection[str] = ()
    ) -> Sequence[HeldTry]:
        """Hold tries whose next question is due and that nobody holds; each gets a new epoch."""
        ...

    async def begin_execute(self, held: HeldTry, send_seconds: float, hold_seconds: float) -> bool:
        """Make asking for the money durable before it happens; False where nothing may be sent.

        That is where the try is not ours any more, was abandoned, or its quote has died.
        """
        ...

    async def record(self, held: HeldTry, finding: Finding) -> TryRecorded | None:
        """Write what a finding leads to, under the try's epoch.

        None where somebody else took it over: the finding is kept as evidence only.
        """
        ...

    async def expire_due(self, limit: int) -> int:
        """End payments that wait for no try and whose quote is dead; how many."""
        ...

    async def funded_due(
        self, limit: int, *, per_far_side: int = 16, passing_over: Collection[str] = ()
    ) -> Sequence[Funded]:
        """Funded payments whose delivery is due: so many of one biller, and none of those passed over.

        Where a quote is dead the delivery is to be given up, which asks nobody: those are never passed over.
        """
        ...

    async def start_delivery(self, start: DeliveryStart) -> StartedDelivery | None:
        """Begin to deliver a funded payment; None where somebody else did, or its quote is dead.

        The order's `send_before` is the caller's to fill in.
        """
        ...

    async def give_up_delivery(self, payment_id: UUID) -> bool:
        """A funded payment whose quote is dead is owed back to its payer; False where it is not one."""
        ...

    async def credit_merchant(self, payment_id: UUID) -> bool:
        """Credit the shares of a funded merchant payment, which a review has led there; False elsewhere.

        Money that comes for a merchant payment is credited by `record`, in the transaction that believes it.
        """
        ...

    async def returning(self, reference: str) -> Returning | None:
        """What stands behind the page of this try, or None."""
        ...

    async def reference_of(self, connector_id: str, provider_reference: str) -> str | None:
        """Our reference of the try that the connector knows by this name of its own, or None."""
        ...


@dataclass(frozen=True, slots=True)
class RawCallback:
    """An unsolicited message as it came, kept before anything is done about it.

    `name` is the same on every repeat; `why` is empty where it was understood.
    """

    connector_id: str
    name: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    why: str = ""
    is_forged: bool = False


class Callbacks(Protocol):
    """Messages that came unasked."""

    async def keep(self, callback: RawCallback, hint: CallbackHint | None) -> bool:
        """Store it once, durable on return; False where it stands already.

        A hint also wakes what it names, each try at most once in five seconds: its next question is due now.
        One that names what we do not know yet wakes it when we get to know it.
        """
        ...


@dataclass(frozen=True, slots=True)
class RefundTaken:
    """The refund stands (`is_repeat`: it stood already with the same content)."""

    view: RefundView
    is_repeat: bool = False


@dataclass(frozen=True, slots=True)
class RefundRecorded:
    """The finding stands in the books; `state` is what it led the refund to."""

    state: RefundState
    alarm: Alarm | None = None


class Refunds(Protocol):
    """Refunds as records of their own."""

    async def ask(self, new: NewRefund, parts_max: int, days_max: int) -> RefundTaken | RefundRefusal:
        """Take a refund on under the locked running total, or say why not; durable on return."""
        ...

    async def open_give_backs(self, limit: int) -> int:
        """Make the refund of each payment that is refunding and has none yet; how many."""
        ...

    async def lease_due(
        self, limit: int, lease_seconds: float, *, passing_over: Collection[str] = ()
    ) -> Sequence[HeldRefund]:
        """Hold refunds that are due and that nobody holds, at most one of each try; each gets a new epoch."""
        ...

    async def begin_send(self, held: HeldRefund, hold_seconds: float) -> bool:
        """Make the sending durable before it happens; False where the refund is not ours any more."""
        ...

    async def postpone(self, held: HeldRefund, again_seconds: float) -> None:
        """Let go of the refund until then; nothing was sent."""
        ...

    async def record(self, held: HeldRefund, finding: RefundFinding) -> RefundRecorded | None:
        """Write what a finding leads to, under the refund's epoch.

        None where it is not ours any more: the finding is evidence only, and an alarm where money went twice.
        """
        ...

    async def of_payment(self, partner_id: str, payment_id: UUID) -> Sequence[RefundView]:
        """Every refund of a payment of this partner, the oldest first."""
        ...
