"""Links to banks' hosts: who keeps each, numbers given out, requests; what a payer's agreement brought.

The new columns are empty for every try and callback of before. Safe while the switch runs: old code neither
reads nor writes any of this.
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE tries ADD COLUMN consent TEXT;
ALTER TABLE callbacks ADD COLUMN consent TEXT;
CREATE TABLE host_links (
  connector_id TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  holder TEXT NOT NULL,
  lease_until TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_host_links PRIMARY KEY (connector_id)
);
CREATE TABLE host_traces (
  acquirer TEXT NOT NULL,
  day DATE NOT NULL,
  last INTEGER NOT NULL,
  CONSTRAINT pk_host_traces PRIMARY KEY (acquirer, day),
  CONSTRAINT ck_host_traces_last CHECK (last BETWEEN 1 AND 999999)
);
CREATE TABLE host_messages (
  connector_id TEXT NOT NULL,
  reference TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  payment_id UUID,
  acquirer TEXT,
  day DATE,
  stan INTEGER,
  at TIMESTAMP WITH TIME ZONE,
  rrn TEXT,
  amount BIGINT,
  currency TEXT,
  alias TEXT,
  state TEXT NOT NULL,
  handed_over_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  send_until TIMESTAMP WITH TIME ZONE,
  link_epoch INTEGER,
  taken_at TIMESTAMP WITH TIME ZONE,
  lost_at TIMESTAMP WITH TIME ZONE,
  reply_code TEXT,
  reply_decided BOOLEAN DEFAULT false NOT NULL,
  reply JSONB,
  answered_at TIMESTAMP WITH TIME ZONE,
  reversal_day DATE,
  reversal_stan INTEGER,
  reversal_at TIMESTAMP WITH TIME ZONE,
  reversals_wanted INTEGER DEFAULT 0 NOT NULL,
  reversals_sent INTEGER DEFAULT 0 NOT NULL,
  reversal_answers INTEGER DEFAULT 0 NOT NULL,
  reversal_code TEXT,
  reversed_at TIMESTAMP WITH TIME ZONE,
  late_code TEXT,
  late_reply JSONB,
  late_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_host_messages PRIMARY KEY (connector_id, reference, epoch),
  CONSTRAINT ck_host_messages_state
    CHECK (state IN ('answered', 'reversed', 'reversing', 'taken', 'waiting', 'withdrawn')),
  CONSTRAINT ck_host_messages_whole
    CHECK (num_nulls(payment_id, acquirer, day, stan, at, rrn, amount, currency, alias, send_until)
    IN (0, 10)),
  CONSTRAINT ck_host_messages_tombstone CHECK (stan IS NOT NULL OR state = 'withdrawn'),
  CONSTRAINT ck_host_messages_stan CHECK (stan BETWEEN 1 AND 999999),
  CONSTRAINT ck_host_messages_reversal_stan CHECK (reversal_stan BETWEEN 1 AND 999999),
  CONSTRAINT ck_host_messages_amount CHECK (amount > 0),
  CONSTRAINT ck_host_messages_link_epoch CHECK ((taken_at IS NULL) = (link_epoch IS NULL)),
  CONSTRAINT ck_host_messages_taken_at CHECK (taken_at IS NOT NULL OR state IN ('waiting', 'withdrawn')),
  CONSTRAINT ck_host_messages_reply CHECK (num_nulls(reply_code, reply, answered_at) IN (0, 3)),
  CONSTRAINT ck_host_messages_answered CHECK (reply_code IS NOT NULL OR state <> 'answered'),
  CONSTRAINT ck_host_messages_reply_decided CHECK (NOT reply_decided OR state = 'answered'),
  CONSTRAINT ck_host_messages_reversing
    CHECK ((state IN ('reversed', 'reversing')) = (reversal_stan IS NOT NULL)),
  CONSTRAINT ck_host_messages_reversal
    CHECK (num_nulls(reversal_day, reversal_stan, reversal_at) IN (0, 3)),
  CONSTRAINT ck_host_messages_reversals_sent CHECK (reversals_sent BETWEEN 0 AND reversals_wanted),
  CONSTRAINT ck_host_messages_reversed_at
    CHECK ((state = 'reversed') = (reversed_at IS NOT NULL)
    AND (reversal_code IS NOT NULL OR state <> 'reversed')),
  CONSTRAINT ck_host_messages_late_reply CHECK (num_nulls(late_code, late_reply, late_at) IN (0, 3))
);
CREATE INDEX ix_host_messages_reversing ON host_messages (connector_id) WHERE state = 'reversing';
CREATE INDEX ix_host_messages_rrn ON host_messages (connector_id, rrn);
CREATE INDEX ix_host_messages_taken ON host_messages (connector_id)
    WHERE state = 'taken' AND lost_at IS NULL;
CREATE INDEX ix_host_messages_to_reverse ON host_messages (connector_id, reversal_at)
    WHERE state = 'reversing' AND reversals_wanted > reversals_sent;
CREATE INDEX ix_host_messages_waiting ON host_messages (connector_id, handed_over_at)
    WHERE state = 'waiting';
CREATE UNIQUE INDEX uq_host_messages_one_sent ON host_messages (connector_id, reference)
    WHERE state <> 'withdrawn';
CREATE UNIQUE INDEX uq_host_messages_reversal_stan ON host_messages (acquirer, reversal_day, reversal_stan)
    WHERE reversal_stan IS NOT NULL;
CREATE UNIQUE INDEX uq_host_messages_stan ON host_messages (acquirer, day, stan) WHERE stan IS NOT NULL;
GRANT SELECT ON host_links, host_traces, host_messages TO ekpay_app, ekpay_audit;
GRANT INSERT, UPDATE ON host_links, host_traces, host_messages TO ekpay_app
"""

