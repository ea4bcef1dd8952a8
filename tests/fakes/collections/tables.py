"""What the tables of collected payments would hold, in memory, and what all their fakes need to do to it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from ekpay_switch.domain.collections.connector_calls import CallbackHint, CollectOrder
from ekpay_switch.domain.collections.file_proofs import NO_FILES
from ekpay_switch.domain.collections.funding import LockedTry, TryEnd, TryFinding, TryState
from ekpay_switch.domain.collections.further_movements import FurtherMovement, UnbookedMovement
from ekpay_switch.domain.collections.new_tries import NewCollection, NewTry
from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import Sums, charged_back_from_suspense_entry
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.domain.payment import FINAL, Event, State, walk
from ekpay_switch.domain.payments.claims import Claim, PaymentRecord, QuotedBill
from ekpay_switch.domain.refunds.new_refund import (
    NewRefund,
)
from ekpay_switch.domain.refunds.refund import (
    IN_THE_AIR,
    RefundEvent,
    RefundKind,
    RefundState,
    refund_after,
    refund_due_entry,
)
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.ports.collections import PaymentView, RawCallback, RefundView
from ekpay_switch.ports.world import Clock
from ekpay_switch.security.identifiers import unguessable, uuid7
from tests.fakes.collections.merchant_shares import FakeShares
from tests.fakes.crash_points import Steps
from tests.fakes.payments import FakePayments, StoredPayment

ONCE_IN_SECONDS = timedelta(seconds=5)
MONEY_ENDS = {TryEnd.APPROVED, TryEnd.SECOND_SUCCESS, TryEnd.DISAGREED}


@dataclass
class StoredTry:
    """One try as the tables would hold it."""

    payment_id: UUID
    new: NewTry
    opened_at: datetime
    lease_until: datetime | None
    next_action_at: datetime | None
    state: TryState = TryState.OPEN
    end: TryEnd | None = None
    epoch: int = 1
    recorded: int = 0
    provider_reference: str = ""
    page_url: str = ""
    page_until: datetime | None = None
    executes_begun: int = 0
    asked: int = 0
    asked_at: datetime | None = None
    is_agreed: bool = False
    is_woken: bool = False
    send_until: datetime | None = None
    consent: str = ""
    provider_transaction: str = ""
    collected: Money | None = None
    collected_at: datetime | None = None
    refunded: Money = ZERO
    charged_back: Money = ZERO
    held_at: datetime | None = None
    answers_held: int = 0


@dataclass
class StoredRefund:
    """One refund as the tables would hold it."""

    new: NewRefund
    held_by: StoredTry
    state: RefundState
    created_at: datetime
    updated_at: datetime
    our_reference: str = field(default_factory=unguessable)
    provider_refund: str = ""
    paid_late_as: str | None = None
    sends: int = 0
    asked: int = 0
    epoch: int = 0
    lease_until: datetime | None = None
    next_action_at: datetime | None = None
    history: list[tuple[RefundState, RefundEvent, RefundState]] = field(default_factory=list)
    further: FurtherMovement | None = None

    def walk(self, event: RefundEvent) -> None:
        """One step, as the history keeps it."""
        before, self.state = self.state, refund_after(self.state, event)
        self.history.append((before, event, self.state))

    @property
    def view(self) -> RefundView:
        new = self.new
        return RefundView(
            new.refund_id,
            new.payment_id,
            new.kind,
            self.state,
            new.amount,
            new.reason,
            self.created_at,
            self.updated_at,
        )


Row = TypeVar("Row", StoredTry, StoredRefund)
REASONS = {
    RefundKind.GIVE_BACK: "the bill was not paid",
    RefundKind.UNEXPECTED: "the payment did not wait for this money",
}


@dataclass
class CollectTables:
    """Everything about collected payments beside the books."""

    clock: Clock
    steps: Steps
    books: FakePayments
    collections: dict[UUID, NewCollection] = field(default_factory=dict)
    created_at: dict[UUID, datetime] = field(default_factory=dict)
    tries: list[StoredTry] = field(default_factory=list)
    refunds: dict[UUID, StoredRefund] = field(default_factory=dict)
    callbacks: dict[tuple[str, str], tuple[RawCallback, CallbackHint | None]] = field(default_factory=dict)
    client_names: Mapping[str, str] = field(default_factory=dict)
    shares: FakeShares = field(default_factory=FakeShares)
    refusals_max: int = 5
    further: set[tuple[str, str]] = field(default_factory=set)
    unbooked: dict[tuple[UUID, str], UnbookedMovement] = field(default_factory=dict)
    tell_routing: Callable[[LockedTry, TryFinding], None] = lambda _held, _finding: None

    # ---- reading ------------------------------------------------------------

    def payment(self, partner_id: str, payment_id: UUID) -> StoredPayment | None:
        new = self.collections.get(payment_id)
        return self.books.payments[payment_id] if new is not None and new.partner_id == partner_id else None

    def tries_of(self, payment_id: UUID) -> list[StoredTry]:
        return [one for one in self.tries if one.payment_id == payment_id]

    def open_try(self, payment_id: UUID) -> StoredTry | None:
        return next((one for one in self.tries_of(payment_id) if one.state is TryState.OPEN), None)

    def one(self, held: LockedTry) -> StoredTry:
        return next(one for one in self.tries if one.new.attempt_id == held.attempt_id)

    def funding_try(self, payment_id: UUID) -> StoredTry | None:
        return next((one for one in self.tries_of(payment_id) if one.end is TryEnd.APPROVED), None)

    def refunds_of(self, payment_id: UUID) -> list[StoredRefund]:
        return [one for one in self.refunds.values() if one.new.payment_id == payment_id]

    def is_over(self, payment_id: UUID) -> bool:
        return self.clock.now() >= self.collections[payment_id].pay_until

    def is_money_held(self, payment_id: UUID, apart_from: StoredTry | None = None) -> bool:
        """Whether a connector holds money of this payment for its risk."""
        return any(one.held_at is not None for one in self.tries_of(payment_id) if one is not apart_from)

    def sums_of(self, one: StoredTry) -> Sums:
        """What the payer is asked for under a try: its own charges where it has any, else its payment's."""
        sums, own = self.collections[one.payment_id].sums, one.new.charges
        return sums if own is None else replace(sums, charge=own.charge, fee=own.fee, vat=own.vat)

    def view(self, payment_id: UUID) -> PaymentView:
        new, payment = self.collections[payment_id], self.books.payments[payment_id]
        tries, standing = self.tries_of(payment_id), payment.standing
        newest = tries[-1]
        is_open = newest.state is TryState.OPEN
        is_asked = newest.executes_begun or newest.held_at is not None
        is_payable = is_open and not is_asked and not self.is_over(payment_id)
        moments = [payment.next_action_at, newest.next_action_at if is_open else None]
        return PaymentView(
            payment_id=payment_id,
            partner_id=new.partner_id,
            reference=new.reference,
            fingerprint=new.fingerprint,
            state=payment.state,
            refusal=standing.refusal,
            biller_id=new.biller_id,
            sums=new.sums,
            bill=new.bill,
            connector_id=payment.collected_by or newest.new.connector_id,
            page_url=newest.page_url if is_payable else "",
            pay_until=new.pay_until,
            next_look_at=min((moment for moment in moments if moment), default=None),
            return_url=new.return_url,
            facts=standing.facts,
            created_at=self.created_at[payment_id],
            updated_at=standing.paid_at or self.created_at[payment_id],
            refunds=tuple(refund.view for refund in self.refunds_of(payment_id)),
        )

    # ---- leasing ------------------------------------------------------------

    def is_due(self, row: StoredTry | StoredRefund) -> bool:
        now = self.clock.now()
        is_free = row.lease_until is None or row.lease_until < now
        return row.next_action_at is not None and row.next_action_at <= now and is_free

    def in_due_order(self, rows: Iterable[Row]) -> list[Row]:
        """Those that are due, the longest due first."""
        due = [row for row in rows if self.is_due(row)]
        return sorted(due, key=lambda row: row.next_action_at or self.clock.now())

    def hold(self, one: StoredTry, lease_seconds: float) -> LockedTry:
        one.epoch += 1
        one.lease_until, one.is_woken = self.later(lease_seconds), False
        return self.held(one)

    def held(self, one: StoredTry) -> LockedTry:
        new = self.collections[one.payment_id]
        order = CollectOrder(
            payment_id=one.payment_id,
            connector_id=one.new.connector_id,
            reference=one.new.reference,
            amount=self.sums_of(one).total,
            payer_reference=one.new.reference,
            return_url="",
            provider_reference=one.provider_reference,
            consent=one.consent,
            executes_begun=one.executes_begun,
            epoch=one.epoch,
            is_held=one.held_at is not None,
        )
        return LockedTry(
            payment_id=one.payment_id,
            partner_id=new.partner_id,
            lane=new.lane,
            payment_state=self.books.payments[one.payment_id].state,
            biller_id=new.biller_id,
            attempt_id=one.new.attempt_id,
            epoch=one.epoch,
            state=one.state,
            order=order,
            sums=self.sums_of(one),
            executes_begun=one.executes_begun,
            questions=one.asked,
            is_agreed=one.is_agreed,
            opened_at=one.opened_at,
            page_until=one.page_until,
            pay_until=new.pay_until,
            send_until=one.send_until or one.opened_at,
            now=self.clock.now(),
            files=self.books.files.get(one.new.attempt_id, NO_FILES),
            held_at=one.held_at,
            is_other_held=self.is_money_held(one.payment_id, one),
        )

    # ---- writing ------------------------------------------------------------

    def move(
        self,
        payment_id: UUID,
        events: tuple[Event, ...],
        facts: Mapping[str, str],
        refusal: Refusal | None = None,
    ) -> None:
        """Walk the payment through the events; what contradicts a final state is added to its facts."""
        payment = self.books.payments[payment_id]
        steps = walk(payment.state, events)
        kept = payment.standing.facts if payment.state in FINAL else {}
        if steps[-1][2] is State.EXPIRED:
            refusal = Refusal.QUOTE_EXPIRED
        payment.history += steps
        payment.lease_until = None
        payment.standing = replace(
            payment.standing,
            state=steps[-1][2],
            refusal=refusal or payment.standing.refusal,
            paid_at=self.clock.now(),
            facts={**kept, **facts},
        )

    def show_price(self, one: StoredTry) -> None:
        """The payment shows the price of the try that was begun last, or that funded it."""
        sums, payment = self.sums_of(one), self.books.payments[one.payment_id]
        self.collections[one.payment_id] = replace(self.collections[one.payment_id], sums=sums)
        if payment.quote is not None:
            payment.quote = replace(payment.quote, sums=sums)

    def keep_evidence(self, payment_id: UUID, kind: str) -> None:
        self.books.evidence.append((payment_id, kind))

    def post(self, payment_id: UUID, entry: Entry | None) -> None:
        if entry is not None:
            self.books.entries.append((payment_id, entry))

    def tell(self, payment_id: UUID, notice: str) -> None:
        if notice:
            self.books.notices.append((payment_id, notice))

    def owe(self, one: StoredTry, new: NewRefund, further: FurtherMovement | None = None) -> StoredRefund:
        """Take a refund on: the running total holds it, and what is owed without a second person stands."""
        now = self.clock.now()
        state = RefundState.REQUESTED if new.needs_approval else RefundState.APPROVED
        refund = StoredRefund(new, one, state, now, now, further=further)
        self.refunds[new.refund_id] = refund
        if further is None:
            self.count(refund, 1)
        if not new.needs_approval:
            self.let_go(refund)
        return refund

    def count(self, refund: StoredRefund, sign: int) -> None:
        """Count a refund in the running totals of its try (1), or not any more (-1)."""
        new, one = refund.new, refund.held_by
        one.refunded += Money(sign * (new.amount - new.from_suspense).minor)
        if new.kind is RefundKind.CHARGEBACK:
            one.charged_back += Money(sign * new.amount.minor)

    def let_go(self, refund: StoredRefund) -> None:
        """The refund is approved: its money is owed, and it is due."""
        new = refund.new
        payee, connector_id = self.collections[new.payment_id].biller_id, refund.held_by.new.connector_id
        taken = new.amount - new.from_suspense
        if taken > ZERO:
            self.post(
                new.payment_id, refund_due_entry(new.kind, payee, connector_id, taken, new.burden.bearer)
            )
        if new.from_suspense > ZERO:
            self.post(new.payment_id, charged_back_from_suspense_entry(connector_id, new.from_suspense))
        if new.kind in {RefundKind.REFUND, RefundKind.CHARGEBACK} and taken > ZERO:
            self.unwind(refund, taken)
        refund.next_action_at = self.clock.now()

    def unwind(self, refund: StoredRefund, change: Money) -> None:
        """Take a refund from the shares of a merchant payment, or move it back; a bill has none."""
        payment_id = refund.new.payment_id
        for entry in self.shares.unwind(payment_id, refund.held_by.new.connector_id, change):
            self.post(payment_id, entry)

    def owe_by_itself(
        self, one: StoredTry, kind: RefundKind, amount: Money, further: FurtherMovement | None = None
    ) -> None:
        """A refund that nobody asked for: what the payment never got, or never used."""
        new = NewRefund(
            refund_id=uuid7(),
            payment_id=one.payment_id,
            partner_id=self.collections[one.payment_id].partner_id,
            reference=f"{kind}:{further.provider_transaction if further else one.new.attempt_id}",
            fingerprint=b"",
            amount=amount,
            reason=REASONS[kind],
            requested_by="switch",
            needs_approval=False,
            kind=kind,
        )
        self.owe(one, new, further)

    # ---- waking ------------------------------------------------------------

    def hints_for(self, one: StoredTry) -> list[CallbackHint]:
        """What callbacks claim of a page that we got to know only now."""
        return [
            hint
            for kept, hint in self.callbacks.values()
            if hint is not None
            and kept.connector_id == one.new.connector_id
            and hint.provider_reference == one.provider_reference
        ]

    def is_named_by(self, connector_id: str, hint: CallbackHint) -> bool:
        """Whether a hint names a try or a refund of this connector."""
        tries = [one for one in self.tries if one.new.connector_id == connector_id]
        refunds = [one for one in self.refunds.values() if one.held_by.new.connector_id == connector_id]
        return any(_names(hint, one.provider_reference, one.new.reference) for one in tries) or any(
            _names(hint, one.provider_refund, one.our_reference) for one in refunds
        )

    def wake(self, connector_id: str, hint: CallbackHint) -> None:
        """What the hint names is due now, a try at most once in five seconds."""
        for one in self.tries:
            is_meant = _names(hint, one.provider_reference, one.new.reference)
            has_unbooked = any(attempt_id == one.new.attempt_id for attempt_id, _ in self.unbooked)
            is_decided = one.end in MONEY_ENDS - {TryEnd.DISAGREED} and not has_unbooked
            if one.new.connector_id == connector_id and is_meant and not is_decided:
                one.is_woken = True
                one.is_agreed = one.is_agreed or hint.is_agreed
                one.consent = one.consent or (hint.consent if hint.is_agreed else "")
                one.next_action_at = self.soon(one)
        for refund in self.refunds.values():
            is_meant = _names(hint, refund.provider_refund, refund.our_reference)
            is_ours = refund.held_by.new.connector_id == connector_id
            if is_ours and is_meant and refund.state in {RefundState.BY_HAND, *IN_THE_AIR}:
                refund.next_action_at = self.clock.now()

    def wake_newest_closed(self, connector_id: str) -> None:
        """Make a question due about a connector's newest try that has ended and has a name over there."""
        ended = [one for one in self.tries if one.state is TryState.CLOSED and one.provider_reference]
        for one in [one for one in ended if one.new.connector_id == connector_id][-1:]:
            one.next_action_at = self.clock.now()

    def soon(self, one: StoredTry) -> datetime:
        now = self.clock.now()
        calm = now if one.asked_at is None else max(now, one.asked_at + ONCE_IN_SECONDS)
        return calm if one.next_action_at is None else min(one.next_action_at, calm)

    def later(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)


