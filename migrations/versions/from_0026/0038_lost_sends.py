"""Sends of the journal that a restored database knew nothing of: a new table, which is empty.

Safe while the switch runs: old code neither reads nor writes it.
"""

from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE lost_sends (
  id UUID NOT NULL,
  kind TEXT NOT NULL,
  far_side TEXT NOT NULL,
  reference TEXT NOT NULL,
  step TEXT NOT NULL,
  sends INTEGER NOT NULL,
  payment_id UUID NOT NULL,
  partner_id TEXT NOT NULL,
  amount BIGINT NOT NULL,
  currency TEXT NOT NULL,
  sent_at TIMESTAMP WITH TIME ZONE NOT NULL,
  send_until TIMESTAMP WITH TIME ZONE NOT NULL,
  sealed BYTEA NOT NULL,
  partner_reference TEXT,
  bill_key TEXT,
  account TEXT,
  found_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  state TEXT DEFAULT 'unknown' NOT NULL,
  why TEXT DEFAULT 'not asked yet' NOT NULL,
  answer_sealed BYTEA,
  asked_at TIMESTAMP WITH TIME ZONE,
  booked_at TIMESTAMP WITH TIME ZONE,
  booking_refusal TEXT,
  proposed_as TEXT,
  reason TEXT,
  proposed_by TEXT,
  proposed_at TIMESTAMP WITH TIME ZONE,
  approved_by TEXT,
  approved_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_lost_sends PRIMARY KEY (id),
  CONSTRAINT uq_lost_sends_far_side_reference UNIQUE (far_side, reference),
  CONSTRAINT ck_lost_sends_kind CHECK (kind IN ('execute', 'pay', 'refund')),
  CONSTRAINT ck_lost_sends_state CHECK (state IN ('not_posted', 'posted', 'unknown')),
  CONSTRAINT ck_lost_sends_claim CHECK (num_nonnulls(partner_reference, bill_key, account) IN (0, 3)),
  CONSTRAINT ck_lost_sends_answer CHECK (answer_sealed IS NULL OR state = 'posted'),
  CONSTRAINT ck_lost_sends_sends CHECK (sends > 0),
  CONSTRAINT ck_lost_sends_proposed_as CHECK (proposed_as IN ('not_posted', 'posted')),
  CONSTRAINT ck_lost_sends_proposal
    CHECK (num_nonnulls(proposed_as, reason, proposed_by, proposed_at) IN (0, 4)),
  CONSTRAINT ck_lost_sends_approval CHECK (num_nonnulls(approved_by, approved_at) <> 1),
  CONSTRAINT ck_lost_sends_approval_of_proposal CHECK (approved_by IS NULL OR proposed_by IS NOT NULL),
  CONSTRAINT ck_lost_sends_two_persons CHECK (approved_by <> proposed_by),
  CONSTRAINT fk_lost_sends_proposed_by FOREIGN KEY (proposed_by) REFERENCES staff (name),
  CONSTRAINT fk_lost_sends_approved_by FOREIGN KEY (approved_by) REFERENCES staff (name)
);
CREATE INDEX ix_lost_sends_partner_id ON lost_sends (partner_id);
GRANT SELECT, INSERT, UPDATE ON lost_sends TO ekpay_app;
GRANT SELECT ON lost_sends TO ekpay_audit
"""
DOWN = "DROP TABLE lost_sends"


def upgrade() -> None:
    """Add the table."""
    _run(UP)


def downgrade() -> None:
    """Take it away, with what was found."""
    _run(DOWN)


def _run(script: str) -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in script.split(";\n"):
        op.execute(statement)
