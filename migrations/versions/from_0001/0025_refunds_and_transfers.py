"""Numbers of a refund as INTEGER and who bears it; top-ups and transfers that are rejected or reversed.

Two steps an hour fill a SMALLINT in 682 days. Its payee bears a refund, its biller with a written consent, or
we; `bearer` has a constant default that says what held before, and old code neither reads nor writes it.

Safe while the switch runs, but `refunds` and `refund_history` are rewritten under ACCESS EXCLUSIVE locks,
which are held to the end: 3.3 seconds for 300,000 refunds of two steps each on two cores with the tables in
memory, so some 11 for each million, and more on a slow disk. Refunds and callbacks wait meanwhile; payments
do not. Where there are millions, run it at night.
Beyond 8 seconds a callback is refused, so that its provider repeats it, and a refund that was being sent is
asked about later, as after any lost answer. Where a lock is not granted within 3 seconds the migration ends
with nothing changed, and may be run again. Old code reads and writes the wide columns.

No other counter grows for ever: those of payments, attempts and tries end with the quote, and those of
notifications with the schedule of their retries.

Of transfers it is safe as well: `top_ups` and `deposit_transfers` are locked whole until the end, which takes
a moment, since both have a row for each line of a bank statement and no more; payments touch neither. The
foreign keys hold back changes of `staff` as long. Old code finds every row as it was, and cannot approve what
new code has rejected: a condition refuses it. Until it is replaced, an old worker's gauge takes a reversed
deposit for vending.
"""

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_CONDITIONS_OF_REFUNDS = {
    "bearer": "bearer IN ('consent', 'our_loss', 'payee')",
    "consent": "(bearer = 'consent') = (coalesce(consent, '') <> '')",
    "named_bearer": (
        "bearer = 'payee' OR (kind IN ('refund', 'chargeback')"
        " AND (approved_by IS NOT NULL OR state IN ('asked', 'rejected')))"
    ),
}
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
    """Widen the three columns, each table in one rewrite, then add what is new and what must hold of it."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    _set_type("INTEGER")
    op.execute("ALTER TABLE refunds ADD COLUMN bearer TEXT DEFAULT 'payee' NOT NULL, ADD COLUMN consent TEXT")
    for name, condition in _CONDITIONS_OF_REFUNDS.items():
        op.execute(f"ALTER TABLE refunds ADD CONSTRAINT ck_refunds_{name} CHECK ({condition})")
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
    """Take it all back; who bore a refund is then told by its entry alone.

    Refused while a bank's reference stands twice, since what corrected it would be lost, and by PostgreSQL
    where a refund has a number above 32,767.
    """
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TABLE transfer_reversals")
    for table in _TRANSFERS:
        op.execute(f"DROP INDEX uq_{table}_reference")
        op.execute(
            f"ALTER TABLE {table} DROP COLUMN rejected_by, DROP COLUMN rejected_at,"
            " DROP COLUMN rejection_reason, DROP COLUMN reversed_at,"
            f" ADD CONSTRAINT uq_{table}_reference UNIQUE (reference)"
        )
    _set_type("SMALLINT")
    op.execute("ALTER TABLE refunds DROP COLUMN bearer, DROP COLUMN consent")


def _set_type(kind: str) -> None:
    # Whatever the rewrite takes: the session's own limit is for statements of the switch.
    op.execute("SET LOCAL statement_timeout = '30min'")
    op.execute(f"ALTER TABLE refunds ALTER COLUMN sends TYPE {kind}, ALTER COLUMN steps TYPE {kind}")
    op.execute(f"ALTER TABLE refund_history ALTER COLUMN seq TYPE {kind}")
