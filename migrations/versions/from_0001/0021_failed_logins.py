"""Failed logins of all processes, and how many tokens a second a partner may take.

Safe while the switch runs: old code uses neither.
"""

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE failed_logins (
  caller TEXT NOT NULL,
  free_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_failed_logins PRIMARY KEY (caller)
);
CREATE INDEX ix_failed_logins_free_at ON failed_logins (free_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON failed_logins TO ekpay_app;
GRANT SELECT ON failed_logins TO ekpay_audit;
ALTER TABLE partners ADD COLUMN tokens_per_second INTEGER DEFAULT 1000 NOT NULL,
  ADD CONSTRAINT ck_partners_tokens_per_second CHECK (tokens_per_second BETWEEN 1 AND 100000)
"""

DOWN = """
ALTER TABLE partners DROP COLUMN tokens_per_second;
DROP TABLE failed_logins
"""


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in UP.split(";"):
        op.execute(statement)


def downgrade() -> None:
    """Drop both: partners may take as many tokens as the code before allows."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in DOWN.split(";"):
        op.execute(statement)
