"""Writing what was found out about a try, in memory: judged by `domain.funding.decide` like the real ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.funding import (
    INSTRUMENT_REFUSALS,
    LockedTry,
    MoneyCollected,
    NothingCollected,
    PageOpened,
    StillOpen,
    TryEnd,
    TryFinding,
    TryPlan,
    TrySnapshot,
    TryState,
    decide_try,
)
from ekpay_switch.domain.collections.further_movements import (
    FurtherMovement,
    UnbookedMovement,
    is_other_movement,
    movements_beside,
    name_of_own_movement,
    own_movement_left_over,
)
from ekpay_switch.domain.collections.held_money import MoneyHeld
from ekpay_switch.domain.payment import Event, State
from ekpay_switch.domain.refunds.refund import RefundKind
from ekpay_switch.persistence.collections.finding_evidence import further_alarm
from ekpay_switch.ports.collections import TryRecorded
from tests.fakes.collections.tables import MONEY_ENDS, ONCE_IN_SECONDS, CollectTables, StoredTry

ALARM_OF_END: dict[TryEnd | None, Alarm] = {
    TryEnd.SECOND_SUCCESS: Alarm.UNEXPECTED_MONEY,
    TryEnd.DISAGREED: Alarm.COLLECTED_MISMATCH,
}


@dataclass
class Findings:
    """The part of `Collections` that believes or does not."""

    tables: CollectTables

    def begin_execute(self, held: LockedTry, send_seconds: float, hold_seconds: float) -> bool:
        tables, one = self.tables, self.tables.one(held)
        if not _is_ours(one, held) or one.state is not TryState.OPEN or tables.is_over(held.payment_id):
            return False
        if tables.books.payments[held.payment_id].state is not State.COLLECTING:
            return False
        if tables.is_money_held(held.payment_id):
            return False
        one.executes_begun, one.asked = held.executes_begun + 1, 0
        one.lease_until = one.next_action_at = tables.later(hold_seconds)
        one.send_until = tables.later(send_seconds)
        tables.keep_evidence(held.payment_id, f"begun:execute:{one.executes_begun}")
        return True

    def record(self, held: LockedTry, finding: TryFinding) -> TryRecorded | None:
        tables, one = self.tables, self.tables.one(held)
        beside = self._beside(one, finding, None if one.collected is None else one.provider_transaction)
        to_book = [each for each in beside if isinstance(each, FurtherMovement)]
        has_recorded = one.epoch == held.epoch == one.recorded
        is_written = not isinstance(finding, MoneyCollected) or one.end in MONEY_ENDS
        if has_recorded and not to_book and is_written:
            # Written again under its own epoch: it stands already.
            alarm = _alarm_of_repeat(one, finding)
            if isinstance(finding, MoneyHeld) and one.answers_held == 1:
                alarm = Alarm.HELD_FOR_RISK
            state = tables.books.payments[held.payment_id].state
            return TryRecorded(state, alarm, further_alarm(finding, alarm))
        if not _is_ours(one, held):
            tables.keep_evidence(held.payment_id, f"late:{type(finding).__name__}")
            self._keep(one, [each for each in beside if isinstance(each, UnbookedMovement)])
            is_first = isinstance(finding, MoneyCollected) and one.collected is None
            if is_first or to_book:
                one.next_action_at, one.is_woken = tables.clock.now(), True
            return None
        if one.collected is not None:
            return self._after_collecting(one, held, finding, beside)
        if isinstance(finding, PageOpened) and self._is_anothers(one, finding):
            finding = NothingCollected(TryEnd.NO_PAGE, "the connector told another try's name")
        seen = self._seen(one, finding)
        plan = decide_try(seen, finding)
        self._write(one, plan, finding)
        self._keep(one, self._beside(one, finding, name_of_own_movement(finding, plan)))
        own = own_movement_left_over(finding, plan, is_known=seen.is_movement_known)
        self._keep(one, [] if own is None else [own])
        tables.tell_routing(held, finding)
        state = tables.books.payments[held.payment_id].state
        return TryRecorded(state, plan.alarm, further_alarm(finding, plan.alarm))

    # ---- how it is done ------------------------------------------------------------

    def _beside(
        self, one: StoredTry, finding: TryFinding, first: str | None
    ) -> list[FurtherMovement | UnbookedMovement]:
        """What a finding tells beside what its try has collected, and that stands nowhere yet."""
        movements = movements_beside(finding, one.new.connector_id, first)
        return [each for each in movements if not self._is_known(one, each.provider_transaction)]

    def _is_known(self, one: StoredTry, name: str) -> bool:
        """Whether a movement counts already, under another try or beside one."""
        is_further = (one.new.connector_id, name) in self.tables.further
        return is_further or any(name == other.provider_transaction != "" for other in self._others(one))

    def _keep(self, one: StoredTry, movements: Sequence[FurtherMovement | UnbookedMovement]) -> set[str]:
        """Book what can be booked and keep the rest; the names of what is new."""
        news = set()
        for movement in movements:
            if isinstance(movement, FurtherMovement):
                self._book(one, movement)
                news.add(movement.provider_transaction)
            elif self.tables.unbooked.get((one.new.attempt_id, movement.provider_transaction)) != movement:
                self.tables.unbooked[one.new.attempt_id, movement.provider_transaction] = movement
                news.add(movement.provider_transaction)
        return news

    def _book(self, one: StoredTry, further: FurtherMovement) -> None:
        self.tables.unbooked.pop((one.new.attempt_id, further.provider_transaction), None)
        self.tables.further.add((one.new.connector_id, further.provider_transaction))
        self.tables.post(one.payment_id, further.entry)
        self.tables.owe_by_itself(one, RefundKind.UNEXPECTED, further.amount, further)

    def _after_collecting(
        self,
        one: StoredTry,
        held: LockedTry,
        finding: TryFinding,
        beside: Sequence[FurtherMovement | UnbookedMovement],
    ) -> TryRecorded:
        """The money of this try stands already; another movement under it is booked beside it, once."""
        self.tables.keep_evidence(held.payment_id, f"beside:{type(finding).__name__}")
        one.recorded, one.lease_until, one.next_action_at = held.epoch, None, None
        if one.is_woken:
            one.next_action_at, one.is_woken = self.tables.clock.now() + ONCE_IN_SECONDS, False
        news = self._keep(one, beside) - {_movement_of(finding)}
        is_other = is_other_movement(finding, one.provider_transaction)
        state = self.tables.books.payments[held.payment_id].state
        return TryRecorded(
            state, Alarm.COLLECTED_MISMATCH if is_other else None, Alarm.PAID_TWICE if news else None
        )

    def _others(self, one: StoredTry) -> list[StoredTry]:
        return [
            other
            for other in self.tables.tries
            if other is not one and other.new.connector_id == one.new.connector_id
        ]

    def _is_anothers(self, one: StoredTry, page: PageOpened) -> bool:
        name = page.created.provider_reference
        return any(other.provider_reference == name for other in self._others(one))

    def _seen(self, one: StoredTry, finding: TryFinding) -> TrySnapshot:
        name = _movement_of(finding)
        return TrySnapshot(
            payment_state=self.tables.books.payments[one.payment_id].state,
            state=one.state,
            connector_id=one.new.connector_id,
            sums=self.tables.sums_of(one),
            is_quote_expired=self.tables.is_over(one.payment_id),
            is_movement_known=self._is_known(one, name),
            shares=self.tables.shares.of(one.payment_id),
            refusals_left=self._refusals_left(one),
            is_held=one.held_at is not None,
        )

    def _refusals_left(self, one: StoredTry) -> int | None:
        """What the merchant's agreement leaves after this try; None for the payment of a bill."""
        if self.tables.shares.of(one.payment_id) is None:
            return None
        earlier = [
            other
            for other in self.tables.tries_of(one.payment_id)
            if other is not one and other.end in INSTRUMENT_REFUSALS
        ]
        return max(self.tables.refusals_max - 1 - len(earlier), 0)

    def _write(self, one: StoredTry, plan: TryPlan, finding: TryFinding) -> None:
        tables = self.tables
        if plan.events:
            tables.move(one.payment_id, plan.events, plan.facts, plan.refusal)
            self._plan_payment(one, plan)
        elif plan.end is not None:
            tables.keep_evidence(one.payment_id, plan.end)
        if plan.end is not None and (one.state is not TryState.CLOSED or plan.end in MONEY_ENDS):
            one.state, one.end = plan.state, plan.end
        self._write_next(one, finding)
        for entry in plan.entries:
            tables.post(one.payment_id, entry)
        if Event.MERCHANT_CREDITED in plan.events:
            tables.shares.credit(one.payment_id, tables.sums_of(one))
        tables.tell(one.payment_id, plan.notice)
        if plan.collected is not None:
            one.collected, one.collected_at = plan.collected, tables.clock.now()
            one.provider_transaction = _movement_of(finding)
        if plan.gives_back is not None:
            tables.owe_by_itself(one, RefundKind.UNEXPECTED, plan.gives_back)

    def _plan_payment(self, one: StoredTry, plan: TryPlan) -> None:
        """When the payment itself has something to do, and who brought its money."""
        tables, payment = self.tables, self.tables.books.payments[one.payment_id]
        payment.next_action_at = None
        if payment.state is State.CREATED:
            payment.next_action_at = tables.collections[one.payment_id].pay_until
        if plan.payment_due_seconds is not None:
            payment.next_action_at = tables.later(plan.payment_due_seconds)
        if plan.end is TryEnd.APPROVED:
            payment.collected_by = one.new.connector_id
            tables.show_price(one)
            for other in tables.tries_of(one.payment_id):
                if other is not one and other.state is TryState.OPEN:
                    other.state = TryState.ABANDONED

    def _write_next(self, one: StoredTry, finding: TryFinding) -> None:
        """Nobody holds the try, and it is looked at again when there is reason to."""
        tables = self.tables
        one.recorded, one.lease_until, one.next_action_at = one.epoch, None, None
        match finding:
            case PageOpened(created=created, ask_again_seconds=again, life_seconds=life):
                one.provider_reference, one.page_url = created.provider_reference, created.page_url
                one.page_until, one.next_action_at = tables.later(life), tables.later(again)
                for hint in tables.hints_for(one):
                    one.is_woken, one.is_agreed = True, one.is_agreed or hint.is_agreed
                    one.consent = one.consent or (hint.consent if hint.is_agreed else "")
            case StillOpen(ask_again_seconds=again):
                one.next_action_at = None if again is None else tables.later(again)
                one.asked = finding.was_asked + (0 if finding.is_new_doubt else one.asked)
                one.asked_at = tables.clock.now() if finding.was_asked else one.asked_at
                one.executes_begun -= finding.is_execute_undone
            case MoneyHeld(ask_again_seconds=again):
                one.held_at = one.held_at or tables.clock.now()
                one.asked, one.asked_at, one.answers_held = (
                    one.asked + 1,
                    tables.clock.now(),
                    one.answers_held + 1,
                )
                one.next_action_at = tables.later(again)
                tables.keep_evidence(one.payment_id, "held")
            case MoneyCollected():
                one.is_woken, one.held_at = False, None
            case NothingCollected(look_again_seconds=again):
                one.held_at = None
                one.next_action_at = None if again is None else tables.later(again)
        if one.is_woken:
            one.next_action_at = tables.soon(one)
        one.is_agreed, one.is_woken = one.is_agreed and one.is_woken, False


def _is_ours(one: StoredTry, held: LockedTry) -> bool:
    """An epoch has one holder, who records one finding."""
    return one.epoch == held.epoch != one.recorded


def _alarm_of_repeat(one: StoredTry, finding: TryFinding) -> Alarm | None:
    is_beside = one.collected is not None and is_other_movement(finding, one.provider_transaction)
    return Alarm.COLLECTED_MISMATCH if is_beside else ALARM_OF_END.get(one.end)


def _movement_of(finding: TryFinding) -> str:
    return finding.judged.collected.provider_transaction if isinstance(finding, MoneyCollected) else ""
