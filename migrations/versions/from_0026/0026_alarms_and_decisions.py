"""Alarms as rows, decisions of two persons, and persons of the staff who may do nothing any more.

Safe while the switch runs: the tables are new, and old code neither reads nor writes them. A refund in doubt
may end by a decision, so more of its steps are legal than before: the condition is added NOT VALID and then
validated, which reads `refund_history` once and blocks no payment. The indexes of `attempts` and
`journal_entries` are made CONCURRENTLY, outside any transaction and before all else, which is one
transaction: wherever the migration is interrupted, run it again.
"""

from collections.abc import Sequence

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE alarms (
  id UUID NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  payment_id UUID,
  amount BIGINT,
  owner TEXT NOT NULL,
  due_on DATE NOT NULL,
  facts JSONB NOT NULL,
  count INTEGER DEFAULT 1 NOT NULL,
  raised_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  last_raised_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  acknowledged_by TEXT,
  acknowledged_at TIMESTAMP WITH TIME ZONE,
  reminded_on DATE,
  ended_at TIMESTAMP WITH TIME ZONE,
  ended_by TEXT,
  end_reason TEXT,
  CONSTRAINT pk_alarms PRIMARY KEY (id),
  CONSTRAINT ck_alarms_owner CHECK (owner IN ('finance', 'operator')),
  CONSTRAINT ck_alarms_subject CHECK (subject <> ''),
  CONSTRAINT ck_alarms_count CHECK (count > 0),
  CONSTRAINT ck_alarms_acknowledged CHECK (num_nonnulls(acknowledged_by, acknowledged_at) <> 1),
  CONSTRAINT ck_alarms_ended CHECK (num_nonnulls(ended_at, ended_by, end_reason) IN (0, 3)),
  CONSTRAINT ck_alarms_ended_by CHECK (ended_by IN ('evidence', 'decision', 'person')),
  CONSTRAINT fk_alarms_payment_id FOREIGN KEY(payment_id) REFERENCES payments (id),
  CONSTRAINT fk_alarms_acknowledged_by FOREIGN KEY(acknowledged_by) REFERENCES staff (name)
);
CREATE INDEX ix_alarms_open ON alarms (due_on, id) WHERE ended_at IS NULL;
CREATE INDEX ix_alarms_payment_id ON alarms (payment_id);
CREATE UNIQUE INDEX uq_alarms_one_open ON alarms (kind, subject) WHERE ended_at IS NULL;
CREATE TABLE alarm_terms (
  kind TEXT NOT NULL,
  owner TEXT NOT NULL,
  due_business_days INTEGER NOT NULL,
  after_hours FLOAT NOT NULL,
  CONSTRAINT pk_alarm_terms PRIMARY KEY (kind),
  CONSTRAINT ck_alarm_terms_owner CHECK (owner IN ('finance', 'operator')),
  CONSTRAINT ck_alarm_terms_due_business_days CHECK (due_business_days >= 0),
  CONSTRAINT ck_alarm_terms_after_hours CHECK (after_hours >= 0)
);
CREATE TABLE business_days (
  day DATE NOT NULL,
  CONSTRAINT pk_business_days PRIMARY KEY (day)
);
CREATE TABLE decisions (
  id UUID NOT NULL,
  case_kind TEXT NOT NULL,
  subject UUID NOT NULL,
  payment_id UUID,
  action TEXT NOT NULL,
  amount BIGINT NOT NULL,
  reason TEXT NOT NULL,
  reference TEXT NOT NULL,
  entries JSONB NOT NULL,
  entry_ids JSONB NOT NULL,
  seen BYTEA NOT NULL,
  stated BIGINT,
  proposed_by TEXT NOT NULL,
  proposed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  approved_by TEXT,
  approved_at TIMESTAMP WITH TIME ZONE,
  rejected_by TEXT,
  rejected_at TIMESTAMP WITH TIME ZONE,
  lapsed_at TIMESTAMP WITH TIME ZONE,
  end_reason TEXT,
  takes_from UUID,
  CONSTRAINT pk_decisions PRIMARY KEY (id),
  CONSTRAINT ck_decisions_case_kind
    CHECK (case_kind IN ('completed', 'doubtful_refund', 'held', 'journal', 'mismatched_money',
    'missing_receipt', 'review', 'stuck_collection', 'stuck_delivery')),
  CONSTRAINT ck_decisions_action
    CHECK (action IN ('accept', 'biller_returned', 'close', 'collected', 'debit_partner', 'deliver',
    'give_back', 'journal', 'not_paid_back', 'nothing_collected', 'paid_back', 'paid_back_otherwise',
    'refuse_held', 'return_at_our_loss', 'return_to_prefund', 'take_held', 'undo', 'write_off')),
  CONSTRAINT ck_decisions_amount CHECK (amount >= 0),
  CONSTRAINT ck_decisions_stated CHECK (stated > 0),
  CONSTRAINT ck_decisions_takes_from CHECK (takes_from IS NULL OR case_kind = 'journal'),
  CONSTRAINT ck_decisions_reason CHECK (reason <> ''),
  CONSTRAINT ck_decisions_entry_ids CHECK (jsonb_array_length(entry_ids) IN (0, jsonb_array_length(entries))),
  CONSTRAINT ck_decisions_two_persons CHECK (approved_by <> proposed_by),
  CONSTRAINT ck_decisions_approval CHECK (num_nonnulls(approved_by, approved_at) <> 1),
  CONSTRAINT ck_decisions_rejection CHECK (num_nonnulls(rejected_by, rejected_at) <> 1),
  CONSTRAINT ck_decisions_one_end CHECK (num_nonnulls(approved_at, rejected_at, lapsed_at) <= 1),
  CONSTRAINT ck_decisions_end_reason
    CHECK ((end_reason IS NULL) = (num_nonnulls(rejected_at, lapsed_at) = 0)),
  CONSTRAINT fk_decisions_payment_id FOREIGN KEY(payment_id) REFERENCES payments (id),
  CONSTRAINT fk_decisions_proposed_by FOREIGN KEY(proposed_by) REFERENCES staff (name),
  CONSTRAINT fk_decisions_approved_by FOREIGN KEY(approved_by) REFERENCES staff (name),
  CONSTRAINT fk_decisions_rejected_by FOREIGN KEY(rejected_by) REFERENCES staff (name),
  CONSTRAINT fk_decisions_takes_from FOREIGN KEY(takes_from) REFERENCES journal_entries (id)
);
CREATE INDEX ix_decisions_payment_id ON decisions (payment_id);
CREATE INDEX ix_decisions_subject ON decisions (subject);
CREATE INDEX ix_decisions_takes_from ON decisions (takes_from) WHERE takes_from IS NOT NULL;
CREATE UNIQUE INDEX uq_decisions_one_waiting ON decisions (subject)
    WHERE num_nonnulls(approved_at, rejected_at, lapsed_at) = 0;
