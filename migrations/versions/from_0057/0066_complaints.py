"""Complaints of payers with their messages, and text messages that say that one was answered.

Safe while the switch runs: new tables that old code neither reads nor writes, and a condition that allows all
that it did. Old code sends the new kind of message as any other.

Going back forgets the complaints. It is refused while a message of the new kind is there; a week after the
last one they are gone.
"""

from alembic import op

revision = "0066"
down_revision = "0065"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE complaints (
  id UUID NOT NULL,
  number BIGINT GENERATED ALWAYS AS IDENTITY NOT NULL,
  cart_id UUID NOT NULL,
  bill_seq SMALLINT,
  topic TEXT NOT NULL,
  language TEXT NOT NULL,
  state TEXT DEFAULT 'waiting' NOT NULL,
  due_on DATE NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  waits_since TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  escalated_at TIMESTAMP WITH TIME ZONE,
  answered_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_complaints PRIMARY KEY (id),
  CONSTRAINT uq_complaints_number UNIQUE (number),
  CONSTRAINT ck_complaints_topic CHECK (topic IN ('money_not_back', 'no_token', 'not_delivered', 'other',
    'taken_twice', 'wrong_amount')),
  CONSTRAINT ck_complaints_language CHECK (language IN ('bn', 'en')),
  CONSTRAINT ck_complaints_state CHECK (state IN ('answered', 'waiting')),
  CONSTRAINT ck_complaints_answered_at CHECK ((state = 'answered') = (answered_at IS NOT NULL)),
  CONSTRAINT fk_complaints_cart_id FOREIGN KEY (cart_id) REFERENCES bill_carts (id),
  CONSTRAINT fk_complaints_cart_id_bill_seq FOREIGN KEY (cart_id, bill_seq)
    REFERENCES cart_bills (cart_id, seq)
);
CREATE INDEX ix_complaints_cart_id ON complaints (cart_id);
CREATE INDEX ix_complaints_due_on ON complaints (due_on) WHERE state = 'waiting';
CREATE INDEX ix_complaints_answered_at ON complaints (answered_at);
CREATE TABLE complaint_messages (
  complaint_id UUID NOT NULL,
  nth SMALLINT NOT NULL,
  author TEXT NOT NULL,
  staff_name TEXT,
  sealed BYTEA NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_complaint_messages PRIMARY KEY (complaint_id, nth),
  CONSTRAINT ck_complaint_messages_author CHECK (author IN ('payer', 'staff')),
  CONSTRAINT ck_complaint_messages_staff_name CHECK ((author = 'staff') = (staff_name IS NOT NULL)),
  CONSTRAINT ck_complaint_messages_nth CHECK (nth BETWEEN 1 AND 20),
  CONSTRAINT fk_complaint_messages_complaint_id FOREIGN KEY (complaint_id) REFERENCES complaints (id)
    ON DELETE CASCADE
);
GRANT SELECT ON complaints, complaint_messages TO ekpay_app, ekpay_audit;
GRANT INSERT, UPDATE, DELETE ON complaints TO ekpay_app;
GRANT INSERT ON complaint_messages TO ekpay_app;
"""
_DROP_KINDS = "ALTER TABLE text_messages DROP CONSTRAINT ck_text_messages_kind"
_ADD_KINDS = (
    "ALTER TABLE text_messages ADD CONSTRAINT ck_text_messages_kind CHECK (kind IN ({kinds})) NOT VALID"
)
_VALIDATE_KINDS = "ALTER TABLE text_messages VALIDATE CONSTRAINT ck_text_messages_kind"


def upgrade() -> None:
    """Add the tables and allow the new kind of message."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in filter(None, map(str.strip, _TABLES.split(";"))):
        op.execute(statement)
    _allow("'code', 'complaint', 'outcome'")


def downgrade() -> None:
    """Take the tables away and allow the kinds of before."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    _allow("'code', 'outcome'")
    op.execute("DROP TABLE complaint_messages")
    op.execute("DROP TABLE complaints")


def _allow(kinds: str) -> None:
    for statement in (_DROP_KINDS, _ADD_KINDS.format(kinds=kinds), _VALIDATE_KINDS):
        op.execute(statement)
