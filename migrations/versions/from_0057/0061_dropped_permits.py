"""Permits of fetches that nobody has taken for long are dropped: the portal's are of addresses without end.

Safe while the switch runs: old code drops none, and a bucket without a row is full.
"""

from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let the application drop them."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("GRANT DELETE ON fetch_permits TO ekpay_app")


def downgrade() -> None:
    """Forbid it again."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("REVOKE DELETE ON fetch_permits FROM ekpay_app")
