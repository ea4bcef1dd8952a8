"""The books: every table of the first version, the balance trigger, the lanes and the grants of the roles.

Runs on an empty database only, so nothing waits for it.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE accounts (
  code TEXT NOT NULL,
  kind TEXT NOT NULL,
  currency TEXT DEFAULT 'BDT' NOT NULL,
  balance BIGINT,
  floor BIGINT,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_accounts PRIMARY KEY (code),
  CONSTRAINT ck_accounts_kind CHECK (kind IN ('asset', 'expense', 'liability', 'income')),
  CONSTRAINT ck_accounts_balance_with_floor CHECK ((balance IS NULL) = (floor IS NULL)),
  CONSTRAINT ck_accounts_floor CHECK (balance >= floor)
);
CREATE TABLE far_sides (
  id TEXT NOT NULL,
  next_inquiry_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  token_sealed BYTEA,
  token_until TIMESTAMP WITH TIME ZONE,
  login_epoch INTEGER DEFAULT 0 NOT NULL,
  login_until TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_far_sides PRIMARY KEY (id)
);
CREATE TABLE journal_entries (
  id UUID NOT NULL,
  lane SMALLINT NOT NULL,
  seq BIGINT NOT NULL,
  payment_id UUID,
  moment TEXT NOT NULL,
  currency TEXT NOT NULL,
  business_date DATE NOT NULL,
  window_id BIGINT NOT NULL,
  hash BYTEA NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_journal_entries PRIMARY KEY (id),
  CONSTRAINT uq_journal_entries_lane_seq UNIQUE (lane, seq)
);
CREATE INDEX ix_journal_entries_payment_id ON journal_entries (payment_id);
CREATE TABLE lanes (
  lane SMALLINT NOT NULL,
  seq BIGINT NOT NULL,
  hash BYTEA NOT NULL,
  CONSTRAINT pk_lanes PRIMARY KEY (lane)
);
CREATE TABLE partners (
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  nd_id TEXT NOT NULL,
  syndct_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  pass_key_hash BYTEA NOT NULL,
  secret_sealed BYTEA NOT NULL,
  previous_secret_sealed BYTEA,
  previous_secret_until TIMESTAMP WITH TIME ZONE,
  generation INTEGER DEFAULT 1 NOT NULL,
  lane SMALLINT NOT NULL,
  is_active BOOLEAN DEFAULT true NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_partners PRIMARY KEY (id),
  CONSTRAINT ck_partners_nd_id CHECK (nd_id ~ '^NS[0-9]+$'),
  CONSTRAINT ck_partners_syndct_id CHECK (syndct_id ~ '^s[0-9]+$'),
  CONSTRAINT uq_partners_nd_id UNIQUE (nd_id),
  CONSTRAINT uq_partners_syndct_id UNIQUE (syndct_id),
  CONSTRAINT uq_partners_user_id UNIQUE (user_id)
);
CREATE TABLE postings (
  entry_id UUID NOT NULL,
  seq SMALLINT NOT NULL,
  account TEXT NOT NULL,
  amount BIGINT NOT NULL,
  CONSTRAINT pk_postings PRIMARY KEY (entry_id, seq),
  CONSTRAINT ck_postings_amount CHECK (amount <> 0)
);
CREATE TABLE scroll_counters (
  series TEXT NOT NULL,
  business_date DATE NOT NULL,
  last BIGINT NOT NULL,
  CONSTRAINT pk_scroll_counters PRIMARY KEY (series, business_date)
);
CREATE TABLE settlement_windows (
  id BIGSERIAL NOT NULL,
  business_date DATE NOT NULL,
  state TEXT DEFAULT 'open' NOT NULL,
  opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  closed_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_settlement_windows PRIMARY KEY (id),
  CONSTRAINT ck_settlement_windows_state CHECK (state IN ('open', 'closed', 'settled')),
  CONSTRAINT ck_settlement_windows_closed_at CHECK ((state = 'open') = (closed_at IS NULL))
);
CREATE UNIQUE INDEX uq_settlement_windows_one_open ON settlement_windows (business_date) WHERE state = 'open';
CREATE TABLE staff (
  name TEXT NOT NULL,
  passphrase_hash TEXT NOT NULL,
  roles JSONB NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_staff PRIMARY KEY (name)
);
CREATE TABLE payments (
  id UUID NOT NULL,
  partner_id TEXT NOT NULL,
  lane SMALLINT NOT NULL,
  reference TEXT NOT NULL,
  fingerprint BYTEA NOT NULL,
  quote_id TEXT,
  biller_id TEXT NOT NULL,
  bill_key TEXT NOT NULL,
  bucket TEXT NOT NULL,
  currency TEXT NOT NULL,
  amount BIGINT NOT NULL,
  charge BIGINT NOT NULL,
  fee BIGINT NOT NULL,
  vat BIGINT NOT NULL,
  state TEXT NOT NULL,
  refusal TEXT,
  biller_quote JSONB NOT NULL,
  facts JSONB DEFAULT '{}' NOT NULL,
  quote_expires_at TIMESTAMP WITH TIME ZONE,
  scroll_no BIGINT,
  business_date DATE NOT NULL,
  epoch INTEGER NOT NULL,
  steps SMALLINT NOT NULL,
  asked INTEGER DEFAULT 0 NOT NULL,
  next_action_at TIMESTAMP WITH TIME ZONE,
  lease_until TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_payments PRIMARY KEY (id),
  CONSTRAINT uq_payments_partner_id_reference UNIQUE (partner_id, reference),
  CONSTRAINT ck_payments_state CHECK (state IN ('collecting', 'completed', 'created', 'declined',
    'delivering', 'expired', 'funded', 'in_review', 'refunded', 'refunding')),
  CONSTRAINT ck_payments_sums CHECK (least(amount, charge, fee, vat) >= 0),
  CONSTRAINT ck_payments_declined_has_refusal CHECK ((state = 'declined') <= (refusal IS NOT NULL)),
  CONSTRAINT ck_payments_scroll_no CHECK (scroll_no > 0),
  CONSTRAINT fk_payments_partner_id FOREIGN KEY(partner_id) REFERENCES partners (id)
);
CREATE INDEX ix_payments_bill_in_review ON payments (biller_id, bill_key) WHERE state = 'in_review';
CREATE INDEX ix_payments_next_action_at ON payments (next_action_at) WHERE next_action_at IS NOT NULL;
CREATE INDEX ix_payments_quote_id ON payments (quote_id);
CREATE UNIQUE INDEX uq_payments_one_per_bill ON payments (biller_id,
    bill_key) WHERE state NOT IN ('declined', 'expired', 'refunded') AND refusal IS NULL;
CREATE UNIQUE INDEX uq_payments_scroll ON payments (biller_id, business_date,
    scroll_no) WHERE scroll_no IS NOT NULL;
CREATE TABLE quotes (
  quote_id TEXT NOT NULL,
  partner_id TEXT NOT NULL,
  request_reference TEXT NOT NULL,
  biller_id TEXT NOT NULL,
  bucket TEXT NOT NULL,
  bill_key TEXT NOT NULL,
  bill_lock BIGINT NOT NULL,
  is_paid BOOLEAN NOT NULL,
  currency TEXT NOT NULL,
  amount BIGINT NOT NULL,
  charge BIGINT NOT NULL,
  fee BIGINT NOT NULL,
  vat BIGINT NOT NULL,
  fee_version TEXT NOT NULL,
  bill JSONB NOT NULL,
  biller_quote JSONB NOT NULL,
  expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_quotes PRIMARY KEY (quote_id),
  CONSTRAINT ck_quotes_bucket CHECK (bucket IN ('postpaid', 'prepaid')),
  CONSTRAINT ck_quotes_sums CHECK (least(amount, charge, fee, vat) >= 0),
  CONSTRAINT fk_quotes_partner_id FOREIGN KEY(partner_id) REFERENCES partners (id)
);
CREATE INDEX ix_quotes_created_at ON quotes (created_at);
CREATE INDEX ix_quotes_partner_id_request_reference ON quotes (partner_id, request_reference);
CREATE TABLE top_ups (
  id UUID NOT NULL,
  partner_id TEXT NOT NULL,
  bucket TEXT NOT NULL,
  amount BIGINT NOT NULL,
  reference TEXT NOT NULL,
  asked_by TEXT NOT NULL,
  approved_by TEXT,
  asked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  approved_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_top_ups PRIMARY KEY (id),
  CONSTRAINT ck_top_ups_amount CHECK (amount > 0),
  CONSTRAINT ck_top_ups_bucket CHECK (bucket IN ('postpaid', 'prepaid')),
  CONSTRAINT ck_top_ups_two_persons CHECK (approved_by <> asked_by),
  CONSTRAINT fk_top_ups_partner_id FOREIGN KEY(partner_id) REFERENCES partners (id),
  CONSTRAINT uq_top_ups_reference UNIQUE (reference),
  CONSTRAINT fk_top_ups_asked_by FOREIGN KEY(asked_by) REFERENCES staff (name),
  CONSTRAINT fk_top_ups_approved_by FOREIGN KEY(approved_by) REFERENCES staff (name)
);
CREATE TABLE attempts (
  id UUID NOT NULL,
  payment_id UUID NOT NULL,
  leg TEXT NOT NULL,
  far_side TEXT NOT NULL,
  reference TEXT NOT NULL,
  state TEXT NOT NULL,
  outcome TEXT,
  sends SMALLINT NOT NULL,
  send_until TIMESTAMP WITH TIME ZONE NOT NULL,
  opened_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  closed_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_attempts PRIMARY KEY (id),
  CONSTRAINT uq_attempts_far_side_reference UNIQUE (far_side, reference),
  CONSTRAINT ck_attempts_leg CHECK (leg IN ('funds', 'delivery')),
  CONSTRAINT ck_attempts_state CHECK (state IN ('open', 'abandoned', 'closed')),
  CONSTRAINT ck_attempts_closed_at CHECK ((state = 'closed') = (closed_at IS NOT NULL)),
  CONSTRAINT fk_attempts_payment_id FOREIGN KEY(payment_id) REFERENCES payments (id)
);
CREATE UNIQUE INDEX uq_attempts_one_open ON attempts (payment_id, leg) WHERE state = 'open';
CREATE UNIQUE INDEX uq_attempts_one_success ON attempts (payment_id, leg) WHERE outcome = 'approved';
CREATE TABLE evidence (
  id BIGSERIAL NOT NULL,
  payment_id UUID NOT NULL,
  attempt_id UUID NOT NULL,
  epoch INTEGER NOT NULL,
  kind TEXT NOT NULL,
  facts JSONB NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_evidence PRIMARY KEY (id),
  CONSTRAINT fk_evidence_payment_id FOREIGN KEY(payment_id) REFERENCES payments (id)
);
CREATE INDEX ix_evidence_payment_id ON evidence (payment_id);
CREATE UNIQUE INDEX uq_evidence_one_per_answer ON evidence (payment_id, attempt_id, epoch,
    kind) WHERE kind <> 'inquiry';
CREATE TABLE history (
  payment_id UUID NOT NULL,
  seq SMALLINT NOT NULL,
  from_state TEXT NOT NULL,
  event TEXT NOT NULL,
  to_state TEXT NOT NULL,
  actor TEXT NOT NULL,
  facts JSONB NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_history PRIMARY KEY (payment_id, seq),
  CONSTRAINT ck_history_legal_step CHECK ((from_state, event, to_state) IN (('collecting', 'collected',
    'funded'), ('collecting', 'collection_came_to_nothing', 'created'), ('collecting',
    'facts_disagreed', 'in_review'), ('completed', 'contrary_evidence', 'in_review'), ('created',
    'collection_started', 'collecting'), ('created', 'payer_never_paid', 'expired'), ('created',
    'prefund_taken', 'delivering'), ('created', 'refused', 'declined'), ('declined',
    'contrary_evidence', 'in_review'), ('delivering', 'biller_acknowledged', 'completed'),
    ('delivering', 'biller_refused', 'refunding'), ('delivering', 'biller_unreached', 'funded'),
    ('delivering', 'facts_disagreed', 'in_review'), ('delivering', 'proven_not_posted', 'refunding'),
    ('expired', 'contrary_evidence', 'in_review'), ('funded', 'delivery_given_up', 'refunding'),
    ('funded', 'delivery_started', 'delivering'), ('funded', 'merchant_credited', 'completed'),
    ('in_review', 'reviewed_as_completed', 'completed'), ('in_review', 'reviewed_as_declined',
    'declined'), ('in_review', 'reviewed_as_expired', 'expired'), ('in_review', 'reviewed_as_refunded',
    'refunded'), ('in_review', 'reviewed_to_deliver', 'funded'), ('in_review', 'reviewed_to_give_back',
    'refunding'), ('refunded', 'contrary_evidence', 'in_review'), ('refunding', 'given_back',
    'refunded'))),
  CONSTRAINT fk_history_payment_id FOREIGN KEY(payment_id) REFERENCES payments (id)
);
CREATE TABLE notifications (
  id UUID NOT NULL,
  payment_id UUID NOT NULL,
  partner_id TEXT NOT NULL,
  notice TEXT NOT NULL,
  state TEXT DEFAULT 'waiting' NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_notifications PRIMARY KEY (id),
  CONSTRAINT ck_notifications_state CHECK (state IN ('waiting', 'delivered', 'given_up')),
  CONSTRAINT fk_notifications_payment_id FOREIGN KEY(payment_id) REFERENCES payments (id)
);
CREATE INDEX ix_notifications_payment_id ON notifications (payment_id);
"""

