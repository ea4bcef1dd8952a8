"""Endpoints whose messages are signed under a shared secret as well; the secret itself is derived.

Safe while the switch runs: the column has a constant default, and old code does not read it.
"""

from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the mark."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(
        "ALTER TABLE notification_endpoints ADD COLUMN has_shared_secret BOOLEAN DEFAULT false NOT NULL"
    )


def downgrade() -> None:
    """Drop it; receivers that check by a shared secret refuse what comes then."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE notification_endpoints DROP COLUMN has_shared_secret")
