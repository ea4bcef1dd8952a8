"""Locking and reading for one batch: first every lock, in the one order used everywhere, then the reads.

The order is: settlement window (shared), lane rows, account rows of both buckets, advisory locks on bills,
payment rows, advisory locks on receipts; scroll counters come after the verdicts. Under READ COMMITTED each
later statement sees a fresh snapshot, so what is read here is what the locks protect (architecture.md 6,
"Group commit").
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from ekpay_switch.domain.ledger.entries import keeps_balance
from ekpay_switch.domain.ledger.posting_rules import Sums, prefund_account
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.parties.partner_limits import DayTotal, left_today
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.claims import Claim, PaymentRecord, QuotedBill, Snapshot
from ekpay_switch.domain.payments.delivery import LATE_TO_ASK_ABOUT, NextSend, Recording
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.group_commit.steps import PostEntry, SealedRecording, Step, lane_of, postings_of

BUCKETS = ("postpaid", "prepaid")
# Advisory locks with two keys are a separate space; those with one key are bills.
WINDOW_LOCK = "SELECT pg_advisory_xact_lock_shared(1, 1)"
BEGIN_UNDER_WINDOW_LOCK = f"BEGIN; {WINDOW_LOCK}"
SET_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '{milliseconds}ms'"
LOCK_LANES = "SELECT lane, seq, hash FROM lanes WHERE lane = ANY($1) ORDER BY lane FOR UPDATE"
LOCK_ACCOUNTS = "SELECT code, balance, floor FROM accounts WHERE code = ANY($1) ORDER BY code FOR UPDATE"
_LATE_KINDS = ", ".join(f"'late:{end}'" for end in sorted(LATE_TO_ASK_ABOUT))
# Bills are locked before payments: `count(*)` is evaluated before any payment row is read. The lanes were
# locked by an earlier statement, so late answers that another batch of these lanes has kept are seen here.
LOCK_BILLS_AND_PAYMENTS = f"""
WITH bills AS MATERIALIZED (
  SELECT pg_advisory_xact_lock(bill_lock) FROM (
    SELECT DISTINCT bill_lock FROM quotes WHERE quote_id = ANY($1) ORDER BY bill_lock) AS quoted),
locked_payments AS MATERIALIZED (
  SELECT id, partner_id, reference, fingerprint, state, epoch, steps, refusal, quote_id, biller_id, facts,
    updated_at, next_action_at, business_date,
    (SELECT true FROM evidence WHERE payment_id = payments.id AND kind IN ({_LATE_KINDS}) LIMIT 1)
      IS NOT NULL AS has_late_answer
  FROM payments WHERE (SELECT count(*) FROM bills) >= 0 AND id = ANY($2) ORDER BY id FOR UPDATE)
SELECT locked_payments.* FROM (SELECT count(*) FROM bills) AS locked LEFT JOIN locked_payments ON true
"""  # noqa: S608 - constants
OPEN_WINDOW = """
SELECT id, business_date, now() AS now FROM settlement_windows
WHERE state = 'open' AND business_date = (now() AT TIME ZONE INTERVAL '+06:00')::date
"""
# Lanes are locked before accounts: `count(*)` is evaluated before any account row is read. Both are read as
# they are once they are locked, and today's window cannot close under the lock taken before.
LOCK_LANES_AND_ACCOUNTS = """
WITH locked_lanes AS MATERIALIZED (
  SELECT lane, seq, hash FROM lanes WHERE lane = ANY($1) ORDER BY lane FOR UPDATE),
locked_accounts AS MATERIALIZED (
  SELECT code, balance - floor AS headroom, daily_limit, taken, taken_on FROM accounts
  WHERE (SELECT count(*) FROM locked_lanes) >= 0 AND code = ANY($2) ORDER BY code FOR UPDATE)
SELECT l.lane, l.seq, l.hash, w.id, w.business_date, now() AS now, NULL AS code, NULL AS headroom,
  NULL AS daily_limit, NULL AS taken, NULL AS taken_on
FROM locked_lanes AS l LEFT JOIN settlement_windows AS w
  ON w.state = 'open' AND w.business_date = (now() AT TIME ZONE INTERVAL '+06:00')::date
