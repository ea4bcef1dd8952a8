"""Settlement windows of parties: lines, sheets, instructions, and the money that came for them.

Safe while the switch runs: nothing of this is read by it.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE reconciliation.settlement_sheets (
  value_date DATE NOT NULL,
  run_id UUID NOT NULL,
  sheet JSONB NOT NULL,
  digest TEXT NOT NULL,
  made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_settlement_sheets PRIMARY KEY (value_date),
  CONSTRAINT fk_settlement_sheets_run_id FOREIGN KEY (run_id) REFERENCES reconciliation.runs (id)
);
GRANT SELECT ON reconciliation.settlement_sheets TO ekpay_app, ekpay_audit;
GRANT INSERT ON reconciliation.settlement_sheets TO ekpay_app
"""


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Take it away, every sheet included; only before a day was settled."""
    op.execute("DROP TABLE reconciliation.settlement_sheets")
