"""Beginning and ending to wait for a payer's money: new payments, further tries, cancelling."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from ekpay_switch.domain.collections.funding import (
    WAITS_FOR_MONEY,
    HeldTry,
    NewCollection,
    NewTry,
    TryEnd,
    TryState,
)
from ekpay_switch.domain.merchants import is_merchant
from ekpay_switch.domain.payment import Event, State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.group_commit.batch import bill_lock
from ekpay_switch.persistence.group_commit.lock_and_read import WINDOW_LOCK, open_window
from ekpay_switch.persistence.own_transactions import Connection
from ekpay_switch.persistence.payment_rows import (
    LOCK_UNDECIDED,
    Row,
    as_json,
    begin_try,
    change,
    is_held,
    lock_payment,
    move_payment,
    price_of,
    read_own_try,
    tell,
)
from ekpay_switch.ports.collections import BillHeld, NoNewTry, Opened, OtherContent

LOCK_BILL = "SELECT pg_advisory_xact_lock($1::bigint)"
READ_STANDING = "SELECT id, fingerprint FROM payments WHERE partner_id = $1 AND reference = $2"
# The same two questions as `batch_read.READ_CLAIMS`: a live payment, or one whose success is under review.
READ_HOLDER = """
SELECT id, partner_id FROM payments WHERE biller_id = $1 AND bill_key = $2
  AND state NOT IN ('declined', 'expired', 'refunded') AND refusal IS NULL
