"""Collected payments: tries, callbacks, refunds, API keys, and who brought a payment's money.

The new column is empty for every payment of before, all of which came from prefunds. Safe while the switch
runs: old code neither reads nor writes any of this. Its writes wait while `attempts` is read once for an
index that is still empty afterwards, a second or two for ten million rows.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE payments ADD COLUMN collected_by TEXT;
CREATE UNIQUE INDEX uq_attempts_funds_reference ON attempts (reference) WHERE leg = 'funds';
CREATE TABLE api_keys (
  id UUID NOT NULL,
  partner_id TEXT NOT NULL,
  key_hash BYTEA NOT NULL,
  return_hosts JSONB NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  revoked_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_api_keys PRIMARY KEY (id),
  CONSTRAINT uq_api_keys_key_hash UNIQUE (key_hash),
  CONSTRAINT fk_api_keys_partner_id FOREIGN KEY (partner_id) REFERENCES partners (id)
);
CREATE INDEX ix_api_keys_partner_id ON api_keys (partner_id);
CREATE TABLE collections (
  payment_id UUID NOT NULL,
  bill JSONB NOT NULL,
  return_url TEXT NOT NULL,
  pay_until TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_collections PRIMARY KEY (payment_id),
  CONSTRAINT fk_collections_payment_id FOREIGN KEY (payment_id) REFERENCES payments (id)
);
CREATE TABLE tries (
  attempt_id UUID NOT NULL,
  payment_id UUID NOT NULL,
  connector_id TEXT NOT NULL,
  provider_reference TEXT,
  page_url TEXT,
  page_until TIMESTAMP WITH TIME ZONE,
  executes_begun SMALLINT DEFAULT 0 NOT NULL,
  provider_transaction TEXT,
  is_agreed BOOLEAN DEFAULT false NOT NULL,
  is_woken BOOLEAN DEFAULT false NOT NULL,
  epoch INTEGER NOT NULL,
  recorded INTEGER DEFAULT 0 NOT NULL,
  lease_until TIMESTAMP WITH TIME ZONE,
  next_action_at TIMESTAMP WITH TIME ZONE,
  asked INTEGER DEFAULT 0 NOT NULL,
  asked_at TIMESTAMP WITH TIME ZONE,
  collected BIGINT,
  collected_at TIMESTAMP WITH TIME ZONE,
  refunded BIGINT DEFAULT 0 NOT NULL,
  CONSTRAINT pk_tries PRIMARY KEY (attempt_id),
  CONSTRAINT ck_tries_collected CHECK (collected > 0),
  CONSTRAINT ck_tries_collected_at CHECK ((collected IS NULL) = (collected_at IS NULL)),
  CONSTRAINT ck_tries_refunded CHECK (refunded >= 0 AND refunded <= coalesce(collected, 0)),
  CONSTRAINT fk_tries_attempt_id FOREIGN KEY (attempt_id) REFERENCES attempts (id),
  CONSTRAINT fk_tries_payment_id FOREIGN KEY (payment_id) REFERENCES payments (id)
);
CREATE INDEX ix_tries_payment_id ON tries (payment_id);
CREATE UNIQUE INDEX uq_tries_provider_reference ON tries (connector_id, provider_reference)
  WHERE provider_reference IS NOT NULL;
CREATE UNIQUE INDEX uq_tries_provider_transaction ON tries (connector_id, provider_transaction)
  WHERE provider_transaction IS NOT NULL;
CREATE INDEX ix_tries_next_action_at ON tries (next_action_at) WHERE next_action_at IS NOT NULL;
CREATE TABLE callbacks (
  id BIGSERIAL NOT NULL,
  connector_id TEXT NOT NULL,
  name TEXT NOT NULL,
  headers JSONB NOT NULL,
  body BYTEA NOT NULL,
  provider_reference TEXT,
  reference TEXT,
  is_agreed BOOLEAN DEFAULT false NOT NULL,
  is_forged BOOLEAN DEFAULT false NOT NULL,
  why TEXT DEFAULT '' NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_callbacks PRIMARY KEY (id),
  CONSTRAINT uq_callbacks_connector_id_name UNIQUE (connector_id, name)
);
CREATE INDEX ix_callbacks_provider_reference ON callbacks (connector_id, provider_reference)
  WHERE provider_reference IS NOT NULL;
CREATE TABLE refunds (
  id UUID NOT NULL,
  payment_id UUID NOT NULL,
  attempt_id UUID NOT NULL,
  partner_id TEXT NOT NULL,
  connector_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  reference TEXT NOT NULL,
  fingerprint BYTEA NOT NULL,
  amount BIGINT NOT NULL,
  reason TEXT NOT NULL,
  state TEXT NOT NULL,
  asked_by TEXT NOT NULL,
  approved_by TEXT,
  by_hand_by TEXT,
  confirmed_by TEXT,
  bank_reference TEXT,
  our_reference TEXT NOT NULL,
  provider_refund TEXT,
  sends SMALLINT DEFAULT 0 NOT NULL,
  steps SMALLINT DEFAULT 0 NOT NULL,
  epoch INTEGER DEFAULT 0 NOT NULL,
  lease_until TIMESTAMP WITH TIME ZONE,
  next_action_at TIMESTAMP WITH TIME ZONE,
  asked INTEGER DEFAULT 0 NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_refunds PRIMARY KEY (id),
  CONSTRAINT uq_refunds_partner_id_reference UNIQUE (partner_id, reference),
  CONSTRAINT uq_refunds_bank_reference UNIQUE (bank_reference),
  CONSTRAINT uq_refunds_our_reference UNIQUE (our_reference),
  CONSTRAINT ck_refunds_amount CHECK (amount > 0),
  CONSTRAINT ck_refunds_kind CHECK (kind IN ('chargeback', 'give_back', 'refund', 'unexpected')),
  CONSTRAINT ck_refunds_state CHECK (state IN
    ('approved', 'asked', 'by_hand', 'done', 'failed', 'in_doubt', 'rejected', 'sent')),
  CONSTRAINT ck_refunds_two_persons CHECK (approved_by <> asked_by),
  CONSTRAINT ck_refunds_asked CHECK (state <> 'asked' OR approved_by IS NULL),
  CONSTRAINT ck_refunds_by_hand CHECK ((by_hand_by IS NULL) = (bank_reference IS NULL)),
  CONSTRAINT ck_refunds_confirmed CHECK
    (confirmed_by IS NULL OR (by_hand_by IS NOT NULL AND confirmed_by <> by_hand_by)),
  CONSTRAINT fk_refunds_payment_id FOREIGN KEY (payment_id) REFERENCES payments (id),
  CONSTRAINT fk_refunds_attempt_id FOREIGN KEY (attempt_id) REFERENCES tries (attempt_id),
  CONSTRAINT fk_refunds_partner_id FOREIGN KEY (partner_id) REFERENCES partners (id)
);
CREATE INDEX ix_refunds_payment_id ON refunds (payment_id);
CREATE UNIQUE INDEX uq_refunds_one_in_the_air ON refunds (attempt_id) WHERE state IN ('sent', 'in_doubt');
CREATE UNIQUE INDEX uq_refunds_provider_refund ON refunds (connector_id, provider_refund)
  WHERE provider_refund IS NOT NULL;
CREATE UNIQUE INDEX uq_refunds_one_give_back ON refunds (attempt_id)
  WHERE kind IN ('give_back', 'unexpected') AND state <> 'rejected';
CREATE INDEX ix_refunds_next_action_at ON refunds (next_action_at) WHERE next_action_at IS NOT NULL;
CREATE TABLE refund_history (
  refund_id UUID NOT NULL,
  seq SMALLINT NOT NULL,
  from_state TEXT NOT NULL,
  event TEXT NOT NULL,
  to_state TEXT NOT NULL,
  actor TEXT NOT NULL,
  facts JSONB NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_refund_history PRIMARY KEY (refund_id, seq),
  CONSTRAINT ck_refund_history_legal_step CHECK ((from_state, event, to_state) IN (
    ('approved', 'left_to_finance', 'by_hand'),
    ('approved', 'refused', 'failed'),
    ('approved', 'sending', 'sent'),
    ('asked', 'approved', 'approved'),
    ('asked', 'rejected', 'rejected'),
    ('asked', 'taken_by_connector', 'done'),
    ('by_hand', 'paid_by_hand', 'done'),
    ('in_doubt', 'sending', 'sent'),
    ('sent', 'doubted', 'in_doubt'),
    ('sent', 'given', 'done'),
    ('sent', 'left_to_finance', 'by_hand'),
    ('sent', 'not_sent', 'approved'),
    ('sent', 'refused', 'failed'),
    ('sent', 'sending', 'sent'))),
  CONSTRAINT fk_refund_history_refund_id FOREIGN KEY (refund_id) REFERENCES refunds (id)
);
GRANT SELECT ON api_keys, collections, tries, callbacks, refunds, refund_history TO ekpay_app, ekpay_audit;
GRANT INSERT ON api_keys, collections, tries, callbacks, refunds, refund_history TO ekpay_app;
GRANT UPDATE ON api_keys, tries, refunds TO ekpay_app;
GRANT USAGE ON SEQUENCE callbacks_id_seq TO ekpay_app
"""

DOWN = """
DROP TABLE refund_history;
DROP TABLE refunds;
DROP TABLE callbacks;
DROP TABLE tries;
DROP TABLE collections;
DROP TABLE api_keys;
DROP INDEX uq_attempts_funds_reference;
ALTER TABLE payments DROP COLUMN collected_by
"""


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Take it away, refunds and callbacks included; only before anything was collected."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in DOWN.split(";\n"):
        op.execute(statement)