UNION ALL
SELECT NULL, NULL, NULL, NULL, NULL, NULL, code, headroom, daily_limit, taken, taken_on FROM locked_accounts
"""
NEW_WINDOW = """
INSERT INTO settlement_windows (business_date) VALUES ((now() AT TIME ZONE INTERVAL '+06:00')::date)
ON CONFLICT DO NOTHING
"""
# Receipts have their own first key; two receipts with the same hash only wait for each other.
LOCK_RECEIPTS = """
SELECT pg_advisory_xact_lock(2, key) FROM (
  SELECT DISTINCT hashtext(receipt) AS key FROM unnest($1::text[]) AS r (receipt) ORDER BY key) AS receipts
"""
READ_RECEIPTS = "SELECT receipt, payment_id FROM used_receipts WHERE receipt = ANY($1)"
READ_ENTRIES = "SELECT id FROM journal_entries WHERE id = ANY($1)"
# One row for each claim, in order: its quote, the payment under its reference, the live payment of its bill.
# A payment in review, which succeeded after it was given back, may exist beside a live one, so it has a join
# of its own. OFFSET 0 keeps each a look-up by key for each claim: with plain joins, a plan made while the
# tables were small would scan them whole for ever. The `|| ''` keeps the planner from reading all of a
# partner's quotes.
READ_CLAIMS = """
SELECT q.quote_id AS quoted, q.biller_id AS quoted_biller, q.bill_key, q.bucket, q.is_paid, q.currency,
  q.amount, q.charge, q.fee, q.vat, q.rounding, q.expires_at, q.biller_quote, q.request_reference,
  q.bill ->> 'bill_number' AS bill_number, q.bill ->> 'account' AS account,
  s.id, s.partner_id, s.reference, s.fingerprint, s.state, s.epoch, s.refusal, s.quote_id, s.biller_id,
  s.updated_at, s.facts, s.scroll_no, s.business_date, coalesce(b.id, r.id) AS taken_by
FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY
  AS c (partner_id, reference, quote_id, ord)
LEFT JOIN LATERAL (
  SELECT * FROM quotes
  WHERE quote_id = c.quote_id AND partner_id || '' = c.partner_id OFFSET 0) AS q ON true
LEFT JOIN LATERAL (
  SELECT * FROM payments
  WHERE partner_id = c.partner_id AND reference = c.reference OFFSET 0) AS s ON true
LEFT JOIN LATERAL (
  SELECT id FROM payments
  WHERE biller_id = q.biller_id AND bill_key = q.bill_key
    AND state NOT IN ('declined', 'expired', 'refunded') AND refusal IS NULL OFFSET 0) AS b ON true
LEFT JOIN LATERAL (
  SELECT id FROM payments
  WHERE biller_id = q.biller_id AND bill_key = q.bill_key AND state = 'in_review' LIMIT 1) AS r ON true
ORDER BY c.ord
"""


@dataclass(slots=True)
class LockedPayment:
    """A payment row under lock, kept current while the steps of the batch are decided."""

    stored: PaymentRecord
    epoch: int
    steps: int
    next_action_at: datetime | None
    business_date: date
    # Whether an answer under an older epoch says that the biller may have posted the payment.
    has_late_answer: bool


@dataclass(slots=True)
class BatchSnapshot:
    """Everything that the steps of a batch are decided by, read under their locks."""

    window_id: int
    business_date: date
    claims: Snapshot
    lanes: dict[int, tuple[int, bytes]]
    payments: dict[UUID, LockedPayment]
    # The scroll number and business date of payments that exist already, for claims that are repeated.
    scrolls: dict[UUID, tuple[int, date]]
    # Receipts that pay for one service only, and the payment that has used each.
    receipts: dict[str, UUID]
    # Ids of entries of their own (`PostEntry`) that were written before.
    entries: set[UUID]
    # The business date on which each prefund counts what is taken from it now.
    counted_on: dict[str, date]

    @property
    def now(self) -> datetime:
        """The database's clock at the start of the transaction."""
        return self.claims.now


def prefund_accounts_of(steps: Iterable[Step]) -> list[str]:
    """The prefund rows that these steps may move, sorted: both buckets of every partner that claims."""
    codes: set[str] = set()
    for step in steps:
        if isinstance(step, Claim):
            codes.update(prefund_account(step.partner_id, bucket) for bucket in BUCKETS)
        else:
            codes.update(p.account for p in postings_of(step) if keeps_balance(p.account))
    return sorted(codes)


