"""Files that a person took out of the inbox, and put back.

Safe while the switch runs: a new table that old code does not read.
"""

from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE reconciliation.quarantine_events (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  event TEXT NOT NULL,
  name TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  source TEXT NOT NULL,
  person TEXT NOT NULL,
  reason TEXT NOT NULL,
  happened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_quarantine_events PRIMARY KEY (id),
  CONSTRAINT ck_quarantine_events_event CHECK (event IN ('held', 'released')),
  CONSTRAINT ck_quarantine_events_sha256 CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  CONSTRAINT ck_quarantine_events_person CHECK (person <> '' AND reason <> '')
);
GRANT SELECT ON reconciliation.quarantine_events TO ekpay_app, ekpay_audit;
GRANT INSERT ON reconciliation.quarantine_events TO ekpay_app
"""


def upgrade() -> None:
    """Add the table; its rows are never changed."""
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Take it away; files in the folder of the quarantine stay there."""
    op.execute("DROP TABLE reconciliation.quarantine_events")
