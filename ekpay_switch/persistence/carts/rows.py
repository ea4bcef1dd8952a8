"""Reading and writing the rows of carts, in the caller's transaction."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from ekpay_switch.domain.carts.bill_cart import (
    PORTAL,
    BillEnd,
    BillInCart,
    CartBill,
    CartPayment,
    CartRefund,
    StoredCart,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import AttemptEnd, receipts_of
from ekpay_switch.domain.refunds.refund import RefundEvent, RefundState
from ekpay_switch.domain.refunds.refund_steps import RefundStep, refund_steps
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.group_commit.lock_and_read import sums_of
from ekpay_switch.persistence.payment_rows import as_json, from_json
from ekpay_switch.persistence.short_transactions import Connection

Row = Mapping[str, Any]

# The payment of a cart is the portal's order under the id of the cart.
_CART = f"""
SELECT c.id AS cart_id, c.reference, c.created_at, c.ordered_at, now() AS read_at,
  f.cart_id IS NOT NULL AS is_funded, o.checkout_reference, p.id AS payment_id, p.state, p.updated_at,
  p.currency, p.amount, p.charge, p.fee, p.vat, p.rounding
FROM bill_carts AS c
LEFT JOIN cart_fundings AS f ON f.cart_id = c.id
LEFT JOIN merchant_orders AS o ON o.partner_id = '{PORTAL}' AND o.trnx_id = replace(c.id::text, '-', '')
LEFT JOIN payments AS p ON p.id = o.payment_id
"""  # noqa: S608 - constants
READ_BY_REFERENCE = f"{_CART} WHERE c.reference = $1"
READ_BY_IDS = f"{_CART} WHERE c.id = ANY($1) ORDER BY c.created_at, c.id"
_NEWEST_TRY = """
LEFT JOIN LATERAL (
  SELECT nth, reference, until FROM stand_in_tries AS s WHERE s.cart_id = b.cart_id AND s.seq = b.seq
  ORDER BY nth DESC LIMIT 1) AS t ON true
"""
READ_BILLS = f"""
SELECT b.*, coalesce(t.reference, b.reference) AS try_reference, t.until AS stand_in_until, e.ending,
  p.id AS payment_id, p.state, p.refusal, p.facts
FROM cart_bills AS b LEFT JOIN cart_bill_ends AS e ON e.cart_id = b.cart_id AND e.seq = b.seq
{_NEWEST_TRY}
LEFT JOIN payments AS p ON p.partner_id = '{PORTAL}' AND p.reference = coalesce(t.reference, b.reference)
WHERE b.cart_id = ANY($1) ORDER BY b.cart_id, b.seq
"""  # noqa: S608 - constants
READ_REFUNDS = f"""
SELECT r.*, q.state, q.created_at AS requested_at, q.provider_refund,
  ARRAY (SELECT h.event FROM refund_history AS h WHERE h.refund_id = q.id ORDER BY h.seq) AS events,
  ARRAY (SELECT h.at FROM refund_history AS h WHERE h.refund_id = q.id ORDER BY h.seq) AS event_times
