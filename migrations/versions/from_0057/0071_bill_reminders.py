"""Reminders of saved bills, standing orders for them, and text messages that bring them.

Safe while the switch runs: new tables that old code neither reads nor writes, and a condition that allows all
that it did. Old code sends the new kind of message as any other; only the forgetting of a closed account by
old code leaves of which bills it was reminded, as digests that tell none of them.

Going back forgets the reminders. It is refused while a message of the new kind is there; a week after the
last one they are gone.
"""

from alembic import op

revision = "0071"
down_revision = "0070"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE bill_reminders (
  saved_id UUID NOT NULL,
  biller_id TEXT NOT NULL,
  next_check_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  epoch INTEGER DEFAULT 0 NOT NULL,
  due_on DATE,
  owed BIGINT,
  checked_at TIMESTAMP WITH TIME ZONE,
  cap BIGINT,
  is_paused BOOLEAN DEFAULT false NOT NULL,
  CONSTRAINT pk_bill_reminders PRIMARY KEY (saved_id),
  CONSTRAINT ck_bill_reminders_due_on CHECK (due_on IS NULL OR owed IS NOT NULL),
  CONSTRAINT ck_bill_reminders_owed CHECK (owed IS NULL OR (owed > 0 AND checked_at IS NOT NULL)),
  CONSTRAINT ck_bill_reminders_cap CHECK (cap > 0),
  CONSTRAINT ck_bill_reminders_is_paused CHECK (cap IS NOT NULL OR NOT is_paused),
  CONSTRAINT fk_bill_reminders_saved_id FOREIGN KEY (saved_id) REFERENCES saved_bills (id) ON DELETE CASCADE
);
CREATE INDEX ix_bill_reminders_biller_id_next_check_at ON bill_reminders (biller_id, next_check_at);
CREATE TABLE sent_reminders (
  citizen_id UUID NOT NULL,
  digest BYTEA NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_sent_reminders PRIMARY KEY (citizen_id, digest),
  CONSTRAINT ck_sent_reminders_digest CHECK (octet_length(digest) = 32),
  CONSTRAINT fk_sent_reminders_citizen_id FOREIGN KEY (citizen_id) REFERENCES citizens (id)
);
CREATE INDEX ix_sent_reminders_at ON sent_reminders (at);
GRANT SELECT ON bill_reminders, sent_reminders TO ekpay_app, ekpay_audit;
GRANT INSERT, UPDATE, DELETE ON bill_reminders TO ekpay_app;
GRANT INSERT, DELETE ON sent_reminders TO ekpay_app;
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
    _allow("'code', 'complaint', 'outcome', 'reminder'")


def downgrade() -> None:
    """Take the tables away and allow the kinds of before."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    _allow("'code', 'complaint', 'outcome'")
    op.execute("DROP TABLE sent_reminders")
    op.execute("DROP TABLE bill_reminders")


def _allow(kinds: str) -> None:
    for statement in (_DROP_KINDS, _ADD_KINDS.format(kinds=kinds), _VALIDATE_KINDS):
        op.execute(statement)
