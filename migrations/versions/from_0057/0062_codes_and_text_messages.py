"""One-time codes, text messages and contacts of carts, with the limits of how often one may be sent.

Safe while the switch runs: new tables that old code neither reads nor writes.
"""

from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE cart_contacts (
  cart_id UUID NOT NULL,
  number_sealed BYTEA NOT NULL,
  language TEXT NOT NULL,
  CONSTRAINT pk_cart_contacts PRIMARY KEY (cart_id),
  CONSTRAINT ck_cart_contacts_language CHECK (language IN ('bn', 'en')),
  CONSTRAINT fk_cart_contacts_cart_id FOREIGN KEY (cart_id) REFERENCES bill_carts (id) ON DELETE CASCADE
);
CREATE TABLE one_time_codes (
  id UUID NOT NULL,
  purpose TEXT NOT NULL,
  subject TEXT,
  digest BYTEA NOT NULL,
  tries SMALLINT DEFAULT 0 NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  used_at TIMESTAMP WITH TIME ZONE,
  replaced_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_one_time_codes PRIMARY KEY (id),
  CONSTRAINT ck_one_time_codes_purpose CHECK (purpose IN ('track')),
  CONSTRAINT ck_one_time_codes_tries CHECK (tries BETWEEN 0 AND 5),
  CONSTRAINT ck_one_time_codes_one_end CHECK (num_nonnulls(used_at, replaced_at) <= 1),
  CONSTRAINT ck_one_time_codes_used_at CHECK (used_at IS NULL OR (subject IS NOT NULL AND tries > 0)),
  CONSTRAINT ck_one_time_codes_digest CHECK (octet_length(digest) = 32)
);
CREATE INDEX ix_one_time_codes_expires_at ON one_time_codes (expires_at);
CREATE TABLE text_messages (
  id UUID NOT NULL,
  kind TEXT NOT NULL,
  masked_number TEXT NOT NULL,
  sealed BYTEA,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  worth_until TIMESTAMP WITH TIME ZONE NOT NULL,
  next_try_at TIMESTAMP WITH TIME ZONE DEFAULT now(),
  tries SMALLINT DEFAULT 0 NOT NULL,
  epoch INTEGER DEFAULT 0 NOT NULL,
  last_why TEXT,
  ending TEXT,
  ended_at TIMESTAMP WITH TIME ZONE,
  gateway_reference TEXT,
  CONSTRAINT pk_text_messages PRIMARY KEY (id),
  CONSTRAINT ck_text_messages_kind CHECK (kind IN ('code')),
  CONSTRAINT ck_text_messages_ending CHECK (ending IN ('lapsed', 'refused', 'sent')),
  CONSTRAINT ck_text_messages_ended_at CHECK (num_nonnulls(ending, ended_at) IN (0, 2)),
  CONSTRAINT ck_text_messages_next_try_at CHECK ((ending IS NULL) = (next_try_at IS NOT NULL)),
  CONSTRAINT ck_text_messages_sealed CHECK ((ending IS NULL) = (sealed IS NOT NULL))
);
CREATE INDEX ix_text_messages_next_try_at ON text_messages (next_try_at) WHERE next_try_at IS NOT NULL;
CREATE INDEX ix_text_messages_created_at ON text_messages (created_at);
CREATE TABLE message_permits (
  holder TEXT NOT NULL,
  free_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_message_permits PRIMARY KEY (holder)
);
CREATE INDEX ix_message_permits_free_at ON message_permits (free_at);
GRANT SELECT ON cart_contacts, one_time_codes, text_messages, message_permits TO ekpay_app, ekpay_audit;
GRANT INSERT, UPDATE, DELETE ON cart_contacts, one_time_codes, text_messages, message_permits TO ekpay_app;
"""
_DROP = """
DROP TABLE message_permits;
DROP TABLE text_messages;
DROP TABLE one_time_codes;
DROP TABLE cart_contacts;
"""


def upgrade() -> None:
    """Add the tables."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in filter(None, map(str.strip, _TABLES.split(";"))):
        op.execute(statement)


def downgrade() -> None:
    """Take them away."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in filter(None, map(str.strip, _DROP.split(";"))):
        op.execute(statement)
