"""Merchants: partners that sell, their payees, their orders with shares, and a price for each try.

Safe while the switch runs: old code writes no merchant, and its tries have no price of their own. Its writes
wait while `tries` is read once for two conditions on columns that are still empty, a second or two for ten
million rows. Add the first merchant once every process runs the new code: the old one reads each partner as
one that speaks the syndicate API.
"""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE partners
  ALTER COLUMN nd_id DROP NOT NULL,
  ALTER COLUMN syndct_id DROP NOT NULL,
  ALTER COLUMN user_id DROP NOT NULL,
  ALTER COLUMN pass_key_hash DROP NOT NULL,
  ALTER COLUMN secret_sealed DROP NOT NULL,
  ADD CONSTRAINT ck_partners_syndicate CHECK
    (num_nulls(nd_id, syndct_id, user_id, pass_key_hash, secret_sealed) IN (0, 5));
CREATE TABLE merchants (
  partner_id TEXT NOT NULL,
  mer_reg_id TEXT NOT NULL,
  name_bn TEXT NOT NULL,
  pass_key_hash BYTEA NOT NULL,
  previous_pass_key_hash BYTEA,
  previous_pass_key_until TIMESTAMP WITH TIME ZONE,
  fee_plan TEXT NOT NULL,
  charges_on_refund TEXT NOT NULL,
  instruments JSONB,
  return_hosts JSONB NOT NULL,
  networks JSONB NOT NULL,
  refund_limit BIGINT NOT NULL,
  debt_limit BIGINT NOT NULL,
  owed BIGINT DEFAULT 0 NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_merchants PRIMARY KEY (partner_id),
  CONSTRAINT uq_merchants_mer_reg_id UNIQUE (mer_reg_id),
  CONSTRAINT ck_merchants_charges_on_refund CHECK (charges_on_refund IN ('kept', 'returned')),
  CONSTRAINT ck_merchants_limits CHECK (least(refund_limit, debt_limit) >= 0),
  CONSTRAINT ck_merchants_owed CHECK (owed >= -debt_limit),
  CONSTRAINT ck_merchants_previous_pass_key CHECK
    ((previous_pass_key_hash IS NULL) = (previous_pass_key_until IS NULL)),
  CONSTRAINT fk_merchants_partner_id FOREIGN KEY (partner_id) REFERENCES partners (id)
);
CREATE TABLE merchant_payees (
  partner_id TEXT NOT NULL,
  code TEXT NOT NULL,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  is_active BOOLEAN DEFAULT true NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_merchant_payees PRIMARY KEY (partner_id, code),
  CONSTRAINT ck_merchant_payees_code CHECK (code ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$'),
  CONSTRAINT ck_merchant_payees_kind CHECK (kind IN ('agent', 'delivery', 'seller')),
  CONSTRAINT fk_merchant_payees_partner_id FOREIGN KEY (partner_id) REFERENCES merchants (partner_id)
);
CREATE TABLE merchant_changes (
  id BIGSERIAL NOT NULL,
  partner_id TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  by TEXT NOT NULL,
  what JSONB NOT NULL,
  CONSTRAINT pk_merchant_changes PRIMARY KEY (id),
  CONSTRAINT fk_merchant_changes_partner_id FOREIGN KEY (partner_id) REFERENCES merchants (partner_id)
);
CREATE INDEX ix_merchant_changes_partner_id ON merchant_changes (partner_id);
CREATE TABLE merchant_orders (
  payment_id UUID NOT NULL,
  partner_id TEXT NOT NULL,
  trnx_id TEXT NOT NULL,
  text JSONB NOT NULL,
  ekpay_trnx_id TEXT NOT NULL,
  checkout_reference TEXT NOT NULL,
  token_expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  ipn_channel TEXT NOT NULL,
  ipn_uri TEXT NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_merchant_orders PRIMARY KEY (payment_id),
  CONSTRAINT uq_merchant_orders_ekpay_trnx_id UNIQUE (ekpay_trnx_id),
  CONSTRAINT uq_merchant_orders_checkout_reference UNIQUE (checkout_reference),
  CONSTRAINT uq_merchant_orders_partner_id_trnx_id UNIQUE (partner_id, trnx_id),
  CONSTRAINT fk_merchant_orders_payment_id FOREIGN KEY (payment_id) REFERENCES payments (id),
  CONSTRAINT fk_merchant_orders_partner_id FOREIGN KEY (partner_id) REFERENCES merchants (partner_id)
);
CREATE INDEX ix_merchant_orders_trnx_id_created_at ON merchant_orders (trnx_id, created_at);
CREATE TABLE merchant_shares (
  payment_id UUID NOT NULL,
  seq SMALLINT NOT NULL,
  payee TEXT NOT NULL,
  kind TEXT,
  account TEXT NOT NULL,
  amount BIGINT NOT NULL,
  refunded BIGINT DEFAULT 0 NOT NULL,
  CONSTRAINT pk_merchant_shares PRIMARY KEY (payment_id, seq),
  CONSTRAINT uq_merchant_shares_payment_id_payee UNIQUE (payment_id, payee),
  CONSTRAINT ck_merchant_shares_amount CHECK (amount > 0),
  CONSTRAINT ck_merchant_shares_kind CHECK
    ((payee = '') = (kind IS NULL) AND kind IN ('agent', 'delivery', 'seller')),
  CONSTRAINT ck_merchant_shares_refunded CHECK (refunded >= 0 AND refunded <= amount),
  CONSTRAINT fk_merchant_shares_payment_id FOREIGN KEY (payment_id) REFERENCES merchant_orders (payment_id)
);
CREATE TABLE merchant_sums (
  payment_id UUID NOT NULL,
  charge_refunded BIGINT DEFAULT 0 NOT NULL,
  fee_refunded BIGINT DEFAULT 0 NOT NULL,
  vat_refunded BIGINT DEFAULT 0 NOT NULL,
  CONSTRAINT pk_merchant_sums PRIMARY KEY (payment_id),
  CONSTRAINT ck_merchant_sums_refunded CHECK (least(charge_refunded, fee_refunded, vat_refunded) >= 0),
  CONSTRAINT fk_merchant_sums_payment_id FOREIGN KEY (payment_id) REFERENCES merchant_orders (payment_id)
);
ALTER TABLE tries
  ADD COLUMN charge BIGINT,
  ADD COLUMN fee BIGINT,
  ADD COLUMN vat BIGINT,
  ADD CONSTRAINT ck_tries_price CHECK (num_nulls(charge, fee, vat) IN (0, 3)),
  ADD CONSTRAINT ck_tries_price_sums CHECK (least(charge, fee, vat) >= 0);
ALTER TABLE notification_endpoints
  ADD COLUMN kind TEXT DEFAULT 'webhook' NOT NULL,
  ADD CONSTRAINT ck_notification_endpoints_kind CHECK (kind IN ('ipn', 'webhook'));
GRANT SELECT ON merchants, merchant_payees, merchant_changes, merchant_orders, merchant_shares, merchant_sums
  TO ekpay_app, ekpay_audit;
GRANT INSERT ON merchants, merchant_payees, merchant_changes, merchant_orders, merchant_shares, merchant_sums
  TO ekpay_app;
GRANT UPDATE ON merchants, merchant_payees, merchant_shares, merchant_sums TO ekpay_app;
GRANT USAGE ON SEQUENCE merchant_changes_id_seq TO ekpay_app
"""

TRIGGERS = (
    """
CREATE FUNCTION check_merchant_shares() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM payments AS p
    WHERE p.id IN (SELECT payment_id FROM added)
    AND p.amount <> (SELECT sum(s.amount) FROM merchant_shares AS s WHERE s.payment_id = p.id)) THEN
    RAISE EXCEPTION 'shares that are not the amount' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
""",
    """
CREATE TRIGGER merchant_shares_sum AFTER INSERT ON merchant_shares
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_merchant_shares()
""",
)

DOWN = """
ALTER TABLE notification_endpoints DROP COLUMN kind;
ALTER TABLE tries DROP COLUMN charge, DROP COLUMN fee, DROP COLUMN vat;
DROP TABLE merchant_sums;
DROP TABLE merchant_shares;
DROP FUNCTION check_merchant_shares;
DROP TABLE merchant_orders;
DROP TABLE merchant_changes;
DROP TABLE merchant_payees;
DROP TABLE merchants;
ALTER TABLE partners
  DROP CONSTRAINT ck_partners_syndicate,
  ALTER COLUMN nd_id SET NOT NULL,
  ALTER COLUMN syndct_id SET NOT NULL,
  ALTER COLUMN user_id SET NOT NULL,
  ALTER COLUMN pass_key_hash SET NOT NULL,
  ALTER COLUMN secret_sealed SET NOT NULL
"""


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in (*UP.split(";\n"), *TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    """Take it away; refused by PostgreSQL once there is a partner that sells and nothing more."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in DOWN.split(";\n"):
        op.execute(statement)
