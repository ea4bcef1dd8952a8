"""Disputes with their steps and evidence, and chargebacks that a connector holds or returns.

The tables are new and empty. A chargeback has two further states and four further steps.

Safe while the switch runs: old code neither reads nor writes what is new. `refunds` and `refund_history` are
locked for a moment for their new conditions, which are then proven without keeping writers out; none is
rewritten. Old code does not know a chargeback that is held: record no dispute before every process is new.

Going back is refused while a chargeback is held or was returned, since old code would not know it.
"""

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE disputes (
  id BIGSERIAL NOT NULL,
  payment_id UUID NOT NULL,
  attempt_id UUID NOT NULL,
  connector_id TEXT NOT NULL,
  name TEXT NOT NULL,
  amount BIGINT NOT NULL,
  currency TEXT NOT NULL,
  reason TEXT NOT NULL,
  state TEXT DEFAULT 'notified' NOT NULL,
  round INTEGER DEFAULT 1 NOT NULL,
  answer_due_on DATE NOT NULL,
  refund_id UUID,
  settlement TEXT,
  steps INTEGER DEFAULT 0 NOT NULL,
  opened_by TEXT NOT NULL,
  opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  proposed_event TEXT,
  proposed_by TEXT,
  proposed_at TIMESTAMP WITH TIME ZONE,
  proposed_after INTEGER,
  proposed JSONB,
  CONSTRAINT pk_disputes PRIMARY KEY (id),
  CONSTRAINT uq_disputes_connector_id_name UNIQUE (connector_id, name),
  CONSTRAINT ck_disputes_name CHECK (name <> ''),
  CONSTRAINT ck_disputes_amount CHECK (amount > 0),
  CONSTRAINT ck_disputes_round CHECK (round > 0),
  CONSTRAINT ck_disputes_state CHECK (state IN ('accepted', 'evidence_due', 'lost', 'notified',
    'represented', 'settled', 'won')),
  CONSTRAINT ck_disputes_won CHECK (state <> 'won' OR refund_id IS NULL),
  CONSTRAINT ck_disputes_settled CHECK ((state = 'settled') = (settlement IS NOT NULL)),
  CONSTRAINT ck_disputes_proposed_event CHECK (proposed_event IN ('accepted', 'lost', 'money_held',
    'settled_otherwise', 'won')),
  CONSTRAINT ck_disputes_proposal CHECK (num_nonnulls(proposed_event, proposed_by, proposed_at,
    proposed_after, proposed) IN (0, 5)),
  CONSTRAINT fk_disputes_payment_id FOREIGN KEY (payment_id) REFERENCES payments (id),
  CONSTRAINT fk_disputes_attempt_id FOREIGN KEY (attempt_id) REFERENCES tries (attempt_id),
  CONSTRAINT uq_disputes_refund_id UNIQUE (refund_id),
  CONSTRAINT fk_disputes_refund_id FOREIGN KEY (refund_id) REFERENCES refunds (id),
  CONSTRAINT fk_disputes_opened_by FOREIGN KEY (opened_by) REFERENCES staff (name),
  CONSTRAINT fk_disputes_proposed_by FOREIGN KEY (proposed_by) REFERENCES staff (name)
);
CREATE INDEX ix_disputes_attempt_id ON disputes (attempt_id);
CREATE INDEX ix_disputes_payment_id ON disputes (payment_id);
CREATE INDEX ix_disputes_unanswered ON disputes (answer_due_on) WHERE state IN ('evidence_due', 'notified');
CREATE TABLE dispute_history (
  dispute_id BIGINT NOT NULL,
  seq INTEGER NOT NULL,
  round INTEGER NOT NULL,
  from_state TEXT NOT NULL,
  event TEXT NOT NULL,
  to_state TEXT NOT NULL,
  actor TEXT NOT NULL,
  approved_by TEXT,
  refund_id UUID,
  facts JSONB NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_dispute_history PRIMARY KEY (dispute_id, seq),
  CONSTRAINT ck_dispute_history_legal_step CHECK ((from_state, event, to_state) IN (('accepted',
    'money_held', 'accepted'), ('accepted', 'proposal_rejected', 'accepted'), ('accepted',
    'round_opened', 'notified'), ('accepted', 'settled_otherwise', 'settled'), ('evidence_due',
    'accepted', 'accepted'), ('evidence_due', 'evidence_requested', 'evidence_due'), ('evidence_due',
    'lost', 'lost'), ('evidence_due', 'money_held', 'evidence_due'), ('evidence_due',
    'proposal_rejected', 'evidence_due'), ('evidence_due', 'represented', 'represented'),
    ('evidence_due', 'settled_otherwise', 'settled'), ('evidence_due', 'won', 'won'), ('lost',
    'money_held', 'lost'), ('lost', 'proposal_rejected', 'lost'), ('lost', 'round_opened', 'notified'),
    ('lost', 'settled_otherwise', 'settled'), ('notified', 'accepted', 'accepted'), ('notified',
    'evidence_requested', 'evidence_due'), ('notified', 'lost', 'lost'), ('notified', 'money_held',
    'notified'), ('notified', 'proposal_rejected', 'notified'), ('notified', 'represented',
    'represented'), ('notified', 'settled_otherwise', 'settled'), ('notified', 'won', 'won'),
    ('represented', 'evidence_requested', 'evidence_due'), ('represented', 'lost', 'lost'),
    ('represented', 'money_held', 'represented'), ('represented', 'proposal_rejected', 'represented'),
    ('represented', 'settled_otherwise', 'settled'), ('represented', 'won', 'won'), ('won',
    'round_opened', 'notified'))),
  CONSTRAINT ck_dispute_history_approval CHECK ((event IN ('accepted', 'lost', 'money_held',
    'settled_otherwise', 'won')) = (approved_by IS NOT NULL)),
  CONSTRAINT ck_dispute_history_two_persons CHECK (approved_by <> actor),
  CONSTRAINT ck_dispute_history_movement CHECK (event <> 'money_held' OR refund_id IS NOT NULL),
  CONSTRAINT fk_dispute_history_dispute_id FOREIGN KEY (dispute_id) REFERENCES disputes (id),
  CONSTRAINT fk_dispute_history_actor FOREIGN KEY (actor) REFERENCES staff (name),
  CONSTRAINT fk_dispute_history_approved_by FOREIGN KEY (approved_by) REFERENCES staff (name),
  CONSTRAINT fk_dispute_history_refund_id FOREIGN KEY (refund_id) REFERENCES refunds (id)
);
CREATE INDEX ix_dispute_history_refund_id ON dispute_history (refund_id);
CREATE UNIQUE INDEX uq_dispute_history_movement ON dispute_history (refund_id) WHERE event = 'money_held';
CREATE TABLE dispute_files (
  dispute_id BIGINT NOT NULL,
  sha256 BYTEA NOT NULL,
  round INTEGER NOT NULL,
  name TEXT NOT NULL,
  content BYTEA NOT NULL,
  added_by TEXT NOT NULL,
  added_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_dispute_files PRIMARY KEY (dispute_id, sha256),
  CONSTRAINT ck_dispute_files_sha256 CHECK (sha256 = sha256(content)),
  CONSTRAINT ck_dispute_files_content CHECK (length(content) BETWEEN 1 AND 5000000),
  CONSTRAINT fk_dispute_files_dispute_id FOREIGN KEY (dispute_id) REFERENCES disputes (id),
  CONSTRAINT fk_dispute_files_added_by FOREIGN KEY (added_by) REFERENCES staff (name)
);
GRANT SELECT, INSERT, UPDATE ON disputes TO ekpay_app;
GRANT SELECT, INSERT ON dispute_history, dispute_files TO ekpay_app;
GRANT USAGE ON SEQUENCE disputes_id_seq TO ekpay_app;
GRANT SELECT ON disputes, dispute_history, dispute_files TO ekpay_audit
"""
_MONEY = """
CREATE FUNCTION check_dispute_money() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE broken text;
BEGIN
  SELECT CASE
      WHEN d.refund_id IS NOT NULL AND (r.kind, r.attempt_id, r.amount)
        IS DISTINCT FROM ('chargeback', d.attempt_id, d.amount) THEN 'its money is another chargeback'
      WHEN r.state <> 'done' AND (r.state <> 'held' OR d.state IN ('accepted', 'lost', 'settled'))
        THEN 'its money is ' || r.state
      WHEN d.refund_id IS DISTINCT FROM (
        SELECT CASE m.event WHEN 'money_held' THEN m.refund_id END FROM dispute_history AS m
        WHERE m.dispute_id = d.id AND m.event IN ('money_held', 'won') ORDER BY m.seq DESC LIMIT 1)
        THEN 'its money is not that of its steps'
      WHEN d.steps > 0 AND (h.to_state, h.round) IS DISTINCT FROM (d.state, d.round)
        THEN 'its last step does not lead there'
      WHEN d.steps = 0 AND (d.state, d.round) <> ('notified', 1) THEN 'it has no steps'
    END INTO broken
    FROM disputes AS d LEFT JOIN refunds AS r ON r.id = d.refund_id
    LEFT JOIN dispute_history AS h ON h.dispute_id = d.id AND h.seq = d.steps WHERE d.id = NEW.id;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'dispute %: %', NEW.id, broken USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_MONEY_TRIGGER = """
CREATE CONSTRAINT TRIGGER disputes_money AFTER INSERT OR UPDATE ON disputes
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_dispute_money()
"""
_CHARGEBACK = """
CREATE FUNCTION check_disputed_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM refunds AS r WHERE r.id = NEW.id AND (
    r.state = 'held' AND NOT EXISTS (SELECT FROM disputes AS d WHERE d.refund_id = r.id)
    OR r.state = 'returned' AND NOT EXISTS (SELECT FROM dispute_history AS h
      WHERE h.refund_id = r.id AND h.event = 'won'));
  IF FOUND THEN
    RAISE EXCEPTION 'refund % is % without its dispute', NEW.id, NEW.state USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_CHARGEBACK_TRIGGER = """
