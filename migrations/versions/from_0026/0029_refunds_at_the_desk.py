"""What decisions about breaks owe to payers, try by try, so that the switch does not pay it as well.

Safe while the switch runs: a new table, which nothing but the reconciliation writes. Old code gives back what
a late success brings as it did before, so replace it before finance goes on deciding. Decisions that stood
before have no row here: of their tries, late money still goes back by itself.
"""

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE break_refunds (
  attempt_id UUID NOT NULL,
  entry_id UUID NOT NULL,
  amount BIGINT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_break_refunds PRIMARY KEY (attempt_id, entry_id),
  CONSTRAINT ck_break_refunds_amount CHECK (amount <> 0),
  CONSTRAINT fk_break_refunds_attempt_id FOREIGN KEY (attempt_id) REFERENCES tries (attempt_id)
);
CREATE INDEX ix_break_refunds_entry_id ON break_refunds (entry_id);
GRANT SELECT, INSERT ON break_refunds TO ekpay_app;
GRANT SELECT ON break_refunds TO ekpay_audit
"""


def upgrade() -> None:
    """Add the table."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Take it back; what the desk owes is then told by its decisions alone."""
    op.execute("DROP TABLE break_refunds")
