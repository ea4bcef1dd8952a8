"""Opening collected payments, beginning further tries, and cancelling."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from ekpay_switch.domain.collections.funding import WAITS_FOR_MONEY, LockedTry, TryEnd, TryState
from ekpay_switch.domain.collections.new_tries import NewCollection, NewTry
from ekpay_switch.domain.merchants.merchant import is_merchant
from ekpay_switch.domain.payment import Event, State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.group_commit.batch import bill_lock
from ekpay_switch.persistence.group_commit.lock_and_read import WINDOW_LOCK, open_window
from ekpay_switch.persistence.payment_rows import (
    LOCK_UNDECIDED,
    Row,
    add_notification,
    as_json,
    begin_try,
    is_leased,
    is_money_held,
    lock_payment,
    move_payment,
    price_of,
    read_own_try,
    update_row,
)
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.collections import BillTaken, CollectionOpened, NoNewTry, OtherContent

LOCK_BILL = "SELECT pg_advisory_xact_lock($1::bigint)"
READ_STANDING = "SELECT id, fingerprint FROM payments WHERE partner_id = $1 AND reference = $2"
# The same two conditions as in `lock_and_read.READ_CLAIMS`: a live payment of the bill, or one in review.
READ_HOLDER = """
SELECT id, partner_id FROM payments WHERE biller_id = $1 AND bill_key = $2
  AND state NOT IN ('declined', 'expired', 'refunded') AND refusal IS NULL
UNION ALL
SELECT id, partner_id FROM payments WHERE biller_id = $1 AND bill_key = $2 AND state = 'in_review' LIMIT 1
"""
# A key that another transaction is inserting is waited for, and is then a conflict.
NEW_PAYMENT = """
INSERT INTO payments (id, partner_id, lane, reference, fingerprint, biller_id, bill_key, bucket, currency,
  amount, charge, fee, vat, rounding, state, biller_quote, quote_expires_at, business_date, epoch, steps)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'created', $15, $16, $17, 0, 0)