async def lock_and_read(connection: asyncpg.Connection, steps: list[Step]) -> BatchSnapshot:
    """Take every lock that `steps` (claims, recordings, entries) need, then read what they are decided by.

    The settlement window is locked already, by a statement of its own (`under_window_lock`).
    """
    claims = [step for step in steps if isinstance(step, Claim)]
    entry_ids = [step.entry_id for step in steps if isinstance(step, PostEntry)]
    lanes = sorted({lane_of(step) for step in steps})
    locked = await connection.fetch(LOCK_LANES_AND_ACCOUNTS, lanes, prefund_accounts_of(steps))
    lane_rows = [row for row in locked if row["lane"] is not None]
    payments = await _lock_bills_and_payments(connection, claims, steps)
    used_receipts = await _lock_and_read_receipts(connection, steps)
    has_window = lane_rows[0]["id"] is not None
    window = lane_rows[0] if has_window else await open_window(connection)
    entries = await connection.fetch(READ_ENTRIES, entry_ids) if entry_ids else []
    headroom = {row["code"]: row["headroom"] for row in locked if row["code"] is not None}
    today: date = window["business_date"]
    totals = {row["code"]: day_total(row) for row in locked if row["code"] is not None}
    snapshot = BatchSnapshot(
        window_id=window["id"],
        business_date=today,
        claims=Snapshot(
            window["now"],
            payments={},
            quotes={},
            taken_bills={},
            headroom=headroom,
            left_today=left_by_partner(claims, totals, today),
        ),
        lanes={row["lane"]: (row["seq"], row["hash"]) for row in lane_rows},
        payments=payments,
        scrolls={},
        receipts=used_receipts,
        entries={row["id"] for row in entries},
        counted_on={code: total.counts_on(today) for code, total in totals.items()},
    )
    if claims:
        await _read_claims(connection, claims, snapshot)
    return snapshot


async def _lock_bills_and_payments(
    connection: asyncpg.Connection, claims: Sequence[Claim], steps: Sequence[Step]
) -> dict[UUID, LockedPayment]:
    """Lock the bills of the claims and the payments that other steps move; the payments by id."""
    payment_ids = sorted({payment_id for step in steps if (payment_id := payment_of(step)) is not None})
    if not claims and not payment_ids:
        return {}
    quote_ids = [claim.quote_id for claim in claims]
    rows = await connection.fetch(LOCK_BILLS_AND_PAYMENTS, quote_ids, payment_ids)
    return {row["id"]: locked_payment(row) for row in rows if row["id"] is not None}


async def _lock_and_read_receipts(connection: asyncpg.Connection, steps: Sequence[Step]) -> dict[str, UUID]:
    """Lock the receipts that the steps bring; those that are used already, with the payment of each."""
    receipts = sorted({receipt for step in steps if (receipt := receipt_of(step))})
    if not receipts:
        return {}
    await connection.execute(LOCK_RECEIPTS, receipts)
    rows = await connection.fetch(READ_RECEIPTS, receipts)
    return {row["receipt"]: row["payment_id"] for row in rows}


@asynccontextmanager
async def under_window_lock(
    connection: asyncpg.Connection, lock_seconds: float | None = None
) -> AsyncIterator[None]:
    """A transaction under the shared lock on the settlement window, both begun in one round trip.

    `lock_seconds` is how long it waits for any other lock; None: as long as its session does. Inside another
    transaction it is a savepoint, which alone is rolled back if it fails, and waits like the other one.
    """
    if connection.is_in_transaction():
        async with connection.transaction():
            await connection.execute(WINDOW_LOCK)
            yield
        return
    try:
        await connection.execute(_begin(lock_seconds))
        yield
    except BaseException:
        await connection.execute("ROLLBACK")
        raise
    await connection.execute("COMMIT")


def _begin(lock_seconds: float | None) -> str:
    """BEGIN and the window's lock, for which a batch waits as long as its session: it is everybody's."""
    if lock_seconds is None:
        return BEGIN_UNDER_WINDOW_LOCK
    milliseconds = round(lock_seconds * 1_000)
    return f"{BEGIN_UNDER_WINDOW_LOCK}; {SET_LOCK_TIMEOUT.format(milliseconds=milliseconds)}"


