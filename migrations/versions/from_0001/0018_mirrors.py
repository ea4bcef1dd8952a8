"""Which files mirror frozen lines, and lines that no mirror holds found without reading the others.

Safe while the switch runs: it reads none of this, and a window that closes meanwhile waits while the index is
built, which reads `ledger_lines` once: half a minute where ten million lie there. Old code uses none of it.
"""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE reconciliation.mirrors (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  institution TEXT NOT NULL,
  window_id BIGINT NOT NULL,
  business_date DATE NOT NULL,
  last_line BIGINT NOT NULL,
  last_ordinal INTEGER NOT NULL,
  rows BIGINT NOT NULL,
  gross BIGINT NOT NULL,
  first_instant TIMESTAMP WITH TIME ZONE NOT NULL,
  last_instant TIMESTAMP WITH TIME ZONE NOT NULL,
  sha256 TEXT NOT NULL,
  made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_mirrors PRIMARY KEY (id),
  CONSTRAINT ck_mirrors_rows CHECK (rows > 0 AND last_line >= rows AND last_ordinal >= rows),
  CONSTRAINT ck_mirrors_instants CHECK (first_instant <= last_instant),
  CONSTRAINT ck_mirrors_sha256 CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT fk_mirrors_window_id FOREIGN KEY (window_id) REFERENCES public.settlement_windows (id)
);
CREATE INDEX ix_mirrors_institution ON reconciliation.mirrors (institution, window_id, id);
GRANT SELECT ON reconciliation.mirrors TO ekpay_app, ekpay_audit;
GRANT INSERT ON reconciliation.mirrors TO ekpay_app;
CREATE INDEX ix_ledger_lines_odd ON ledger_lines (role, party, instant)
  WHERE status <> 'success' OR event <> 'payment' OR currency <> 'BDT'
"""

DOWN = """
DROP INDEX ix_ledger_lines_odd;
DROP TABLE reconciliation.mirrors
"""


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    # Whatever the lines take to read: the session's own limit is for statements of the switch.
    op.execute("SET LOCAL statement_timeout = '30min'")
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Take it away; every check then asks the tables for all lines, and files of mirrors may be deleted."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in DOWN.split(";\n"):
        op.execute(statement)
