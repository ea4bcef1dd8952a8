"""Carts of bills: what a citizen pays together, and how each bill of it ended (docs/adr/0118).

Safe while the switch runs: new tables that old code neither reads nor writes. A worker of before leaves a
paid cart alone until a new one goes on with it.
"""

from alembic import op

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE bill_carts (
  id UUID NOT NULL,
  reference TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  ordered_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_bill_carts PRIMARY KEY (id),
  CONSTRAINT uq_bill_carts_reference UNIQUE (reference)
);
CREATE INDEX ix_bill_carts_created_at ON bill_carts (created_at) WHERE ordered_at IS NULL;
CREATE TABLE cart_bills (
  cart_id UUID NOT NULL,
  seq SMALLINT NOT NULL,
  reference TEXT NOT NULL,
  biller_id TEXT NOT NULL,
  bucket TEXT NOT NULL,
  fields JSONB NOT NULL,
  bill JSONB NOT NULL,
  bill_key TEXT NOT NULL,
  amount BIGINT NOT NULL,
  quote_id TEXT NOT NULL,
  quote_expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_cart_bills PRIMARY KEY (cart_id, seq),
  CONSTRAINT uq_cart_bills_cart_id_biller_id_bill_key UNIQUE (cart_id, biller_id, bill_key),
  CONSTRAINT ck_cart_bills_amount CHECK (amount > 0),
  CONSTRAINT ck_cart_bills_seq CHECK (seq > 0),
  CONSTRAINT ck_cart_bills_bucket CHECK (bucket IN ('postpaid', 'prepaid')),
  CONSTRAINT fk_cart_bills_cart_id FOREIGN KEY (cart_id) REFERENCES bill_carts (id),
  CONSTRAINT uq_cart_bills_reference UNIQUE (reference)
);
CREATE TABLE cart_fundings (
  cart_id UUID NOT NULL,
  payment_id UUID NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_cart_fundings PRIMARY KEY (cart_id),
  CONSTRAINT fk_cart_fundings_cart_id FOREIGN KEY (cart_id) REFERENCES bill_carts (id),
  CONSTRAINT uq_cart_fundings_payment_id UNIQUE (payment_id),
  CONSTRAINT fk_cart_fundings_payment_id FOREIGN KEY (payment_id) REFERENCES payments (id)
);
CREATE TABLE cart_bill_ends (
  cart_id UUID NOT NULL,
  seq SMALLINT NOT NULL,
  ending TEXT NOT NULL,
  entry_id UUID,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_cart_bill_ends PRIMARY KEY (cart_id, seq),
  CONSTRAINT fk_cart_bill_ends_cart_id_seq FOREIGN KEY (cart_id, seq) REFERENCES cart_bills (cart_id, seq),
  CONSTRAINT ck_cart_bill_ends_ending CHECK (ending IN ('given_back', 'paid')),
  CONSTRAINT ck_cart_bill_ends_entry_id CHECK ((ending = 'given_back') = (entry_id IS NOT NULL)),
  CONSTRAINT uq_cart_bill_ends_entry_id UNIQUE (entry_id)
);
CREATE TABLE cart_refunds (
  cart_id UUID NOT NULL,
  nth SMALLINT NOT NULL,
  reference TEXT NOT NULL,
  seqs SMALLINT[] NOT NULL,
  amount BIGINT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_cart_refunds PRIMARY KEY (cart_id, nth),
  CONSTRAINT ck_cart_refunds_amount CHECK (amount > 0 AND nth > 0 AND cardinality(seqs) > 0),
  CONSTRAINT fk_cart_refunds_cart_id FOREIGN KEY (cart_id) REFERENCES bill_carts (id),
  CONSTRAINT uq_cart_refunds_reference UNIQUE (reference)
);
CREATE TABLE cart_work (
  cart_id UUID NOT NULL,
  next_action_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_cart_work PRIMARY KEY (cart_id),
  CONSTRAINT fk_cart_work_cart_id FOREIGN KEY (cart_id) REFERENCES bill_carts (id)
);
CREATE INDEX ix_cart_work_next_action_at ON cart_work (next_action_at) WHERE next_action_at IS NOT NULL;
GRANT SELECT ON bill_carts, cart_bills, cart_fundings, cart_bill_ends, cart_refunds, cart_work
  TO ekpay_app, ekpay_audit;
GRANT INSERT ON bill_carts, cart_bills, cart_fundings, cart_bill_ends, cart_refunds, cart_work TO ekpay_app;
GRANT UPDATE ON bill_carts, cart_bills, cart_work TO ekpay_app;
GRANT DELETE ON bill_carts, cart_bills TO ekpay_app;
"""
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
_DROP = """
DROP TABLE cart_work;
DROP TABLE cart_refunds;
DROP TABLE cart_bill_ends;
DROP TABLE cart_fundings;
DROP TABLE cart_bills;
DROP TABLE bill_carts;
DROP FUNCTION check_cart_bills;
"""


def upgrade() -> None:
    """Add the tables, and what keeps an ordered cart as it is."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in (*_statements(_TABLES), _FROZEN, _FROZEN_TRIGGER):
        op.execute(statement)


def downgrade() -> None:
    """Take them away, with every cart; the payments of carts and bills stay as they are."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in _statements(_DROP):
        op.execute(statement)


def _statements(script: str) -> list[str]:
    return [statement for statement in script.split(";\n") if statement.strip()]
