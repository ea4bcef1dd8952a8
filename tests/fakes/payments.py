"""The books in memory: the same judgements as the real ones, without the database."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.collections.file_proofs import NO_FILES, FileStatements
from ekpay_switch.domain.ledger.entries import Entry, kind_of
from ekpay_switch.domain.ledger.posting_rules import (
    IN_FLIGHT,
    prefund_accepted_entry,
    prefund_account,
    topped_up_entry,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import RELEASED, TRANSITIONS, Event, State, walk
from ekpay_switch.domain.payments.after_give_back import KNOWN_TO_HOLD
from ekpay_switch.domain.payments.claims import (
    AcceptedClaim,
    Claim,
    ClaimAnswer,
    ClaimVerdict,
    PaymentRecord,
    QuotedBill,
    RefusedClaim,
    Snapshot,
    StartedClaim,
    decide_claims,
)
from ekpay_switch.domain.payments.delivery import (
    FINAL_RECEIPT,
    LATE_TO_ASK_ABOUT,
    UNDO_WANTED,
    Delivery,
    NextSend,
    PayOrder,
    RecordAnswer,
    Recorded,
    Recording,
    SendAnswer,
    SendStarted,
    Stale,
    facts_after,
    plan_receipt_taken,
)
from ekpay_switch.domain.payments.inquiries import DoubtfulSend
from ekpay_switch.domain.vending import TokenLine
from ekpay_switch.ports.world import Clock, LeasedPayment, RequestStatus
from tests.fakes.crash_points import Steps

RESOLVABLE = {State.DELIVERING, State.REFUNDED, State.COMPLETED}


@dataclass
class StoredPayment:
    """One payment as the tables would hold it."""

    standing: PaymentRecord
    claim: Claim
    quote: QuotedBill | None
    collected_by: str = ""
    scroll_no: int = 0
    step: str = "pay"
    sends: int = 1
    send_until: datetime | None = None
    lease_until: datetime | None = None
    next_action_at: datetime | None = None
    asked: int = 0
    is_woken: bool = False
    business_date: date | None = None
    history: list[tuple[State, Event, State]] = field(default_factory=list)

    @property
    def state(self) -> State:
        return self.standing.state

    @property
    def holds_bill(self) -> bool:
        """What was refused once holds its bill no more, unless its success is under review."""
        is_open = self.state not in RELEASED and self.standing.refusal is None
        return is_open or self.state is State.IN_REVIEW


@dataclass
class FakePayments:
    """The ports `Payments` and `Enquiries`, and the journal beside them."""

    clock: Clock
    steps: Steps
    quotes: dict[tuple[str, str], Quote] = field(default_factory=dict)
    payments: dict[UUID, StoredPayment] = field(default_factory=dict)
    entries: list[tuple[UUID | None, Entry]] = field(default_factory=list)
    evidence: list[tuple[UUID, str]] = field(default_factory=list)
    notices: list[tuple[UUID, str]] = field(default_factory=list)
    token_lines: dict[UUID, tuple[TokenLine, ...]] = field(default_factory=dict)
    used_receipts: dict[str, UUID] = field(default_factory=dict)
    scrolls: Counter[str] = field(default_factory=Counter)
    files: dict[UUID, FileStatements] = field(default_factory=dict)
    """What settlement files have said of attempts and refunds."""
    trouble: list[Exception] = field(default_factory=list)
    """What the next calls fail with, one each."""

    # ---- what a test asks and does ------------------------------------------------------------

    def top_up(self, partner_id: str, bucket: str, minor: int) -> None:
        self.entries.append((None, topped_up_entry(prefund_account(partner_id, bucket), Money(minor))))

    def balance(self, account: str) -> int:
        debit = sum(p.amount for _, entry in self.entries for p in entry.postings if p.account == account)
        return debit if kind_of(account).is_debit_normal else -debit

    def image(self) -> object:
        """Everything that counts as changed if it differs."""
        states = [(payment_id, kept.state) for payment_id, kept in self.payments.items()]
        return states, list(self.entries), list(self.evidence), list(self.notices)

    def only(self) -> StoredPayment:
        (payment,) = self.payments.values()
        return payment

    def moments(self, payment_id: UUID) -> list[str]:
        return [entry.moment for owner, entry in self.entries if owner == payment_id]

    def held(self) -> int:
        """What the payments that nobody has ended yet hold, by their own sums."""
        open_now = [p for p in self.payments.values() if p.state in {State.DELIVERING, State.FUNDED}]
        return sum(p.quote.sums.total.minor for p in open_now if p.quote is not None)

    def claim_batch(self, claims: Sequence[Claim]) -> list[ClaimAnswer]:
        """Judge and write several claims as one batch."""
        return [self._write(verdict) for verdict in decide_claims(claims, self._snapshot(claims))]

    # ---- the port Payments ------------------------------------------------------------

    async def save_quote(self, quote: Quote) -> None:
        with self.steps.step("save_quote"):
            self.fail_if_told()
            self.quotes[quote.partner_id, quote.quote_id] = quote

    async def claim(self, claim: Claim) -> ClaimAnswer:
        with self.steps.step("claim"):
            self.fail_if_told()
            return self.claim_batch([claim])[0]

    async def record(self, recording: Recording) -> RecordAnswer:
        with self.steps.step("record"):
            self.fail_if_told()
            return self._record(recording)

    async def lease_due(
        self,
        limit: int,
        lease_seconds: float,
        *,
        per_far_side: int = 16,
        passing_over: Collection[str] = (),
    ) -> Sequence[LeasedPayment]:
        now, places = self.clock.now(), Counter(dict.fromkeys(passing_over, per_far_side))
        with self.steps.step("lease_due"):
            self.fail_if_told()
            due: list[StoredPayment] = []
            waiting = [payment for payment in self.payments.values() if _is_due(payment, now)]
            for payment in sorted(
                waiting, key=lambda each: (each.state is State.COMPLETED, each.next_action_at or now)
            ):
                biller_id = payment.claim.biller_id
                if places[biller_id] < per_far_side and len(due) < limit:
                    places[biller_id] += 1
                    due.append(payment)
            return [self._lease(payment, now + timedelta(seconds=lease_seconds)) for payment in due]

    async def postpone(
        self, leased: LeasedPayment, ask_again_seconds: float | None, why: str, *, was_asked: bool
    ) -> None:
        with self.steps.step("postpone"):
            payment = self.payments[leased.delivery.payment_id]
            if payment.standing.epoch != leased.delivery.epoch:
                return
            again = None if ask_again_seconds is None else timedelta(seconds=ask_again_seconds)
            payment.next_action_at = None if again is None else self.clock.now() + again
            if payment.is_woken:
                payment.next_action_at = self.clock.now()
            payment.lease_until = None
            payment.asked += 1 if was_asked else 0
            if was_asked:
                self.evidence.append((leased.delivery.payment_id, why))

    async def begin_send(self, send: NextSend) -> SendAnswer:
        with self.steps.step("begin_send"):
            self.fail_if_told()
            payment, now = self.payments[send.delivery.payment_id], self.clock.now()
            if payment.standing.epoch != send.delivery.epoch:
                return Stale(payment.state, payment.standing.refusal, payment.standing.paid_at)
            payment.lease_until = payment.next_action_at = now + timedelta(seconds=send.hold_seconds)
            payment.step, payment.sends = send.step, send.sends
            payment.asked = send.delivery.questions
            payment.send_until = now + timedelta(seconds=send.send_seconds)
            self.evidence.append((send.delivery.payment_id, f"begun:{send.step}:{send.sends}"))
            return SendStarted()

    async def tokens(self, payment_id: UUID) -> Sequence[TokenLine]:
        with self.steps.step("tokens"):
            return list(self.token_lines.get(payment_id, ()))

    async def by_id(self, payment_id: UUID) -> PaymentRecord | None:
        with self.steps.step("standing"):
            payment = self.payments.get(payment_id)
            return None if payment is None else payment.standing

    # ---- the port Enquiries ------------------------------------------------------------

    async def status_of_request(self, partner_id: str, request_reference: str) -> RequestStatus | None:
        with self.steps.step("status_of_request"):
            self.fail_if_told()
        asked = [
            q
            for q in self.quotes.values()
            if (q.partner_id, q.request_reference) == (partner_id, request_reference)
        ]
        if not asked:
            return None
        quoted = {q.quote_id for q in asked if q.partner_id == partner_id}
        paid = [
            p
            for p in self.payments.values()
            if p.claim.partner_id == partner_id and p.claim.quote_id in quoted
        ]
        # The newest of those that were not declined, else the newest that was.
        newest = max(reversed(paid), key=lambda p: p.state is not State.DECLINED, default=None)
        standing = None if newest is None else newest.standing
        chosen = asked[-1] if newest is None else self.quotes[partner_id, newest.claim.quote_id]
        return RequestStatus(chosen.biller_id, chosen.bill.is_paid, chosen.sums.billed_amount, standing)

    # ---- how it is done ------------------------------------------------------------

    def fail_if_told(self) -> None:
        if self.trouble:
            raise self.trouble.pop(0)

    def _snapshot(self, claims: Sequence[Claim]) -> Snapshot:
        taken = {
            (p.quote.biller_id, p.quote.bill_key): payment_id
            for payment_id, p in self.payments.items()
            if p.quote is not None and p.holds_bill
        }
        prefunds = {
            prefund_account(c.partner_id, bucket) for c in claims for bucket in ("postpaid", "prepaid")
        }
        asked = {(c.partner_id, c.quote_id) for c in claims}
        return Snapshot(
            now=self.clock.now(),
            payments={
                (p.standing.partner_id, p.standing.reference): p.standing for p in self.payments.values()
            },
            quotes={key: _stored(self.quotes[key]) for key in asked & self.quotes.keys()},
            taken_bills=taken,
            headroom={account: self.balance(account) for account in prefunds},
        )

    def _write(self, verdict: ClaimVerdict) -> ClaimAnswer:
        match verdict:
            case AcceptedClaim(claim=claim, quote=quote):
                return self._start(verdict, claim, quote)
            case RefusedClaim(claim=claim, quote=quote, refusal=refusal) if not claim.is_recovered:
                standing = replace(_standing(claim, State.DECLINED, self.clock.now()), refusal=refusal)
                history = walk(State.CREATED, (Event.REFUSED,))
                self.payments[claim.payment_id] = StoredPayment(standing, claim, quote, history=history)
                return verdict
            case _:
                return verdict

    def _start(self, accepted: AcceptedClaim, claim: Claim, quote: QuotedBill) -> StartedClaim:
        now, standing = self.clock.now(), self.payments.get(claim.payment_id)
        if standing is not None:
            return StartedClaim(
                claim, quote, standing.scroll_no, standing.business_date or business_date(now)
            )
        if claim.scroll_series:
            self.scrolls[claim.scroll_series] += 1
        lease_until = now + timedelta(seconds=claim.lease_seconds)
        self.payments[claim.payment_id] = StoredPayment(
            standing=_standing(claim, State.DELIVERING, now),
            claim=claim,
            quote=quote,
            scroll_no=self.scrolls[claim.scroll_series],
            step=claim.step,
            send_until=now + timedelta(seconds=claim.send_seconds),
            lease_until=lease_until,
            next_action_at=lease_until,
            business_date=business_date(now),
            history=walk(State.CREATED, (Event.PREFUND_TAKEN,)),
        )
        self.entries.append((claim.payment_id, prefund_accepted_entry(accepted.prefund, quote.sums)))
        return StartedClaim(claim, quote, self.scrolls[claim.scroll_series], business_date(now))

    def _record(self, recording: Recording) -> RecordAnswer:
        payment, plan = self.payments[recording.delivery.payment_id], recording.plan
        standing, now = payment.standing, self.clock.now()
        is_current = standing.epoch == recording.delivery.epoch
        if is_current and _stands_already(standing, plan.events):
            return Recorded(standing.state, standing.refusal, now, standing.facts)
        if not is_current or not _is_legal(standing.state, plan.events):
            return self._keep_as_evidence(payment, recording)
        was_taken = self._is_receipt_taken(recording)
        if was_taken:
            plan = plan_receipt_taken(plan)
        steps = walk(standing.state, plan.events)
        state = steps[-1][2] if steps else standing.state
        payment.history += steps
        self.evidence += [] if steps else [(standing.payment_id, plan.end)]
        payment.standing = replace(
            standing,
            state=state,
            refusal=plan.refusal or standing.refusal,
            facts=facts_after(standing.facts, plan),
            paid_at=now,
        )
        payment.lease_until = None
        payment.next_action_at = self._next_action_at(
            payment, None if was_taken else recording.ask_again_seconds
        )
        if plan.entry is not None:
            self.entries.append((standing.payment_id, plan.entry))
        if plan.notice:
            self.notices.append((standing.payment_id, plan.notice))
        if plan.tokens:
            self.token_lines.setdefault(standing.payment_id, plan.tokens)
        return Recorded(state, payment.standing.refusal, now, payment.standing.facts, was_taken)

    def _is_receipt_taken(self, recording: Recording) -> bool:
        receipt, payment_id = recording.plan.unique_receipt, recording.delivery.payment_id
        return bool(receipt) and self.used_receipts.setdefault(receipt, payment_id) != payment_id

    def _keep_as_evidence(self, payment: StoredPayment, recording: Recording) -> Stale:
        self.evidence.append((payment.standing.payment_id, f"late:{recording.plan.end}"))
        if recording.plan.end in LATE_TO_ASK_ABOUT and payment.state is State.REFUNDED:
            payment.next_action_at, payment.is_woken = self.clock.now(), True
        return Stale(payment.state, payment.standing.refusal, payment.standing.paid_at)

    def _next_action_at(self, payment: StoredPayment, ask_again_seconds: float | None) -> datetime | None:
        """At once where money went back although an answer under an old epoch says that it arrived."""
        now = self.clock.now()
        if payment.state is State.REFUNDED:
            late = {f"late:{end}" for end in LATE_TO_ASK_ABOUT}
            kept = {kind for owner, kind in self.evidence if owner == payment.standing.payment_id}
            if late & kept:
                return now
        return None if ask_again_seconds is None else now + timedelta(seconds=ask_again_seconds)

    def _lease(self, payment: StoredPayment, until: datetime) -> LeasedPayment:
        payment.standing = replace(payment.standing, epoch=payment.standing.epoch + 1)
        payment.lease_until, payment.is_woken = until, False
        claim, quote, now = payment.claim, payment.quote, self.clock.now()
        assert quote is not None
        assert payment.send_until is not None
        delivery = Delivery(
            payment_id=claim.payment_id,
            attempt_id=claim.attempt_id,
            partner_id=claim.partner_id,
            lane=claim.lane,
            epoch=payment.standing.epoch,
            biller_id=claim.biller_id,
            prefund="" if payment.collected_by else prefund_account(claim.partner_id, quote.bucket),
            sums=quote.sums,
            sends=payment.sends,
            collected_by=payment.collected_by,
        )
        order = PayOrder(
            payment_id=claim.payment_id,
            biller_id=claim.biller_id,
            reference=claim.attempt_reference,
            sums=quote.sums,
            biller_quote=quote.biller_quote,
            scroll_no=payment.scroll_no,
            business_date=payment.business_date or business_date(now),
            send_before=0.0,
            step=payment.step,
        )
        send = DoubtfulSend(payment.send_until, payment.sends, quote.expires_at)
        files = self.files.get(claim.attempt_id, NO_FILES)
        facts = payment.standing.facts
        return LeasedPayment(
            delivery,
            order,
            payment.state,
            send,
            payment.asked,
            now,
            files=files,
            undo_wanted=facts.get(UNDO_WANTED, ""),
            known_to_hold=facts.get(KNOWN_TO_HOLD, ""),
        )


def books_balance(books: FakePayments) -> bool:
    """Whether what is in flight is exactly what the open payments hold (review cases hold theirs too)."""
    reviewed = sum(
        p.quote.sums.total.minor
        for p in books.payments.values()
        if p.quote is not None and (State.DELIVERING, Event.FACTS_DISAGREED, State.IN_REVIEW) in p.history
    )
    return books.balance(IN_FLIGHT) == books.held() + reviewed


def _is_due(payment: StoredPayment, now: datetime) -> bool:
    is_free = payment.lease_until is None or payment.lease_until < now
    return (
        payment.next_action_at is not None
        and payment.next_action_at <= now
        and is_free
        and payment.state in RESOLVABLE
    )


def _stored(quote: Quote) -> QuotedBill:
    return QuotedBill(
        quote_id=quote.quote_id,
        biller_id=quote.biller_id,
        bill_key=quote.bill_key,
        bucket=quote.bucket,
        is_paid=quote.bill.is_paid,
        sums=quote.sums,
        expires_at=quote.expires_at,
        biller_quote=quote.bill.biller_quote,
        request_reference=quote.request_reference,
        bill_number=quote.bill.bill_number,
        account=quote.bill.account,
    )


def _standing(claim: Claim, state: State, now: datetime) -> PaymentRecord:
    return PaymentRecord(
        payment_id=claim.payment_id,
        partner_id=claim.partner_id,
        reference=claim.reference,
        fingerprint=claim.fingerprint,
        state=state,
        epoch=1,
        refusal=None,
        quote_id=claim.quote_id,
        biller_id=claim.biller_id,
        paid_at=now,
    )


def _stands_already(standing: PaymentRecord, events: Sequence[Event]) -> bool:
    if events == (Event.RECEIPT_ISSUED,):
        return FINAL_RECEIPT in standing.facts
    if events[-1:] == (Event.REVIEWED_AS_REFUNDED,):
        return UNDO_WANTED not in standing.facts
    return bool(events) and standing.state in {
        to for (_, event), to in TRANSITIONS.items() if event is events[-1]
    }


def _is_legal(state: State, events: Sequence[Event]) -> bool:
    return (state, events[0]) in TRANSITIONS if events else state is State.DELIVERING