CREATE CONSTRAINT TRIGGER refunds_disputed AFTER INSERT OR UPDATE ON refunds
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.state IN ('held', 'returned'))
  EXECUTE FUNCTION check_disputed_refund()
"""
_STATES = ("approved", "asked", "by_hand", "done", "failed", "in_doubt", "rejected", "sent")
_NEW_STATES = ("held", "returned")
_STEPS = (
    "('approved', 'left_to_finance', 'by_hand')",
    "('approved', 'refused', 'failed')",
    "('approved', 'reviewed_as_unpaid', 'by_hand')",
    "('approved', 'sending', 'sent')",
    "('asked', 'approved', 'approved')",
    "('asked', 'rejected', 'rejected')",
    "('asked', 'taken_by_connector', 'done')",
    "('by_hand', 'by_hand_withdrawn', 'by_hand')",
    "('by_hand', 'given', 'done')",
    "('by_hand', 'paid_by_hand', 'done')",
    "('by_hand', 'reviewed_as_paid_back', 'done')",
    "('done', 'given_late', 'done')",
    "('failed', 'given_late', 'failed')",
    "('in_doubt', 'reviewed_as_paid_back', 'done')",
    "('in_doubt', 'reviewed_as_unpaid', 'by_hand')",
    "('in_doubt', 'sending', 'sent')",
    "('sent', 'doubted', 'in_doubt')",
    "('sent', 'given', 'done')",
    "('sent', 'left_to_finance', 'by_hand')",
    "('sent', 'not_sent', 'approved')",
    "('sent', 'refused', 'failed')",
    "('sent', 'sending', 'sent')",
)
_NEW_STEPS = (
    "('asked', 'held_by_connector', 'held')",
    "('done', 'returned_by_connector', 'returned')",
    "('held', 'returned_by_connector', 'returned')",
    "('held', 'taken_by_connector', 'done')",
)
REFUSE = """
DO $$
BEGIN
  IF EXISTS (SELECT FROM refunds WHERE state IN ('held', 'returned')) THEN
    RAISE EXCEPTION 'chargebacks of disputes are held or were returned, and old code would not know them';
  END IF;
