"""How many bills a partner may fetch, and how old its messages may be.

Safe while the switch runs: old code uses none of it, and every default stands in the row itself.
"""

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE fetch_permits (
  holder TEXT NOT NULL,
  free_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_fetch_permits PRIMARY KEY (holder)
);
GRANT SELECT, INSERT, UPDATE ON fetch_permits TO ekpay_app;
GRANT SELECT ON fetch_permits TO ekpay_audit;
ALTER TABLE partners
  ADD COLUMN fetches_in_flight INTEGER DEFAULT 128 NOT NULL,
  ADD COLUMN fetches_per_second INTEGER DEFAULT 200 NOT NULL,
  ADD COLUMN message_age_seconds INTEGER DEFAULT 86400,
  ADD COLUMN message_ahead_seconds INTEGER DEFAULT 900,
  ADD CONSTRAINT ck_partners_fetches_in_flight CHECK (fetches_in_flight BETWEEN 1 AND 10000),
  ADD CONSTRAINT ck_partners_fetches_per_second CHECK (fetches_per_second BETWEEN 1 AND 100000),
  ADD CONSTRAINT ck_partners_message_age_seconds CHECK (message_age_seconds BETWEEN 60 AND 31622400),
  ADD CONSTRAINT ck_partners_message_ahead_seconds CHECK (message_ahead_seconds BETWEEN 60 AND 31622400)
"""

DOWN = """
ALTER TABLE partners DROP COLUMN fetches_in_flight, DROP COLUMN fetches_per_second,
  DROP COLUMN message_age_seconds, DROP COLUMN message_ahead_seconds;
DROP TABLE fetch_permits
"""


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in UP.split(";"):
        op.execute(statement)


def downgrade() -> None:
    """Drop it: partners fetch as much as they can, and their messages may be of any age."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in DOWN.split(";"):
        op.execute(statement)
