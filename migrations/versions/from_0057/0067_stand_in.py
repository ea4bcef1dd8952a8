"""Further tries of bills that are paid in stand-in, and the changes by which two persons turn it off or on.

Safe while the switch runs: new tables that old code neither reads nor writes. Old code gives a bill back
whose biller could not be reached, as before. Let its workers end before a manifest allows stand-in: they know
only the first payment of a bill.

Going back is refused while a bill has a further try: the code of before would take it for unpaid.
"""

from alembic import op

revision = "0067"
down_revision = "0066"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE stand_in_tries (
  cart_id UUID NOT NULL,
  seq SMALLINT NOT NULL,
  nth SMALLINT NOT NULL,
  reference TEXT NOT NULL,
  until TIMESTAMP WITH TIME ZONE NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_stand_in_tries PRIMARY KEY (cart_id, seq, nth),
  CONSTRAINT uq_stand_in_tries_reference UNIQUE (reference),
  CONSTRAINT ck_stand_in_tries_nth CHECK (nth > 1),
  CONSTRAINT fk_stand_in_tries_cart_id_seq FOREIGN KEY (cart_id, seq) REFERENCES cart_bills (cart_id, seq)
);
CREATE TABLE stand_in_changes (
  id UUID NOT NULL,
  biller_id TEXT NOT NULL,
  is_stopped BOOLEAN NOT NULL,
  reason TEXT NOT NULL,
  asked_by TEXT NOT NULL,
  asked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  approved_by TEXT,
  approved_at TIMESTAMP WITH TIME ZONE,
  rejected_by TEXT,
  rejected_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_stand_in_changes PRIMARY KEY (id),
  CONSTRAINT ck_stand_in_changes_reason CHECK (reason <> ''),
  CONSTRAINT ck_stand_in_changes_two_persons CHECK (approved_by <> asked_by),
  CONSTRAINT ck_stand_in_changes_approval CHECK (num_nonnulls(approved_by, approved_at) <> 1),
  CONSTRAINT ck_stand_in_changes_rejection CHECK (num_nonnulls(rejected_by, rejected_at) <> 1),
  CONSTRAINT ck_stand_in_changes_one_decision CHECK (num_nonnulls(approved_by, rejected_by) <= 1),
  CONSTRAINT fk_stand_in_changes_asked_by FOREIGN KEY (asked_by) REFERENCES staff (name),
  CONSTRAINT fk_stand_in_changes_approved_by FOREIGN KEY (approved_by) REFERENCES staff (name),
  CONSTRAINT fk_stand_in_changes_rejected_by FOREIGN KEY (rejected_by) REFERENCES staff (name)
);
CREATE UNIQUE INDEX uq_stand_in_changes_waiting ON stand_in_changes (biller_id)
  WHERE approved_by IS NULL AND rejected_by IS NULL;
CREATE INDEX ix_stand_in_changes_biller_id ON stand_in_changes (biller_id, approved_at);
GRANT SELECT ON stand_in_tries, stand_in_changes TO ekpay_app, ekpay_audit;
GRANT INSERT ON stand_in_tries TO ekpay_app;
GRANT INSERT ON stand_in_changes TO ekpay_app;
GRANT UPDATE (approved_by, approved_at, rejected_by, rejected_at) ON stand_in_changes TO ekpay_app
"""
_FURTHER = """
CREATE FUNCTION check_stand_in_tries() RETURNS trigger LANGUAGE plpgsql AS $$
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
_FURTHER_TRIGGER = """
CREATE TRIGGER stand_in_tries_follow BEFORE INSERT ON stand_in_tries
  FOR EACH ROW EXECUTE FUNCTION check_stand_in_tries()
"""
_REFUSE = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM stand_in_tries) THEN
    RAISE EXCEPTION 'a bill was paid in stand-in, and the code of before does not know its payment';
  END IF;
END $$
"""


def upgrade() -> None:
    """Add the tables."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in filter(None, map(str.strip, _TABLES.split(";"))):
        op.execute(statement)
    op.execute(_FURTHER)
    op.execute(_FURTHER_TRIGGER)


def downgrade() -> None:
    """Take the tables away."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(_REFUSE)
    op.execute("DROP TABLE stand_in_tries")
    op.execute("DROP TABLE stand_in_changes")
    op.execute("DROP FUNCTION check_stand_in_tries")
