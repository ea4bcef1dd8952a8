"""Notices of bills that an office raises here, and who withdrew one.

Safe while the switch runs: new tables that old code neither reads nor writes.

Going back forgets the codes on paper that is out already, and who withdrew what.
"""

from alembic import op

revision = "0069"
down_revision = "0068"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE bill_notices (
  code TEXT NOT NULL,
  biller_id TEXT NOT NULL,
  bill_key TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_bill_notices PRIMARY KEY (code),
  CONSTRAINT uq_bill_notices_biller_id_bill_key UNIQUE (biller_id, bill_key),
  CONSTRAINT ck_bill_notices_code CHECK (code ~ '^[1-9][0-9]{15}$'),
  CONSTRAINT fk_bill_notices_biller_id_bill_key FOREIGN KEY (biller_id, bill_key)
    REFERENCES biller_bills (biller_id, bill_key)
);
CREATE TABLE bill_withdrawals (
  id BIGINT GENERATED ALWAYS AS IDENTITY NOT NULL,
  biller_id TEXT NOT NULL,
  bill_key TEXT NOT NULL,
  reason TEXT NOT NULL,
  withdrawn_by TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_bill_withdrawals PRIMARY KEY (id),
  CONSTRAINT ck_bill_withdrawals_reason CHECK (reason <> ''),
  CONSTRAINT fk_bill_withdrawals_biller_id_bill_key FOREIGN KEY (biller_id, bill_key)
    REFERENCES biller_bills (biller_id, bill_key),
  CONSTRAINT fk_bill_withdrawals_withdrawn_by FOREIGN KEY (withdrawn_by) REFERENCES staff (name)
);
GRANT SELECT, INSERT ON bill_notices, bill_withdrawals TO ekpay_app;
GRANT SELECT ON bill_notices, bill_withdrawals TO ekpay_audit
"""


def upgrade() -> None:
    """Add the tables."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in filter(None, map(str.strip, _TABLES.split(";"))):
        op.execute(statement)


def downgrade() -> None:
    """Take the tables away."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE bill_notices")
    op.execute("DROP TABLE bill_withdrawals")
