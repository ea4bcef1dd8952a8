"""Disputes that a chargeback row of a settlement file has opened, and rounds, without a person.

Safe while the switch runs: a column without a default, and constraints that hold for every row of before. Old
code cannot print a dispute that nobody has opened: replace every process before the next night is run.

Going back is refused once a file has opened a dispute or a round.
"""

from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

_UP = """
ALTER TABLE disputes
  ADD COLUMN opened_from TEXT,
  ALTER COLUMN opened_by DROP NOT NULL,
  ADD CONSTRAINT ck_disputes_opened CHECK (num_nonnulls(opened_by, opened_from) = 1);
ALTER TABLE dispute_history
  ALTER COLUMN actor DROP NOT NULL,
  ADD CONSTRAINT ck_dispute_history_actor CHECK (actor IS NOT NULL OR event = 'round_opened')
"""
_REFUSE = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM disputes WHERE opened_by IS NULL)
    OR EXISTS (SELECT FROM dispute_history WHERE actor IS NULL) THEN
    RAISE EXCEPTION 'settlement files have opened disputes or rounds of them';
  END IF;
END $$
"""
_DOWN = """
ALTER TABLE dispute_history
  DROP CONSTRAINT ck_dispute_history_actor,
  ALTER COLUMN actor SET NOT NULL;
ALTER TABLE disputes
  DROP CONSTRAINT ck_disputes_opened,
  ALTER COLUMN opened_by SET NOT NULL,
  DROP COLUMN opened_from
"""


def upgrade() -> None:
    """Let a file open a dispute."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in _UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Ask for a person again; refused once there was none."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(_REFUSE)
    for statement in _DOWN.split(";\n"):
        op.execute(statement)
