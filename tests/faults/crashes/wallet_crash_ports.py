"""The ports of collected money with a fuse before and after every durable step and every call to a wallet.

What a wrapped port does beside that is nothing, but for two: leases are halved as those of payments are, and
a mutant does what a broken switch would do, so that the suite can see that it sees it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

from ekpay_switch.domain.collections.connector_calls import (
    AwaitingPayer,
    CallbackHint,
    Collected,
    CollectInquiry,
    CollectOrder,
    CreateOutcome,
    ExecuteOutcome,
    NoHint,
    RefundInquiry,
    RefundLine,
    RefundOrder,
    RefundOutcome,
)
from ekpay_switch.domain.collections.funding import (
    LockedTry,
    MoneyCollected,
    NothingCollected,
    PageOpened,
    StillOpen,
    TryFinding,
)
from ekpay_switch.domain.collections.held_money import MoneyHeld
from ekpay_switch.domain.collections.new_tries import NewCollection, NewTry
from ekpay_switch.domain.refunds.new_refund import NewRefund, RefundRefusal
from ekpay_switch.domain.refunds.refund import LockedRefund, RefundFinding
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.ports.collections import (
    Callbacks,
    Collections,
    DeliveryStart,
    FundedPayment,
    NoNewTry,
    OpenAnswer,
    PaymentView,
    RawCallback,
    RefundOpened,
    RefundRecorded,
    Refunds,
    RefundView,
    ReturnPage,
    StartedDelivery,
    TryRecorded,
)
from ekpay_switch.ports.connectors import Connector, ConnectorProfile, Connectors
from ekpay_switch.ports.world import Clock
from tests.faults.crashes.crash_points import Fuse

EXECUTES_ABANDONED, REFUNDS_TWICE = "executes_abandoned", "refunds_twice"
WALLET_MUTANTS = (EXECUTES_ABANDONED, REFUNDS_TWICE)
SEND_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class CrashingCollections:
    """The port `Collections`; a finding is recorded at a point that is named after what was found."""

    inner: Collections
    fuse: Fuse

    async def by_reference(self, partner_id: str, reference: str) -> PaymentView | None:
        return await self.inner.by_reference(partner_id, reference)

    async def view(self, partner_id: str, payment_id: UUID) -> PaymentView | None:
        return await self.inner.view(partner_id, payment_id)

    async def open(self, new: NewCollection) -> OpenAnswer:
        return await self.fuse.around("open", self.inner.open(new))

    async def open_try(
        self, partner_id: str, payment_id: UUID, new: NewTry, page_is_ours_after_seconds: float
    ) -> LockedTry | NoNewTry:
        opening = self.inner.open_try(partner_id, payment_id, new, page_is_ours_after_seconds)
        return await self.fuse.around("open_try", opening)

    async def cancel(
        self, partner_id: str, payment_id: UUID, refusal: Refusal = Refusal.CANCELLED
    ) -> NoNewTry | None:
        return await self.fuse.around("cancel", self.inner.cancel(partner_id, payment_id, refusal))

    async def lease_try(self, reference: str, lease_seconds: float) -> LockedTry | None:
        return await self.fuse.around("lease_try", self.inner.lease_try(reference, lease_seconds))

    async def lease_due_tries(
        self, limit: int, lease_seconds: float, *, per_far_side: int, passing_over: Collection[str] = ()
    ) -> Sequence[LockedTry]:
        held = await self.inner.lease_due_tries(
            limit, lease_seconds / 2, per_far_side=per_far_side, passing_over=passing_over
        )
        if held:
            await self.fuse.reach("after_lease_tries")
        return held

    async def begin_execute(self, held: LockedTry, send_seconds: float, hold_seconds: float) -> bool:
        beginning = self.inner.begin_execute(held, send_seconds, hold_seconds)
        return await self.fuse.around("begin_execute", beginning)

    async def record(self, held: LockedTry, finding: TryFinding) -> TryRecorded | None:
        return await self.fuse.around(f"record_{_kind_of(finding)}", self.inner.record(held, finding))

    async def expire_due(self, limit: int) -> int:
        return await self.inner.expire_due(limit)

    async def funded_due(
        self, limit: int, *, per_far_side: int = 16, passing_over: Collection[str] = ()
    ) -> Sequence[FundedPayment]:
        return await self.inner.funded_due(limit, per_far_side=per_far_side, passing_over=passing_over)

    async def start_delivery(self, start: DeliveryStart) -> StartedDelivery | None:
        await self.fuse.reach("before_start_delivery", whose=start.payment_id)
        started = await self.inner.start_delivery(start)
        # The worker may come for the same payment twice, and the second time in vain.
        if started is not None:
            await self.fuse.reach("after_start_delivery")
        return started

    async def give_up_delivery(self, payment_id: UUID) -> bool:
        giving_up = self.inner.give_up_delivery(payment_id)
        return await self.fuse.around("give_up_delivery", giving_up, payment_id)

    async def credit_merchant(self, payment_id: UUID) -> bool:
        crediting = self.inner.credit_merchant(payment_id)
        return await self.fuse.around("credit_merchant", crediting, payment_id)

    async def return_page(self, reference: str) -> ReturnPage | None:
        return await self.inner.return_page(reference)

    async def reference_of(self, connector_id: str, provider_reference: str) -> str | None:
        return await self.inner.reference_of(connector_id, provider_reference)


def _kind_of(finding: TryFinding) -> str:
    match finding:
        case PageOpened():
            return "page"
        case MoneyCollected():
            return "money"
        case NothingCollected():
            return "nothing"
        case StillOpen():
            return "still_open"
        case MoneyHeld():
            return "held"
        case _:
            assert_never(finding)


@dataclass(frozen=True, slots=True)
class CrashingCallbacks:
    """The port `Callbacks`."""

    inner: Callbacks
    fuse: Fuse

    async def keep(
        self,
        callback: RawCallback,
        hint: CallbackHint | None,
        may_keep_unclaimed: Callable[[], bool] = lambda: True,
    ) -> bool:
        return await self.fuse.around("keep", self.inner.keep(callback, hint, may_keep_unclaimed))


@dataclass(frozen=True, slots=True)
class CrashingRefunds:
    """The port `Refunds`. Before give-backs are opened is any look for them, after it one that found some."""

    inner: Refunds
    fuse: Fuse

    async def request(self, new: NewRefund, parts_max: int, days_max: int) -> RefundOpened | RefundRefusal:
        return await self.fuse.around("ask", self.inner.request(new, parts_max, days_max))

    async def open_give_backs(self, limit: int) -> int:
        await self.fuse.reach("before_open_give_backs")
        opened = await self.inner.open_give_backs(limit)
        if opened:
            await self.fuse.reach("after_open_give_backs")
        return opened

    async def lease_due(
        self, limit: int, lease_seconds: float, *, passing_over: Collection[str] = ()
    ) -> Sequence[LockedRefund]:
        held = await self.inner.lease_due(limit, lease_seconds / 2, passing_over=passing_over)
        if held:
            await self.fuse.reach("after_lease_refunds")
        return held

    async def begin_send(self, held: LockedRefund, hold_seconds: float) -> bool:
        return await self.fuse.around("begin_refund", self.inner.begin_send(held, hold_seconds))

    async def postpone(self, held: LockedRefund, again_seconds: float) -> None:
        await self.inner.postpone(held, again_seconds)

    async def record(self, held: LockedRefund, finding: RefundFinding) -> RefundRecorded | None:
        return await self.fuse.around("record_refund", self.inner.record(held, finding))

    async def of_payment(self, partner_id: str, payment_id: UUID) -> Sequence[RefundView]:
        return await self.inner.of_payment(partner_id, payment_id)


@dataclass(frozen=True, slots=True)
class CrashingConnector:
    """The port `Connector`."""

    inner: Connector
    fuse: Fuse

    @property
    def profile(self) -> ConnectorProfile:
        return self.inner.profile

    async def create(self, order: CollectOrder) -> CreateOutcome:
        return await self.fuse.in_the_air("create", self.inner.create(order))

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        return await self.fuse.in_the_air("execute", self.inner.execute(order))

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        return await self.fuse.around("inquire_try", self.inner.inquire(order))

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        return await self.fuse.in_the_air("refund", self.inner.refund(order))

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        return await self.inner.inquire_refunds(order)

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        return await self.inner.read_callback(headers, body)


@dataclass(frozen=True, slots=True)
class MutantConnector:
    """A connector as a broken switch would use it.

    One takes the money of whoever has agreed, on a page that was given up too; the other sends each refund
    twice and never asks first.
    """

    inner: Connector
    mutant: str
    clock: Clock

    @property
    def profile(self) -> ConnectorProfile:
        return self.inner.profile

    async def create(self, order: CollectOrder) -> CreateOutcome:
        return await self.inner.create(order)

    async def execute(self, order: CollectOrder) -> ExecuteOutcome:
        return await self.inner.execute(order)

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        found = await self.inner.inquire(order)
        if self.mutant != EXECUTES_ABANDONED or not isinstance(found, AwaitingPayer) or not found.may_execute:
            return found
        send_before = self.clock.monotonic() + SEND_SECONDS
        taken = await self.inner.execute(replace(order, send_before=send_before))
        return taken if isinstance(taken, Collected) else found

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        outcome = await self.inner.refund(order)
        if self.mutant == REFUNDS_TWICE and isinstance(outcome, RefundLine):
            await self.inner.refund(replace(order, may_have_been_heard=False))
        return outcome

    async def inquire_refunds(self, order: RefundOrder) -> RefundInquiry:
        return await self.inner.inquire_refunds(order)

    async def read_callback(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        return await self.inner.read_callback(headers, body)


@dataclass(frozen=True, slots=True)
class WrappedConnectors:
    """All connectors, each behind the fuse or the mutant."""

    inner: Connectors
    fuse: Fuse
    mutant: str
    clock: Clock

    def by_id(self, connector_id: str) -> Connector | None:
        connector = self.inner.by_id(connector_id)
        if connector is None:
            return None
        if self.mutant in WALLET_MUTANTS:
            return MutantConnector(connector, self.mutant, self.clock)
        return CrashingConnector(connector, self.fuse)

    def all(self) -> Sequence[Connector]:
        return self.inner.all()
