"""Who bears a refund: its payee, its biller with a written consent, or we.

Safe while the switch runs: `bearer` has a constant default that says what held before, and old code neither
reads nor writes it. The conditions hold for every row; refunds are few, so proving that takes a moment.
"""

from alembic import op

revision = "0026"
down_revision = "0025"
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
    """Add the columns and what must hold of them."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE refunds ADD COLUMN bearer TEXT DEFAULT 'payee' NOT NULL, ADD COLUMN consent TEXT")
    for name, condition in _CONDITIONS.items():
        op.execute(f"ALTER TABLE refunds ADD CONSTRAINT ck_refunds_{name} CHECK ({condition})")


def downgrade() -> None:
    """Drop them; who bore a refund is then told by its entry alone."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE refunds DROP COLUMN bearer, DROP COLUMN consent")
