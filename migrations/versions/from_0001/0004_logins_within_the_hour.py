"""Add far_sides.logins_at: when tokens were asked for, where a far side allows so many an hour.

Safe while the switch runs: the table has one row a far side, and old code leaves the column alone.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nobody has asked for a token yet."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE far_sides ADD COLUMN logins_at TIMESTAMP WITH TIME ZONE[] DEFAULT '{}' NOT NULL")


def downgrade() -> None:
    """Forget the count; for an hour more tokens may be asked for than a far side allows."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE far_sides DROP COLUMN logins_at")