async def open_window(connection: asyncpg.Connection) -> Any:  # noqa: ANN401 - asyncpg's Record
    """Today's open settlement window and the time, under the shared lock that the caller holds."""
    window = await connection.fetchrow(OPEN_WINDOW)
    if window is None:
        await connection.execute(NEW_WINDOW)
        window = await connection.fetchrow(OPEN_WINDOW)
    return window


def receipt_of(step: Step) -> str:
    """The receipt of a recording that pays for one service only, or empty."""
    if isinstance(step, SealedRecording):
        step = step.recording
    return step.plan.unique_receipt if isinstance(step, Recording) else ""


def payment_of(step: Step) -> UUID | None:
    """The payment that a step moves or begins to send, or None."""
    if isinstance(step, SealedRecording):
        return step.recording.delivery.payment_id
    return step.delivery.payment_id if isinstance(step, Recording | NextSend) else None


async def _read_claims(connection: asyncpg.Connection, claims: list[Claim], snapshot: BatchSnapshot) -> None:
    """Add the quotes, payments and taken bills of the claims to the snapshot."""
    rows = await connection.fetch(
        READ_CLAIMS,
        [claim.partner_id for claim in claims],
        [claim.reference for claim in claims],
        [claim.quote_id for claim in claims],
    )
    known = snapshot.claims
    for claim, row in zip(claims, rows, strict=True):
        if row["quoted"] is not None:
            known.quotes[claim.partner_id, claim.quote_id] = quoted_bill(row)
        if row["id"] is not None:
            known.payments[claim.partner_id, claim.reference] = stored_payment_of(row)
            snapshot.scrolls[row["id"]] = (row["scroll_no"] or 0, row["business_date"])
        if row["taken_by"] is not None:
            known.taken_bills[row["quoted_biller"], row["bill_key"]] = row["taken_by"]


def day_total(row: Mapping[str, Any]) -> DayTotal:
    """The running total of a row of `accounts`."""
    return DayTotal(row["daily_limit"], row["taken"], row["taken_on"])


def left_by_partner(claims: Iterable[Claim], totals: Mapping[str, DayTotal], today: date) -> dict[str, int]:
    """What each partner that claims and has a daily limit may still pay today; `totals` are by account."""
    left: dict[str, int] = {}
    for partner_id in {claim.partner_id for claim in claims}:
        codes = [prefund_account(partner_id, bucket) for bucket in BUCKETS]
        paisa = left_today((totals[code] for code in codes if code in totals), today)
        if paisa is not None:
            left[partner_id] = paisa
    return left


def sums_of(row: Mapping[str, Any]) -> Sums:
    """The sums of a row of `quotes` or `payments`."""
    currency = row["currency"]
    parts = (Money(row[name], currency) for name in ("amount", "charge", "fee", "vat", "rounding"))
    return Sums(*parts)


def quoted_bill(row: Mapping[str, Any]) -> QuotedBill:
    """The quote in a row of READ_CLAIMS as the domain sees it."""
    return QuotedBill(
        quote_id=row["quoted"],
        biller_id=row["quoted_biller"],
        bill_key=row["bill_key"],
        bucket=row["bucket"],
        is_paid=row["is_paid"],
        sums=sums_of(row),
        expires_at=row["expires_at"],
        biller_quote=orjson.loads(row["biller_quote"]),
        request_reference=row["request_reference"],
        bill_number=row["bill_number"] or "",
        account=row["account"] or "",
    )


def locked_payment(row: Mapping[str, Any]) -> LockedPayment:
    """A row of LOCK_BILLS_AND_PAYMENTS as the steps of the batch move it."""
    return LockedPayment(
        stored=stored_payment_of(row),
        epoch=row["epoch"],
        steps=row["steps"],
        next_action_at=row["next_action_at"],
        business_date=row["business_date"],
        has_late_answer=row["has_late_answer"],
    )


def stored_payment_of(row: Mapping[str, Any]) -> PaymentRecord:
    """A row of `payments` as the domain sees it."""
    return PaymentRecord(
        payment_id=row["id"],
        partner_id=row["partner_id"],
        reference=row["reference"],
        fingerprint=row["fingerprint"],
        state=State(row["state"]),
        epoch=row["epoch"],
        refusal=Refusal(row["refusal"]) if row["refusal"] else None,
        quote_id=row["quote_id"] or "",
        biller_id=row["biller_id"],
        paid_at=row["updated_at"],
        facts=orjson.loads(row["facts"]),
    )
