"""Since when a connector holds a payer's money for its risk, and money that it tells and no account has.

Safe while the switch runs: a column without a default and an index over none of the rows that stand, which is
built under a lock that holds back new tries for as long as it takes to read them, 0.2 seconds for a million
in memory, and as long again for the condition that no try is held and collected at once. Old code neither
reads nor writes the column: a try that is held is for it a try in doubt. A trigger takes the mark away where
it records that money was collected; what else it records leaves the mark, which new code takes away with its
next answer. The table is new, and old code keeps what belongs there as evidence alone. Two persons decide
about it, so decisions have one kind of case more.

What a decision about a break owes beside the money of a try has a row as well now, so that the switch books
no further movement of it. Old code writes none, and the guard refuses what it would book against one: replace
every process before finance decides again.

Going back is refused once such a decision was proposed, or while money is owed beside that of a try.
"""

from collections.abc import Sequence

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


UNBOOKED = """
CREATE TABLE unbooked_movements (
  attempt_id UUID NOT NULL,
  provider_transaction TEXT NOT NULL,
  currency TEXT NOT NULL,
  amount BIGINT NOT NULL,
  why TEXT NOT NULL,
  told_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  decision_id UUID,
  CONSTRAINT pk_unbooked_movements PRIMARY KEY (attempt_id, provider_transaction),
  CONSTRAINT ck_unbooked_movements_why CHECK (why <> ''),
  CONSTRAINT fk_unbooked_movements_attempt_id FOREIGN KEY (attempt_id) REFERENCES tries (attempt_id),
  CONSTRAINT fk_unbooked_movements_decision_id FOREIGN KEY (decision_id) REFERENCES decisions (id)
);
CREATE INDEX ix_unbooked_movements_undecided ON unbooked_movements (attempt_id) WHERE decision_id IS NULL;
GRANT SELECT, INSERT, UPDATE ON unbooked_movements TO ekpay_app;
GRANT SELECT ON unbooked_movements TO ekpay_audit
"""
_FURTHER = """
CREATE OR REPLACE FUNCTION check_further_movement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM tries WHERE connector_id = NEW.connector_id
      AND provider_transaction = NEW.provider_transaction) THEN
    RAISE EXCEPTION 'a movement of money at the provider counts once' USING ERRCODE = 'check_violation';
  END IF;
  IF NOT EXISTS (SELECT FROM tries WHERE attempt_id = NEW.attempt_id AND connector_id = NEW.connector_id
      AND collected IS NOT NULL AND provider_transaction IS NOT NULL) THEN
    RAISE EXCEPTION 'a further movement of a try without its first' USING ERRCODE = 'check_violation';
  END IF;
{more}  RETURN NULL;
END $$
"""
_NOT_WHILE_OWED = """\
  IF (SELECT sum(amount) FROM break_refunds WHERE attempt_id = NEW.attempt_id AND is_beside) > 0 THEN
    RAISE EXCEPTION 'a decision about a break owes money beside this try' USING ERRCODE = 'check_violation';
  END IF;
"""
_HOLD = """
CREATE FUNCTION end_hold() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.held_at := NULL;
  RETURN NEW;
END $$
"""
_HOLD_TRIGGER = """
CREATE TRIGGER tries_hold_ends BEFORE UPDATE ON tries
  FOR EACH ROW WHEN (OLD.collected IS NULL AND NEW.collected IS NOT NULL AND NEW.held_at IS NOT NULL)
  EXECUTE FUNCTION end_hold()
"""
REFUSE = """
DO $$
BEGIN
  IF EXISTS (SELECT FROM break_refunds WHERE is_beside) THEN
    RAISE EXCEPTION 'decisions about breaks owe money beside tries, and it would be given back as well';
  END IF;
END $$
"""
_KINDS = (
    "completed",
    "doubtful_refund",
    "held",
    "journal",
    "mismatched_money",
    "missing_receipt",
    "review",
    "stuck_collection",
    "stuck_delivery",
)


def upgrade() -> None:
    """Add the mark and its index, and the table of money that is told and not booked."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(
        "ALTER TABLE tries ADD COLUMN held_at TIMESTAMP WITH TIME ZONE,"
        " ADD CONSTRAINT ck_tries_held CHECK (held_at IS NULL OR collected IS NULL)"
    )
    op.execute(_HOLD)
    op.execute(_HOLD_TRIGGER)
    op.execute("CREATE INDEX ix_tries_held_at ON tries (held_at) WHERE held_at IS NOT NULL")
    for statement in UNBOOKED.split(";\n"):
        op.execute(statement)
    op.execute("ALTER TABLE break_refunds ADD COLUMN is_beside BOOLEAN DEFAULT false NOT NULL")
    op.execute(_FURTHER.format(more=_NOT_WHILE_OWED))
    _allow_cases((*_KINDS, "unbooked_money"))


def downgrade() -> None:
    """Take it away: what is held is in doubt again, and alarms and evidence stay."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(REFUSE)
    op.execute("DROP TABLE unbooked_movements")
    op.execute(_FURTHER.format(more=""))
    op.execute("ALTER TABLE break_refunds DROP COLUMN is_beside")
    _allow_cases(_KINDS)
    op.execute("DROP TRIGGER tries_hold_ends ON tries")
    op.execute("DROP FUNCTION end_hold")
    op.execute("DROP INDEX ix_tries_held_at")
    op.execute("ALTER TABLE tries DROP COLUMN held_at")


def _allow_cases(kinds: Sequence[str]) -> None:
    listed = ", ".join(f"'{kind}'" for kind in sorted(kinds))
    op.execute("ALTER TABLE decisions DROP CONSTRAINT ck_decisions_case_kind")
    op.execute(f"ALTER TABLE decisions ADD CONSTRAINT ck_decisions_case_kind CHECK (case_kind IN ({listed}))")
