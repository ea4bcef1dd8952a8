"""A queue of its own for a merchant's IPNs of successes, and one for its other IPNs.

Safe while the switch runs: the column has a constant default. Deliveries that wait already stay in the first
queue. The index is made anew, and notifications wait meanwhile: about a second for a million deliveries.
"""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_INDEX = "ix_notification_deliveries_waiting"


def upgrade() -> None:
    """Add the rank, and find what is due by it."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE notification_deliveries ADD COLUMN rank smallint NOT NULL DEFAULT 0")
    _index("endpoint_id, rank, next_try_at")


def downgrade() -> None:
    """One queue again, in which the older is sent first."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    _index("endpoint_id, next_try_at")
    op.execute("ALTER TABLE notification_deliveries DROP COLUMN rank")


def _index(columns: str) -> None:
    op.execute(f"DROP INDEX {_INDEX}")
    op.execute(f"CREATE INDEX {_INDEX} ON notification_deliveries ({columns}) WHERE state = 'waiting'")
