"""Routing: every decision with its reasons, what payment calls came to, and a breaker a connector.

Safe while the switch runs: old code neither reads nor writes any of this, and its tries have no decision.
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE routing_decisions (
  attempt_id UUID NOT NULL,
  payment_id UUID NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  instrument TEXT NOT NULL,
  kind TEXT NOT NULL,
  chosen TEXT NOT NULL,
  amount BIGINT NOT NULL,
  approach TEXT NOT NULL,
  version TEXT NOT NULL,
  document JSONB NOT NULL,
  CONSTRAINT pk_routing_decisions PRIMARY KEY (attempt_id),
  CONSTRAINT ck_routing_decisions_amount CHECK (amount > 0),
  CONSTRAINT ck_routing_decisions_approach CHECK
    (approach IN ('explored', 'last', 'named', 'scored', 'split')),
  CONSTRAINT fk_routing_decisions_attempt_id FOREIGN KEY (attempt_id) REFERENCES attempts (id),
  CONSTRAINT fk_routing_decisions_payment_id FOREIGN KEY (payment_id) REFERENCES payments (id)
);
CREATE INDEX ix_routing_decisions_payment_id ON routing_decisions (payment_id);
CREATE INDEX ix_routing_decisions_chosen ON routing_decisions (chosen, at);
CREATE INDEX ix_routing_decisions_at ON routing_decisions (at);
CREATE TABLE routing_outcomes (
  id BIGSERIAL NOT NULL,
  attempt_id UUID NOT NULL,
  connector_id TEXT NOT NULL,
  instrument TEXT NOT NULL,
  outcome TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_routing_outcomes PRIMARY KEY (id),
  CONSTRAINT ck_routing_outcomes_outcome CHECK
    (outcome IN ('collected', 'declined', 'in_doubt', 'no_page', 'page', 'refused', 'unreached'))
);
CREATE UNIQUE INDEX uq_routing_outcomes_counted ON routing_outcomes (attempt_id)
  WHERE outcome NOT IN ('page', 'refused');
CREATE INDEX ix_routing_outcomes_record ON routing_outcomes (connector_id, instrument, at)
  WHERE outcome NOT IN ('page', 'refused');
CREATE INDEX ix_routing_outcomes_newest ON routing_outcomes (connector_id, at);
CREATE TABLE connector_breakers (
  connector_id TEXT NOT NULL,
  state TEXT DEFAULT 'closed' NOT NULL,
  since TIMESTAMP WITH TIME ZONE DEFAULT to_timestamp(0) NOT NULL,
  because TEXT DEFAULT '' NOT NULL,
  probe TEXT DEFAULT '' NOT NULL,
  probe_until TIMESTAMP WITH TIME ZONE,
  epoch INTEGER DEFAULT 0 NOT NULL,
  CONSTRAINT pk_connector_breakers PRIMARY KEY (connector_id),
  CONSTRAINT ck_connector_breakers_state CHECK (state IN ('closed', 'half_open', 'open')),
  CONSTRAINT ck_connector_breakers_probe CHECK (state <> 'closed' OR probe_until IS NULL)
);
GRANT SELECT ON routing_decisions, routing_outcomes, connector_breakers TO ekpay_app, ekpay_audit;
GRANT INSERT ON routing_decisions, routing_outcomes, connector_breakers TO ekpay_app;
GRANT UPDATE ON routing_outcomes, connector_breakers TO ekpay_app;
GRANT DELETE ON routing_outcomes TO ekpay_app;
GRANT USAGE ON SEQUENCE routing_outcomes_id_seq TO ekpay_app
"""

DOWN = """
DROP TABLE connector_breakers;
DROP TABLE routing_outcomes;
DROP TABLE routing_decisions
"""


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Take it away, decisions included."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in DOWN.split(";\n"):
        op.execute(statement)