ON CONFLICT (partner_id, reference) DO NOTHING RETURNING true
"""
NEW_COLLECTION = "INSERT INTO collections (payment_id, bill, return_url, pay_until) VALUES ($1, $2, $3, $4)"
COUNT_TRIES = "SELECT count(*) FROM tries WHERE payment_id = $1"
LOCK_OF_PARTNER = """
SELECT p.*, now() AS now FROM payments AS p JOIN collections AS c ON c.payment_id = p.id
WHERE p.id = $1 AND p.partner_id = $2 FOR UPDATE OF p
"""


async def open_collection(
    connection: Connection, new: NewCollection
) -> CollectionOpened | OtherContent | BillTaken | None:
    """Write a payment with its first try; None where the same payment exists already.

    Repeated after a COMMIT that was not acknowledged it returns the same opened payment, unless another
    process has taken its try over.
    """
    await connection.execute(WINDOW_LOCK)
    await connection.execute(LOCK_BILL, bill_lock(new.biller_id, new.bill_key))
    standing = await connection.fetchrow(READ_STANDING, new.partner_id, new.reference)
    if standing is None:
        holder = await connection.fetchrow(READ_HOLDER, new.biller_id, new.bill_key)
        if holder is not None:
            return BillTaken(holder["id"] if holder["partner_id"] == new.partner_id else None)
        if await _write_payment(connection, new):
            return CollectionOpened(await _begin(connection, new.payment_id, new.first))
        standing = await connection.fetchrow(READ_STANDING, new.partner_id, new.reference)
    if standing["fingerprint"] != new.fingerprint:
        return OtherContent()
    own = await read_own_try(connection, new.first) if standing["id"] == new.payment_id else None
    return None if own is None else CollectionOpened(own)


async def _write_payment(connection: Connection, new: NewCollection) -> bool:
    """Write the rows of the payment; False where a committed payment has its key."""
    sums, day = new.sums, (await open_window(connection))["business_date"]
    is_written = await connection.fetchval(
        NEW_PAYMENT, new.payment_id, new.partner_id, new.lane, new.reference, new.fingerprint, new.biller_id,
        new.bill_key, new.bucket, sums.amount.currency, sums.amount.minor, sums.charge.minor, sums.fee.minor,
        sums.vat.minor, sums.rounding.minor, as_json(dict(new.biller_quote)), new.pay_until, day,
    )  # fmt: skip
    if not is_written:
        return False
    bill_text = as_json(dict(new.bill))
    await connection.execute(NEW_COLLECTION, new.payment_id, bill_text, new.return_url, new.pay_until)
    return True


async def _begin(connection: Connection, payment_id: UUID, new: NewTry) -> LockedTry:
    """Begin a try of a payment that waits for money; while it lasts, the try is due and not the payment.

    The payment's row takes on the price of the newest try.
    """
    payment = await lock_payment(connection, payment_id)
    assert payment is not None, "the caller wrote or locked it"
    price = price_of(new)
    if State(payment["state"]) is State.CREATED:
        changes = {"next_action_at": None, **price}
        await move_payment(connection, payment, (Event.COLLECTION_STARTED,), {}, changes)
    elif price:
        await update_row(connection, "payments", {"id": payment_id, "epoch": payment["epoch"]}, price)
    return await begin_try(connection, payment_id, new)


async def begin_another_try(
    connection: Connection,
    partner_id: str,
    payment_id: UUID,
    new: NewTry,
    page_is_ours_after_seconds: float,
) -> LockedTry | NoNewTry:
    """See `ports.collections.Collections.open_try`.

    The previous try stays due: its payer may still have a page of it open.
    """
    payment = await connection.fetchrow(LOCK_OF_PARTNER, payment_id, partner_id)
    if payment is None:
        return NoNewTry(None)
    own = await read_own_try(connection, new)
    if own is not None:
        return own
    state = State(payment["state"])
    is_over = state not in WAITS_FOR_MONEY or payment["now"] >= payment["quote_expires_at"]
    if is_over or not await _is_next_try(connection, payment, new):
        return NoNewTry(state)
    before = _find_open_try(await connection.fetch(LOCK_UNDECIDED, payment_id))
    is_used = before is not None and _is_in_use(before, payment["now"], page_is_ours_after_seconds)
    if is_used or await is_money_held(connection, payment_id):
        return NoNewTry(state)
    if before is not None:
        await update_row(connection, "attempts", {"id": before["attempt_id"]}, {"state": TryState.ABANDONED})
    return await _begin(connection, payment_id, new)


async def _is_next_try(connection: Connection, payment: Row, new: NewTry) -> bool:
    """Whether it is the nth try that its maker counts, and has a price of its own where tries need one."""
    if is_merchant(payment["biller_id"]) != (new.charges is not None):
        return False
    return new.nth is None or await connection.fetchval(COUNT_TRIES, payment["id"]) == new.nth - 1


def _find_open_try(tries: Sequence[Row]) -> Row | None:
    return next((try_row for try_row in tries if try_row["state"] == TryState.OPEN), None)


def _is_in_use(try_row: Row, now: object, page_is_ours_after_seconds: float) -> bool:
    """Whether its money was asked for, or its page may still be paid without an execute of ours."""
    if try_row["executes_begun"]:
        return True
    ours_at = try_row["opened_at"] + timedelta(seconds=page_is_ours_after_seconds)
    return try_row["provider_reference"] is not None and now < ours_at


# The notice of each way in which a payment ends before its money came.
_END_NOTICES = {Refusal.CANCELLED: "cancelled", Refusal.INSTRUMENT_REFUSED: "instrument_refused"}


async def cancel_payment(
    connection: Connection, partner_id: str, payment_id: UUID, refusal: Refusal
) -> NoNewTry | None:
    """See `ports.collections.Collections.cancel`.

    While a try's page is being opened nothing is cancelled, and the caller has to repeat. Any other holder of
    the try loses it, so that its finding becomes evidence; the try stays due, since its page may be one that
    is paid without an execute of ours.
    """
    payment = await connection.fetchrow(LOCK_OF_PARTNER, payment_id, partner_id)
    if payment is None:
        return NoNewTry(None)
    state = State(payment["state"])
    if state is State.DECLINED and payment["refusal"] in _END_NOTICES:
        return None
    undecided = await connection.fetch(LOCK_UNDECIDED, payment_id)
    open_try = _find_open_try(undecided)
    is_used = any(try_row["executes_begun"] for try_row in undecided)
    if state not in WAITS_FOR_MONEY or is_used or await is_money_held(connection, payment_id):
        return NoNewTry(state)
    if open_try is not None:
        if open_try["provider_reference"] is None and is_leased(open_try, payment["now"]):
            return NoNewTry(state)
        await _close_as_lapsed(connection, open_try, payment["now"])
    end_of_collecting = (Event.COLLECTION_CAME_TO_NOTHING,) if state is State.COLLECTING else ()
    events = (*end_of_collecting, Event.REFUSED)
    changes = {"refusal": str(refusal), "next_action_at": None}
    await move_payment(connection, payment, events, {"refusal": str(refusal)}, changes)
    await add_notification(connection, payment, _END_NOTICES[refusal], payment["steps"] + len(events))
    return None


async def _close_as_lapsed(connection: Connection, try_row: Row, now: object) -> None:
    closed = {"state": TryState.CLOSED, "outcome": TryEnd.LAPSED, "closed_at": now}
    await update_row(connection, "attempts", {"id": try_row["attempt_id"]}, closed)
    lost = {"epoch": try_row["epoch"] + 1, "lease_until": None}
    await update_row(
        connection, "tries", {"attempt_id": try_row["attempt_id"], "epoch": try_row["epoch"]}, lost
    )
