"""Marks of chores, open payments without a next action by an index, and vacuum by smaller steps.

Safe while the switch runs, but payments wait while the index is built, which reads `payments` once: let the
web stop where there are millions. Old code uses none of it.

PostgreSQL clears a table away after a fifth of it has died and counts anew after a tenth has changed. Of ten
million payments that is two million dead rows, which each reader of an index passes until then. So:

- payments, attempts, notifications and deliveries are written once and changed once or twice, quotes are
  added and dropped: vacuum after 2 % and 10,000 rows, statistics after 2 %. Less would not pay: each vacuum
  may read every index of the table.
- history, entries and postings are only added to: vacuum after 5 % more rows instead of 20 %, so that less is
  frozen at once and index-only scans find pages that all may see.
- lanes, accounts, counters and windows have few rows that each payment changes: vacuum after 1,000 dead rows
  whatever the size, since a share of few rows is less than the threshold anyway. A threshold of 50 would have
  them vacuumed at every look of the launcher.
"""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE housekeeping_marks (
  chore TEXT NOT NULL,
  passed_until TIMESTAMP WITH TIME ZONE DEFAULT to_timestamp(0) NOT NULL,
  CONSTRAINT pk_housekeeping_marks PRIMARY KEY (chore)
);
INSERT INTO housekeeping_marks (chore) VALUES ('old_quotes');
GRANT SELECT ON housekeeping_marks TO ekpay_app, ekpay_audit;
GRANT UPDATE ON housekeeping_marks TO ekpay_app;
CREATE INDEX ix_payments_unscheduled ON payments (state, created_at)
  WHERE state NOT IN ('completed', 'declined', 'expired', 'refunded') AND next_action_at IS NULL
"""

DOWN = """
DROP INDEX ix_payments_unscheduled;
DROP TABLE housekeeping_marks
"""

CHANGED = {
    "autovacuum_vacuum_scale_factor": "0.02",
    "autovacuum_vacuum_threshold": "10000",
    "autovacuum_analyze_scale_factor": "0.02",
}
ONLY_ADDED_TO = {"autovacuum_vacuum_insert_scale_factor": "0.05"}
FEW_ROWS = {"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "1000"}
VACUUM = (
    *((table, CHANGED) for table in
      ("payments", "attempts", "notifications", "notification_deliveries", "quotes")),
    *((table, ONLY_ADDED_TO) for table in ("history", "journal_entries", "postings")),
    *((table, FEW_ROWS) for table in ("lanes", "accounts", "scroll_counters", "settlement_windows")),
)  # fmt: skip


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table, options in VACUUM:
        op.execute(f"ALTER TABLE {table} SET ({', '.join(f'{name} = {options[name]}' for name in options)})")
    # Whatever the payments take to read: the session's own limit is for statements of the switch.
    op.execute("SET LOCAL statement_timeout = '30min'")
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Take it away; dropping old quotes then begins from the first again."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in DOWN.split(";\n"):
        op.execute(statement)
    for table, options in VACUUM:
        op.execute(f"ALTER TABLE {table} RESET ({', '.join(options)})")
