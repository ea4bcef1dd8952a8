"""Deciding the steps of one batch and collecting the rows to write; pure, between its reads and its write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

import orjson

from ekpay_switch.domain.alarms import RaisedAlarm
from ekpay_switch.domain.ledger.entries import Entry, EntryHeader, chain_hash, keeps_balance
from ekpay_switch.domain.ledger.posting_rules import Sums, prefund_accepted_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import TRANSITIONS, Event, State, walk
from ekpay_switch.domain.payments.claims import (
    AcceptedClaim,
    Claim,
    ClaimVerdict,
    QuotedBill,
    RefusedClaim,
    StartedClaim,
    decide_claims,
)
from ekpay_switch.domain.payments.delivery import (
    FINAL_RECEIPT,
    LATE_TO_ASK_ABOUT,
    UNDO_WANTED,
    NextSend,
    RecordAnswer,
    Recorded,
    Recording,
    SendAnswer,
    SendStarted,
    Stale,
    facts_after,
    plan_receipt_taken,
)
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.fact_texts import facts_as_json
from ekpay_switch.persistence.group_commit.lock_and_read import BatchSnapshot, LockedPayment
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.security.identifiers import uuid7

Row = tuple[object, ...]
ACTOR = "switch"


@dataclass(slots=True)
class RowChanges:
    """The rows that one batch writes, a list for each table; `write` says which columns they fill."""

    quotes: list[Row] = field(default_factory=list)
    payments: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    history: list[Row] = field(default_factory=list)
    evidence: list[Row] = field(default_factory=list)
    entries: list[Row] = field(default_factory=list)
    postings: list[Row] = field(default_factory=list)
    notifications: list[Row] = field(default_factory=list)
    token_lines: list[Row] = field(default_factory=list)
    used_receipts: list[Row] = field(default_factory=list)
    extended_leases: list[Row] = field(default_factory=list)
    started_sends: list[Row] = field(default_factory=list)
    moved_payments: dict[UUID, Row] = field(default_factory=dict)
    ended_attempts: list[Row] = field(default_factory=list)
    # How much each balance grows; and, where payments take from it or are given back, its total of the day.
    balances: dict[str, int] = field(default_factory=dict)
    day_totals: dict[str, int] = field(default_factory=dict)
    lanes: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    # How many new scroll numbers each series needs, and which of them each payment gets, counted from 0.
    numbers_needed: dict[str, int] = field(default_factory=dict)
    scroll_ranks: dict[UUID, int] = field(default_factory=dict)
    alarms: list[RaisedAlarm] = field(default_factory=list)


class BatchDecider:
    """Decides the steps of one batch by what was read under its locks, and collects the rows to write.

    Recordings are decided before claims: a prefund that they give back may pay for a claim of the same batch.
    """

    def __init__(self, snapshot: BatchSnapshot) -> None:
        self.snapshot = snapshot
        self.changes = RowChanges()

    def record(self, recording: Recording, token_lines: Sequence[Row] = ()) -> RecordAnswer:
        """Write the plan of an answer if its epoch still holds the payment; otherwise keep it as evidence."""
        payment = self.snapshot.payments[recording.delivery.payment_id]
        if _is_recorded_already(payment, recording):
            standing = payment.stored
            return Recorded(standing.state, standing.refusal, self.snapshot.now, standing.facts)
        if payment.epoch != recording.delivery.epoch or not _is_legal(payment, recording):
            return self._keep_as_evidence(payment, recording)
        was_taken = self._is_receipt_taken(recording)
        if was_taken:
            recording = replace(recording, plan=plan_receipt_taken(recording.plan), ask_again_seconds=None)
        plan, delivery = recording.plan, recording.delivery
        steps = walk(payment.stored.state, plan.events)
        self._add_history(delivery.payment_id, payment.steps, steps, plan.facts)
        if plan.entry is not None:
            self.add_entry(uuid7(), delivery.lane, delivery.payment_id, plan.entry)
            self._free_day_total(payment.business_date, plan.entry)
        state = steps[-1][2] if steps else payment.stored.state
        refusal = plan.refusal or payment.stored.refusal
        ask_at = None
        if recording.ask_again_seconds is not None:
            ask_at = self.snapshot.now + timedelta(seconds=recording.ask_again_seconds)
        if state is State.REFUNDED and payment.has_late_answer:
            ask_at = self.snapshot.now
        facts = facts_after(payment.stored.facts, plan)
        if not steps:
            self._add_evidence(recording, plan.end)
        self.changes.moved_payments[delivery.payment_id] = (
            delivery.payment_id, payment.epoch, state, refusal, facts_as_json(facts),
            payment.steps + len(steps), ask_at,
        )  # fmt: skip
        payment.steps += len(steps)
        payment.epoch = -1  # a second answer in the same batch is evidence
        payment.stored = replace(
            payment.stored, state=state, refusal=refusal, paid_at=self.snapshot.now, facts=facts
        )
        self.changes.token_lines += token_lines
        self._end_attempt(recording, is_over=bool(steps))
        self._notify(recording, payment.steps)
        return Recorded(state, refusal, self.snapshot.now, facts, was_taken)

    def _is_receipt_taken(self, recording: Recording) -> bool:
        """Whether another payment has used the receipt already; if none has, this payment uses it now."""
        receipt, payment_id = recording.plan.unique_receipt, recording.delivery.payment_id
        if not receipt:
            return False
        if receipt not in self.snapshot.receipts:
            self.snapshot.receipts[receipt] = payment_id
            self.changes.used_receipts.append((receipt, payment_id))
        return self.snapshot.receipts[receipt] != payment_id

    def begin_send(self, send: NextSend) -> SendAnswer:
        """Make one more send of an attempt ready, if its epoch still holds the payment.

        Idempotent: it names the step and the number of the send instead of counting one up.
        """
        delivery, payment = send.delivery, self.snapshot.payments[send.delivery.payment_id]
        if payment.epoch != delivery.epoch:
            return Stale(payment.stored.state, payment.stored.refusal, payment.stored.paid_at)
        hold_until = self.snapshot.now + timedelta(seconds=send.hold_seconds)
        send_until = self.snapshot.now + timedelta(seconds=send.send_seconds)
        self.changes.extended_leases.append(
            (delivery.payment_id, payment.epoch, hold_until, delivery.questions)
        )
        self.changes.started_sends.append((delivery.attempt_id, send.step, send.sends, send_until))
        kind, facts = f"begun:{send.step}:{send.sends}", send.answered or {}
        self.changes.evidence.append(
            (delivery.payment_id, delivery.attempt_id, delivery.epoch, kind, facts_as_json(facts))
        )
        return SendStarted()

    def decide_claims(self, claims: list[Claim]) -> list[ClaimVerdict]:
        """The verdicts on the claims, in order of arrival."""
        return decide_claims(claims, self.snapshot.claims)

    def start_payment(self, accepted: AcceptedClaim) -> StartedClaim:
        """Rows of a payment that takes its prefund and is being delivered from now on.

        The scroll number is allocated by the write: until then the payment has a rank, and 0 as its number.
        """
        claim, quote = accepted.claim, accepted.quote
        standing_scroll = self.snapshot.scrolls.get(claim.payment_id)
        if standing_scroll is not None:
            scroll_no, business_date = standing_scroll
            return StartedClaim(claim, quote, scroll_no, business_date)
        now = self.snapshot.now
        lease_until = now + timedelta(seconds=claim.lease_seconds)
        self._add_payment(
            claim, quote.sums, quote, state=State.DELIVERING, rank=self._rank(claim), lease_until=lease_until
        )
        self.changes.attempts.append(
            (claim.attempt_id, claim.payment_id, "delivery", claim.biller_id, claim.attempt_reference,
             "open", claim.step, 1, now + timedelta(seconds=claim.send_seconds))
        )  # fmt: skip
        self._add_history(claim.payment_id, 0, walk(State.CREATED, (Event.PREFUND_TAKEN,)), {})
        entry = prefund_accepted_entry(accepted.prefund, quote.sums)
        self.add_entry(uuid7(), claim.lane, claim.payment_id, entry)
        self._move_day_total(accepted.prefund, quote.sums.total.minor)
        return StartedClaim(claim, quote, 0, self.snapshot.business_date)

    def _rank(self, claim: Claim) -> int | None:
        """Which of the new numbers of its series a payment gets; only after the verdict, so none is lost."""
        if not claim.scroll_series:
            return None
        rank = self.changes.numbers_needed.get(claim.scroll_series, 0)
        self.changes.numbers_needed[claim.scroll_series] = rank + 1
        self.changes.scroll_ranks[claim.payment_id] = rank
        return rank

    def burn_reference(self, refused: RefusedClaim) -> None:
        """Rows of a burnt reference: a payment that was declined before any money moved."""
        claim, quote = refused.claim, refused.quote
        zero = Money(0, claim.paid.currency)
        sums = quote.sums if quote else Sums(claim.paid, charge=zero, fee=zero, vat=zero)
        self._add_payment(claim, sums, quote, state=State.DECLINED, refusal=refused.refusal)
        facts = {"refusal": str(refused.refusal)}
        self._add_history(claim.payment_id, 0, walk(State.CREATED, (Event.REFUSED,)), facts)

    def add_entry(self, entry_id: UUID, lane: int, payment_id: UUID | None, entry: Entry) -> None:
        """Rows of a journal entry, hashed into the chain of its lane."""
        seq, previous = self.changes.lanes.get(lane) or self.snapshot.lanes[lane]
        window_id, day = self.snapshot.window_id, self.snapshot.business_date
        digest = chain_hash(previous, EntryHeader(entry_id, payment_id, day, window_id), entry)
        self.changes.lanes[lane] = (seq + 1, digest)
        self.changes.entries.append(
            (entry_id, lane, seq + 1, payment_id, entry.moment, entry.currency, day, window_id, digest)
        )
        for number, posting in enumerate(entry.postings, 1):
            self.changes.postings.append((entry_id, number, posting.account, posting.amount))
            if keeps_balance(posting.account):
                self._move_balance(posting.account, -posting.amount)

    def add_entry_once(self, step: PostEntry) -> None:
        """Rows of an entry that is a step of its own, unless it was written before."""
        if step.entry_id not in self.snapshot.entries:
            self.snapshot.entries.add(step.entry_id)
            self.add_entry(step.entry_id, step.lane, step.payment_id, step.entry)
            if step.gives_back_of is not None:
                self._free_day_total(step.gives_back_of, step.entry)

    def _move_balance(self, account: str, growth: int) -> None:
        self.changes.balances[account] = self.changes.balances.get(account, 0) + growth
        # `decide_claims` has already taken an accepted claim off the headroom; what is given back is added
        # here.
        if growth > 0 and account in self.snapshot.claims.headroom:
            self.snapshot.claims.headroom[account] += growth

    def _free_day_total(self, taken_on: date, entry: Entry) -> None:
        """What a prefund is given back on the day on which it was taken may be paid again that day."""
        for posting in entry.postings:
            account, growth = posting.account, -posting.amount
            if growth > 0 and self.snapshot.counted_on.get(account) == taken_on:
                self._move_day_total(account, -growth)
                partner_id = account.split(":")[1]
                if partner_id in self.snapshot.claims.left_today:
                    self.snapshot.claims.left_today[partner_id] += growth

    def _move_day_total(self, account: str, growth: int) -> None:
        self.changes.day_totals[account] = self.changes.day_totals.get(account, 0) + growth

    def _add_payment(
        self,
        claim: Claim,
        sums: Sums,
        quote: QuotedBill | None,
        *,
        state: State,
        refusal: Refusal | None = None,
        rank: int | None = None,
        lease_until: datetime | None = None,
    ) -> None:
        """The payment's row; only one that is being delivered keeps what its biller has to be sent."""
        bill_key, bucket = (quote.bill_key, quote.bucket) if quote else ("", "")
        biller_quote = _json(quote.biller_quote) if quote and state is State.DELIVERING else "{}"
        expires_at = quote.expires_at if quote else None
        self.changes.payments.append(
            (claim.payment_id, claim.partner_id, claim.lane, claim.reference, claim.fingerprint,
             claim.quote_id, claim.biller_id, bill_key, bucket, sums.amount.currency, sums.amount.minor,
             sums.charge.minor, sums.fee.minor, sums.vat.minor, sums.rounding.minor, state, refusal,
             biller_quote, expires_at, rank, self.snapshot.business_date, 1, 1, lease_until, lease_until,
             claim.scroll_series)
        )  # fmt: skip

    def _add_history(
        self,
        payment_id: UUID,
        steps_before: int,
        steps: list[tuple[State, Event, State]],
        facts: Mapping[str, object],
    ) -> None:
        written = facts_as_json(facts)
        for number, (before, event, following) in enumerate(steps, steps_before + 1):
            self.changes.history.append((payment_id, number, before, event, following, ACTOR, written))

    def _end_attempt(self, recording: Recording, *, is_over: bool) -> None:
        end = recording.plan.end
        closed_at = self.snapshot.now if is_over else None
        self.changes.ended_attempts.append(
            (recording.delivery.attempt_id, "closed" if is_over else "open", end, closed_at)
        )

    def _notify(self, recording: Recording, version: int) -> None:
        delivery, notice = recording.delivery, recording.plan.notice
        if notice:
            row = (uuid7(), delivery.payment_id, delivery.partner_id, notice, version)
            self.changes.notifications.append(row)
        if recording.plan.alarm is not None:
            facts = recording.plan.facts
            self.changes.alarms.append(
                RaisedAlarm.of_payment(recording.plan.alarm, delivery.payment_id, facts)
            )

    def _add_evidence(self, recording: Recording, kind: str) -> None:
        delivery, facts = recording.delivery, facts_as_json(recording.plan.facts)
        self.changes.evidence.append((delivery.payment_id, delivery.attempt_id, delivery.epoch, kind, facts))

    def _keep_as_evidence(self, payment: LockedPayment, recording: Recording) -> Stale:
        self._add_evidence(recording, f"late:{recording.plan.end}")
        if recording.plan.end in LATE_TO_ASK_ABOUT:
            payment.has_late_answer = True
            if payment.stored.state is State.REFUNDED:
                self._wake_resolver(payment)
        return Stale(payment.stored.state, payment.stored.refusal, payment.stored.paid_at)

    def _wake_resolver(self, payment: LockedPayment) -> None:
        """Have a payment asked about at once that was given back and yet may have succeeded."""
        standing = payment.stored
        self.changes.moved_payments[standing.payment_id] = (
            standing.payment_id, standing.epoch, standing.state, standing.refusal,
            facts_as_json(standing.facts), payment.steps, self.snapshot.now,
        )  # fmt: skip


def _is_recorded_already(payment: LockedPayment, recording: Recording) -> bool:
    """Whether this very recording was written before, and only its COMMIT was not acknowledged.

    An epoch has one holder and a holder records one end, so the same epoch with that end is this recording. A
    final receipt ends nothing: it was written if its fact is there. An undone payment was refunded before: it
    was written if nothing is to be undone any more.
    """
    events = recording.plan.events
    if not events or payment.epoch != recording.delivery.epoch:
        return False
    if events[-1] is Event.RECEIPT_ISSUED:
        return FINAL_RECEIPT in payment.stored.facts
    if events[-1] is Event.REVIEWED_AS_REFUNDED:
        return UNDO_WANTED not in payment.stored.facts
    return payment.stored.state in {
        following for (_, event), following in TRANSITIONS.items() if event is events[-1]
    }


def _is_legal(payment: LockedPayment, recording: Recording) -> bool:
    """Whether the first event is allowed in the payment's state; the others follow from the first."""
    events = recording.plan.events
    state = payment.stored.state
    return (state, events[0]) in TRANSITIONS if events else state is State.DELIVERING


def _json(facts: object) -> str:
    return orjson.dumps(facts).decode()
