"""Since when a connector holds a payer's money for its risk.

Safe while the switch runs: a column without a default and an index over none of the rows that stand, which is
built under a lock that holds back new tries for as long as it takes to read them, 0.2 seconds for a million
in memory. Old code neither reads nor writes the column: a try that is held is for it a try in doubt, and what
it records of a held try leaves the mark, which new code takes away with its next answer.
"""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the mark and its index."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE tries ADD COLUMN held_at TIMESTAMP WITH TIME ZONE")
    op.execute("CREATE INDEX ix_tries_held_at ON tries (held_at) WHERE held_at IS NOT NULL")


def downgrade() -> None:
    """Take both away: what is held is in doubt again, and its alarm and evidence stay."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP INDEX ix_tries_held_at")
    op.execute("ALTER TABLE tries DROP COLUMN held_at")
