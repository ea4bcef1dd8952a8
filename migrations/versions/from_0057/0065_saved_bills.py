"""Bills that citizens save: what names the next one, sealed, with a name of their own.

Safe while the switch runs: a new table that old code neither reads nor writes.

Going back forgets what was saved.
"""

from alembic import op

revision = "0065"
down_revision = "0064"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE saved_bills (
  id UUID NOT NULL,
  citizen_id UUID NOT NULL,
  biller_id TEXT NOT NULL,
  digest BYTEA NOT NULL,
  sealed BYTEA NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_saved_bills PRIMARY KEY (id),
  CONSTRAINT uq_saved_bills_citizen_id_digest UNIQUE (citizen_id, digest),
  CONSTRAINT ck_saved_bills_digest CHECK (octet_length(digest) = 32),
  CONSTRAINT fk_saved_bills_citizen_id FOREIGN KEY (citizen_id) REFERENCES citizens (id)
);
GRANT SELECT ON saved_bills TO ekpay_app, ekpay_audit;
GRANT INSERT, UPDATE, DELETE ON saved_bills TO ekpay_app;
"""


def upgrade() -> None:
    """Add the table."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in filter(None, map(str.strip, _TABLE.split(";"))):
        op.execute(statement)


def downgrade() -> None:
    """Take the table away."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE saved_bills")
