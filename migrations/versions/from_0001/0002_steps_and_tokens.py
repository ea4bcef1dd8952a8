"""Steps of an attempt, whole-taka rounding, sealed token lines, and bills that a fetch holds.

New columns have constant defaults, so that no row is rewritten and old code goes on writing. The two new
CHECKs read their tables once under lock, about a second for some million rows.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE quotes ADD COLUMN rounding BIGINT DEFAULT 0 NOT NULL;
ALTER TABLE quotes DROP CONSTRAINT ck_quotes_sums;
ALTER TABLE quotes ADD CONSTRAINT ck_quotes_sums CHECK (least(amount, charge, fee, vat, rounding) >= 0);
ALTER TABLE payments ADD COLUMN rounding BIGINT DEFAULT 0 NOT NULL;
ALTER TABLE payments DROP CONSTRAINT ck_payments_sums;
ALTER TABLE payments ADD CONSTRAINT ck_payments_sums CHECK (least(amount, charge, fee, vat, rounding) >= 0);
ALTER TABLE attempts ADD COLUMN step TEXT DEFAULT 'pay' NOT NULL;
ALTER TABLE notifications ADD COLUMN version SMALLINT DEFAULT 0 NOT NULL;
CREATE TABLE token_lines (
  payment_id UUID NOT NULL,
  seq SMALLINT NOT NULL,
  kind TEXT NOT NULL,
  digits_sealed BYTEA NOT NULL,
  CONSTRAINT pk_token_lines PRIMARY KEY (payment_id, seq),
  CONSTRAINT ck_token_lines_seq CHECK (seq > 0),
  CONSTRAINT ck_token_lines_kind CHECK (kind IN ('credit', 'key_change', 'other', 'tariff')),
  CONSTRAINT fk_token_lines_payment_id FOREIGN KEY (payment_id) REFERENCES payments (id)
);
CREATE TABLE held_bills (
  biller_id TEXT NOT NULL,
  bill_name TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  asking_until TIMESTAMP WITH TIME ZONE,
  bill_key TEXT,
  bill JSONB,
  held_until TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_held_bills PRIMARY KEY (biller_id, bill_name),
  CONSTRAINT ck_held_bills_held_until CHECK ((bill IS NULL) = (held_until IS NULL)),
  CONSTRAINT ck_held_bills_bill_key CHECK ((bill IS NULL) = (bill_key IS NULL))
);
GRANT SELECT ON token_lines, held_bills TO ekpay_app, ekpay_audit;
GRANT INSERT ON token_lines, held_bills TO ekpay_app;
GRANT UPDATE, DELETE ON held_bills TO ekpay_app
"""

DOWN = """
DROP TABLE held_bills;
DROP TABLE token_lines;
ALTER TABLE notifications DROP COLUMN version;
ALTER TABLE attempts DROP COLUMN step;
ALTER TABLE payments DROP COLUMN rounding;
ALTER TABLE payments ADD CONSTRAINT ck_payments_sums CHECK (least(amount, charge, fee, vat) >= 0);
ALTER TABLE quotes DROP COLUMN rounding;
ALTER TABLE quotes ADD CONSTRAINT ck_quotes_sums CHECK (least(amount, charge, fee, vat) >= 0)
"""


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Take it away; only right where nothing was rounded and no token was bought."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in DOWN.split(";\n"):
        op.execute(statement)
