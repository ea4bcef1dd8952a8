"""Turning judged steps into rows: pure, between the reads and the one write of a batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

import orjson

from ekpay_switch.domain.claims import Accepted, Claim, Refused, Started, Verdict, decide
from ekpay_switch.domain.delivery import (
    FINAL_RECEIPT,
    LATE_TO_ASK_ABOUT,
    Begun,
    NextSend,
    Plan,
    RecordAnswer,
    Recorded,
    Recording,
    SendAnswer,
    Stale,
    plan_receipt_taken,
)
from ekpay_switch.domain.ledger.entries import Entry, Written, chain_hash, keeps_balance
from ekpay_switch.domain.ledger.posting_rules import Sums, accepted_from_prefund
from ekpay_switch.domain.payment import TRANSITIONS, Event, State, walk
from ekpay_switch.persistence.group_commit.lock_and_read import Held, Seen
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.security.identifiers import uuid7

Row = tuple[object, ...]
ACTOR = "switch"


@dataclass(slots=True)
class Changes:
    """The rows of one batch, a list a table; `batch_write` says which columns they fill."""

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
    held_payments: list[Row] = field(default_factory=list)
    begun_sends: list[Row] = field(default_factory=list)
    moved_payments: dict[UUID, Row] = field(default_factory=dict)
    ended_attempts: list[Row] = field(default_factory=list)
    balances: dict[str, int] = field(default_factory=dict)
    lanes: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    # How many new scroll numbers each series needs, and which of them each payment gets, from 0 on.
    wanted: dict[str, int] = field(default_factory=dict)
    ranks: dict[UUID, int] = field(default_factory=dict)


class Judge:
    """Judges the steps of one batch against what was seen, and gathers the rows that follow.

    Recordings come first, since what they give back may pay for claims of the same batch.
    """

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self.changes = Changes()

    def record(self, recording: Recording, token_lines: Sequence[Row] = ()) -> RecordAnswer:
        """Write an answer's plan if its epoch still holds the payment, else keep it as evidence."""
        held = self.seen.payments[recording.delivery.payment_id]
        if _stands_already(held, recording):
            standing = held.standing
            return Recorded(standing.state, standing.refusal, self.seen.now, standing.facts)
        if held.epoch != recording.delivery.epoch or not _is_legal(held, recording):
            return self._keep_as_evidence(held, recording)
        was_taken = self._is_receipt_taken(recording)
        if was_taken:
            recording = replace(recording, plan=plan_receipt_taken(recording.plan), ask_again_seconds=None)
        plan, delivery = recording.plan, recording.delivery
        steps = walk(held.standing.state, plan.events)
        self._history(delivery.payment_id, held.steps, steps, plan.facts)
        if plan.entry is not None:
            self.post(uuid7(), delivery.lane, delivery.payment_id, plan.entry)
        state = steps[-1][2] if steps else held.standing.state
        refusal = plan.refusal or held.standing.refusal
        ask_at = None
        if recording.ask_again_seconds is not None:
            ask_at = self.seen.now + timedelta(seconds=recording.ask_again_seconds)
        if state is State.REFUNDED and held.has_late_answer:
            ask_at = self.seen.now
        facts = _facts_after(held, plan)
        if not steps:
            self._evidence(recording, plan.end)
        self.changes.moved_payments[delivery.payment_id] = (
            delivery.payment_id, held.epoch, state, refusal, _json(facts), held.steps + len(steps), ask_at,
        )  # fmt: skip
        held.steps += len(steps)
        held.epoch = -1  # a second answer in the same batch is evidence
        held.standing = replace(
            held.standing, state=state, refusal=refusal, paid_at=self.seen.now, facts=facts
        )
        self.changes.token_lines += token_lines
        self._end_attempt(recording, is_over=bool(steps))
        self._notify(recording, held.steps)
        return Recorded(state, refusal, self.seen.now, facts, was_taken)

    def _is_receipt_taken(self, recording: Recording) -> bool:
        """Whether another payment has the receipt already; else it is this one's from now on."""
        receipt, payment_id = recording.plan.unique_receipt, recording.delivery.payment_id
        if not receipt:
            return False
        if receipt not in self.seen.receipts:
            self.seen.receipts[receipt] = payment_id
            self.changes.used_receipts.append((receipt, payment_id))
        return self.seen.receipts[receipt] != payment_id

    def begin(self, send: NextSend) -> SendAnswer:
        """Make one more send of an attempt ready, if its epoch still holds the payment.

        Written twice it is the same: it says which step and which send, not one more.
        """
        delivery, held = send.delivery, self.seen.payments[send.delivery.payment_id]
        if held.epoch != delivery.epoch:
            return Stale(held.standing.state, held.standing.refusal, held.standing.paid_at)
        hold_until = self.seen.now + timedelta(seconds=send.hold_seconds)
        send_until = self.seen.now + timedelta(seconds=send.send_seconds)
        self.changes.held_payments.append((delivery.payment_id, held.epoch, hold_until, delivery.asked))
        self.changes.begun_sends.append((delivery.attempt_id, send.step, send.sends, send_until))
        kind, facts = f"begun:{send.step}:{send.sends}", send.answered or {}
        self.changes.evidence.append(
            (delivery.payment_id, delivery.attempt_id, delivery.epoch, kind, _json(dict(facts)))
        )
        return Begun()

    def claim(self, claims: list[Claim]) -> list[Verdict]:
        """Judge the claims in order of arrival."""
        return decide(claims, self.seen.snapshot)

    def start(self, accepted: Accepted) -> Started:
        """Rows of a payment that takes its prefund and is being delivered from this moment.

        Its scroll number is given as the rows are written: until then it has a rank, and 0 for a number.
        """
        claim, quote = accepted.claim, accepted.quote
        again = self.seen.scrolls.get(claim.payment_id)
        if again is not None:
            return Started(claim, quote, *again)
        now = self.seen.now
        lease_until = now + timedelta(seconds=claim.lease_seconds)
        self._payment(
            claim, quote.sums, (quote.bill_key, quote.bucket, _json(quote.biller_quote), quote.expires_at),
            (State.DELIVERING, None, self._rank(claim), lease_until),
        )  # fmt: skip
        self.changes.attempts.append(
            (claim.attempt_id, claim.payment_id, "delivery", claim.biller_id, claim.attempt_reference,
             "open", claim.step, 1, now + timedelta(seconds=claim.send_seconds))
        )  # fmt: skip
        self._history(claim.payment_id, 0, walk(State.CREATED, (Event.PREFUND_TAKEN,)), {})
        entry = accepted_from_prefund(accepted.prefund, quote.sums)
        self.post(uuid7(), claim.lane, claim.payment_id, entry)
        return Started(claim, quote, 0, self.seen.business_date)

    def _rank(self, claim: Claim) -> int | None:
        """Which of the new numbers of its series a payment gets: after the verdict, so that none is lost."""
        if not claim.scroll_series:
            return None
        rank = self.changes.wanted.get(claim.scroll_series, 0)
        self.changes.wanted[claim.scroll_series] = rank + 1
        self.changes.ranks[claim.payment_id] = rank
        return rank

    def refuse(self, refused: Refused) -> None:
        """Rows of a reference that is burnt: a payment that was declined before any money moved."""
        claim, quote = refused.claim, refused.quote
        sums = quote.sums if quote else Sums(claim.paid, *(claim.paid - claim.paid,) * 3)
        told = (quote.bill_key, quote.bucket, "{}", quote.expires_at) if quote else ("", "", "{}", None)
        self._payment(claim, sums, told, (State.DECLINED, refused.refusal, None, None))
        facts = {"refusal": str(refused.refusal)}
        self._history(claim.payment_id, 0, walk(State.CREATED, (Event.REFUSED,)), facts)

    def post(self, entry_id: UUID, lane: int, payment_id: UUID | None, entry: Entry) -> None:
        """Rows of a journal entry, chained to the head of its lane."""
        seq, previous = self.changes.lanes.get(lane) or self.seen.lanes[lane]
        window_id, day = self.seen.window_id, self.seen.business_date
        digest = chain_hash(previous, Written(entry_id, payment_id, day, window_id), entry)
        self.changes.lanes[lane] = (seq + 1, digest)
        self.changes.entries.append(
            (entry_id, lane, seq + 1, payment_id, entry.moment, entry.currency, day, window_id, digest)
        )
        for number, posting in enumerate(entry.postings, 1):
            self.changes.postings.append((entry_id, number, posting.account, posting.amount))
            if keeps_balance(posting.account):
                self._move_balance(posting.account, -posting.amount)

    def post_alone(self, step: PostEntry) -> None:
        """Rows of an entry that comes by itself, unless it stands already."""
        if step.entry_id not in self.seen.entries:
            self.seen.entries.add(step.entry_id)
            self.post(step.entry_id, step.lane, step.payment_id, step.entry)

    def _move_balance(self, account: str, growth: int) -> None:
        self.changes.balances[account] = self.changes.balances.get(account, 0) + growth
        # A taken prefund is already off the headroom by `decide`; what comes back frees it here.
        if growth > 0 and account in self.seen.snapshot.headroom:
            self.seen.snapshot.headroom[account] += growth

    def _payment(self, claim: Claim, sums: Sums, told: Row, fate: Row) -> None:
        bill_key, bucket, biller_quote, expires_at = told
        state, refusal, rank, lease_until = fate
        self.changes.payments.append(
            (claim.payment_id, claim.partner_id, claim.lane, claim.reference, claim.fingerprint,
             claim.quote_id, claim.biller_id, bill_key, bucket, sums.amount.currency, sums.amount.minor,
             sums.charge.minor, sums.fee.minor, sums.vat.minor, sums.rounding.minor, state, refusal,
             biller_quote, expires_at, rank, self.seen.business_date, 1, 1, lease_until, lease_until,
             claim.scroll_series)
        )  # fmt: skip

    def _history(
        self, payment_id: UUID, stands: int, steps: list[tuple[State, Event, State]], facts: object
    ) -> None:
        for number, (before, event, following) in enumerate(steps, stands + 1):
            self.changes.history.append((payment_id, number, before, event, following, ACTOR, _json(facts)))

    def _end_attempt(self, recording: Recording, *, is_over: bool) -> None:
        end = recording.plan.end
        closed_at = self.seen.now if is_over else None
        self.changes.ended_attempts.append(
            (recording.delivery.attempt_id, "closed" if is_over else "open", end, closed_at)
        )

    def _notify(self, recording: Recording, version: int) -> None:
        delivery, notice = recording.delivery, recording.plan.notice
        if notice:
            told = (uuid7(), delivery.payment_id, delivery.partner_id, notice, version)
            self.changes.notifications.append(told)

    def _evidence(self, recording: Recording, kind: str) -> None:
        delivery, facts = recording.delivery, _json(recording.plan.facts)
        self.changes.evidence.append((delivery.payment_id, delivery.attempt_id, delivery.epoch, kind, facts))

    def _keep_as_evidence(self, held: Held, recording: Recording) -> Stale:
        self._evidence(recording, f"late:{recording.plan.end}")
        if recording.plan.end in LATE_TO_ASK_ABOUT:
            held.has_late_answer = True
            if held.standing.state is State.REFUNDED:
                self._wake_resolver(held)
        return Stale(held.standing.state, held.standing.refusal, held.standing.paid_at)

    def _wake_resolver(self, held: Held) -> None:
        """Ask at once about what was given back and yet may have succeeded."""
        standing = held.standing
        moved: Row = (
            standing.payment_id, standing.epoch, standing.state, standing.refusal, _json(standing.facts),
            held.steps,
        )  # fmt: skip
        self.changes.moved_payments[standing.payment_id] = (*moved, self.seen.now)


def _facts_after(held: Held, plan: Plan) -> Mapping[str, str]:
    """What is known of a payment after a plan: its last answer, and a final receipt beside the first one."""
    if plan.events == (Event.RECEIPT_ISSUED,):
        return {**held.standing.facts, **plan.facts}
    return plan.facts if plan.events else held.standing.facts


def _stands_already(held: Held, recording: Recording) -> bool:
    """Whether this very recording was written before and only its COMMIT was not heard of.

    An epoch has one holder, and a holder records one end, so the same epoch with that end is itself. A final
    receipt ends nothing: it stands if its fact does.
    """
    events = recording.plan.events
    if not events or held.epoch != recording.delivery.epoch:
        return False
    if events[-1] is Event.RECEIPT_ISSUED:
        return FINAL_RECEIPT in held.standing.facts
    return held.standing.state in {
        following for (_, event), following in TRANSITIONS.items() if event is events[-1]
    }


def _is_legal(held: Held, recording: Recording) -> bool:
    """Whether the first event may happen in the state found; the rest of a plan follows from the first."""
    events = recording.plan.events
    state = held.standing.state
    return (state, events[0]) in TRANSITIONS if events else state is State.DELIVERING


def _json(facts: object) -> str:
    return orjson.dumps(facts).decode()
