"""When a merchant's order ends, whether its IPNs may go over plain http, and which have a shared secret.

Safe while the switch runs: the columns have constant defaults, which are what the code before does, but for
the five refusals, which it does not count. A shared secret itself is derived, and not stored.
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
  ADD COLUMN insecure_ipns_asked_by TEXT,
  ADD COLUMN insecure_ipns_approved_by TEXT,
  ADD CONSTRAINT fk_merchants_insecure_ipns_asked_by
    FOREIGN KEY(insecure_ipns_asked_by) REFERENCES staff (name),
  ADD CONSTRAINT fk_merchants_insecure_ipns_approved_by
    FOREIGN KEY(insecure_ipns_approved_by) REFERENCES staff (name),
  ADD CONSTRAINT ck_merchants_insecure_ipns CHECK (insecure_ipns_approved_by IS NULL
    OR (insecure_ipns_asked_by IS NOT NULL AND insecure_ipns_approved_by <> insecure_ipns_asked_by)),
  ADD CONSTRAINT ck_merchants_refusals_max CHECK (refusals_max BETWEEN 1 AND 20),
  ADD CONSTRAINT ck_merchants_order_minutes CHECK (order_minutes BETWEEN 5 AND 500)
"""

DOWN = """
ALTER TABLE merchants DROP COLUMN refusals_max, DROP COLUMN order_minutes,
  DROP COLUMN insecure_ipns_asked_by, DROP COLUMN insecure_ipns_approved_by
"""
UP_SECRETS = "ALTER TABLE notification_endpoints ADD COLUMN has_shared_secret BOOLEAN DEFAULT false NOT NULL"
DOWN_SECRETS = "ALTER TABLE notification_endpoints DROP COLUMN has_shared_secret"


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(UP)
    op.execute(UP_SECRETS)


def downgrade() -> None:
    """Orders live for 500 minutes and bear any refusal again; no IPN goes over plain http.

    Receivers that check by a shared secret refuse what comes then.
    """
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(DOWN_SECRETS)
    op.execute(DOWN)
