"""A day is closed when it is over: the database refuses an earlier closing, except in a rehearsal.

Safe while the switch runs: the new column has a default, and days that were closed before are not checked.
"""

from alembic import op

revision = "0041"
down_revision = "0039"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE reconciliation.closed_days ADD rehearsal BOOLEAN DEFAULT false NOT NULL;
ALTER TABLE reconciliation.closed_days ADD CONSTRAINT ck_closed_days_day_is_over CHECK (
  rehearsal OR restatement > 1 OR closed_at >= (night + 1)::timestamp AT TIME ZONE 'Asia/Dhaka') NOT VALID
"""
DOWN = """
ALTER TABLE reconciliation.closed_days DROP CONSTRAINT ck_closed_days_day_is_over;
ALTER TABLE reconciliation.closed_days DROP rehearsal
"""


def upgrade() -> None:
    """Add column and constraint."""
    _run(UP)


def downgrade() -> None:
    """Take both away."""
    _run(DOWN)


def _run(script: str) -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in script.split(";\n"):
        op.execute(statement)
