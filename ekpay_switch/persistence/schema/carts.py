"""The tables of carts of bills: carts, their bills, what was funded, how bills ended, planned refunds.

Until a cart is ordered its bills come and go; from then on only `cart_work` changes, which says when the
worker looks at the cart again (docs/adr/0118).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from ekpay_switch.domain.carts.bill_cart import BUCKETS, BillEnd
from ekpay_switch.persistence.schema.books import APPEND_ONLY, instant, metadata, one_of

# `reference` is unguessable: whoever has it may see the cart and pay it. The payment of an ordered cart is
# the portal's order whose `trnx_id` is the id of the cart.
bill_carts = Table(
    "bill_carts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("reference", Text, nullable=False, unique=True),
    instant("created_at", server_default=func.now()),
    instant("ordered_at", nullable=True),
)
# Carts that nobody ordered are dropped by age.
Index("ix_bill_carts_created_at", bill_carts.c.created_at, postgresql_where=bill_carts.c.ordered_at.is_(None))

# `fields` name the bill at its biller, `bill` is what its payer may be shown, `amount` what is paid to the
# biller. `reference` is that of the payment from the prefund.
cart_bills = Table(
    "cart_bills",
    metadata,
    Column("cart_id", Uuid, ForeignKey("bill_carts.id"), primary_key=True),
    Column("seq", SmallInteger, primary_key=True, autoincrement=False),
    Column("reference", Text, nullable=False, unique=True),
    Column("biller_id", Text, nullable=False),
    Column("bucket", Text, nullable=False),
    Column("fields", JSONB, nullable=False),
    Column("bill", JSONB, nullable=False),
    Column("bill_key", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("quote_id", Text, nullable=False),
    instant("quote_expires_at"),
    instant("fetched_at"),
    UniqueConstraint("cart_id", "biller_id", "bill_key"),
    CheckConstraint("amount > 0", name="amount"),
    CheckConstraint("seq > 0", name="seq"),
    CheckConstraint(one_of("bucket", BUCKETS), name="bucket"),
)

# What the payment of a cart credited has moved to the prefunds; the id is also that of its entry.
cart_fundings = Table(
    "cart_fundings",
    metadata,
    Column("cart_id", Uuid, ForeignKey("bill_carts.id"), primary_key=True),
    Column("payment_id", Uuid, ForeignKey("payments.id"), nullable=False, unique=True),
    instant("at", server_default=func.now()),
    info=APPEND_ONLY,
)

# Each further try of a bill that is paid in stand-in, begun once the payment before it went back without
# having been sent. The first payment of a bill has the reference of the bill; `until` is what its payer was
# promised.
stand_in_tries = Table(
    "stand_in_tries",
    metadata,
    Column("cart_id", Uuid, primary_key=True),
    Column("seq", SmallInteger, primary_key=True, autoincrement=False),
    Column("nth", SmallInteger, primary_key=True, autoincrement=False),
    Column("reference", Text, nullable=False, unique=True),
    instant("until"),
    instant("at", server_default=func.now()),
    ForeignKeyConstraint(["cart_id", "seq"], ["cart_bills.cart_id", "cart_bills.seq"]),
    CheckConstraint("nth > 1", name="nth"),
    info=APPEND_ONLY,
)

# Stand-in is turned off, or on again, for a biller by two persons: the newest change that is approved holds.
stand_in_changes = Table(
    "stand_in_changes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("biller_id", Text, nullable=False),
    Column("is_stopped", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_by", Text, ForeignKey("staff.name"), nullable=False),
    instant("asked_at", server_default=func.now()),
    Column("approved_by", Text, ForeignKey("staff.name")),
    instant("approved_at", nullable=True),
    Column("rejected_by", Text, ForeignKey("staff.name")),
    instant("rejected_at", nullable=True),
    CheckConstraint("reason <> ''", name="reason"),
    CheckConstraint("approved_by <> asked_by", name="two_persons"),
    CheckConstraint("num_nonnulls(approved_by, approved_at) <> 1", name="approval"),
    CheckConstraint("num_nonnulls(rejected_by, rejected_at) <> 1", name="rejection"),
    CheckConstraint("num_nonnulls(approved_by, rejected_by) <= 1", name="one_decision"),
)
Index(
    "uq_stand_in_changes_waiting",
    stand_in_changes.c.biller_id,
    unique=True,
    postgresql_where=text("approved_by IS NULL AND rejected_by IS NULL"),
)
Index("ix_stand_in_changes_biller_id", stand_in_changes.c.biller_id, stand_in_changes.c.approved_at)

# A bill ends once; one that was given back has the entry that moved its amount out of the prefund.
cart_bill_ends = Table(
    "cart_bill_ends",
    metadata,
    Column("cart_id", Uuid, primary_key=True),
    Column("seq", SmallInteger, primary_key=True, autoincrement=False),
    Column("ending", Text, nullable=False),
    Column("entry_id", Uuid, unique=True),
    instant("at", server_default=func.now()),
    ForeignKeyConstraint(["cart_id", "seq"], ["cart_bills.cart_id", "cart_bills.seq"]),
    CheckConstraint(one_of("ending", BillEnd), name="ending"),
    CheckConstraint(f"(ending = '{BillEnd.GIVEN_BACK}') = (entry_id IS NOT NULL)", name="entry_id"),
    info=APPEND_ONLY,
)

# The refunds of the payment of a cart, each planned with its bills and its amount before it is requested.
cart_refunds = Table(
    "cart_refunds",
    metadata,
    Column("cart_id", Uuid, ForeignKey("bill_carts.id"), primary_key=True),
    Column("nth", SmallInteger, primary_key=True, autoincrement=False),
    Column("reference", Text, nullable=False, unique=True),
    Column("seqs", ARRAY(SmallInteger), nullable=False),
    Column("amount", BigInteger, nullable=False),
    instant("at", server_default=func.now()),
    CheckConstraint("amount > 0 AND nth > 0 AND cardinality(seqs) > 0", name="amount"),
    info=APPEND_ONLY,
)

# When the worker looks at an ordered cart again; null once nothing is left to do.
cart_work = Table(
    "cart_work",
    metadata,
    Column("cart_id", Uuid, ForeignKey("bill_carts.id"), primary_key=True),
    instant("next_action_at", nullable=True),
)
Index(
    "ix_cart_work_next_action_at",
    cart_work.c.next_action_at,
    postgresql_where=text("next_action_at IS NOT NULL"),
)

# What was ordered stays as the payer saw it.
_FROZEN = """
CREATE FUNCTION check_cart_bills() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM bill_carts AS c
    WHERE c.id IN (OLD.cart_id, NEW.cart_id) AND c.ordered_at IS NOT NULL) THEN
    RAISE EXCEPTION 'the bills of an ordered cart stay' USING ERRCODE = 'check_violation';
  END IF;
  RETURN coalesce(NEW, OLD);
END $$
"""
_FROZEN_TRIGGER = """
CREATE TRIGGER cart_bills_frozen BEFORE INSERT OR UPDATE OR DELETE ON cart_bills
  FOR EACH ROW EXECUTE FUNCTION check_cart_bills()
"""
# Of two payments of one bill, both might come to something. One that stands in the books already was lost by
# a restore, and follows any that came to nothing.
_FURTHER = """
CREATE FUNCTION check_stand_in_tries() RETURNS trigger LANGUAGE plpgsql AS $$
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
_FURTHER_TRIGGER = """
CREATE TRIGGER stand_in_tries_follow BEFORE INSERT ON stand_in_tries
  FOR EACH ROW EXECUTE FUNCTION check_stand_in_tries()
"""
CART_TRIGGERS = {
    "cart_bills_frozen": (_FROZEN, _FROZEN_TRIGGER),
    "stand_in_tries_follow": (_FURTHER, _FURTHER_TRIGGER),
}
