"""The port `Refunds` in memory: the same judgements as the real one, without the database."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import RefundLine, RefundOrder
from ekpay_switch.domain.collections.file_proofs import NO_FILES
from ekpay_switch.domain.collections.funding import TryState
from ekpay_switch.domain.ledger.posting_rules import paid_back_entry, paid_back_late_entry
from ekpay_switch.domain.money import Money, total
from ekpay_switch.domain.payment import Event, State
from ekpay_switch.domain.payments.delivery import LATE_TO_ASK_ABOUT
from ekpay_switch.domain.refunds.chargebacks import divide_chargeback, refuse_chargeback
from ekpay_switch.domain.refunds.late_refunds import LateStep, late_step
from ekpay_switch.domain.refunds.new_refund import (
    NewRefund,
    Refundable,
    RefundRefusal,
    refuse_refund,
    takes_two_persons,
)
from ekpay_switch.domain.refunds.refund import (
    FREED,
    IN_THE_AIR,
    REFUND_TRANSITIONS,
    LockedRefund,
    PaidByHand,
    RefundAnswer,
    RefundEvent,
    RefundFinding,
    RefundKind,
    RefundPlan,
    RefundState,
    decide_refund,
)
from ekpay_switch.ports.collections import RefundOpened, RefundRecorded, RefundView
from tests.fakes.collections.tables import CollectTables, StoredRefund, StoredTry
from tests.fakes.payments import StoredPayment

TO_BE_ASKED = {RefundState.APPROVED, RefundState.BY_HAND, *IN_THE_AIR}


@dataclass
class FakeRefunds:
    """Refunds under the locked running total of the try that brought the money."""

    tables: CollectTables

    # ---- what staff does ------------------------------------------------------------

    def approve(self, refund_id: UUID) -> None:
        refund = self.tables.refunds[refund_id]
        refund.walk(RefundEvent.APPROVED)
        self.tables.let_go(refund)

    def reject(self, refund_id: UUID) -> None:
        refund = self.tables.refunds[refund_id]
        refund.walk(RefundEvent.REJECTED)
        self.tables.count(refund, -1)

    def take_by_connector(self, refund_id: UUID) -> None:
        """Two persons have written down that the connector took money back by itself."""
        refund = self.tables.refunds[refund_id]
        refund.walk(RefundEvent.TAKEN_BY_CONNECTOR)
        self.tables.let_go(refund)
        self.tables.post(
            refund.new.payment_id, paid_back_entry(refund.held_by.new.connector_id, refund.new.amount)
        )
        refund.next_action_at = None

    def pay_by_hand(self, refund_id: UUID, bank_reference: str) -> None:
        """Two persons say that finance has paid it from our bank account."""
        refund = self.tables.refunds[refund_id]
        state = self.tables.books.payments[refund.new.payment_id].state
        self._write(refund, decide_refund(self._hold(refund, 0), state, PaidByHand(bank_reference)))

    def only(self) -> StoredRefund:
        (refund,) = self.tables.refunds.values()
        return refund

    # ---- the port Refunds ------------------------------------------------------------

    async def request(self, new: NewRefund, parts_max: int, days_max: int) -> RefundOpened | RefundRefusal:
        with self.tables.steps.step("ask_refund"):
            tables = self.tables
            tables.books.fail_if_told()
            standing = self._under(new.partner_id, new.reference)
            if standing is not None:
                is_same = standing.new.fingerprint == new.fingerprint
                is_repeat = is_same and standing.new.payment_id == new.payment_id
                return (
                    RefundOpened(standing.view, is_repeat=True) if is_repeat else RefundRefusal.OTHER_CONTENT
                )
            known = tables.books.payments.get(new.payment_id)
            if known is None or known.claim.partner_id != new.partner_id:
                return RefundRefusal.UNKNOWN_PAYMENT
            one = tables.funding_try(new.payment_id)
            if one is None:
                return RefundRefusal.NOT_REFUNDABLE
            seen = self._refundable(new, one, parts_max, days_max)
            is_chargeback = new.kind is RefundKind.CHARGEBACK
            refusal = (refuse_chargeback if is_chargeback else refuse_refund)(new, seen)
            if refusal is not None:
                return refusal
            new = divide_chargeback(new, seen) if is_chargeback else new
            new = replace(new, needs_approval=takes_two_persons(new, seen))
            return RefundOpened(tables.owe(one, new).view)

    async def open_give_backs(self, limit: int) -> int:
        with self.tables.steps.step("open_give_backs"):
            tables = self.tables
            due = [
                one
                for one in tables.tries
                if one.state is TryState.CLOSED
                and one is tables.funding_try(one.payment_id)
                and tables.books.payments[one.payment_id].state is State.REFUNDING
                and not [r for r in tables.refunds_of(one.payment_id) if r.new.kind is RefundKind.GIVE_BACK]
            ][:limit]
            for one in due:
                assert one.collected is not None
                tables.books.payments[one.payment_id].next_action_at = None
                tables.owe_by_itself(one, RefundKind.GIVE_BACK, one.collected)
            return len(due)

    async def lease_due(
        self, limit: int, lease_seconds: float, *, passing_over: Collection[str] = ()
    ) -> Sequence[LockedRefund]:
        with self.tables.steps.step("lease_due_refunds"):
            self.tables.books.fail_if_told()
            oldest: dict[UUID, StoredRefund] = {}
            for refund in self.tables.refunds.values():
                if self._is_due(refund) and refund.held_by.new.connector_id not in passing_over:
                    is_further = refund.further is not None
                    oldest.setdefault(
                        refund.new.refund_id if is_further else refund.held_by.new.attempt_id, refund
                    )
            due = self.tables.in_due_order(oldest.values())
            return [self._hold(refund, lease_seconds) for refund in due[:limit]]

    async def begin_send(self, held: LockedRefund, hold_seconds: float) -> bool:
        with self.tables.steps.step("begin_refund"):
            refund = self.tables.refunds[held.refund_id]
            if refund.epoch != held.epoch or self._another_is_in_the_air(refund):
                return False
            refund.walk(RefundEvent.SENDING)
            refund.sends += 1
            refund.lease_until = refund.next_action_at = self.tables.later(hold_seconds)
            return True

    async def postpone(self, held: LockedRefund, again_seconds: float) -> None:
        with self.tables.steps.step("postpone_refund"):
            refund = self.tables.refunds[held.refund_id]
            if refund.epoch == held.epoch:
                refund.lease_until, refund.next_action_at = None, self.tables.later(again_seconds)

    async def record(self, held: LockedRefund, finding: RefundFinding) -> RefundRecorded | None:
        with self.tables.steps.step("record_refund"):
            self.tables.books.fail_if_told()
            refund = self.tables.refunds[held.refund_id]
            payment = self.tables.books.payments[held.payment_id]
            plan = decide_refund(held, payment.state, finding)
            is_legal = (refund.state, plan.event) in REFUND_TRANSITIONS
            if refund.epoch != held.epoch or refund.state is RefundState.BY_HAND or not is_legal:
                return self._record_late(refund, held, plan)
            self._write(refund, plan)
            if plan.event is RefundEvent.NOT_SENT:
                refund.sends = held.sends
            return self._settle_late(refund) or RefundRecorded(refund.state, plan.alarm)

    async def of_payment(self, partner_id: str, payment_id: UUID) -> Sequence[RefundView]:
        if self.tables.payment(partner_id, payment_id) is None:
            return []
        return [refund.view for refund in self.tables.refunds_of(payment_id)]

    # ---- how it is done ------------------------------------------------------------

    def _under(self, partner_id: str, reference: str) -> StoredRefund | None:
        return next(
            (
                refund
                for refund in self.tables.refunds.values()
                if (refund.new.partner_id, refund.new.reference) == (partner_id, reference)
            ),
            None,
        )

    def _refundable(self, new: NewRefund, one: StoredTry, parts_max: int, days_max: int) -> Refundable:
        tables = self.tables
        split = tables.shares.split(new.payment_id)
        billed = tables.collections[new.payment_id].sums.amount
        return Refundable(
            payment_state=tables.books.payments[new.payment_id].state,
            collected=one.collected,
            refunded=one.refunded,
            amount_max=billed if split is None else split.amount,
            parts=len(self._held_by(one)),
            parts_max=parts_max,
            collected_at=one.collected_at,
            now=tables.clock.now(),
            days_max=days_max,
            split=split,
            charged_back=one.charged_back,
            from_suspense=total(
                r.new.from_suspense for r in self._held_by(one) if r.new.kind is RefundKind.CHARGEBACK
            ),
        )

    def _held_by(self, one: StoredTry) -> list[StoredRefund]:
        return [
            refund
            for refund in self.tables.refunds_of(one.payment_id)
            if refund.held_by is one and refund.state not in FREED and refund.further is None
        ]

    def _is_due(self, refund: StoredRefund) -> bool:
        is_to_be_asked = refund.state in TO_BE_ASKED and self.tables.is_due(refund)
        if refund.further is not None:
            return is_to_be_asked
        return (
            is_to_be_asked and not self._another_is_in_the_air(refund) and not self._another_is_held(refund)
        )

    def _others(self, refund: StoredRefund) -> list[StoredRefund]:
        rows = self.tables.refunds.values()
        return [other for other in rows if other is not refund and other.held_by is refund.held_by]

    def _another_is_held(self, refund: StoredRefund) -> bool:
        now = self.tables.clock.now()
        return any(
            other.lease_until is not None and other.lease_until >= now for other in self._others(refund)
        )

    def _another_is_in_the_air(self, refund: StoredRefund) -> bool:
        return any(other.state in IN_THE_AIR for other in self._others(refund))

    def _hold(self, refund: StoredRefund, lease_seconds: float) -> LockedRefund:
        tables, one, new = self.tables, refund.held_by, refund.new
        refund.epoch += 1
        refund.lease_until = tables.clock.now() + timedelta(seconds=lease_seconds)
        assert one.collected is not None
        assert one.collected_at is not None
        further, known = refund.further, {other.provider_refund for other in self._others(refund)}
        collected_at = refund.created_at if further else one.collected_at
        collection = tables.collections[new.payment_id]
        order = RefundOrder(
            refund_id=new.refund_id,
            connector_id=one.new.connector_id,
            reference=refund.our_reference,
            provider_reference=one.provider_reference,
            provider_transaction=further.provider_transaction if further else one.provider_transaction,
            amount=new.amount,
            collected=further.amount if further else one.collected,
            reason=new.reason,
            known_refunds=frozenset(known - {""}),
            may_have_been_heard=refund.sends > 0,
            collected_reference=one.new.reference,
            collected_at=collected_at,
            provider_refund=refund.provider_refund,
        )
        return LockedRefund(
            payment_id=new.payment_id,
            partner_id=new.partner_id,
            lane=collection.lane,
            payee=collection.biller_id,
            kind=new.kind,
            state=refund.state,
            epoch=refund.epoch,
            order=order,
            sends=refund.sends,
            questions=refund.asked,
            collected_at=collected_at,
            now=tables.clock.now(),
            files=tables.books.files.get(new.refund_id, NO_FILES),
            bearer=new.burden.bearer,
            is_of_further_movement=further is not None,
        )

    def _record_late(
        self, refund: StoredRefund, held: LockedRefund, plan: RefundPlan
    ) -> RefundRecorded | None:
        """A finding that sets nothing: it stands already, or the refund is asked about at once."""
        was_by_hand = refund.history[-1][:2] == (RefundState.BY_HAND, RefundEvent.PAID_BACK)
        known = RefundRecorded(refund.state, Alarm.LATE_REFUND if was_by_hand else plan.alarm)
        is_unheld = refund.epoch == held.epoch + 1 and refund.lease_until is None
        if is_unheld and refund.history[-1][1] is plan.event:
            return known
        now = self.tables.clock.now()
        self.tables.books.evidence.append((held.payment_id, f"late_refund:{plan.event}"))
        refund.next_action_at = refund.next_action_at and min(refund.next_action_at, now)
        if plan.event is not RefundEvent.PAID_BACK:
            return None
        refund.paid_late_as = refund.paid_late_as or plan.provider_refund
        return self._settle_late(refund) or (known if was_by_hand else None)

    def _settle_late(self, refund: StoredRefund) -> RefundRecorded | None:
        """What a late answer means now; here finance records and confirms at once."""
        name, new = refund.paid_late_as, refund.new
        is_by_hand = any(event is RefundEvent.PAID_BY_HAND for _, event, _ in refund.history)
        step = late_step(refund.state, is_paid_by_hand=is_by_hand)
        if name is None or step is LateStep.NOTHING:
            return None
        if step is LateStep.END:
            done = RefundAnswer(RefundLine(name, new.amount, is_done=True), 0)
            state = self.tables.books.payments[new.payment_id].state
            self._write(refund, decide_refund(self._hold(refund, 0), state, done))
        elif all(event is not RefundEvent.PAID_LATE for _, event, _ in refund.history):
            refund.walk(RefundEvent.PAID_LATE)
            refund.provider_refund = name or refund.provider_refund
            entry = paid_back_late_entry(refund.held_by.new.connector_id, new.amount)
            self.tables.post(new.payment_id, entry)
        return RefundRecorded(refund.state, Alarm.LATE_REFUND)

    def _write(self, refund: StoredRefund, plan: RefundPlan) -> None:
        tables, new = self.tables, refund.new
        refund.walk(plan.event)
        refund.epoch += 1
        refund.asked += plan.event is RefundEvent.DOUBTED
        refund.provider_refund = plan.provider_refund or refund.provider_refund
        refund.updated_at, refund.lease_until = tables.clock.now(), None
        if plan.frees:
            tables.count(refund, -1)
            tables.unwind(refund, Money(-new.amount.minor, new.amount.currency))
        again = plan.ask_again_seconds
        refund.next_action_at = None if again is None else tables.later(again)
        tables.post(new.payment_id, plan.entry)
        if plan.payment_events:
            payment = tables.books.payments[new.payment_id]
            tables.move(new.payment_id, plan.payment_events, payment.standing.facts)
            payment.next_action_at = tables.clock.now() if self._may_be_posted(payment) else None
        tables.tell(new.payment_id, plan.notice)

    def _may_be_posted(self, payment: StoredPayment) -> bool:
        """Whether the biller is worth one more question although everything is back (law 15)."""
        late = {f"late:{end}" for end in LATE_TO_ASK_ABOUT}
        kept = {kind for owner, kind in self.tables.books.evidence if owner == payment.standing.payment_id}
        is_proven = any(event is Event.PROVEN_NOT_POSTED for _, event, _ in payment.history)
        return is_proven or payment.sends > 1 or bool(late & kept)
