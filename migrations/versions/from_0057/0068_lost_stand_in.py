"""A further payment of a bill that a restore has lost may be kept again with its bill.

Safe while the switch runs: the database refuses as before what old code writes, and allows beside it a
payment that stands in the books already.

Going back is safe too: what was kept stays.
"""

from alembic import op

revision = "0068"
down_revision = "0067"
branch_labels = None
depends_on = None

_AFTER = """
CREATE OR REPLACE FUNCTION check_stand_in_tries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM cart_bill_ends AS e WHERE e.cart_id = NEW.cart_id AND e.seq = NEW.seq)
    OR NOT EXISTS (SELECT FROM cart_bills AS b
      LEFT JOIN LATERAL (SELECT s.nth, s.reference FROM stand_in_tries AS s
        WHERE s.cart_id = b.cart_id AND s.seq = b.seq ORDER BY s.nth DESC LIMIT 1) AS q ON true
      LEFT JOIN payments AS p ON p.partner_id = 'portal' AND p.reference = coalesce(q.reference, b.reference)
      WHERE b.cart_id = NEW.cart_id AND b.seq = NEW.seq
        AND NEW.reference = b.reference || ':' || NEW.nth AND coalesce(q.nth, 1) < NEW.nth
        AND CASE WHEN EXISTS (SELECT FROM payments AS n
            WHERE n.partner_id = 'portal' AND n.reference = NEW.reference)
          THEN p.id IS NULL OR p.state IN ('declined', 'expired', 'refunded')
          ELSE coalesce(q.nth, 1) = NEW.nth - 1 AND p.state = 'refunded'
            AND (SELECT bool_and(a.outcome = 'unreached' AND a.sends = 1)
              FROM attempts AS a WHERE a.payment_id = p.id AND a.leg = 'delivery') END) THEN
    RAISE EXCEPTION 'a further payment of a bill follows one that was never sent'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""
_BEFORE = """
CREATE OR REPLACE FUNCTION check_stand_in_tries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM cart_bill_ends AS e WHERE e.cart_id = NEW.cart_id AND e.seq = NEW.seq)
    OR NOT EXISTS (SELECT FROM cart_bills AS b
      LEFT JOIN stand_in_tries AS q ON q.cart_id = b.cart_id AND q.seq = b.seq AND q.nth = NEW.nth - 1
      JOIN payments AS p ON p.partner_id = 'portal' AND p.reference = coalesce(q.reference, b.reference)
      WHERE b.cart_id = NEW.cart_id AND b.seq = NEW.seq AND (q.nth IS NOT NULL OR NEW.nth = 2)
        AND p.state = 'refunded' AND (SELECT bool_and(a.outcome = 'unreached' AND a.sends = 1)
          FROM attempts AS a WHERE a.payment_id = p.id AND a.leg = 'delivery')) THEN
    RAISE EXCEPTION 'a further payment of a bill follows one that was never sent'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""


def upgrade() -> None:
    """Let a payment follow that stands in the books already."""
    op.execute(_AFTER)


def downgrade() -> None:
    """Let only what was never sent be followed."""
    op.execute(_BEFORE)
