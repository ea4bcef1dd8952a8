"""Locks and reads of the naive build for one step: a statement a row, in the group commit's order."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, cast, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ekpay_switch.domain.payment import RELEASED, State
from ekpay_switch.domain.payments.claims import Claim, Snapshot
from ekpay_switch.domain.payments.delivery import LATE_TO_ASK_ABOUT, NextSend, Recording
from ekpay_switch.persistence.group_commit.lock_and_read import (
    NEW_WINDOW,
    OPEN_WINDOW,
    BatchSnapshot,
    LockedPayment,
    day_total,
    left_by_partner,
    locked_payment,
    prefund_accounts_of,
    quoted_bill,
    stored_payment_of,
)
from ekpay_switch.persistence.group_commit.steps import PostEntry, SealedRecording, Step, lane_of
from ekpay_switch.persistence.schema.billers import used_receipts
from ekpay_switch.persistence.schema.books import accounts, evidence, journal_entries, lanes, payments, quotes

# SQLAlchemy's own row type has no column names.
Row = Mapping[str, Any]
_LATE_KINDS = sorted(f"late:{end}" for end in LATE_TO_ASK_ABOUT)
_QUOTED = (
    quotes.c.quote_id.label("quoted"), quotes.c.biller_id.label("quoted_biller"), quotes.c.bill_key,
    quotes.c.bill_lock, quotes.c.bucket, quotes.c.is_paid, quotes.c.currency, quotes.c.amount,
    quotes.c.charge, quotes.c.fee, quotes.c.vat, quotes.c.rounding, quotes.c.expires_at,
    cast(quotes.c.biller_quote, Text).label("biller_quote"), quotes.c.request_reference,
    quotes.c.bill["bill_number"].astext.label("bill_number"),
    quotes.c.bill["account"].astext.label("account"),
)  # fmt: skip
_STANDING = (
    payments.c.id, payments.c.partner_id, payments.c.reference, payments.c.fingerprint, payments.c.state,
    payments.c.epoch, payments.c.steps, payments.c.refusal, payments.c.quote_id, payments.c.biller_id,
    payments.c.updated_at, payments.c.next_action_at, payments.c.scroll_no, payments.c.business_date,
    cast(payments.c.facts, Text).label("facts"),
)  # fmt: skip


async def lock_and_read(connection: AsyncConnection, step: Step) -> BatchSnapshot:
    """Take the locks that a step needs, then read what decides it."""
    await connection.execute(select(func.pg_advisory_xact_lock_shared(1, 1)))
    lane = await _single_row(connection, select(lanes).where(lanes.c.lane == lane_of(step)).with_for_update())
    prefunds = await _prefunds(connection, prefund_accounts_of([step]))
    quote = await _quote(connection, step) if isinstance(step, Claim) else None
    locked_payment = await _locked_payment(connection, step)
    receipts = await _receipts(connection, step)
    window = await _window(connection)
    today, totals = window["business_date"], {row["code"]: day_total(row) for row in prefunds}
    headroom = {row["code"]: row["balance"] - row["floor"] for row in prefunds}
    claims = [step] if isinstance(step, Claim) else []
    snapshot = BatchSnapshot(
        window_id=window["id"],
        business_date=today,
        claims=Snapshot(window["now"], {}, {}, {}, headroom, left_by_partner(claims, totals, today)),
        lanes={lane["lane"]: (lane["seq"], lane["hash"])},
        payments={locked_payment.stored.payment_id: locked_payment} if locked_payment else {},
        scrolls={},
        receipts=receipts,
        entries=await _entries(connection, step),
        counted_on={code: total.counts_on(today) for code, total in totals.items()},
    )
    if isinstance(step, Claim):
        await _read_claim(connection, step, quote, snapshot)
    return snapshot


async def _prefunds(connection: AsyncConnection, codes: list[str]) -> Sequence[Row]:
    """The account rows, under lock."""
    if not codes:
        return ()
    chosen = select(accounts).where(accounts.c.code.in_(codes)).order_by(accounts.c.code).with_for_update()
    rows: Any = (await connection.execute(chosen)).mappings()
    return list(rows)


async def _quote(connection: AsyncConnection, claim: Claim) -> Row | None:
    """The quote, whose bill is locked from now on."""
    chosen = select(*_QUOTED).where(
        quotes.c.quote_id == claim.quote_id, quotes.c.partner_id == claim.partner_id
    )
    quote = await _first_row(connection, chosen)
    if quote is not None:
        await connection.execute(select(func.pg_advisory_xact_lock(quote["bill_lock"])))
    return quote


async def _locked_payment(connection: AsyncConnection, step: Step) -> LockedPayment | None:
    """The payment that a step moves or begins to send, under lock."""
    recording = step.recording if isinstance(step, SealedRecording) else step
    if not isinstance(recording, Recording | NextSend):
        return None
    is_late = select(evidence.c.id).where(
        evidence.c.payment_id == payments.c.id, evidence.c.kind.in_(_LATE_KINDS)
    )
    chosen = (
        select(*_STANDING, is_late.exists().label("has_late_answer"))
        .where(payments.c.id == recording.delivery.payment_id)
        .with_for_update()
    )
    row = await _single_row(connection, chosen)
    return locked_payment(row)


async def _receipts(connection: AsyncConnection, step: Step) -> dict[str, UUID]:
    """The payment that has the receipt of a recording, where a receipt buys one service only; under lock."""
    recording = step.recording if isinstance(step, SealedRecording) else step
    receipt = recording.plan.unique_receipt if isinstance(recording, Recording) else ""
    if not receipt:
        return {}
    await connection.execute(select(func.pg_advisory_xact_lock(2, func.hashtext(receipt))))
    row = await _first_row(connection, select(used_receipts).where(used_receipts.c.receipt == receipt))
    return {receipt: row["payment_id"]} if row else {}


async def _window(connection: AsyncConnection) -> Row:
    window = await _first_row(connection, text(OPEN_WINDOW))
    if window is None:
        await connection.execute(text(NEW_WINDOW))
        window = await _single_row(connection, text(OPEN_WINDOW))
    return window


async def _entries(connection: AsyncConnection, step: Step) -> set[UUID]:
    if not isinstance(step, PostEntry):
        return set()
    row = await _first_row(
        connection, select(journal_entries.c.id).where(journal_entries.c.id == step.entry_id)
    )
    return {row["id"]} if row else set()


async def _read_claim(
    connection: AsyncConnection, claim: Claim, quote: Row | None, snapshot: BatchSnapshot
) -> None:
    """The quote, the payment under the claim's reference, and the live payment on its bill."""
    by_reference = and_(payments.c.partner_id == claim.partner_id, payments.c.reference == claim.reference)
    standing = await _first_row(connection, select(*_STANDING).where(by_reference))
    if standing is not None:
        snapshot.claims.payments[claim.partner_id, claim.reference] = stored_payment_of(standing)
        snapshot.scrolls[standing["id"]] = (standing["scroll_no"] or 0, standing["business_date"])
    if quote is None:
        return
    snapshot.claims.quotes[claim.partner_id, claim.quote_id] = quoted_bill(quote)
    bill = and_(payments.c.biller_id == quote["quoted_biller"], payments.c.bill_key == quote["bill_key"])
    taken_by = await _bill_holder(connection, bill)
    if taken_by is not None:
        snapshot.claims.taken_bills[quote["quoted_biller"], quote["bill_key"]] = taken_by


async def _bill_holder(connection: AsyncConnection, bill: ColumnElement[bool]) -> UUID | None:
    """The payment that holds a bill, or whose review is about it: each has an index of its own."""
    released = [str(state) for state in sorted(RELEASED)]
    live = select(payments.c.id).where(bill, payments.c.state.not_in(released), payments.c.refusal.is_(None))
    reviewed = select(payments.c.id).where(bill, payments.c.state == State.IN_REVIEW).limit(1)
    holder = func.coalesce(live.scalar_subquery(), reviewed.scalar_subquery())
    payment_id: UUID | None = (await connection.execute(select(holder))).scalar_one()
    return payment_id


async def _first_row(connection: AsyncConnection, statement: Any) -> Row | None:  # noqa: ANN401 - any query
    result: Any = await connection.execute(statement)
    row: Row | None = result.mappings().first()
    return row


async def _single_row(connection: AsyncConnection, statement: Any) -> Row:  # noqa: ANN401 - any query
    result: Any = await connection.execute(statement)
    row: Row = result.mappings().one()
    return row
