"""Lines of our books as statements are matched with, frozen when a settlement window closes.

Safe while the switch runs: old code neither reads nor writes any of this. Attempts are read once for an index
of ranges, while new ones wait: seconds for ten million.
"""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE ledger_lines (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  window_id BIGINT NOT NULL,
  business_date DATE NOT NULL,
  ordinal INTEGER NOT NULL,
  role TEXT NOT NULL,
  party TEXT NOT NULL,
  account TEXT DEFAULT '' NOT NULL,
  payment_id UUID NOT NULL,
  movement UUID NOT NULL,
  event TEXT NOT NULL,
  revision SMALLINT DEFAULT 1 NOT NULL,
  status TEXT NOT NULL,
  our_reference TEXT NOT NULL,
  their_reference TEXT DEFAULT '' NOT NULL,
  gross BIGINT NOT NULL,
  fee BIGINT DEFAULT 0 NOT NULL,
  vat BIGINT DEFAULT 0 NOT NULL,
  net BIGINT NOT NULL,
  currency TEXT NOT NULL,
  instant TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_ledger_lines PRIMARY KEY (id),
  CONSTRAINT fk_ledger_lines_window_id FOREIGN KEY (window_id) REFERENCES settlement_windows (id),
  CONSTRAINT uq_ledger_lines_role_movement_account_event_revision
    UNIQUE (role, movement, account, event, revision),
  CONSTRAINT uq_ledger_lines_window_id_ordinal UNIQUE (window_id, ordinal),
  CONSTRAINT ck_ledger_lines_role CHECK (role IN ('biller', 'connector', 'merchant', 'partner')),
  CONSTRAINT ck_ledger_lines_event CHECK (event IN ('payment', 'refund', 'reversal')),
  CONSTRAINT ck_ledger_lines_status CHECK (status IN ('failed', 'success', 'unknown')),
  CONSTRAINT ck_ledger_lines_net CHECK (gross - fee - vat = net),
  CONSTRAINT ck_ledger_lines_our_reference CHECK (our_reference <> ''),
  CONSTRAINT ck_ledger_lines_numbers CHECK (ordinal > 0 AND revision > 0)
);
CREATE INDEX ix_ledger_lines_business_date ON ledger_lines USING brin (business_date);
CREATE INDEX ix_ledger_lines_unknown ON ledger_lines (role, movement) WHERE status = 'unknown';
CREATE INDEX ix_ledger_lines_party ON ledger_lines (role, party, business_date);
CREATE INDEX ix_attempts_opened_at ON attempts USING brin (opened_at);
GRANT SELECT ON ledger_lines TO ekpay_app, ekpay_audit;
GRANT INSERT ON ledger_lines TO ekpay_app
"""


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Take it away; only before a window was closed."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP INDEX ix_attempts_opened_at")
    op.execute("DROP TABLE ledger_lines")