UNION ALL
SELECT id, partner_id FROM payments WHERE biller_id = $1 AND bill_key = $2 AND state = 'in_review' LIMIT 1
"""
# A key that another call is taking at this moment is waited for, and then found to be taken.
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
) -> Opened | OtherContent | BillHeld | None:
    """The rows of a payment with its first try; None where the same payment stands already.

    Written again after a COMMIT that was not heard of it is the same payment, opened, as long as nobody else
    has taken its try over.
    """
    await connection.execute(WINDOW_LOCK)
    await connection.execute(LOCK_BILL, bill_lock(new.biller_id, new.bill_key))
    standing = await connection.fetchrow(READ_STANDING, new.partner_id, new.reference)
    if standing is None:
        holder = await connection.fetchrow(READ_HOLDER, new.biller_id, new.bill_key)
        if holder is not None:
            return BillHeld(holder["id"] if holder["partner_id"] == new.partner_id else None)
        if await _write_payment(connection, new):
            return Opened(await _begin(connection, new.payment_id, new.first))
        standing = await connection.fetchrow(READ_STANDING, new.partner_id, new.reference)
    if standing["fingerprint"] != new.fingerprint:
        return OtherContent()
    own = await read_own_try(connection, new.first) if standing["id"] == new.payment_id else None
    return None if own is None else Opened(own)


async def _write_payment(connection: Connection, new: NewCollection) -> bool:
    """False where its key is taken, by a payment that is committed now."""
    sums, day = new.sums, (await open_window(connection))["business_date"]
    parts = (part.minor for part in (sums.amount, sums.charge, sums.fee, sums.vat, sums.rounding))
    of = (new.payment_id, new.partner_id, new.lane, new.reference, new.fingerprint)
    bill = (new.biller_id, new.bill_key, new.bucket, sums.amount.currency)
    quote = (as_json(dict(new.biller_quote)), new.pay_until, day)
    if not await connection.fetchval(NEW_PAYMENT, *of, *bill, *parts, *quote):
        return False
    shown = as_json(dict(new.bill))
    await connection.execute(NEW_COLLECTION, new.payment_id, shown, new.return_url, new.pay_until)
    return True


async def _begin(connection: Connection, payment_id: UUID, new: NewTry) -> HeldTry:
    """A try of a payment that waits for money; between tries the clock looks at it, during one at the try.

    The payment's row shows the price of the try that was begun last.
    """
    payment = await lock_payment(connection, payment_id)
    assert payment is not None, "its writer, or its reader, holds it"
    price = price_of(new)
    if State(payment["state"]) is State.CREATED:
        fate = {"next_action_at": None, **price}
        await move_payment(connection, payment, (Event.COLLECTION_STARTED,), {}, fate)
    elif price:
        await change(connection, "payments", {"id": payment_id, "epoch": payment["epoch"]}, price)
    return await begin_try(connection, payment_id, new)


async def begin_another(
    connection: Connection, whose: tuple[str, UUID], new: NewTry, page_is_ours_after_seconds: float
) -> HeldTry | NoNewTry:
    """See `collect_ports.Collections.open_try`; `whose` are the partner and the payment.

    The try before keeps its next question: there may be a page of it that its payer still has open.
    """
    partner_id, payment_id = whose
    payment = await connection.fetchrow(LOCK_OF_PARTNER, payment_id, partner_id)
    if payment is None:
        return NoNewTry(None)
    own = await read_own_try(connection, new)
    if own is not None:
        return own
    state = State(payment["state"])
    is_over = state not in WAITS_FOR_MONEY or payment["now"] >= payment["quote_expires_at"]
    if is_over or not await _is_in_turn(connection, payment, new):
        return NoNewTry(state)
    before = _open_one(await connection.fetch(LOCK_UNDECIDED, payment_id))
    if before is not None:
        if _is_in_use(before, payment["now"], page_is_ours_after_seconds):
            return NoNewTry(state)
        await change(connection, "attempts", {"id": before["attempt_id"]}, {"state": TryState.ABANDONED})
    return await _begin(connection, payment_id, new)


async def _is_in_turn(connection: Connection, payment: Row, new: NewTry) -> bool:
    """Whether this is the try that its maker takes it for: the nth, and priced where each try is to be."""
    if is_merchant(payment["biller_id"]) != (new.charges is not None):
        return False
    return new.nth is None or await connection.fetchval(COUNT_TRIES, payment["id"]) == new.nth - 1


def _open_one(tries: Sequence[Row]) -> Row | None:
    return next((one for one in tries if one["state"] == TryState.OPEN), None)


def _is_in_use(one: Row, now: object, page_is_ours_after_seconds: float) -> bool:
    """Whether its money was asked for, or its page might still be paid without our word."""
    if one["executes_begun"]:
        return True
    ours_at = one["opened_at"] + timedelta(seconds=page_is_ours_after_seconds)
    return one["provider_reference"] is not None and now < ours_at


async def cancel_payment(connection: Connection, partner_id: str, payment_id: UUID) -> NoNewTry | None:
    """See `collect_ports.Collections.cancel`.

    A try whose page is being asked for at this moment is let be: whoever cancels asks again. Anybody else
    who holds the try loses it, so that what is found becomes evidence; its next question stays, since a page
    may be open that needs no word of ours.
    """
    payment = await connection.fetchrow(LOCK_OF_PARTNER, payment_id, partner_id)
    if payment is None:
        return NoNewTry(None)
    state = State(payment["state"])
    if state is State.DECLINED and payment["refusal"] == Refusal.CANCELLED:
        return None
    undecided = await connection.fetch(LOCK_UNDECIDED, payment_id)
    open_one = _open_one(undecided)
    if state not in WAITS_FOR_MONEY or any(one["executes_begun"] for one in undecided):
        return NoNewTry(state)
    if open_one is not None:
        if open_one["provider_reference"] is None and is_held(open_one, payment["now"]):
            return NoNewTry(state)
        await _lapse(connection, open_one, payment["now"])
    began = (Event.COLLECTION_CAME_TO_NOTHING,) if state is State.COLLECTING else ()
    events = (*began, Event.REFUSED)
    fate = {"refusal": str(Refusal.CANCELLED), "next_action_at": None}
    await move_payment(connection, payment, events, {"refusal": str(Refusal.CANCELLED)}, fate)
    await tell(connection, payment, "cancelled", payment["steps"] + len(events))
    return None


async def _lapse(connection: Connection, one: Row, now: object) -> None:
    closed = {"state": TryState.CLOSED, "outcome": TryEnd.LAPSED, "closed_at": now}
    await change(connection, "attempts", {"id": one["attempt_id"]}, closed)
    lost = {"epoch": one["epoch"] + 1, "lease_until": None}
    await change(connection, "tries", {"attempt_id": one["attempt_id"], "epoch": one["epoch"]}, lost)
