"""Two queues of IPNs, two persons for plain http, tokens of all processes, callbacks that nobody claims.

Safe while the switch runs. An index of what waits is dropped and the other one takes its name, in a moment.
`merchants` is rewritten, which is small: `insecure_ipns` follows from who has approved, so old code reads
what it read, and can no longer set it. Who asked and who allowed before is taken from the changes of the
merchant; an allowance whose persons are not on the staff ends, and has to be asked for again.
The index of callbacks is built under a lock that lets them be read and holds back new ones: 0.6 seconds for
300,000 of them in memory, so some two for each million, and more on a slow disk. Old code writes every
callback to `callbacks` until it is replaced, and those of strangers among them stay, as all did before.
"""

from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_INDEX, _RANKED = "ix_notification_deliveries_waiting", "ix_notification_deliveries_ranked"
QUEUES = f"""
DROP INDEX {_INDEX};
ALTER INDEX {_RANKED} RENAME TO {_INDEX}
"""
ONE_QUEUE = f"""
ALTER INDEX {_INDEX} RENAME TO {_RANKED};
CREATE INDEX {_INDEX} ON notification_deliveries (endpoint_id, next_try_at) WHERE state = 'waiting'
"""
# An approval of before is known by the changes alone.
APPROVALS = """
UPDATE merchants SET insecure_ipns_asked_by = NULL
  WHERE insecure_ipns_asked_by NOT IN (SELECT name FROM staff);
ALTER TABLE merchants ADD COLUMN insecure_ipns_approved_by TEXT;
UPDATE merchants AS m SET insecure_ipns_asked_by = c.asked_by, insecure_ipns_approved_by = c.approved_by
FROM (
  SELECT DISTINCT ON (partner_id) partner_id, what ->> 'asked_by' AS asked_by, by AS approved_by
  FROM merchant_changes WHERE what ->> 'did' = 'insecure_ipns_allowed' ORDER BY partner_id, id DESC
) AS c
WHERE c.partner_id = m.partner_id AND m.insecure_ipns AND c.asked_by <> c.approved_by
  AND c.asked_by IN (SELECT name FROM staff) AND c.approved_by IN (SELECT name FROM staff);
ALTER TABLE merchants
  DROP COLUMN insecure_ipns,
  ADD CONSTRAINT fk_merchants_insecure_ipns_asked_by
    FOREIGN KEY(insecure_ipns_asked_by) REFERENCES staff (name),
  ADD CONSTRAINT fk_merchants_insecure_ipns_approved_by
    FOREIGN KEY(insecure_ipns_approved_by) REFERENCES staff (name),
  ADD CONSTRAINT ck_merchants_insecure_ipns CHECK (insecure_ipns_approved_by IS NULL
    OR (insecure_ipns_asked_by IS NOT NULL AND insecure_ipns_approved_by <> insecure_ipns_asked_by));
ALTER TABLE merchants ADD COLUMN insecure_ipns BOOLEAN NOT NULL
  GENERATED ALWAYS AS (insecure_ipns_approved_by IS NOT NULL) STORED
"""
ALLOWANCES = """
ALTER TABLE merchants DROP COLUMN insecure_ipns;
ALTER TABLE merchants ADD COLUMN insecure_ipns BOOLEAN DEFAULT false NOT NULL;
UPDATE merchants SET insecure_ipns = true WHERE insecure_ipns_approved_by IS NOT NULL;
ALTER TABLE merchants DROP COLUMN insecure_ipns_approved_by,
  DROP CONSTRAINT fk_merchants_insecure_ipns_asked_by
"""
TABLES = """
CREATE TABLE token_permits (
  partner_id TEXT NOT NULL,
  free_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_token_permits PRIMARY KEY (partner_id),
  CONSTRAINT fk_token_permits_partner_id FOREIGN KEY(partner_id) REFERENCES partners (id)
);
GRANT SELECT, INSERT, UPDATE ON token_permits TO ekpay_app;
GRANT SELECT ON token_permits TO ekpay_audit;
CREATE TABLE unclaimed_callbacks (
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
  consent TEXT,
  CONSTRAINT pk_unclaimed_callbacks PRIMARY KEY (id),
  CONSTRAINT uq_unclaimed_callbacks_connector_id_name UNIQUE (connector_id, name)
);
CREATE INDEX ix_unclaimed_callbacks_provider_reference
  ON unclaimed_callbacks (connector_id, provider_reference) WHERE provider_reference IS NOT NULL;
CREATE INDEX ix_unclaimed_callbacks_connector_id ON unclaimed_callbacks (connector_id, id);
CREATE INDEX ix_unclaimed_callbacks_at ON unclaimed_callbacks (at);
GRANT SELECT, INSERT, UPDATE, DELETE ON unclaimed_callbacks TO ekpay_app;
GRANT SELECT ON unclaimed_callbacks TO ekpay_audit;
GRANT USAGE ON SEQUENCE unclaimed_callbacks_id_seq TO ekpay_app;
CREATE INDEX ix_callbacks_reference ON callbacks (connector_id, reference) WHERE reference IS NOT NULL
"""
NO_TABLES = """
DROP INDEX ix_callbacks_reference;
DROP TABLE unclaimed_callbacks;
DROP TABLE token_permits
"""


def upgrade() -> None:
    """Make the queues, the approvals, the permits and the table of unclaimed callbacks."""
    _run(QUEUES, APPROVALS, TABLES)


def downgrade() -> None:
    """Undo all four; approvals stand as allowances, and what nobody claimed is gone."""
    _run(NO_TABLES, ALLOWANCES, ONE_QUEUE)


def _run(*scripts: str) -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    # Whatever an index takes: the session's own limit is for statements of the switch.
    op.execute("SET LOCAL statement_timeout = '30min'")
    for script in scripts:
        for statement in script.split(";\n"):
            op.execute(statement)
