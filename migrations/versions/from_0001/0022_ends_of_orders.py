"""When a merchant's order ends, and whether its IPNs may go over plain http.

Safe while the switch runs: the columns have constant defaults, which are what the code before does, but for
the five refusals, which it does not count.
"""

from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE merchants
  ADD COLUMN refusals_max SMALLINT DEFAULT 5 NOT NULL,
  ADD COLUMN order_minutes SMALLINT DEFAULT 500 NOT NULL,
  ADD COLUMN insecure_ipns BOOLEAN DEFAULT false NOT NULL,
  ADD COLUMN insecure_ipns_asked_by TEXT,
  ADD CONSTRAINT ck_merchants_refusals_max CHECK (refusals_max BETWEEN 1 AND 20),
  ADD CONSTRAINT ck_merchants_order_minutes CHECK (order_minutes BETWEEN 5 AND 500)
"""

DOWN = """
ALTER TABLE merchants DROP COLUMN refusals_max, DROP COLUMN order_minutes, DROP COLUMN insecure_ipns,
  DROP COLUMN insecure_ipns_asked_by
"""


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(UP)


def downgrade() -> None:
    """Orders live for 500 minutes and bear any refusal again; no IPN goes over plain http."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(DOWN)
