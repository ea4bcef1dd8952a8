"""Endpoints of partners, deliveries of notifications, the log of tries; two more states of a notification.

`notifications` is locked for writing while its new CHECK and index read it, about a second for some million
rows: run it in a quiet hour. Old code goes on writing notifications, which wait until a new worker runs.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE notifications DROP CONSTRAINT ck_notifications_state;
ALTER TABLE notifications ADD CONSTRAINT ck_notifications_state
  CHECK (state IN ('waiting', 'sending', 'delivered', 'given_up', 'unwanted'));
CREATE INDEX ix_notifications_waiting ON notifications (id) WHERE state = 'waiting';
CREATE TABLE notification_endpoints (
  id UUID NOT NULL,
  partner_id TEXT NOT NULL,
  url TEXT NOT NULL,
  events JSONB DEFAULT '[]' NOT NULL,
  state TEXT DEFAULT 'active' NOT NULL,
  disabled_why TEXT,
  key_generation INTEGER DEFAULT 1 NOT NULL,
  previous_key_until TIMESTAMP WITH TIME ZONE,
  failures_in_a_row INTEGER DEFAULT 0 NOT NULL,
  given_up_in_a_row INTEGER DEFAULT 0 NOT NULL,
  paused_until TIMESTAMP WITH TIME ZONE,
  served_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_notification_endpoints PRIMARY KEY (id),
  CONSTRAINT uq_notification_endpoints_partner_id_url UNIQUE (partner_id, url),
  CONSTRAINT ck_notification_endpoints_state CHECK (state IN ('active', 'disabled')),
  CONSTRAINT ck_notification_endpoints_disabled_why
    CHECK ((state = 'disabled') = (disabled_why IS NOT NULL)),
  CONSTRAINT fk_notification_endpoints_partner_id FOREIGN KEY (partner_id) REFERENCES partners (id)
);
CREATE TABLE notification_deliveries (
  notification_id UUID NOT NULL,
  endpoint_id UUID NOT NULL,
  state TEXT DEFAULT 'waiting' NOT NULL,
  tries SMALLINT DEFAULT 0 NOT NULL,
  is_replay BOOLEAN DEFAULT false NOT NULL,
  next_try_at TIMESTAMP WITH TIME ZONE DEFAULT now(),
  lease_until TIMESTAMP WITH TIME ZONE,
  epoch INTEGER DEFAULT 0 NOT NULL,
  last_status SMALLINT,
  last_why TEXT,
  asked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  delivered_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_notification_deliveries PRIMARY KEY (notification_id, endpoint_id),
  CONSTRAINT ck_notification_deliveries_state CHECK (state IN ('waiting', 'delivered', 'given_up')),
  CONSTRAINT ck_notification_deliveries_next_try_at CHECK ((state = 'waiting') = (next_try_at IS NOT NULL)),
  CONSTRAINT ck_notification_deliveries_lease_until CHECK (state = 'waiting' OR lease_until IS NULL),
  CONSTRAINT fk_notification_deliveries_notification_id
    FOREIGN KEY (notification_id) REFERENCES notifications (id),
  CONSTRAINT fk_notification_deliveries_endpoint_id
    FOREIGN KEY (endpoint_id) REFERENCES notification_endpoints (id)
);
CREATE INDEX ix_notification_deliveries_waiting ON notification_deliveries (endpoint_id, next_try_at)
  WHERE state = 'waiting';
CREATE INDEX ix_notification_deliveries_leased ON notification_deliveries (endpoint_id)
  WHERE lease_until IS NOT NULL;
CREATE TABLE notification_tries (
  id BIGSERIAL NOT NULL,
  notification_id UUID NOT NULL,
  endpoint_id UUID NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  number SMALLINT NOT NULL,
  status SMALLINT,
  why TEXT NOT NULL,
  took_ms INTEGER NOT NULL,
  is_replay BOOLEAN NOT NULL,
  CONSTRAINT pk_notification_tries PRIMARY KEY (id),
  CONSTRAINT fk_notification_tries_delivery FOREIGN KEY (notification_id, endpoint_id)
    REFERENCES notification_deliveries (notification_id, endpoint_id)
);
CREATE INDEX ix_notification_tries_delivery ON notification_tries (notification_id, endpoint_id);
CREATE INDEX ix_notification_tries_endpoint_id ON notification_tries (endpoint_id, id);
GRANT SELECT ON notification_endpoints, notification_deliveries, notification_tries TO ekpay_app, ekpay_audit;
GRANT INSERT ON notification_endpoints, notification_deliveries, notification_tries TO ekpay_app;
GRANT UPDATE ON notification_endpoints, notification_deliveries TO ekpay_app;
GRANT USAGE ON SEQUENCE notification_tries_id_seq TO ekpay_app
"""

DOWN = """
DROP TABLE notification_tries;
DROP TABLE notification_deliveries;
DROP TABLE notification_endpoints;
DROP INDEX ix_notifications_waiting;
UPDATE notifications SET state = 'waiting' WHERE state IN ('sending', 'unwanted');
ALTER TABLE notifications DROP CONSTRAINT ck_notifications_state;
ALTER TABLE notifications ADD CONSTRAINT ck_notifications_state
  CHECK (state IN ('waiting', 'delivered', 'given_up'))
"""


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Take it away, the log included; what was not delivered waits again."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in DOWN.split(";\n"):
        op.execute(statement)