def _names(hint: CallbackHint, provider_reference: str, reference: str) -> bool:
    return bool(
        (hint.provider_reference and hint.provider_reference == provider_reference)
        or (hint.reference and hint.reference == reference)
    )


def stored_payment(new: NewCollection) -> StoredPayment:
    """The payment as the books keep it before its first try."""
    quote = QuotedBill(
        quote_id=f"collected:{new.payment_id}",
        biller_id=new.biller_id,
        bill_key=new.bill_key,
        bucket=new.bucket,
        is_paid=False,
        sums=new.sums,
        expires_at=new.pay_until,
        biller_quote=new.biller_quote,
    )
    claim = Claim(
        payment_id=new.payment_id,
        attempt_id=new.first.attempt_id,
        attempt_reference=new.first.reference,
        partner_id=new.partner_id,
        lane=new.lane,
        reference=new.reference,
        fingerprint=new.fingerprint,
        quote_id=quote.quote_id,
        biller_id=new.biller_id,
        paid=new.sums.total,
        stated_total=None,
        stated_fee=None,
        send_seconds=0.0,
        lease_seconds=0.0,
    )
    standing = PaymentRecord(
        payment_id=new.payment_id,
        partner_id=new.partner_id,
        reference=new.reference,
        fingerprint=new.fingerprint,
        state=State.CREATED,
        epoch=0,
        refusal=None,
        quote_id=quote.quote_id,
        biller_id=new.biller_id,
    )
    return StoredPayment(standing, claim, quote)
