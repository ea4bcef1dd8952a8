"""Collected payments after their payer has paid or has not: they expire, are delivered, or are owed back.

A merchant's payment is credited in the transaction that funds it; one that a review has left funded is
credited here.
"""

from datetime import timedelta
from typing import Any
from uuid import UUID

from ekpay_switch.domain.ledger.posting_rules import merchant_credited_entry, owed_back_entry
from ekpay_switch.domain.merchants.merchant import is_merchant, payee_of
from ekpay_switch.domain.payment import Event, State, walk
from ekpay_switch.domain.payments.delivery import Delivery, PayOrder
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.collections.share_postings import owe_merchant, post_entries, read_shares
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.decide import ACTOR
from ekpay_switch.persistence.group_commit.lock_and_read import WINDOW_LOCK, open_window, sums_of
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.persistence.group_commit.write import ALLOCATE
from ekpay_switch.persistence.payment_rows import (
    NEW_ATTEMPT,
    Row,
    add_notification,
    from_json,
    is_leased,
    lock_books,
    lock_payment,
    move_payment,
)
from ekpay_switch.persistence.short_transactions import Connection
from ekpay_switch.ports.collections import DeliveryStart, StartedDelivery
from ekpay_switch.security.identifiers import uuid7

DELIVERY_LEG = "delivery"
# In one statement, since only the clock decides; locked rows are skipped.
EXPIRE = """
WITH due AS (
  SELECT id FROM payments WHERE state = 'created' AND next_action_at <= now() AND quote_expires_at <= now()
  ORDER BY next_action_at LIMIT $1 FOR UPDATE SKIP LOCKED
), expired AS (
  UPDATE payments AS p SET state = $4::text, steps = p.steps + 1, next_action_at = NULL, updated_at = now(),
    refusal = $7::text
  FROM due WHERE p.id = due.id RETURNING p.id, p.partner_id, p.steps
), recorded AS (
  INSERT INTO history (payment_id, seq, from_state, event, to_state, actor, facts)
  SELECT id, steps, $2::text, $3::text, $4::text, $5::text, '{}'::jsonb FROM expired
)
INSERT INTO notifications (id, payment_id, partner_id, notice, version)
SELECT n.id, e.id, e.partner_id, 'expired', e.steps
FROM (SELECT *, row_number() OVER () AS nth FROM expired) AS e
JOIN unnest($6::uuid[]) WITH ORDINALITY AS n (id, nth) ON n.nth = e.nth RETURNING true
"""
# Giving up calls no biller, so a payment whose quote has expired is due even if its biller is skipped. A
# merchant is credited however late it is: two persons have decided so.
FUNDED_DUE = f"""
SELECT id, biller_id, is_over FROM (
  SELECT id, biller_id, next_action_at,
    now() >= quote_expires_at AND NOT starts_with(biller_id, '{payee_of("")}') AS is_over,
    row_number() OVER (PARTITION BY biller_id ORDER BY next_action_at) AS nth
  FROM payments
  WHERE state = 'funded' AND next_action_at <= now() AND (lease_until IS NULL OR lease_until < now())) AS due
WHERE is_over OR (nth <= $2 AND biller_id <> ALL($3::text[])) ORDER BY next_action_at LIMIT $1
"""  # noqa: S608 - constants
IS_OURS = "SELECT true FROM attempts WHERE id = $1 AND payment_id = $2 AND state = 'open' AND sends = 1"
BOOKS_OF = "SELECT lane, biller_id, collected_by FROM payments WHERE id = $1 AND collected_by IS NOT NULL"


async def expire_due(connection: Connection, limit: int) -> int:
    """See `ports.collections.Collections.expire_due`."""
    ((before, event, following),) = walk(State.CREATED, (Event.PAYER_NEVER_PAID,))
    ids = [uuid7() for _ in range(limit)]
    # The refusal releases the bill for good, whatever is found out about this payment later.
    rows = await connection.fetch(
        EXPIRE, limit, str(before), str(event), str(following), ACTOR, ids, str(Refusal.QUOTE_EXPIRED)
    )
    return len(rows)


