"""Numbers of a refund's sends and steps as INTEGER: two steps an hour fill a SMALLINT in 682 days.

Safe while the switch runs, but `refunds` and `refund_history` are rewritten under ACCESS EXCLUSIVE locks,
which are held to the end: 3.3 seconds for 300,000 refunds of two steps each on two cores with the tables in
memory, so some 11 for each million, and more on a slow disk. Refunds and callbacks wait meanwhile; payments
do not. Where there are millions, run it at night.
Beyond 8 seconds a callback is refused, so that its provider repeats it, and a refund that was being sent is
asked about later, as after any lost answer. Where a lock is not granted within 3 seconds the migration ends
with nothing changed, and may be run again. Old code reads and writes the wide columns.

No other counter grows for ever: those of payments, attempts and tries end with the quote, and those of
notifications with the schedule of their retries.
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen the three columns, each table in one rewrite."""
    _set_type("INTEGER")


def downgrade() -> None:
    """Narrow them again; refused by PostgreSQL where a refund has a number above 32,767."""
    _set_type("SMALLINT")


def _set_type(kind: str) -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    # Whatever the rewrite takes: the session's own limit is for statements of the switch.
    op.execute("SET LOCAL statement_timeout = '30min'")
    op.execute(f"ALTER TABLE refunds ALTER COLUMN sends TYPE {kind}, ALTER COLUMN steps TYPE {kind}")
    op.execute(f"ALTER TABLE refund_history ALTER COLUMN seq TYPE {kind}")
