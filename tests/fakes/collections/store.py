"""The ports of collected payments in memory: the same judgements as the real ones, without the database."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.collections.connector_calls import CallbackHint
from ekpay_switch.domain.collections.funding import (
    WAITS_FOR_MONEY,
    LockedTry,
    TryEnd,
    TryFinding,
    TryState,
)
from ekpay_switch.domain.collections.new_tries import NewCollection, NewTry
from ekpay_switch.domain.ledger.posting_rules import merchant_credited_entry, owed_back_entry
from ekpay_switch.domain.merchants.merchant import is_merchant
from ekpay_switch.domain.payment import Event, State
from ekpay_switch.domain.payments.delivery import Delivery, PayOrder
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.ports.collections import (
    AlreadyOpened,
    BillTaken,
    Client,
    CollectionOpened,
    DeliveryStart,
    FundedPayment,
    NoNewTry,
    OpenAnswer,
    OtherContent,
    PaymentView,
    RawCallback,
    ReturnPage,
    StartedDelivery,
    TryRecorded,
    UnclaimedRefusedError,
)
from tests.fakes.collections.findings import Findings
from tests.fakes.collections.tables import CollectTables, StoredTry, stored_payment
from tests.fakes.payments import StoredPayment


@dataclass
class FakeClients:
    """The port `Clients`."""

    known: dict[str, Client] = field(default_factory=dict)

    async def by_key(self, key: str) -> Client | None:
        return self.known.get(key)


@dataclass
class FakeCollections:
    """The port `Collections`."""

    tables: CollectTables

    # ---- opening ------------------------------------------------------------

    async def by_reference(self, partner_id: str, reference: str) -> PaymentView | None:
        with self.tables.steps.step("by_reference"):
            self.tables.books.fail_if_told()
            found = self._under(partner_id, reference)
            return None if found is None else self.tables.view(found.payment_id)

    async def view(self, partner_id: str, payment_id: UUID) -> PaymentView | None:
        if self.tables.payment(partner_id, payment_id) is None:
            return None
        return self.tables.view(payment_id)

    async def open(self, new: NewCollection) -> OpenAnswer:
        with self.tables.steps.step("open"):
            tables = self.tables
            tables.books.fail_if_told()
            standing = self._under(new.partner_id, new.reference)
            if standing is not None:
                if standing.fingerprint != new.fingerprint:
                    return OtherContent()
                return AlreadyOpened(tables.view(standing.payment_id))
            holder = self._holder(new)
            if holder is not None:
                is_own = holder.standing.partner_id == new.partner_id
                return BillTaken(holder.standing.payment_id if is_own else None)
            tables.collections[new.payment_id] = new
            tables.created_at[new.payment_id] = tables.clock.now()
            payment = stored_payment(new)
            payment.business_date = business_date(tables.clock.now())
            payment.standing = replace(payment.standing, paid_at=tables.clock.now())
            tables.books.payments[new.payment_id] = payment
            return CollectionOpened(self._begin(new.payment_id, new.first))

    async def open_try(
        self, partner_id: str, payment_id: UUID, new: NewTry, page_is_ours_after_seconds: float
    ) -> LockedTry | NoNewTry:
        with self.tables.steps.step("open_try"):
            tables = self.tables
            payment = tables.payment(partner_id, payment_id)
            if payment is None:
                return NoNewTry(None)
            before = tables.open_try(payment_id)
            is_late = tables.is_over(payment_id) or payment.state not in WAITS_FOR_MONEY
            is_late = is_late or not self._is_in_turn(payment_id, new) or tables.is_money_held(payment_id)
            if is_late or (before is not None and self._is_in_use(before, page_is_ours_after_seconds)):
                return NoNewTry(payment.state)
            if before is not None:
                before.state = TryState.ABANDONED
            return self._begin(payment_id, new)

    async def cancel(
        self, partner_id: str, payment_id: UUID, refusal: Refusal = Refusal.CANCELLED
    ) -> NoNewTry | None:
        with self.tables.steps.step("cancel"):
            tables = self.tables
            payment = tables.payment(partner_id, payment_id)
            if payment is None:
                return NoNewTry(None)
            notices = {Refusal.CANCELLED: "cancelled", Refusal.INSTRUMENT_REFUSED: "instrument_refused"}
            if payment.state is State.DECLINED and payment.standing.refusal in notices:
                return None
            open_try = tables.open_try(payment_id)
            is_used = any(
                one.executes_begun for one in tables.tries_of(payment_id) if one.state is not TryState.CLOSED
            )
            is_being_opened = open_try is not None and self._is_being_opened(open_try)
            is_used = is_used or tables.is_money_held(payment_id)
            if payment.state not in WAITS_FOR_MONEY or is_used or is_being_opened:
                return NoNewTry(payment.state)
            events: tuple[Event, ...] = (Event.REFUSED,)
            if open_try is not None:
                open_try.state, open_try.end = TryState.CLOSED, TryEnd.LAPSED
                open_try.epoch, open_try.lease_until = open_try.epoch + 1, None
                events = (Event.COLLECTION_CAME_TO_NOTHING, Event.REFUSED)
            tables.move(payment_id, events, {"refusal": refusal.value}, refusal)
            payment.next_action_at = None
            tables.tell(payment_id, notices[refusal])
            return None

    # ---- following up ------------------------------------------------------------

    async def lease_try(self, reference: str, lease_seconds: float) -> LockedTry | None:
        with self.tables.steps.step("lease_try"):
            one = self._by_reference(reference)
            if one is None or not self.tables.is_due(one):
                return None
            return self.tables.hold(one, lease_seconds)

    async def lease_due_tries(
        self, limit: int, lease_seconds: float, *, per_far_side: int, passing_over: Collection[str] = ()
    ) -> Sequence[LockedTry]:
        places = Counter(dict.fromkeys(passing_over, per_far_side))
        with self.tables.steps.step("lease_due_tries"):
            self.tables.books.fail_if_told()
            due: list[StoredTry] = []
            for one in self.tables.in_due_order(self.tables.tries):
                connector_id = one.new.connector_id
                if places[connector_id] < per_far_side and len(due) < limit:
                    places[connector_id] += 1
                    due.append(one)
            return [self.tables.hold(one, lease_seconds) for one in due]

    async def begin_execute(self, held: LockedTry, send_seconds: float, hold_seconds: float) -> bool:
        with self.tables.steps.step("begin_execute"):
            assert send_seconds <= hold_seconds
            return Findings(self.tables).begin_execute(held, send_seconds, hold_seconds)

    async def record(self, held: LockedTry, finding: TryFinding) -> TryRecorded | None:
        with self.tables.steps.step("record_try"):
            self.tables.books.fail_if_told()
            return Findings(self.tables).record(held, finding)

    async def expire_due(self, limit: int) -> int:
        with self.tables.steps.step("expire_due"):
            tables = self.tables
            due = [
                payment_id
                for payment_id in tables.collections
                if tables.books.payments[payment_id].state is State.CREATED and tables.is_over(payment_id)
            ]
            for payment_id in due[:limit]:
                facts = tables.books.payments[payment_id].standing.facts
                tables.move(payment_id, (Event.PAYER_NEVER_PAID,), facts)
                tables.books.payments[payment_id].next_action_at = None
                tables.tell(payment_id, "expired")
            return len(due[:limit])

    # ---- delivering ------------------------------------------------------------

    async def funded_due(
        self, limit: int, *, per_far_side: int = 16, passing_over: Collection[str] = ()
    ) -> Sequence[FundedPayment]:
        with self.tables.steps.step("funded_due"):
            tables, now = self.tables, self.tables.clock.now()
            places = Counter(dict.fromkeys(passing_over, per_far_side))
            due = [
                FundedPayment(
                    payment_id,
                    new.biller_id,
                    tables.is_over(payment_id) and not is_merchant(new.biller_id),
                )
                for payment_id, new in tables.collections.items()
                if (payment := tables.books.payments[payment_id]).state is State.FUNDED
                and payment.next_action_at is not None
                and payment.next_action_at <= now
            ]
            chosen = []
            for funded in sorted(due, key=lambda each: self._due_at(each.payment_id)):
                if funded.is_quote_expired or places[funded.biller_id] < per_far_side:
                    chosen.append(funded)
                    places[funded.biller_id] += not funded.is_quote_expired
            return chosen[:limit]

    async def start_delivery(self, start: DeliveryStart) -> StartedDelivery | None:
        with self.tables.steps.step("start_delivery"):
            payment = self.tables.books.payments.get(start.payment_id)
            if payment is None or not self._is_deliverable(payment) or self.tables.is_over(start.payment_id):
                return None
            if payment.next_action_at is None or payment.next_action_at > self.tables.clock.now():
                return None
            return self._start(payment, start)

    async def credit_merchant(self, payment_id: UUID) -> bool:
        with self.tables.steps.step("credit_merchant"):
            tables, payment = self.tables, self.tables.books.payments.get(payment_id)
            shares = tables.shares.of(payment_id)
            if payment is None or payment.state is not State.FUNDED or shares is None:
                return False
            sums = tables.collections[payment_id].sums
            tables.move(payment_id, (Event.MERCHANT_CREDITED,), payment.standing.facts)
            tables.post(payment_id, merchant_credited_entry(shares, sums))
            tables.shares.credit(payment_id, sums)
            tables.tell(payment_id, "completed")
            payment.next_action_at = None
            return True

    async def give_up_delivery(self, payment_id: UUID) -> bool:
        with self.tables.steps.step("give_up_delivery"):
            tables, payment = self.tables, self.tables.books.payments.get(payment_id)
            if payment is None or not self._is_deliverable(payment) or not tables.is_over(payment_id):
                return False
            facts = {"why": "the time to deliver was over"}
            tables.move(payment_id, (Event.DELIVERY_GIVEN_UP,), facts, Refusal.BILLER_UNAVAILABLE)
            tables.post(
                payment_id, owed_back_entry(payment.collected_by, tables.collections[payment_id].sums)
            )
            payment.next_action_at = tables.clock.now()
            return True

    async def reference_of(self, connector_id: str, provider_reference: str) -> str | None:
        found = (
            one.new.reference
            for one in self.tables.tries
            if (one.new.connector_id, one.provider_reference) == (connector_id, provider_reference)
        )
        return next(found, None)

    async def return_page(self, reference: str) -> ReturnPage | None:
        one, tables = self._by_reference(reference), self.tables
        if one is None:
            return None
        new = tables.collections[one.payment_id]
        return ReturnPage(
            payment_id=one.payment_id,
            connector_id=one.new.connector_id,
            client_name=tables.client_names.get(new.partner_id, ""),
            state=tables.books.payments[one.payment_id].state,
            total=new.sums.total,
            return_url=new.return_url,
            try_state=one.state,
        )

    # ---- how it is done ------------------------------------------------------------

    def _by_reference(self, reference: str) -> StoredTry | None:
        return next((one for one in self.tables.tries if one.new.reference == reference), None)

    def _is_deliverable(self, payment: StoredPayment) -> bool:
        """Whether the money of a bill is there; a merchant is credited instead."""
        return payment.state is State.FUNDED and not is_merchant(payment.standing.biller_id)

    def _due_at(self, payment_id: UUID) -> datetime:
        return self.tables.books.payments[payment_id].next_action_at or self.tables.clock.now()

    def _under(self, partner_id: str, reference: str) -> NewCollection | None:
        return next(
            (
                new
                for new in self.tables.collections.values()
                if (new.partner_id, new.reference) == (partner_id, reference)
            ),
            None,
        )

    def _holder(self, new: NewCollection) -> StoredPayment | None:
        return next(
            (
                payment
                for payment in self.tables.books.payments.values()
                if payment.quote is not None
                and payment.holds_bill
                and (payment.quote.biller_id, payment.quote.bill_key) == (new.biller_id, new.bill_key)
            ),
            None,
        )

    def _begin(self, payment_id: UUID, new: NewTry) -> LockedTry:
        tables, until = self.tables, self.tables.later(new.hold_seconds)
        one = StoredTry(payment_id, new, tables.clock.now(), until, until)
        one.send_until = tables.later(new.send_seconds)
        tables.tries.append(one)
        if tables.books.payments[payment_id].state is State.CREATED:
            tables.move(payment_id, (Event.COLLECTION_STARTED,), {})
            tables.books.payments[payment_id].next_action_at = None
        if new.charges is not None:
            tables.show_price(one)
        return tables.held(one)

    def _is_in_turn(self, payment_id: UUID, new: NewTry) -> bool:
        """Whether it is the nth try, where its maker says which, and priced where each try is to be."""
        is_priced = is_merchant(self.tables.collections[payment_id].biller_id)
        count = len(self.tables.tries_of(payment_id))
        return is_priced == (new.charges is not None) and new.nth in {None, count + 1}

    def _is_in_use(self, one: StoredTry, page_is_ours_after_seconds: float) -> bool:
        """Whether money was asked for, or may still come without our word."""
        ours_at = one.opened_at + timedelta(seconds=page_is_ours_after_seconds)
        is_young = bool(one.provider_reference) and self.tables.clock.now() < ours_at
        return one.executes_begun > 0 or is_young

    def _is_being_opened(self, one: StoredTry) -> bool:
        """Whether its page is being asked for at this moment."""
        is_held = one.lease_until is not None and one.lease_until > self.tables.clock.now()
        return not one.provider_reference and is_held

    def _start(self, payment: StoredPayment, start: DeliveryStart) -> StartedDelivery:
        tables, books, now = self.tables, self.tables.books, self.tables.clock.now()
        tables.move(start.payment_id, (Event.DELIVERY_STARTED,), payment.standing.facts)
        payment.claim = replace(
            payment.claim, attempt_id=start.attempt_id, attempt_reference=start.attempt_reference
        )
        payment.standing = replace(payment.standing, epoch=payment.standing.epoch + 1)
        if start.scroll_series and not payment.scroll_no:
            books.scrolls[start.scroll_series] += 1
            payment.scroll_no = books.scrolls[start.scroll_series]
            payment.business_date = business_date(now)
        payment.step, payment.sends, payment.asked = start.step, 1, 0
        payment.send_until = tables.later(start.send_seconds)
        payment.lease_until = payment.next_action_at = tables.later(start.hold_seconds)
        new = tables.collections[start.payment_id]
        delivery = Delivery(
            payment_id=start.payment_id,
            attempt_id=start.attempt_id,
            partner_id=new.partner_id,
            lane=new.lane,
            epoch=payment.standing.epoch,
            biller_id=new.biller_id,
            prefund="",
            sums=new.sums,
            collected_by=payment.collected_by,
        )
        order = PayOrder(
            payment_id=start.payment_id,
            biller_id=new.biller_id,
            reference=start.attempt_reference,
            sums=new.sums,
            biller_quote=new.biller_quote,
            scroll_no=payment.scroll_no,
            business_date=payment.business_date or business_date(now),
            send_before=0.0,
            step=start.step,
        )
        return StartedDelivery(delivery, order)


@dataclass
class FakeCallbacks:
    """The port `Callbacks`."""

    tables: CollectTables

    async def keep(
        self,
        callback: RawCallback,
        hint: CallbackHint | None,
        may_keep_unclaimed: Callable[[], bool] = lambda: True,
    ) -> bool:
        with self.tables.steps.step("keep_callback"):
            name = (callback.connector_id, callback.name)
            hint = None if callback.is_forged else hint
            is_strange = hint is not None and not self.tables.is_named_by(callback.connector_id, hint)
            if is_strange and not may_keep_unclaimed():
                raise UnclaimedRefusedError
            is_new = name not in self.tables.callbacks
            if is_new:
                self.tables.callbacks[name] = (callback, hint)
            if hint is not None:
                self.tables.wake(callback.connector_id, hint)
            return is_new
