"""Breaks and decisions about them get a short number that people type.

Filling the column rewrites both tables under a lock; a table of breaks is small (tens of thousands of rows).
"""

from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

TABLES = ("breaks", "resolutions")


def upgrade() -> None:
    """Number the rows that are there, in no particular order, and every later one."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in TABLES:
        op.execute(
            f"ALTER TABLE reconciliation.{table} ADD short_number INTEGER GENERATED ALWAYS AS IDENTITY "
            f"CONSTRAINT uq_{table}_short_number UNIQUE"
        )


def downgrade() -> None:
    """Take the numbers away."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in TABLES:
        op.execute(f"ALTER TABLE reconciliation.{table} DROP short_number")