async def begin_delivery(connection: Connection, start: DeliveryStart) -> StartedDelivery | None:
    """See `ports.collections.Collections.start_delivery`.

    A scroll number is allocated once and stays, with its Dhaka day. Repeated after a COMMIT that was not
    acknowledged this returns the same delivery, unless another process may have taken it over.
    """
    await connection.execute(WINDOW_LOCK)
    payment = await lock_payment(connection, start.payment_id)
    if payment is None:
        return None
    state = State(payment["state"])
    if state is State.DELIVERING and is_leased(payment, payment["now"]):
        is_ours = await connection.fetchval(IS_OURS, start.attempt_id, start.payment_id)
        return _started_delivery(payment, start) if is_ours else None
    if state is not State.FUNDED or not _is_to_be_delivered(payment):
        return None
    hold_until = payment["now"] + timedelta(seconds=start.hold_seconds)
    changes = {
        "epoch": payment["epoch"] + 1,
        "asked": 0,
        "lease_until": hold_until,
        "next_action_at": hold_until,
        "facts": payment["facts"],
        **await _allocate_scroll_number(connection, payment, start.scroll_series),
    }
    await move_payment(connection, payment, (Event.DELIVERY_STARTED,), {}, changes)
    await connection.execute(
        NEW_ATTEMPT, start.attempt_id, start.payment_id, DELIVERY_LEG, payment["biller_id"],
        start.attempt_reference, start.step, timedelta(seconds=start.send_seconds),
    )  # fmt: skip
    return _started_delivery({**payment, **changes}, start)


def _is_to_be_delivered(payment: Row) -> bool:
    due, now = payment["next_action_at"], payment["now"]
    is_bill = not is_merchant(payment["biller_id"])
    return is_bill and due is not None and due <= now < payment["quote_expires_at"]


async def _allocate_scroll_number(connection: Connection, payment: Row, series: str) -> dict[str, Any]:
    """The next number in the biller's scroll of today, as columns; empty if it has one or needs none."""
    if not series or payment["scroll_no"] is not None:
        return {}
    day = (await open_window(connection))["business_date"]
    (counter,) = await connection.fetch(ALLOCATE, [series], [1], day)
    return {"scroll_no": counter["last"], "business_date": day}


def _started_delivery(payment: Row, start: DeliveryStart) -> StartedDelivery:
    sums = sums_of(payment)
    delivery = Delivery(
        payment_id=payment["id"],
        attempt_id=start.attempt_id,
        partner_id=payment["partner_id"],
        lane=payment["lane"],
        epoch=payment["epoch"],
        biller_id=payment["biller_id"],
        prefund="",
        sums=sums,
        collected_by=payment["collected_by"],
    )
    order = PayOrder(
        payment_id=payment["id"],
        biller_id=payment["biller_id"],
        reference=start.attempt_reference,
        sums=sums,
        biller_quote=from_json(payment["biller_quote"]),
        scroll_no=payment["scroll_no"] or 0,
        business_date=payment["business_date"],
        send_before=0.0,
        step=start.step,
    )
    return StartedDelivery(delivery, order)


async def credit_merchant(connection: Connection, payment_id: UUID, lane: int) -> bool:
    """See `ports.collections.Collections.credit_merchant`; its accounts have rows."""
    await lock_books(connection, lane)
    payment = await lock_payment(connection, payment_id)
    if payment is None or State(payment["state"]) is not State.FUNDED:
        return False
    if not is_merchant(payment["biller_id"]):
        return False
    changes = {"facts": payment["facts"], "next_action_at": None}
    await move_payment(connection, payment, (Event.MERCHANT_CREDITED,), {}, changes)
    shares = await read_shares(connection, payment_id)
    await post_entries(connection, payment, [merchant_credited_entry(shares, sums_of(payment))])
    await owe_merchant(connection, payment)
    await add_notification(connection, payment, "completed", payment["steps"] + 1)
    return True


async def give_up_delivery(connection: Connection, payment_id: UUID, lane: int) -> bool:
    """See `ports.collections.Collections.give_up_delivery`; its accounts have rows."""
    await lock_books(connection, lane)
    payment = await lock_payment(connection, payment_id)
    if payment is None or State(payment["state"]) is not State.FUNDED:
        return False
    if payment["now"] < payment["quote_expires_at"] or is_merchant(payment["biller_id"]):
        return False
    facts = {"why": "the time to deliver was over"}
    changes = {"refusal": str(Refusal.BILLER_UNAVAILABLE), "next_action_at": payment["now"]}
    await move_payment(connection, payment, (Event.DELIVERY_GIVEN_UP,), facts, changes)
    entry = owed_back_entry(payment["collected_by"], sums_of(payment))
    await write_batch(connection, [PostEntry(uuid7(), lane, entry, payment_id)])
    return True