BALANCE_TRIGGER = """
CREATE FUNCTION check_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE broken text;
BEGIN
  SELECT p.entry_id::text INTO broken FROM (SELECT DISTINCT entry_id FROM fresh) AS f
    JOIN postings AS p ON p.entry_id = f.entry_id
    GROUP BY p.entry_id HAVING sum(p.amount) <> 0 LIMIT 1;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'journal entry % does not balance', broken USING ERRCODE = 'check_violation';
  END IF;
  SELECT f.entry_id::text INTO broken FROM fresh AS f
    LEFT JOIN journal_entries AS e ON e.id = f.entry_id
    LEFT JOIN accounts AS a ON a.code = f.account
    WHERE e.id IS NULL OR a.code IS NULL OR a.currency <> e.currency LIMIT 1;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'posting of entry % has no entry or no account', broken USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER postings_balance AFTER INSERT ON postings
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION check_entries();
"""

# 256 is the most lanes that the settings allow; a lane without partners costs one row.
LANES = """
INSERT INTO lanes (lane, seq, hash)
SELECT n, 0, decode(repeat('00', 32), 'hex') FROM generate_series(0, 255) AS n
"""

# The application may add to the books and never change or remove what stands there; the audit only reads.
ROLES = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ekpay_app') THEN
    CREATE ROLE ekpay_app NOLOGIN;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ekpay_audit') THEN
    CREATE ROLE ekpay_audit NOLOGIN;
  END IF;