TRIGGERS = (
    """
CREATE FUNCTION check_host_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.state <> NEW.state AND (OLD.reply_decided OR (OLD.state, NEW.state) NOT IN (
    ('answered', 'reversing'),
    ('reversing', 'reversed'),
    ('taken', 'answered'),
    ('taken', 'reversing'),
    ('taken', 'withdrawn'),
    ('waiting', 'taken'),
    ('waiting', 'withdrawn'))) THEN
    RAISE EXCEPTION 'a host message cannot be % after it was %', NEW.state, OLD.state
      USING ERRCODE = 'check_violation';
  END IF;
  IF (OLD.connector_id, OLD.reference, OLD.epoch, OLD.payment_id, OLD.acquirer, OLD.day, OLD.stan)
      IS DISTINCT FROM
      (NEW.connector_id, NEW.reference, NEW.epoch, NEW.payment_id, NEW.acquirer, NEW.day, NEW.stan)
    OR (OLD.at, OLD.rrn, OLD.amount, OLD.currency, OLD.alias, OLD.send_until)
      IS DISTINCT FROM (NEW.at, NEW.rrn, NEW.amount, NEW.currency, NEW.alias, NEW.send_until)
    OR (OLD.reply_code IS NOT NULL AND (OLD.reply_code, OLD.reply_decided, OLD.reply)
      IS DISTINCT FROM (NEW.reply_code, NEW.reply_decided, NEW.reply))
    OR (OLD.reversal_stan IS NOT NULL AND (OLD.reversal_day, OLD.reversal_stan)
      IS DISTINCT FROM (NEW.reversal_day, NEW.reversal_stan)) THEN
    RAISE EXCEPTION 'what a host message says never changes' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
""",
    """
CREATE TRIGGER host_messages_moves BEFORE UPDATE ON host_messages
  FOR EACH ROW EXECUTE FUNCTION check_host_message()
""",
    """
CREATE FUNCTION check_host_money() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM attempts AS a JOIN host_messages AS m
      ON m.connector_id = NEW.connector_id AND m.reference = a.reference
    WHERE a.id = NEW.attempt_id AND m.state <> 'withdrawn' AND NOT m.reply_decided) THEN
    RAISE EXCEPTION 'money that no host has said it took' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
""",
    """
CREATE TRIGGER tries_host_money BEFORE UPDATE ON tries
  FOR EACH ROW WHEN (NEW.collected IS NOT NULL AND OLD.collected IS NULL)
  EXECUTE FUNCTION check_host_money()
""",
)

DOWN = """
DROP TRIGGER tries_host_money ON tries;
DROP FUNCTION check_host_money;
DROP TABLE host_messages;
DROP TABLE host_traces;
DROP TABLE host_links;
DROP FUNCTION check_host_message;
ALTER TABLE callbacks DROP COLUMN consent;
ALTER TABLE tries DROP COLUMN consent
"""


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in (*UP.split(";\n"), *TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    """Take it away; only before money was asked for over a link."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in DOWN.split(";\n"):
        op.execute(statement)
