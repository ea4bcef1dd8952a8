"""Treasury challans that merchants raise from what they are owed: who may, requests, their lines and ends.

Safe while the switch runs: old code neither reads nor writes any of this.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE challan_users (
  partner_id TEXT NOT NULL,
  username TEXT NOT NULL,
  key_hash BYTEA NOT NULL,
  generation INTEGER DEFAULT 1 NOT NULL,
  bin TEXT NOT NULL,
  is_active BOOLEAN DEFAULT true NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_challan_users PRIMARY KEY (partner_id),
  CONSTRAINT uq_challan_users_username UNIQUE (username),
  CONSTRAINT ck_challan_users_bin CHECK (bin ~ '^[0-9]{9}-?[0-9]{4}$'),
  CONSTRAINT fk_challan_users_partner_id FOREIGN KEY (partner_id) REFERENCES merchants (partner_id)
);
CREATE TABLE challan_requests (
  id UUID NOT NULL,
  partner_id TEXT NOT NULL,
  request_id TEXT NOT NULL,
  fingerprint BYTEA NOT NULL,
  paid_by UUID NOT NULL,
  tran_date DATE NOT NULL,
  total BIGINT NOT NULL,
  text JSONB NOT NULL,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_challan_requests PRIMARY KEY (id),
  CONSTRAINT uq_challan_requests_partner_id_request_id UNIQUE (partner_id, request_id),
  CONSTRAINT ck_challan_requests_total CHECK (total > 0),
  CONSTRAINT fk_challan_requests_partner_id FOREIGN KEY (partner_id) REFERENCES challan_users (partner_id),
  CONSTRAINT fk_challan_requests_paid_by FOREIGN KEY (paid_by) REFERENCES payments (id)
);
CREATE INDEX ix_challan_requests_paid_by ON challan_requests (paid_by);
CREATE TABLE challan_lines (
  challan_id UUID NOT NULL,
  seq SMALLINT NOT NULL,
  slno TEXT NOT NULL,
  credit_account TEXT NOT NULL,
  economic_code TEXT NOT NULL,
  organization_code TEXT NOT NULL,
  amount BIGINT NOT NULL,
  reference TEXT NOT NULL,
  CONSTRAINT pk_challan_lines PRIMARY KEY (challan_id, seq),
  CONSTRAINT uq_challan_lines_reference UNIQUE (reference),
  CONSTRAINT ck_challan_lines_amount CHECK (amount > 0),
  CONSTRAINT ck_challan_lines_seq CHECK (seq > 0),
  CONSTRAINT fk_challan_lines_challan_id FOREIGN KEY (challan_id) REFERENCES challan_requests (id)
);
CREATE TABLE challan_line_ends (
  challan_id UUID NOT NULL,
  seq SMALLINT NOT NULL,
  ending TEXT NOT NULL,
  entry_id UUID,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_challan_line_ends PRIMARY KEY (challan_id, seq),
  CONSTRAINT uq_challan_line_ends_entry_id UNIQUE (entry_id),
  CONSTRAINT ck_challan_line_ends_ending CHECK (ending IN ('moved_back', 'paid')),
  CONSTRAINT ck_challan_line_ends_entry_id CHECK ((ending = 'moved_back') = (entry_id IS NOT NULL)),
  CONSTRAINT fk_challan_line_ends_challan_id_seq FOREIGN KEY (challan_id, seq)
    REFERENCES challan_lines (challan_id, seq)
);
CREATE TABLE challan_work (
  challan_id UUID NOT NULL,
  next_action_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_challan_work PRIMARY KEY (challan_id),
  CONSTRAINT fk_challan_work_challan_id FOREIGN KEY (challan_id) REFERENCES challan_requests (id)
);
CREATE INDEX ix_challan_work_next_action_at ON challan_work (next_action_at)
  WHERE next_action_at IS NOT NULL;
GRANT SELECT ON challan_users, challan_requests, challan_lines, challan_line_ends, challan_work
  TO ekpay_app, ekpay_audit;
GRANT INSERT ON challan_users, challan_requests, challan_lines, challan_line_ends, challan_work TO ekpay_app;
GRANT UPDATE ON challan_users, challan_work TO ekpay_app
"""

TRIGGERS = (
    """
CREATE FUNCTION check_challan_request() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  credited BIGINT;
  raised BIGINT;
BEGIN
  SELECT s.amount - s.refunded INTO credited FROM merchant_shares AS s
  JOIN payments AS p ON p.id = s.payment_id
  WHERE p.id = NEW.paid_by AND p.partner_id = NEW.partner_id AND p.state = 'completed' AND s.payee = '';
  SELECT coalesce(sum(l.amount), 0) INTO raised FROM challan_requests AS r
  JOIN challan_lines AS l ON l.challan_id = r.id
  LEFT JOIN challan_line_ends AS e ON e.challan_id = l.challan_id AND e.seq = l.seq
  WHERE r.paid_by = NEW.paid_by AND e.ending IS DISTINCT FROM 'moved_back';
  IF credited IS NULL OR raised + NEW.total > credited THEN
    RAISE EXCEPTION 'challans of more than the payment credited' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
""",
    """
CREATE TRIGGER challan_requests_limit BEFORE INSERT ON challan_requests
  FOR EACH ROW EXECUTE FUNCTION check_challan_request()
""",
    """
CREATE FUNCTION check_challan_lines() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM challan_requests AS r
    WHERE r.id IN (SELECT challan_id FROM added)
    AND r.total <> (SELECT sum(l.amount) FROM challan_lines AS l WHERE l.challan_id = r.id)) THEN
    RAISE EXCEPTION 'challan lines that are not the total' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
""",
    """
CREATE TRIGGER challan_lines_sums AFTER INSERT ON challan_lines
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION check_challan_lines()
""",
)

DOWN = """
DROP TABLE challan_work;
DROP TABLE challan_line_ends;
DROP TABLE challan_lines;
DROP TABLE challan_requests;
DROP TABLE challan_users;
DROP FUNCTION check_challan_lines;
DROP FUNCTION check_challan_request
"""


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in (*UP.split(";\n"), *TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    """Take it away, requests included; only before a challan was raised."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in DOWN.split(";\n"):
        op.execute(statement)
