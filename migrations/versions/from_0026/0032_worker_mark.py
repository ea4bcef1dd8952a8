"""The mark of a worker that does its rounds.

Safe while the switch runs: one row in a table of two, which old code does not read. Until a new worker runs,
new web processes raise the alarm of a silent worker, a minute after the migration at the earliest.
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the mark; it begins now, so that whoever starts a worker within a minute hears nothing."""
    op.execute("INSERT INTO housekeeping_marks (chore, passed_until) VALUES ('worker', now())")


def downgrade() -> None:
    """Take it away."""
    op.execute("DELETE FROM housekeeping_marks WHERE chore = 'worker'")
