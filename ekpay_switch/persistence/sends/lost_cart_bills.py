"""Bills of carts whose payment from the portal's prefund a restore has lost (docs/adr/0088, 0129)."""

from datetime import timedelta

from ekpay_switch.domain.carts.bill_cart import PORTAL, bill_of_reference
from ekpay_switch.domain.payments.lost_sends import CartBillState
from ekpay_switch.persistence.short_transactions import Connection

# The state of a lost send of the portal that is not in the books and may be at its biller; of one bill.
_MAY_BE_POSTED = f"""
FROM lost_sends AS l WHERE l.partner_id = '{PORTAL}' AND l.booked_at IS NULL
  AND (l.partner_reference = $1 OR starts_with(l.partner_reference, $1 || ':'))
  AND (CASE WHEN l.approved_at IS NULL THEN l.state ELSE l.proposed_as END) <> 'not_posted'
"""
IS_LOST = f"SELECT EXISTS (SELECT {_MAY_BE_POSTED})"
"""Whether a payment of the bill with this first reference is lost, and may be at its biller."""
# Other payments of the bill: the first, those in stand-in, and those that were booked from the journal.
_BILL_STATE = f"""
SELECT f.cart_id IS NOT NULL AS is_funded, e.ending IS NOT NULL AS has_ended,
  EXISTS (SELECT FROM payments AS p WHERE p.partner_id = '{PORTAL}' AND p.reference <> $2
    AND p.state NOT IN ('declined', 'expired', 'refunded')
    AND (p.reference = b.reference
      OR p.reference IN (SELECT s.reference FROM stand_in_tries AS s
        WHERE s.cart_id = b.cart_id AND s.seq = b.seq)
      OR p.reference IN (SELECT l.partner_reference FROM lost_sends AS l WHERE l.partner_id = '{PORTAL}'
        AND starts_with(l.partner_reference, b.reference || ':')))) AS is_taken
FROM cart_bills AS b LEFT JOIN cart_fundings AS f ON f.cart_id = b.cart_id
LEFT JOIN cart_bill_ends AS e ON e.cart_id = b.cart_id AND e.seq = b.seq
WHERE b.reference = $1
"""  # noqa: S608 - constants
_KEEP = """
INSERT INTO stand_in_tries (cart_id, seq, nth, reference, until)
SELECT b.cart_id, b.seq, $2, $3, coalesce(
  (SELECT max(s.until) FROM stand_in_tries AS s WHERE s.cart_id = b.cart_id AND s.seq = b.seq),
  f.at + $4::interval)
FROM cart_bills AS b JOIN cart_fundings AS f ON f.cart_id = b.cart_id
WHERE b.reference = $1 AND NOT EXISTS (SELECT FROM stand_in_tries AS s WHERE s.reference = $3)
"""


async def cart_bill_state(connection: Connection, reference: str) -> CartBillState:
    """How the bill of this payment stands; see `ports.sends.LostSends`."""
    first, _ = bill_of_reference(reference)
    row = await connection.fetchrow(_BILL_STATE, first, reference)
    if row is None:
        return CartBillState.LOST
    if row["has_ended"]:
        return CartBillState.ENDED
    if row["is_taken"]:
        return CartBillState.TAKEN
    return CartBillState.OPEN if row["is_funded"] else CartBillState.NOT_FUNDED


async def keep_further_payment(connection: Connection, reference: str, stand_in: timedelta) -> None:
    """Let a bill know of a further payment that stands in the books again; idempotent.

    Its cart knows by itself of the first payment of a bill.
    """
    first, nth = bill_of_reference(reference)
    if nth > 1:
        await connection.execute(_KEEP, first, nth, reference, stand_in)
