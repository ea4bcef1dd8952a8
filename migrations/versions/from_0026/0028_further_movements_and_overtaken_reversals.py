"""Further movements of money under a try, and reversals that came before their request.

Safe while the switch runs. The new columns of `refunds` and `host_messages` have no default or a constant
one, so no table is rewritten; `refunds`, `host_messages` and `tries` are locked for a moment, `refunds` while
one partial index is made again over its give-backs, some 1 second for each million, and `host_messages` while
its conditions are checked, about as long. Old code neither reads nor writes what is new: it goes on raising
its alarms without booking a further movement, and without reversing again.

A further movement has its own entry and the refund that gives it back. A reversal that was answered with 25
and whose request the host has approved since is begun anew, with another STAN; approvals that came before
this migration are evidence, as they were.

Going back is refused while a further movement is booked or a reversal was begun anew: its entry, or the
message that the host has confirmed, would be left without its reason.
"""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_GIVE_BACKS = "kind IN ('give_back', 'unexpected') AND state <> 'rejected'"
UP = """
CREATE TABLE further_movements (
  id UUID NOT NULL,
  attempt_id UUID NOT NULL,
  connector_id TEXT NOT NULL,
  provider_transaction TEXT NOT NULL,
  amount BIGINT NOT NULL,
  entry_id UUID NOT NULL,
  booked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_further_movements PRIMARY KEY (id),
  CONSTRAINT uq_further_movements_connector_id_provider_transaction
    UNIQUE (connector_id, provider_transaction),
  CONSTRAINT uq_further_movements_entry_id UNIQUE (entry_id),
  CONSTRAINT ck_further_movements_amount CHECK (amount > 0),
  CONSTRAINT ck_further_movements_provider_transaction CHECK (provider_transaction <> ''),
  CONSTRAINT fk_further_movements_attempt_id FOREIGN KEY (attempt_id) REFERENCES tries (attempt_id)
)
---
CREATE INDEX ix_further_movements_attempt_id ON further_movements (attempt_id)
---
GRANT SELECT, INSERT ON further_movements TO ekpay_app
---
GRANT SELECT ON further_movements TO ekpay_audit
---
ALTER TABLE refunds ADD COLUMN further_movement_id UUID,
  ADD CONSTRAINT uq_refunds_further_movement_id UNIQUE (further_movement_id),
  ADD CONSTRAINT ck_refunds_further_movement
    CHECK (further_movement_id IS NULL OR (kind = 'unexpected' AND sends = 0)),
  ADD CONSTRAINT fk_refunds_further_movement_id
    FOREIGN KEY (further_movement_id) REFERENCES further_movements (id)
---
CREATE FUNCTION check_further_movement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM tries WHERE connector_id = NEW.connector_id
      AND provider_transaction = NEW.provider_transaction) THEN
    RAISE EXCEPTION 'a movement of money at the provider counts once' USING ERRCODE = 'check_violation';
  END IF;
  IF NOT EXISTS (SELECT FROM tries WHERE attempt_id = NEW.attempt_id AND connector_id = NEW.connector_id
      AND collected IS NOT NULL AND provider_transaction IS NOT NULL) THEN
    RAISE EXCEPTION 'a further movement of a try without its first' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
---
CREATE TRIGGER further_movements_once AFTER INSERT ON further_movements
  FOR EACH ROW EXECUTE FUNCTION check_further_movement()
---
CREATE FUNCTION check_first_movement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM further_movements WHERE connector_id = NEW.connector_id
      AND provider_transaction = NEW.provider_transaction) THEN
    RAISE EXCEPTION 'a movement of money at the provider counts once'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'tries_movement_once';
  END IF;
  RETURN NULL;
END $$
---
CREATE TRIGGER tries_movement_once AFTER UPDATE OF provider_transaction ON tries
  FOR EACH ROW WHEN (NEW.provider_transaction IS DISTINCT FROM OLD.provider_transaction)
  EXECUTE FUNCTION check_first_movement()
---
DROP INDEX uq_refunds_one_give_back
---
ALTER TABLE host_messages ADD COLUMN late_approved BOOLEAN DEFAULT false NOT NULL,
  ADD COLUMN overtaken_day DATE, ADD COLUMN overtaken_stan INTEGER, ADD COLUMN overtaken_sends INTEGER,
  ADD CONSTRAINT ck_host_messages_late_approved CHECK (late_code IS NOT NULL OR NOT late_approved),
  ADD CONSTRAINT ck_host_messages_overtaken
    CHECK (num_nulls(overtaken_day, overtaken_stan, overtaken_sends) IN (0, 3)),
  ADD CONSTRAINT ck_host_messages_reversed_anew CHECK (overtaken_stan IS NULL OR late_approved)
"""
REFUSE = """
DO $$
BEGIN
  IF EXISTS (SELECT FROM further_movements) THEN
    RAISE EXCEPTION 'further movements are booked, and their entries would be left without a reason';
  END IF;
  IF EXISTS (SELECT FROM host_messages WHERE overtaken_stan IS NOT NULL) THEN
    RAISE EXCEPTION 'reversals were begun anew, and what was confirmed would be left without its message';
  END IF;
END $$
"""
DOWN = """
DROP TRIGGER tries_movement_once ON tries
---
ALTER TABLE refunds DROP COLUMN further_movement_id
---
DROP TABLE further_movements
---
DROP FUNCTION check_first_movement
---
DROP FUNCTION check_further_movement
---
DROP INDEX IF EXISTS uq_refunds_one_give_back
---
ALTER TABLE host_messages DROP COLUMN late_approved, DROP COLUMN overtaken_day, DROP COLUMN overtaken_stan,
  DROP COLUMN overtaken_sends
"""
OLD_MOVES = """
CREATE OR REPLACE FUNCTION check_host_message() RETURNS trigger LANGUAGE plpgsql AS $$
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
"""
MOVES = """
CREATE OR REPLACE FUNCTION check_host_message() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE is_anew boolean := OLD.overtaken_stan IS NULL AND NEW.overtaken_stan IS NOT NULL
  AND (OLD.reversal_day, OLD.reversal_stan) = (NEW.overtaken_day, NEW.overtaken_stan)
  AND NEW.reversal_code = '25' AND NEW.state = 'reversing';
BEGIN
  IF OLD.state <> NEW.state AND (OLD.reply_decided OR (OLD.state, NEW.state) NOT IN (
    ('answered', 'reversing'),
    ('reversed', 'reversing'),
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
      IS DISTINCT FROM (NEW.reversal_day, NEW.reversal_stan) AND NOT is_anew)
    OR (OLD.overtaken_stan IS NOT NULL AND (OLD.overtaken_day, OLD.overtaken_stan, OLD.overtaken_sends)
      IS DISTINCT FROM (NEW.overtaken_day, NEW.overtaken_stan, NEW.overtaken_sends)) THEN
    RAISE EXCEPTION 'what a host message says never changes' USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.state = 'reversed' AND NEW.state <> 'reversed' AND NOT is_anew THEN
    RAISE EXCEPTION 'a reversal that the host has confirmed' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""


def upgrade() -> None:
    """Make what is new with its guards, and leave refunds of further movements out of one per try."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in UP.split("---\n"):
        op.execute(statement)
    op.execute(MOVES)
    _one_give_back(f"{_GIVE_BACKS} AND further_movement_id IS NULL")


def downgrade() -> None:
    """Take it all back, while nothing needs it."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(REFUSE)
    op.execute(OLD_MOVES)
    for statement in DOWN.split("---\n"):
        op.execute(statement)
    _one_give_back(_GIVE_BACKS)


def _one_give_back(condition: str) -> None:
    op.execute(f"CREATE UNIQUE INDEX uq_refunds_one_give_back ON refunds (attempt_id) WHERE {condition}")
