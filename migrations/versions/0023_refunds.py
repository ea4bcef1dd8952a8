"""Numbers of a refund's sends and steps as INTEGER, and who bears a refund.

Two steps an hour fill a SMALLINT in 682 days. Its payee bears a refund, its biller with a written consent, or
we; `bearer` has a constant default that says what held before, and old code neither reads nor writes it.

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

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_CONDITIONS = {
    "bearer": "bearer IN ('consent', 'our_loss', 'payee')",
    "consent": "(bearer = 'consent') = (coalesce(consent, '') <> '')",
    "named_bearer": (
        "bearer = 'payee' OR (kind IN ('refund', 'chargeback')"
        " AND (approved_by IS NOT NULL OR state IN ('asked', 'rejected')))"
    ),
}


def upgrade() -> None:
    """Widen the three columns, each table in one rewrite, then add who bears it and what must hold."""
    _set_type("INTEGER")
    op.execute("ALTER TABLE refunds ADD COLUMN bearer TEXT DEFAULT 'payee' NOT NULL, ADD COLUMN consent TEXT")
    for name, condition in _CONDITIONS.items():
        op.execute(f"ALTER TABLE refunds ADD CONSTRAINT ck_refunds_{name} CHECK ({condition})")


def downgrade() -> None:
    """Narrow them again; refused by PostgreSQL where a refund has a number above 32,767.

    Who bore a refund is then told by its entry alone.
    """
    _set_type("SMALLINT")
    op.execute("ALTER TABLE refunds DROP COLUMN bearer, DROP COLUMN consent")


def _set_type(kind: str) -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    # Whatever the rewrite takes: the session's own limit is for statements of the switch.
    op.execute("SET LOCAL statement_timeout = '30min'")
    op.execute(f"ALTER TABLE refunds ALTER COLUMN sends TYPE {kind}, ALTER COLUMN steps TYPE {kind}")
    op.execute(f"ALTER TABLE refund_history ALTER COLUMN seq TYPE {kind}")
