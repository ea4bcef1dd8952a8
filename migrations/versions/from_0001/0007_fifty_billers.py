"""Receipts that buy one service only, deposits at prefunded utilities, and receipts that come later.

The CHECK of `history` is widened, then read through under a lock that lets everybody write.
"""

from collections.abc import Sequence

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE used_receipts (
  receipt TEXT NOT NULL,
  payment_id UUID NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_used_receipts PRIMARY KEY (receipt),
  CONSTRAINT uq_used_receipts_payment_id UNIQUE (payment_id),
  CONSTRAINT fk_used_receipts_payment_id FOREIGN KEY (payment_id) REFERENCES payments (id)
);
CREATE TABLE deposit_transfers (
  id UUID NOT NULL,
  biller_id TEXT NOT NULL,
  amount BIGINT NOT NULL,
  reference TEXT NOT NULL,
  asked_by TEXT NOT NULL,
  approved_by TEXT,
  asked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  approved_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_deposit_transfers PRIMARY KEY (id),
  CONSTRAINT uq_deposit_transfers_reference UNIQUE (reference),
  CONSTRAINT ck_deposit_transfers_amount CHECK (amount > 0),
  CONSTRAINT ck_deposit_transfers_two_persons CHECK (approved_by <> asked_by),
  CONSTRAINT fk_deposit_transfers_asked_by FOREIGN KEY (asked_by) REFERENCES staff (name),
  CONSTRAINT fk_deposit_transfers_approved_by FOREIGN KEY (approved_by) REFERENCES staff (name)
);
CREATE INDEX ix_postings_deposits ON postings (account) INCLUDE (amount, entry_id)
  WHERE account LIKE 'biller_deposit:%';
GRANT SELECT ON used_receipts, deposit_transfers TO ekpay_app, ekpay_audit;
GRANT INSERT ON used_receipts, deposit_transfers TO ekpay_app;
GRANT UPDATE ON deposit_transfers TO ekpay_app
"""

DOWN = """
DROP INDEX ix_postings_deposits;
DROP TABLE deposit_transfers;
DROP TABLE used_receipts
"""

# The legal steps as they were until then, and the one that came.
_STEPS = (
    ("collecting", "collected", "funded"),
    ("collecting", "collection_came_to_nothing", "created"),
    ("collecting", "facts_disagreed", "in_review"),
    ("completed", "contrary_evidence", "in_review"),
    ("created", "collection_started", "collecting"),
    ("created", "payer_never_paid", "expired"),
    ("created", "prefund_taken", "delivering"),
    ("created", "refused", "declined"),
    ("declined", "contrary_evidence", "in_review"),
    ("delivering", "biller_acknowledged", "completed"),
    ("delivering", "biller_refused", "refunding"),
    ("delivering", "biller_unreached", "funded"),
    ("delivering", "facts_disagreed", "in_review"),
    ("delivering", "proven_not_posted", "refunding"),
    ("expired", "contrary_evidence", "in_review"),
    ("funded", "delivery_given_up", "refunding"),
    ("funded", "delivery_started", "delivering"),
    ("funded", "merchant_credited", "completed"),
    ("in_review", "reviewed_as_completed", "completed"),
    ("in_review", "reviewed_as_declined", "declined"),
    ("in_review", "reviewed_as_expired", "expired"),
    ("in_review", "reviewed_as_refunded", "refunded"),
    ("in_review", "reviewed_to_deliver", "funded"),
    ("in_review", "reviewed_to_give_back", "refunding"),
    ("refunded", "contrary_evidence", "in_review"),
    ("refunding", "given_back", "refunded"),
)
_LATE_RECEIPT = ("completed", "receipt_issued", "completed")


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in UP.split(";\n"):
        op.execute(statement)
    _allow((*_STEPS, _LATE_RECEIPT))


def downgrade() -> None:
    """Take it away; only before a final receipt was kept."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    _allow(_STEPS)
    for statement in DOWN.split(";\n"):
        op.execute(statement)


def _allow(steps: Sequence[tuple[str, str, str]]) -> None:
    listed = ", ".join(str(step) for step in sorted(steps))
    op.execute("ALTER TABLE history DROP CONSTRAINT ck_history_legal_step")
    op.execute(
        "ALTER TABLE history ADD CONSTRAINT ck_history_legal_step "
        f"CHECK ((from_state, event, to_state) IN ({listed})) NOT VALID"
    )
    op.execute("ALTER TABLE history VALIDATE CONSTRAINT ck_history_legal_step")
