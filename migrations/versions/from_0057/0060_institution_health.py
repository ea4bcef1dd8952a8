"""How each institution does: written anew by the worker, read by the page of the portal.

Safe while the switch runs: a new table that old code neither reads nor writes.
"""

from alembic import op

revision = "0060"
down_revision = "0059"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE institution_health (
  institution TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE NOT NULL,
  tries INTEGER NOT NULL,
  approved INTEGER NOT NULL,
  declined INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  unknown INTEGER NOT NULL,
  in_time INTEGER NOT NULL,
  p50_seconds DOUBLE PRECISION,
  p95_seconds DOUBLE PRECISION,
  oldest_unknown TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_institution_health PRIMARY KEY (institution),
  CONSTRAINT ck_institution_health_tries CHECK (tries = approved + declined + failed + unknown),
  CONSTRAINT ck_institution_health_counts CHECK (least(approved, declined, failed, unknown, in_time) >= 0)
)
"""


def upgrade() -> None:
    """Add the table; the worker fills it within a minute."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(_TABLE)
    op.execute("GRANT SELECT ON institution_health TO ekpay_app, ekpay_audit")
    op.execute("GRANT INSERT, UPDATE, DELETE ON institution_health TO ekpay_app")


def downgrade() -> None:
    """Take it away."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE institution_health")
