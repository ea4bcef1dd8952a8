"""Further movements of money under a try, each with its entry and the refund that gives it back.

Safe while the switch runs. The new column of `refunds` has no default and is filled by nobody but new code;
`refunds` and `tries` are locked for a moment, and `refunds` while one partial index is made again over its
give-backs, some 1 second for each million. Old code neither reads nor writes what is new, and goes on
raising its alarm for a further movement without booking it.

Going back is refused while a further movement is booked: its entry would be left without its reason.
"""

from alembic import op

revision = "0029"
down_revision = "0025"
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
    RAISE EXCEPTION 'a movement of money at the provider counts once' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
---
CREATE TRIGGER tries_movement_once AFTER UPDATE OF provider_transaction ON tries
  FOR EACH ROW WHEN (NEW.provider_transaction IS DISTINCT FROM OLD.provider_transaction)
  EXECUTE FUNCTION check_first_movement()
---
DROP INDEX uq_refunds_one_give_back
"""
REFUSE = """
DO $$
BEGIN
  IF EXISTS (SELECT FROM further_movements) THEN
    RAISE EXCEPTION 'further movements are booked, and their entries would be left without a reason';
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
"""


def upgrade() -> None:
    """Make the table and its guards, and leave refunds of further movements out of one per try."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in UP.split("---\n"):
        op.execute(statement)
    _one_give_back(f"{_GIVE_BACKS} AND further_movement_id IS NULL")


def downgrade() -> None:
    """Take it all back, while no further movement is booked."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(REFUSE)
    for statement in DOWN.split("---\n"):
        op.execute(statement)
    _one_give_back(_GIVE_BACKS)


def _one_give_back(condition: str) -> None:
    op.execute(f"CREATE UNIQUE INDEX uq_refunds_one_give_back ON refunds (attempt_id) WHERE {condition}")
