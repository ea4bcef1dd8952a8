"""Limits of partners: floors of prefunds above zero, a daily limit, and the total of the day.

And what decisions about breaks book of lines of our bank's statement, a new table that is empty: decisions of
before have no row there.

Safe while the switch runs. The new columns of `accounts` have constant defaults, so nothing is rewritten; its
rows are checked once under an ACCESS EXCLUSIVE lock, a moment where there are thousands. Where a lock is not
granted within 3 seconds the migration ends with nothing changed, and may be run again.

Every limit is what it was: no floor above zero, no daily limit. Old code keeps a floor, since it takes it off
the balance, but neither counts the day nor knows the refusal `daily_limit_reached`: approve the first daily
limit when all processes are new. What was paid before, or by old code, is not in the total of that day.
"""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE accounts
  ADD COLUMN daily_limit BIGINT,
  ADD COLUMN taken BIGINT DEFAULT 0 NOT NULL,
  ADD COLUMN taken_on DATE,
  DROP CONSTRAINT ck_accounts_floor,
  ADD CONSTRAINT ck_accounts_balance CHECK (balance >= 0),
  ADD CONSTRAINT ck_accounts_limits CHECK (least(floor, daily_limit, taken) >= 0);
CREATE TABLE partner_limit_changes (
  id UUID NOT NULL,
  partner_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  amount BIGINT,
  reason TEXT NOT NULL,
  asked_by TEXT NOT NULL,
  asked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  approved_by TEXT,
  approved_at TIMESTAMP WITH TIME ZONE,
  rejected_by TEXT,
  rejected_at TIMESTAMP WITH TIME ZONE,
  rejection_reason TEXT,
  CONSTRAINT pk_partner_limit_changes PRIMARY KEY (id),
  CONSTRAINT ck_partner_limit_changes_kind CHECK (kind IN ('daily', 'postpaid_floor', 'prepaid_floor')),
  CONSTRAINT ck_partner_limit_changes_amount CHECK (amount >= 0),
  CONSTRAINT ck_partner_limit_changes_amount_of_floor CHECK (amount IS NOT NULL OR kind = 'daily'),
  CONSTRAINT ck_partner_limit_changes_reason CHECK (reason <> ''),
  CONSTRAINT ck_partner_limit_changes_two_persons CHECK (approved_by <> asked_by),
  CONSTRAINT ck_partner_limit_changes_approval CHECK (num_nonnulls(approved_by, approved_at) <> 1),
  CONSTRAINT ck_partner_limit_changes_rejection
    CHECK (num_nonnulls(rejected_by, rejected_at, rejection_reason) IN (0, 3)),
  CONSTRAINT ck_partner_limit_changes_one_decision CHECK (num_nonnulls(approved_by, rejected_by) <= 1),
  CONSTRAINT fk_partner_limit_changes_partner_id FOREIGN KEY (partner_id) REFERENCES partners (id),
  CONSTRAINT fk_partner_limit_changes_asked_by FOREIGN KEY (asked_by) REFERENCES staff (name),
  CONSTRAINT fk_partner_limit_changes_approved_by FOREIGN KEY (approved_by) REFERENCES staff (name),
  CONSTRAINT fk_partner_limit_changes_rejected_by FOREIGN KEY (rejected_by) REFERENCES staff (name)
);
CREATE UNIQUE INDEX uq_partner_limit_changes_waiting ON partner_limit_changes (partner_id, kind)
  WHERE approved_by IS NULL AND rejected_by IS NULL;
CREATE INDEX ix_partner_limit_changes_partner_id ON partner_limit_changes (partner_id, kind, approved_at);
GRANT SELECT, INSERT, UPDATE (approved_by, approved_at, rejected_by, rejected_at, rejection_reason)
  ON partner_limit_changes TO ekpay_app;
GRANT SELECT ON partner_limit_changes TO ekpay_audit;
CREATE TABLE break_bank_lines (
  reference TEXT NOT NULL,
  entry_id UUID NOT NULL,
  amount BIGINT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_break_bank_lines PRIMARY KEY (reference, entry_id),
  CONSTRAINT ck_break_bank_lines_reference CHECK (reference <> ''),
  CONSTRAINT ck_break_bank_lines_amount CHECK (amount <> 0)
);
CREATE INDEX ix_break_bank_lines_entry_id ON break_bank_lines (entry_id);
GRANT SELECT, INSERT ON break_bank_lines TO ekpay_app;
GRANT SELECT ON break_bank_lines TO ekpay_audit
"""
# The condition of before holds again only where no floor is above its balance.
DOWN = """
DROP TABLE break_bank_lines;
DROP TABLE partner_limit_changes;
UPDATE accounts SET floor = 0 WHERE floor <> 0;
ALTER TABLE accounts
  DROP CONSTRAINT ck_accounts_limits,
  DROP CONSTRAINT ck_accounts_balance,
  ADD CONSTRAINT ck_accounts_floor CHECK (balance >= floor),
  DROP COLUMN daily_limit,
  DROP COLUMN taken,
  DROP COLUMN taken_on
"""


def upgrade() -> None:
    """Add the columns and both tables, and let a floor stand above its balance."""
    _run(UP)


def downgrade() -> None:
    """Take limits and their changes away; every floor is zero again."""
    _run(DOWN)


def _run(script: str) -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in script.split(";\n"):
        op.execute(statement)