GRANT SELECT, INSERT, UPDATE ON alarms, alarm_terms, decisions TO ekpay_app;
GRANT SELECT, INSERT, DELETE ON business_days TO ekpay_app;
GRANT SELECT ON alarms, alarm_terms, business_days, decisions TO ekpay_audit;
ALTER TABLE staff ADD COLUMN disabled_at TIMESTAMP WITH TIME ZONE, ADD COLUMN disabled_by TEXT,
  ADD CONSTRAINT ck_staff_disabled CHECK ((disabled_at IS NULL) = (disabled_by IS NULL));
CREATE INDEX ix_refunds_on_a_person ON refunds (state) WHERE state IN ('asked', 'by_hand')
"""
DOWN = """
DROP INDEX ix_refunds_on_a_person;
ALTER TABLE staff DROP COLUMN disabled_at, DROP COLUMN disabled_by;
DROP TABLE decisions;
DROP TABLE business_days;
DROP TABLE alarm_terms;
DROP TABLE alarms
"""
Step = tuple[str, str, str]
_REFUND_STEPS: tuple[Step, ...] = (
    ("approved", "left_to_finance", "by_hand"),
    ("approved", "refused", "failed"),
    ("approved", "sending", "sent"),
    ("asked", "approved", "approved"),
    ("asked", "rejected", "rejected"),
    ("asked", "taken_by_connector", "done"),
    ("by_hand", "paid_by_hand", "done"),
    ("in_doubt", "sending", "sent"),
    ("sent", "doubted", "in_doubt"),
    ("sent", "given", "done"),
    ("sent", "left_to_finance", "by_hand"),
    ("sent", "not_sent", "approved"),
    ("sent", "refused", "failed"),
    ("sent", "sending", "sent"),
)
_REVIEWED_REFUNDS = (
    ("approved", "reviewed_as_unpaid", "by_hand"),
    ("in_doubt", "reviewed_as_paid_back", "done"),
    ("in_doubt", "reviewed_as_unpaid", "by_hand"),
)
_INDEXES = {
    "ix_attempts_in_suspense": "attempts (payment_id) WHERE outcome IN ('disagreed', 'second_success')",
    "ix_journal_entries_items": "journal_entries (id)"
    " WHERE payment_id IS NULL AND moment IN ('journal', 'payout_received', 'break_claim_received_reversed')",
}


def upgrade() -> None:
    """Add what is new."""
    _build_indexes()
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in UP.split(";\n"):
        op.execute(statement)
    _allow((*_REFUND_STEPS, *_REVIEWED_REFUNDS))


def downgrade() -> None:
    """Take it away, alarms and decisions with it; only before one of the new steps was taken."""
    _drop_indexes()
    op.execute("SET LOCAL lock_timeout = '3s'")
    _allow(_REFUND_STEPS)
    for statement in DOWN.split(";\n"):
        op.execute(statement)


def _allow(steps: Sequence[Step]) -> None:
    # Whatever reading the table takes: the session's own limit is for statements of the switch.
    op.execute("SET LOCAL statement_timeout = '30min'")
    listed = ", ".join(str(step) for step in sorted(steps))
    op.execute("ALTER TABLE refund_history DROP CONSTRAINT ck_refund_history_legal_step")
    op.execute(
        "ALTER TABLE refund_history ADD CONSTRAINT ck_refund_history_legal_step "
        f"CHECK ((from_state, event, to_state) IN ({listed})) NOT VALID"
    )
    op.execute("ALTER TABLE refund_history VALIDATE CONSTRAINT ck_refund_history_legal_step")


def _build_indexes() -> None:
    _drop_indexes()  # those of an interrupted run, which may be invalid
    with op.get_context().autocommit_block():
        # Whatever reading the tables and waiting for the transactions of before takes: nobody waits for it.
        op.execute("SET statement_timeout = '30min'")
        op.execute("SET lock_timeout = '5min'")
        for name, on in _INDEXES.items():
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {on}")
        op.execute("RESET lock_timeout")
        op.execute("RESET statement_timeout")


def _drop_indexes() -> None:
    with op.get_context().autocommit_block():
        for name in _INDEXES:
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