END $$
"""
DOWN = """
DROP TRIGGER refunds_disputed ON refunds;
DROP TABLE dispute_files;
DROP TABLE dispute_history;
DROP TABLE disputes;
DROP FUNCTION check_disputed_refund;
DROP FUNCTION check_dispute_money;
ALTER TABLE refunds DROP CONSTRAINT ck_refunds_disputed
"""


def upgrade() -> None:
    """Add the tables, and allow the further states and steps of chargebacks."""
    _begin()
    for statement in UP.split(";\n"):
        op.execute(statement)
    _allow((*_STATES, *_NEW_STATES), (*_STEPS, *_NEW_STEPS))
    condition = "state NOT IN ('held', 'returned') OR kind = 'chargeback'"
    op.execute(f"ALTER TABLE refunds ADD CONSTRAINT ck_refunds_disputed CHECK ({condition}) NOT VALID")
    op.execute("ALTER TABLE refunds VALIDATE CONSTRAINT ck_refunds_disputed")
    for statement in (_MONEY, _MONEY_TRIGGER, _CHARGEBACK, _CHARGEBACK_TRIGGER):
        op.execute(statement)


def downgrade() -> None:
    """Take it away, with the disputes and their evidence."""
    _begin()
    op.execute(REFUSE)
    for statement in DOWN.split(";\n"):
        op.execute(statement)
    _allow(_STATES, _STEPS)


def _begin() -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    # Whatever the reading takes: the session's own limit is for statements of the switch.
    op.execute("SET LOCAL statement_timeout = '30min'")


def _allow(states: tuple[str, ...], steps: tuple[str, ...]) -> None:
    listed = ", ".join(f"'{state}'" for state in sorted(states))
    _replace("refunds", "state", f"state IN ({listed})")
    _replace("refund_history", "legal_step", f"(from_state, event, to_state) IN ({', '.join(sorted(steps))})")


def _replace(table: str, name: str, condition: str) -> None:
    """Put another condition in the place of one, which is proven once it stands."""
    op.execute(
        f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{name},"
        f" ADD CONSTRAINT ck_{table}_{name} CHECK ({condition}) NOT VALID"
    )
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{name}")
