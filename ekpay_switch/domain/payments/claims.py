"""Claiming payments from a prefund: which may start, decided for a whole batch at once.

`decide_claims` is pure. The group commit locks, reads a `Snapshot`, calls it and writes the verdicts; the
unique indexes and the CHECK on the account row refuse the same claims again (architecture.md 6, "Group
commit"). Floors above zero and daily limits are decided here alone, under the lock (docs/adr/0076).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from ekpay_switch.domain.ledger.posting_rules import Sums, prefund_account
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import RELEASED, State
from ekpay_switch.domain.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Claim:
    """A partner's order to pay a quoted bill, before it is stored.

    `payment_id`, `attempt_id` and `attempt_reference` are made by us before anything is stored, so that a
    claim that is written twice is recognised. Durations are seconds from the database's now: the send may
    start within `send_seconds`, no other process touches the payment within `lease_seconds`. `step` is the
    first of the steps that post the payment at its biller. One that `is_recovered` was sent before a restore
    of the database: it cannot come too late any more, and where it is refused, nothing is stored.
    """

    payment_id: UUID
    attempt_id: UUID
    attempt_reference: str
    partner_id: str
    lane: int
    reference: str
    fingerprint: bytes
    quote_id: str
    biller_id: str
    paid: Money
    stated_total: Money | None
    stated_fee: Money | None
    send_seconds: float
    lease_seconds: float
    scroll_series: str = ""
    step: str = "pay"
    is_recovered: bool = False


@dataclass(frozen=True, slots=True)
class QuotedBill:
    """The stored part of a quote that a claim is judged by, and that paying it needs.

    `bill_key` is never empty: where a biller takes any number of payments, it names the quote itself, so
    that one unique index holds both "one bill, one payment" and "a quote pays at most once". The last three
    are kept in the sends journal alone: the partner's name of its fetch, and the biller's of bill and payer.
    """

    quote_id: str
    biller_id: str
    bill_key: str
    bucket: str
    is_paid: bool
    sums: Sums
    expires_at: datetime
    biller_quote: Mapping[str, str]
    request_reference: str = ""
    bill_number: str = ""
    account: str = ""


@dataclass(frozen=True, slots=True)
class PaymentRecord:
    """A stored payment, as far as a repeat of its reference or an answer about it needs it."""

    payment_id: UUID
    partner_id: str
    reference: str
    fingerprint: bytes
    state: State
    epoch: int
    refusal: Refusal | None
    quote_id: str
    biller_id: str
    paid_at: datetime | None = None
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Snapshot:
    """What the database says, read after every lock is held.

    `decide_claims` updates it: a claim accepted earlier in the batch counts for the later ones. `headroom` is
    what an account holds above its floor; `left_today` is what a partner with a daily limit may still pay.
    Both are paisa, and negative where a limit was set below what stands.
    """

    now: datetime
    payments: dict[tuple[str, str], PaymentRecord]
    quotes: dict[tuple[str, str], QuotedBill]
    taken_bills: dict[tuple[str, str], UUID]
    headroom: dict[str, int]
    left_today: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AcceptedClaim:
    """The prefund is taken and the attempt is open: send the payment to the biller now."""

    claim: Claim
    quote: QuotedBill

    @property
    def prefund(self) -> str:
        """The ledger account that pays."""
        return prefund_account(self.claim.partner_id, self.quote.bucket)


@dataclass(frozen=True, slots=True)
class StartedClaim:
    """An accepted claim as written, with its scroll number (0 where the biller wants none) and day."""

    claim: Claim
    quote: QuotedBill
    scroll_no: int
    business_date: date


@dataclass(frozen=True, slots=True)
class RefusedClaim:
    """No money moved; the reference is burnt with this reason, unless the claim was recovered."""

    claim: Claim
    refusal: Refusal
    quote: QuotedBill | None


@dataclass(frozen=True, slots=True)
class RepeatedClaim:
    """The reference was used before with the same content: its payment's current state is the answer."""

    payment: PaymentRecord


@dataclass(frozen=True, slots=True)
class ConflictingClaim:
    """The reference was used before with other content; nothing is stored."""

    payment: PaymentRecord


ClaimVerdict = AcceptedClaim | RefusedClaim | RepeatedClaim | ConflictingClaim
ClaimAnswer = StartedClaim | RefusedClaim | RepeatedClaim | ConflictingClaim