FROM cart_refunds AS r
LEFT JOIN refunds AS q ON q.partner_id = '{PORTAL}' AND q.reference = r.reference
WHERE r.cart_id = ANY($1) ORDER BY r.cart_id, r.nth
"""  # noqa: S608 - constants
# Whoever changes the bills of a cart, orders it or plans its refunds waits here for the others.
LOCK_CART = "SELECT ordered_at IS NOT NULL FROM bill_carts WHERE id = $1 FOR UPDATE"
NEW_CART = "INSERT INTO bill_carts (id, reference) VALUES ($1, $2) ON CONFLICT DO NOTHING"
ORDER = "UPDATE bill_carts SET ordered_at = now() WHERE id = $1 AND ordered_at IS NULL"
NEW_BILL = """
INSERT INTO cart_bills (cart_id, seq, reference, biller_id, bucket, fields, bill, bill_key, amount, quote_id,
  quote_expires_at, fetched_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
REPLACE_BILL = """
UPDATE cart_bills SET biller_id = $3, bucket = $4, fields = $5, bill = $6, bill_key = $7, amount = $8,
  quote_id = $9, quote_expires_at = $10, fetched_at = $11
WHERE cart_id = $1 AND seq = $2
"""
REMOVE_BILL = "DELETE FROM cart_bills WHERE cart_id = $1 AND seq = $2"
NEW_FUNDING = "INSERT INTO cart_fundings (cart_id, payment_id) VALUES ($1, $2)"
IS_FUNDED = "SELECT EXISTS (SELECT FROM cart_fundings WHERE cart_id = $1)"
READ_END = "SELECT ending FROM cart_bill_ends WHERE cart_id = $1 AND seq = $2"
NEW_END = "INSERT INTO cart_bill_ends (cart_id, seq, ending, entry_id) VALUES ($1, $2, $3, $4)"
NEW_REFUND = "INSERT INTO cart_refunds (cart_id, nth, reference, seqs, amount) VALUES ($1, $2, $3, $4, $5)"
READ_TRY = f"""
SELECT coalesce(t.nth, 1) AS nth, coalesce(t.reference, b.reference) AS reference, t.until, f.at AS funded_at,
  now() AS now
FROM cart_bills AS b JOIN cart_fundings AS f ON f.cart_id = b.cart_id {_NEWEST_TRY}
WHERE b.cart_id = $1 AND b.seq = $2
"""  # noqa: S608 - constants
NEW_TRY = "INSERT INTO stand_in_tries (cart_id, seq, nth, reference, until) VALUES ($1, $2, $3, $4, $5)"
# Nothing of such a payment ever left: its one attempt could not reach the biller.
LOCK_BILL_PAYMENT = f"""
SELECT p.state, (SELECT bool_and(a.outcome = '{AttemptEnd.UNREACHED}' AND a.sends = 1)
    FROM attempts AS a WHERE a.payment_id = p.id AND a.leg = 'delivery') IS TRUE AS is_unsent
FROM payments AS p WHERE p.partner_id = '{PORTAL}' AND p.reference = $1 FOR UPDATE OF p
"""  # noqa: S608 - constants
END_WORK = "UPDATE cart_work SET next_action_at = NULL WHERE cart_id = $1"
# The older a paid cart, the longer until it is looked at again, up to ten minutes.
LEASE_DUE = """
WITH due AS (
  SELECT cart_id FROM cart_work WHERE next_action_at <= now()
  ORDER BY next_action_at LIMIT $1 FOR UPDATE SKIP LOCKED)
UPDATE cart_work AS w SET next_action_at =
  now() + greatest($2::interval, least((now() - c.ordered_at) / 10, interval '10 minutes'))
FROM due JOIN bill_carts AS c ON c.id = due.cart_id WHERE w.cart_id = due.cart_id
RETURNING w.cart_id
"""
READ_OPEN = """
SELECT w.cart_id FROM cart_work AS w JOIN bill_carts AS c ON c.id = w.cart_id
WHERE w.next_action_at IS NOT NULL ORDER BY c.created_at, c.id LIMIT $1
"""
DROP_BILLS_OF_OLD = """
DELETE FROM cart_bills AS b USING bill_carts AS c
WHERE c.id = b.cart_id AND c.ordered_at IS NULL AND c.created_at < now() - $1::interval
"""
DROP_OLD = """
DELETE FROM bill_carts AS c WHERE c.ordered_at IS NULL AND c.created_at < now() - $1::interval
  AND NOT EXISTS (SELECT FROM cart_bills AS b WHERE b.cart_id = c.id)
"""


async def read_cart(connection: Connection, query: str, key: object) -> StoredCart | None:
    """The cart that the query finds, with its bills and refunds, or None."""
    rows = await connection.fetch(query, key)
    return next(iter(await _with_bills(connection, rows)), None)


async def read_carts(connection: Connection, cart_ids: Sequence[UUID]) -> list[StoredCart]:
    """These carts, the oldest first."""
    return await _with_bills(connection, await connection.fetch(READ_BY_IDS, cart_ids))


async def _with_bills(connection: Connection, rows: Sequence[Row]) -> list[StoredCart]:
    """The carts of these rows with their bills and refunds, by two queries however many there are."""
    cart_ids = [row["cart_id"] for row in rows]
    bills = await connection.fetch(READ_BILLS, cart_ids) if cart_ids else []
    refunds = await connection.fetch(READ_REFUNDS, cart_ids) if cart_ids else []
    bills_of, refunds_of = _by_cart(bills), _by_cart(refunds)
    return [_cart(row, bills_of.get(row["cart_id"], ()), refunds_of.get(row["cart_id"], ())) for row in rows]


def _by_cart(rows: Sequence[Row]) -> dict[UUID, list[Row]]:
    groups: dict[UUID, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["cart_id"], []).append(row)
    return groups


def _cart(row: Row, bills: Sequence[Row], refunds: Sequence[Row]) -> StoredCart:
    return StoredCart(
        cart_id=row["cart_id"],
        reference=row["reference"],
        created_at=row["created_at"],
        read_at=row["read_at"],
        bills=tuple(_stored_bill(bill) for bill in bills),
        is_ordered=row["ordered_at"] is not None,
        is_funded=row["is_funded"],
        payment=_payment(row),
        refunds=tuple(_refund(refund) for refund in refunds),
    )


def bill_columns(bill: CartBill) -> tuple[object, ...]:
    """The columns of a bill from `biller_id` on, in the order of `REPLACE_BILL` and `NEW_BILL`."""
    return (
        bill.biller_id, bill.bucket, as_json(dict(bill.fields)), as_json(dict(bill.bill)), bill.bill_key,
        bill.amount.minor, bill.quote_id, bill.quote_expires_at, bill.fetched_at,
    )  # fmt: skip


async def drop_old_carts(connection: Connection, keep: timedelta) -> None:
    """Drop carts that nobody ordered within `keep`, with their bills."""
    await connection.execute(DROP_BILLS_OF_OLD, keep)
    await connection.execute(DROP_OLD, keep)


def _payment(row: Row) -> CartPayment | None:
    if row["payment_id"] is None:
        return None
    return CartPayment(
        payment_id=row["payment_id"],
        state=State(row["state"]),
        sums=sums_of(row),
        checkout_reference=row["checkout_reference"],
        updated_at=row["updated_at"],
    )


def _stored_bill(row: Row) -> BillInCart:
    state = State(row["state"]) if row["state"] else None
    bill: Any = from_json(row["bill"])
    return BillInCart(
        seq=row["seq"],
        reference=row["try_reference"],
        bill=CartBill(
            biller_id=row["biller_id"],
            bucket=row["bucket"],
            fields=from_json(row["fields"]),
            bill=bill,
            bill_key=row["bill_key"],
            amount=Money(row["amount"]),
            quote_id=row["quote_id"],
            quote_expires_at=row["quote_expires_at"],
            fetched_at=row["fetched_at"],
        ),
        payment_id=row["payment_id"],
        state=state,
        refusal=Refusal(row["refusal"]) if row["refusal"] else None,
        receipts=receipts_of(from_json(row["facts"])) if state is State.COMPLETED else {},
        end=BillEnd(row["ending"]) if row["ending"] else None,
        stand_in_until=row["stand_in_until"],
    )


def _refund(row: Row) -> CartRefund:
    return CartRefund(
        reference=row["reference"],
        seqs=tuple(row["seqs"]),
        amount=Money(row["amount"]),
        state=RefundState(row["state"]) if row["state"] else None,
        steps=_refund_steps(row) if row["state"] else (),
        provider_reference=row["provider_refund"] or "",
    )


def _refund_steps(row: Row) -> tuple[RefundStep, ...]:
    events = [RefundEvent(event) for event in row["events"]]
    return refund_steps(row["requested_at"], zip(events, row["event_times"], strict=True))