END $$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO ekpay_app, ekpay_audit;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO ekpay_app, ekpay_audit;
GRANT INSERT ON ALL TABLES IN SCHEMA public TO ekpay_app;
REVOKE INSERT ON alembic_version, lanes FROM ekpay_app;
GRANT UPDATE ON accounts, far_sides, lanes, partners, scroll_counters, settlement_windows, staff,
    payments, quotes, top_ups, attempts, notifications TO ekpay_app;
GRANT DELETE ON quotes TO ekpay_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ekpay_app;
"""


DROP = """
DROP TABLE notifications, history, evidence, attempts, top_ups, quotes, payments, staff,
    settlement_windows, scroll_counters, postings, partners, lanes, journal_entries, far_sides, accounts
"""


def _statements(script: str) -> list[str]:
    return [part for part in script.split(";\n") if part.strip()]


def upgrade() -> None:
    """Build everything."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in _statements(TABLES):
        op.execute(statement)
    function, trigger = BALANCE_TRIGGER.split("$$;\n")
    op.execute(function + "$$")
    op.execute(trigger)
    op.execute(LANES)
    block, grants = ROLES.split("$$;\n")
    op.execute(block + "$$")
    for statement in _statements(grants):
        op.execute(statement)


def downgrade() -> None:
    """Remove everything; only ever right on an empty database."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(DROP)
    op.execute("DROP FUNCTION check_entries")
