"""Payments found by a far side's reference and by a biller's final receipt.

Safe while the switch runs: the indexes are made CONCURRENTLY, and old code asks for neither. Wherever the
migration is interrupted, run it again.
"""

from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_ledger_lines_their_reference": "ledger_lines (their_reference) WHERE their_reference <> ''",
    "ix_payments_final_receipt": "payments ((facts ->> 'final_receipt')) WHERE facts ? 'final_receipt'",
}


def upgrade() -> None:
    """Add what is new."""
    downgrade()  # those of an interrupted run, which may be invalid
    with op.get_context().autocommit_block():
        # Whatever reading the tables and waiting for the transactions of before takes: nobody waits for it.
        op.execute("SET statement_timeout = '30min'")
        op.execute("SET lock_timeout = '5min'")
        for name, on in _INDEXES.items():
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {on}")
        op.execute("RESET lock_timeout")
        op.execute("RESET statement_timeout")


def downgrade() -> None:
    """Take it away: `ekpay payments list --reference` then reads whole tables."""
    with op.get_context().autocommit_block():
        for name in _INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
