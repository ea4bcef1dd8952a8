"""Top-ups and transfers to utilities that are rejected before they are approved, or reversed afterwards.

Safe while the switch runs: `top_ups` and `deposit_transfers` are locked whole until the end, which takes a
moment, since both have a row for each line of a bank statement and no more; payments touch neither. The
foreign keys hold back changes of `staff` as long. Old code finds every row as it was, and cannot approve what
new code has rejected: a condition refuses it. Until it is replaced, an old worker's gauge takes a reversed
deposit for vending.
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_TRANSFERS = ("top_ups", "deposit_transfers")
_CONDITIONS = {
    "rejection": "num_nonnulls(rejected_by, rejected_at, rejection_reason) IN (0, 3)",
    "one_decision": "num_nonnulls(approved_by, rejected_by) <= 1",
    "reversal": "reversed_at IS NULL OR approved_by IS NOT NULL",
}
UP = """
CREATE TABLE transfer_reversals (
  id UUID NOT NULL,
  top_up_id UUID,
  deposit_transfer_id UUID,
  reason TEXT NOT NULL,
  asked_by TEXT NOT NULL,
  asked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  approved_by TEXT,
  approved_at TIMESTAMP WITH TIME ZONE,
  rejected_by TEXT,
  rejected_at TIMESTAMP WITH TIME ZONE,
  rejection_reason TEXT,
  CONSTRAINT pk_transfer_reversals PRIMARY KEY (id),
  CONSTRAINT ck_transfer_reversals_one_transfer CHECK (num_nonnulls(top_up_id, deposit_transfer_id) = 1),
  CONSTRAINT ck_transfer_reversals_reason CHECK (reason <> ''),
  CONSTRAINT ck_transfer_reversals_two_persons CHECK (approved_by <> asked_by),
  CONSTRAINT ck_transfer_reversals_approval CHECK (num_nonnulls(approved_by, approved_at) <> 1),
  CONSTRAINT ck_transfer_reversals_rejection
    CHECK (num_nonnulls(rejected_by, rejected_at, rejection_reason) IN (0, 3)),
  CONSTRAINT ck_transfer_reversals_one_decision CHECK (num_nonnulls(approved_by, rejected_by) <= 1),
  CONSTRAINT fk_transfer_reversals_top_up_id FOREIGN KEY (top_up_id) REFERENCES top_ups (id),
  CONSTRAINT fk_transfer_reversals_deposit_transfer_id
    FOREIGN KEY (deposit_transfer_id) REFERENCES deposit_transfers (id),
  CONSTRAINT fk_transfer_reversals_asked_by FOREIGN KEY (asked_by) REFERENCES staff (name),
  CONSTRAINT fk_transfer_reversals_approved_by FOREIGN KEY (approved_by) REFERENCES staff (name),
  CONSTRAINT fk_transfer_reversals_rejected_by FOREIGN KEY (rejected_by) REFERENCES staff (name)
);
CREATE UNIQUE INDEX uq_transfer_reversals_top_up_id ON transfer_reversals (top_up_id)
  WHERE rejected_at IS NULL;
CREATE UNIQUE INDEX uq_transfer_reversals_deposit_transfer_id ON transfer_reversals (deposit_transfer_id)
  WHERE rejected_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON transfer_reversals TO ekpay_app;
GRANT SELECT ON transfer_reversals TO ekpay_audit
"""


def upgrade() -> None:
    """Add the columns, the reversals, and what must hold of them."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for table in _TRANSFERS:
        op.execute(
            f"ALTER TABLE {table} ADD COLUMN rejected_by TEXT"
            f" CONSTRAINT fk_{table}_rejected_by REFERENCES staff (name),"
            " ADD COLUMN rejected_at TIMESTAMP WITH TIME ZONE, ADD COLUMN rejection_reason TEXT,"
            f" ADD COLUMN reversed_at TIMESTAMP WITH TIME ZONE, DROP CONSTRAINT uq_{table}_reference"
        )
        for name, condition in _CONDITIONS.items():
            op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({condition})")
        op.execute(
            f"CREATE UNIQUE INDEX uq_{table}_reference ON {table} (reference)"
            " WHERE rejected_at IS NULL AND reversed_at IS NULL"
        )
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Drop them; refused while a reference stands twice, since what corrected it would be lost."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE transfer_reversals")
    for table in _TRANSFERS:
        op.execute(f"DROP INDEX uq_{table}_reference")
        op.execute(
            f"ALTER TABLE {table} DROP COLUMN rejected_by, DROP COLUMN rejected_at,"
            " DROP COLUMN rejection_reason, DROP COLUMN reversed_at,"
            f" ADD CONSTRAINT uq_{table}_reference UNIQUE (reference)"
        )
