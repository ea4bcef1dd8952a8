"""Frozen lines found by the reference that we gave, whatever their date.

Safe while the switch runs: it reads none of this, and a window that closes meanwhile waits, for half a minute
where ten million lines lie there already.
"""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("CREATE INDEX ix_ledger_lines_our_reference ON ledger_lines (our_reference)")


def downgrade() -> None:
    """Take it away; whoever asks by reference then reads all lines of a party."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP INDEX ix_ledger_lines_our_reference")
