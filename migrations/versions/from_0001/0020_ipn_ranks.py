"""Of a merchant's IPNs a success is told first.

Safe while the switch runs: the column has a constant default, and an index of what waits is small. Deliveries
that wait already keep the first rank, so none of them is told later than it would have been.
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the rank, and the index that leases read."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE notification_deliveries ADD COLUMN rank smallint NOT NULL DEFAULT 0")
    op.execute(
        "CREATE INDEX ix_notification_deliveries_ranked ON notification_deliveries"
        " (endpoint_id, rank, next_try_at) WHERE state = 'waiting'"
    )


def downgrade() -> None:
    """Drop both: the older of what is due is told first again."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE notification_deliveries DROP COLUMN rank")
