"""A chargeback row of a settlement file is booked once: by a decision about its break, or by a chargeback.

Safe while the switch runs: a new table, which nothing but the reconciliation writes, and triggers that read
it. Decisions that stood before have no row here, so nothing holds back a dispute of a row decided before.
"""

from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE chargeback_decisions (
  connector_id TEXT NOT NULL,
  name TEXT NOT NULL,
  entry_id UUID NOT NULL,
  amount BIGINT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_chargeback_decisions PRIMARY KEY (connector_id, name, entry_id),
  CONSTRAINT ck_chargeback_decisions_amount CHECK (amount <> 0)
);
CREATE INDEX ix_chargeback_decisions_entry_id ON chargeback_decisions (entry_id);
GRANT SELECT, INSERT ON chargeback_decisions TO ekpay_app;
GRANT SELECT ON chargeback_decisions TO ekpay_audit
"""
_FUNCTION = """
CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(
    hashtextextended('chargeback row ' || NEW.connector_id || ' ' || NEW.{name}, 0));
  PERFORM FROM chargeback_decisions AS d JOIN refunds AS r
    ON r.connector_id = d.connector_id AND r.provider_refund = d.name AND r.kind = 'chargeback'
    AND r.state NOT IN ('failed', 'rejected')
    WHERE d.connector_id = NEW.connector_id AND d.name = NEW.{name} GROUP BY r.id HAVING sum(d.amount) > 0;
  IF FOUND THEN
    RAISE EXCEPTION 'row % is booked by a decision and by a chargeback', NEW.{name}
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_TRIGGERS = (
    """
CREATE TRIGGER chargeback_decisions_once AFTER INSERT ON chargeback_decisions
  FOR EACH ROW EXECUTE FUNCTION check_chargeback_decision()
""",
    """
CREATE TRIGGER refunds_row_once AFTER INSERT OR UPDATE OF provider_refund ON refunds
  FOR EACH ROW WHEN (NEW.kind = 'chargeback' AND NEW.provider_refund IS NOT NULL)
  EXECUTE FUNCTION check_chargeback_taken()
""",
)
_FUNCTIONS = {"check_chargeback_decision": "name", "check_chargeback_taken": "provider_refund"}


def upgrade() -> None:
    """Add the table and its triggers."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in _TABLE.split(";\n"):
        op.execute(statement)
    for function, name in _FUNCTIONS.items():
        op.execute(_FUNCTION.format(function=function, name=name))
    for statement in _TRIGGERS:
        op.execute(statement)


def downgrade() -> None:
    """Take them back; what booked a row is then said by its decision alone."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TRIGGER refunds_row_once ON refunds")
    op.execute("DROP TABLE chargeback_decisions")
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}()")
