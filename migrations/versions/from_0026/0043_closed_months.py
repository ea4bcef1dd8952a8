"""Months that two persons have closed, with the movements of every account as they were then.

Safe while the switch runs: the table is new and empty, and old code neither reads nor writes it. It is never
taken away again once a month is closed.
"""

from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE reconciliation.closed_months (
  month DATE NOT NULL,
  closed_by TEXT NOT NULL,
  approved_by TEXT NOT NULL,
  closed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  figures JSONB NOT NULL,
  digest TEXT NOT NULL,
  CONSTRAINT pk_closed_months PRIMARY KEY (month),
  CONSTRAINT ck_closed_months_month CHECK (extract(day FROM month) = 1),
  CONSTRAINT ck_closed_months_two_persons CHECK (closed_by <> approved_by),
  CONSTRAINT ck_closed_months_figures CHECK (jsonb_typeof(figures) = 'object'),
  CONSTRAINT fk_closed_months_closed_by FOREIGN KEY (closed_by) REFERENCES public.staff (name),
  CONSTRAINT fk_closed_months_approved_by FOREIGN KEY (approved_by) REFERENCES public.staff (name)
);
GRANT SELECT ON reconciliation.closed_months TO ekpay_app, ekpay_audit;
GRANT INSERT ON reconciliation.closed_months TO ekpay_app
"""
GUARD = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM reconciliation.closed_months) THEN
    RAISE EXCEPTION 'a month is closed: what two persons have closed is not taken away';
  END IF;
END $$
"""
DOWN = "DROP TABLE reconciliation.closed_months"


def upgrade() -> None:
    """Add the table."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Take it away, only before a month was closed."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(GUARD)
    op.execute(DOWN)