def decide_claims(claims: Iterable[Claim], snapshot: Snapshot) -> list[ClaimVerdict]:
    """Judge the claims in order of arrival, one verdict each.

    A refused claim frees its headroom for later ones: of 60, 60 and 30 on 100 the first and the third
    are accepted, and so it is under a daily limit. A claim that is stored already under the same payment id
    (a batch that was committed without our knowing) is accepted again as long as no other process has taken
    the payment over.
    """
    return [_judge_claim(claim, snapshot) for claim in claims]


def _judge_claim(claim: Claim, snapshot: Snapshot) -> ClaimVerdict:
    quote = snapshot.quotes.get((claim.partner_id, claim.quote_id))
    standing = snapshot.payments.get((claim.partner_id, claim.reference))
    if standing is not None:
        return _answer_repeat(claim, quote, standing)
    refusal = _first_refusal(claim, quote, snapshot)
    if refusal is not None or quote is None:
        verdict: AcceptedClaim | RefusedClaim = RefusedClaim(claim, refusal or Refusal.QUOTE_EXPIRED, quote)
    else:
        verdict = AcceptedClaim(claim, quote)
    _update_snapshot(verdict, snapshot)
    return verdict


def _answer_repeat(claim: Claim, quote: QuotedBill | None, standing: PaymentRecord) -> ClaimVerdict:
    if standing.payment_id == claim.payment_id:
        is_still_ours = standing.state is State.DELIVERING and standing.epoch == 1
        if is_still_ours and quote is not None:
            return AcceptedClaim(claim, quote)
        return RepeatedClaim(standing)
    if standing.fingerprint != claim.fingerprint:
        return ConflictingClaim(standing)
    return RepeatedClaim(standing)


def _first_refusal(claim: Claim, quote: QuotedBill | None, snapshot: Snapshot) -> Refusal | None:
    """The first reason that applies, in the order in which docs/adr/0011 says they are checked."""
    if quote is None:
        return Refusal.QUOTE_EXPIRED
    total = quote.sums.total.minor
    headroom = snapshot.headroom.get(prefund_account(claim.partner_id, quote.bucket), 0)
    checks = (
        (Refusal.BILL_TAKEN, (quote.biller_id, quote.bill_key) in snapshot.taken_bills),
        # Where nothing is owed, or the biller owes the payer, there is nothing to pay.
        (Refusal.ALREADY_PAID, quote.is_paid or quote.sums.amount.minor <= 0),
        (Refusal.QUOTE_EXPIRED, quote.expires_at <= snapshot.now),
        (Refusal.AMOUNT_DIFFERS, not _matches(claim, quote)),
        (Refusal.PREFUND_TOO_LOW, total > headroom),
        (Refusal.DAILY_LIMIT_REACHED, total > snapshot.left_today.get(claim.partner_id, total)),
    )
    in_time = _BEFORE_SENDING if claim.is_recovered else frozenset()
    return next((refusal for refusal, applies in checks if applies and refusal not in in_time), None)


# What is asked before a payment is sent, and says nothing of one that was sent.
_BEFORE_SENDING = frozenset({Refusal.QUOTE_EXPIRED, Refusal.DAILY_LIMIT_REACHED})


def _matches(claim: Claim, quote: QuotedBill) -> bool:
    """Whether every echoed value equals the quote's; a difference is refused, never corrected."""
    billed, charged = quote.sums.billed_amount, quote.sums.fee + quote.sums.vat
    return (
        claim.biller_id == quote.biller_id
        and claim.paid in {billed, billed + charged}
        and claim.stated_total in {None, billed}
        and claim.stated_fee in {None, charged}
    )


def _update_snapshot(verdict: AcceptedClaim | RefusedClaim, snapshot: Snapshot) -> None:
    claim, quote = verdict.claim, verdict.quote
    refusal = verdict.refusal if isinstance(verdict, RefusedClaim) else None
    if claim.is_recovered and refusal is not None:
        return
    state = State.DELIVERING if refusal is None else State.DECLINED
    snapshot.payments[claim.partner_id, claim.reference] = PaymentRecord(
        payment_id=claim.payment_id,
        partner_id=claim.partner_id,
        reference=claim.reference,
        fingerprint=claim.fingerprint,
        state=state,
        epoch=1,
        refusal=refusal,
        quote_id=claim.quote_id,
        biller_id=claim.biller_id,
    )
    if quote is None or state in RELEASED:
        return
    snapshot.taken_bills[quote.biller_id, quote.bill_key] = claim.payment_id
    snapshot.headroom[prefund_account(claim.partner_id, quote.bucket)] -= quote.sums.total.minor
    if claim.partner_id in snapshot.left_today:
        snapshot.left_today[claim.partner_id] -= quote.sums.total.minor
