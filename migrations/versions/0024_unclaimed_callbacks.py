"""Callbacks that no payment claims, in a table of their own that is pruned; callbacks found by our reference.

Safe while the switch runs: the index is built under a lock that lets `callbacks` be read and holds back new
callbacks: 0.6 seconds for 300,000 of them in memory, so some two for each million, and more on a slow disk.
Old code writes every callback to `callbacks` until it is replaced, and those of strangers among them stay, as
all did before.
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE unclaimed_callbacks (
  id BIGSERIAL NOT NULL,
  connector_id TEXT NOT NULL,
  name TEXT NOT NULL,
  headers JSONB NOT NULL,
  body BYTEA NOT NULL,
  provider_reference TEXT,
  reference TEXT,
  is_agreed BOOLEAN DEFAULT false NOT NULL,
  is_forged BOOLEAN DEFAULT false NOT NULL,
  why TEXT DEFAULT '' NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  consent TEXT,
  CONSTRAINT pk_unclaimed_callbacks PRIMARY KEY (id),
  CONSTRAINT uq_unclaimed_callbacks_connector_id_name UNIQUE (connector_id, name)
);
CREATE INDEX ix_unclaimed_callbacks_provider_reference
  ON unclaimed_callbacks (connector_id, provider_reference) WHERE provider_reference IS NOT NULL;
CREATE INDEX ix_unclaimed_callbacks_connector_id ON unclaimed_callbacks (connector_id, id);
CREATE INDEX ix_unclaimed_callbacks_at ON unclaimed_callbacks (at);
GRANT SELECT, INSERT, UPDATE, DELETE ON unclaimed_callbacks TO ekpay_app;
GRANT SELECT ON unclaimed_callbacks TO ekpay_audit;
GRANT USAGE ON SEQUENCE unclaimed_callbacks_id_seq TO ekpay_app;
CREATE INDEX ix_callbacks_reference ON callbacks (connector_id, reference) WHERE reference IS NOT NULL
"""


def upgrade() -> None:
    """Add the table and the index."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    # Whatever the index takes: the session's own limit is for statements of the switch.
    op.execute("SET LOCAL statement_timeout = '30min'")
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Drop both; what nobody claimed is gone."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP INDEX ix_callbacks_reference")
    op.execute("DROP TABLE unclaimed_callbacks")
