"""Scrolls and bill files: what billers are told of a day in a file, and the bills that they send in files.

Safe while the switch runs: old code neither reads nor writes any of this. Payments wait while the journal is
read once for an index of its days, seconds for ten million entries.
"""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

UP = """
CREATE INDEX ix_journal_entries_business_date ON journal_entries USING brin (business_date);
CREATE TABLE scroll_files (
  biller_id TEXT NOT NULL,
  business_date DATE NOT NULL,
  cycle SMALLINT NOT NULL,
  is_last BOOLEAN NOT NULL,
  layout TEXT NOT NULL,
  rows INTEGER NOT NULL,
  sum BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_scroll_files PRIMARY KEY (biller_id, business_date, cycle),
  CONSTRAINT ck_scroll_files_cycle CHECK (cycle > 0),
  CONSTRAINT ck_scroll_files_layout CHECK (layout IN ('common', 'gas', 'nesco', 'wasa')),
  CONSTRAINT ck_scroll_files_rows CHECK (rows > 0 OR (rows = 0 AND sum = 0)),
  CONSTRAINT ck_scroll_files_sha256 CHECK (sha256 ~ '^[0-9a-f]{64}$')
);
CREATE UNIQUE INDEX uq_scroll_files_one_last ON scroll_files (biller_id, business_date) WHERE is_last;
CREATE TABLE scroll_rows (
  biller_id TEXT NOT NULL,
  business_date DATE NOT NULL,
  seq INTEGER NOT NULL,
  cycle SMALLINT NOT NULL,
  row_type TEXT NOT NULL,
  payment_id UUID NOT NULL,
  refund_id UUID,
  scroll_date DATE NOT NULL,
  scroll_no BIGINT NOT NULL,
  office_code TEXT NOT NULL,
  bill_ref TEXT NOT NULL,
  account_ref TEXT NOT NULL,
  paid_at TIMESTAMP WITH TIME ZONE NOT NULL,
  ekpay_ref TEXT NOT NULL,
  collector_ref TEXT NOT NULL,
  biller_ack_ref TEXT NOT NULL,
  principal BIGINT NOT NULL,
  vat BIGINT NOT NULL,
  late_fee BIGINT NOT NULL,
  stamp BIGINT NOT NULL,
  other_lines BIGINT NOT NULL,
  total BIGINT NOT NULL,
  channel TEXT NOT NULL,
  collector_code TEXT NOT NULL,
  charges JSONB NOT NULL,
  CONSTRAINT pk_scroll_rows PRIMARY KEY (biller_id, business_date, seq),
  CONSTRAINT fk_scroll_rows_file FOREIGN KEY (biller_id, business_date, cycle)
    REFERENCES scroll_files (biller_id, business_date, cycle),
  CONSTRAINT uq_scroll_rows_refund_id UNIQUE (refund_id),
  CONSTRAINT ck_scroll_rows_seq CHECK (seq > 0 AND scroll_no > 0),
  CONSTRAINT ck_scroll_rows_row_type CHECK (row_type IN ('PAY', 'REV', 'VOID')),
  CONSTRAINT ck_scroll_rows_refund CHECK (row_type = 'REV' OR refund_id IS NULL),
  CONSTRAINT ck_scroll_rows_total CHECK (total = principal + vat + late_fee + stamp + other_lines),
  CONSTRAINT ck_scroll_rows_sign CHECK (
    sign(total) = CASE row_type WHEN 'PAY' THEN 1 WHEN 'REV' THEN -1 ELSE 0 END),
  CONSTRAINT fk_scroll_rows_payment_id FOREIGN KEY (payment_id) REFERENCES payments (id),
  CONSTRAINT fk_scroll_rows_refund_id FOREIGN KEY (refund_id) REFERENCES refunds (id)
);
CREATE INDEX ix_scroll_rows_payment_id ON scroll_rows (payment_id);
CREATE UNIQUE INDEX uq_scroll_rows_once ON scroll_rows (payment_id, row_type) WHERE refund_id IS NULL;
CREATE UNIQUE INDEX uq_scroll_rows_place ON scroll_rows (biller_id, scroll_date, scroll_no, row_type)
  WHERE row_type <> 'REV';
CREATE TABLE bill_files (
  id UUID NOT NULL,
  biller_id TEXT NOT NULL,
  number INTEGER NOT NULL,
  made_on DATE NOT NULL,
  digest BYTEA NOT NULL,
  bills INTEGER NOT NULL,
  sum BIGINT NOT NULL,
  loaded_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_bill_files PRIMARY KEY (id),
  CONSTRAINT uq_bill_files_biller_id_number UNIQUE (biller_id, number),
  CONSTRAINT uq_bill_files_biller_id_digest UNIQUE (biller_id, digest),
  CONSTRAINT ck_bill_files_number CHECK (number > 0),
  CONSTRAINT ck_bill_files_totals CHECK (least(bills, sum) >= 0)
);
CREATE TABLE biller_bills (
  biller_id TEXT NOT NULL,
  bill_key TEXT NOT NULL,
  status TEXT NOT NULL,
  parameters JSONB NOT NULL,
  customer_name TEXT NOT NULL,
  period TEXT NOT NULL,
  issued_on DATE,
  due_on DATE NOT NULL,
  amount BIGINT NOT NULL,
  vat BIGINT NOT NULL,
  late_fee BIGINT NOT NULL,
  lines JSONB NOT NULL,
  file_id UUID NOT NULL,
  CONSTRAINT pk_biller_bills PRIMARY KEY (biller_id, bill_key),
  CONSTRAINT ck_biller_bills_status CHECK (status IN ('paid', 'unpaid', 'withdrawn')),
  CONSTRAINT ck_biller_bills_sums CHECK (least(amount, vat, late_fee) >= 0 AND amount + vat > 0),
  CONSTRAINT fk_biller_bills_file_id FOREIGN KEY (file_id) REFERENCES bill_files (id)
);
CREATE INDEX ix_biller_bills_parameters ON biller_bills USING gin (parameters jsonb_path_ops);
CREATE TABLE bill_takings (
  biller_id TEXT NOT NULL,
  reference TEXT NOT NULL,
  payment_id UUID NOT NULL,
  bill_key TEXT NOT NULL,
  state TEXT NOT NULL,
  amount BIGINT NOT NULL,
  receipt TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_bill_takings PRIMARY KEY (biller_id, reference),
  CONSTRAINT ck_bill_takings_state CHECK (state IN ('taken', 'barred')),
  CONSTRAINT fk_bill_takings_payment_id FOREIGN KEY (payment_id) REFERENCES payments (id)
);
CREATE INDEX ix_bill_takings_payment_id ON bill_takings (payment_id);
CREATE UNIQUE INDEX uq_bill_takings_one_per_bill ON bill_takings (biller_id, bill_key) WHERE state = 'taken';
CREATE UNIQUE INDEX uq_bill_takings_receipt ON bill_takings (biller_id, receipt) WHERE state = 'taken';
GRANT SELECT ON scroll_files, scroll_rows, bill_files, biller_bills, bill_takings TO ekpay_app, ekpay_audit;
GRANT INSERT ON scroll_files, scroll_rows, bill_files, biller_bills, bill_takings TO ekpay_app;
GRANT UPDATE ON biller_bills TO ekpay_app
"""

TRIGGERS = (
    """
CREATE FUNCTION check_scroll_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE broken text;
BEGIN
  SELECT f.biller_id || ' ' || f.business_date INTO broken
    FROM (SELECT DISTINCT biller_id, business_date FROM fresh) AS f
    JOIN scroll_rows AS r ON r.biller_id = f.biller_id AND r.business_date = f.business_date
    GROUP BY f.biller_id, f.business_date HAVING max(r.seq) <> count(*) LIMIT 1;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'the scroll rows of % are not 1..n', broken USING ERRCODE = 'check_violation';
  END IF;
  SELECT f.biller_id || ' ' || f.business_date INTO broken
    FROM (SELECT DISTINCT biller_id, business_date, cycle FROM fresh) AS n
    JOIN scroll_files AS f USING (biller_id, business_date, cycle)
    JOIN scroll_rows AS r USING (biller_id, business_date, cycle)
    GROUP BY f.biller_id, f.business_date, f.cycle, f.rows, f.sum
    HAVING count(*) <> f.rows OR sum(r.total) <> f.sum LIMIT 1;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'totals of scroll % are not those of its rows', broken USING ERRCODE = 'check_violation';
  END IF;
  SELECT f.payment_id::text INTO broken FROM fresh AS f
    WHERE f.row_type = 'PAY' AND NOT EXISTS (
      SELECT FROM journal_entries AS j WHERE j.payment_id = f.payment_id
        AND j.moment IN ('delivered', 'posted_after_give_back')) LIMIT 1;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'payment % was never delivered', broken USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
""",
    """
CREATE TRIGGER scroll_rows_whole AFTER INSERT ON scroll_rows
  REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION check_scroll_rows()
""",
    """
CREATE FUNCTION check_scroll_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM scroll_rows AS r
    WHERE r.biller_id = NEW.biller_id AND r.business_date = NEW.business_date AND r.cycle = NEW.cycle
    HAVING count(*) <> NEW.rows OR coalesce(sum(r.total), 0) <> NEW.sum;
  IF FOUND THEN
    RAISE EXCEPTION 'the totals of a scroll file are not those of its rows' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
""",
    """
CREATE CONSTRAINT TRIGGER scroll_files_whole AFTER INSERT ON scroll_files
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION check_scroll_file()
""",
)

DOWN = """
DROP TABLE bill_takings;
DROP TABLE biller_bills;
DROP TABLE bill_files;
DROP TABLE scroll_rows;
DROP TABLE scroll_files;
DROP FUNCTION check_scroll_rows;
DROP FUNCTION check_scroll_file;
DROP INDEX ix_journal_entries_business_date
"""


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in (*UP.split(";\n"), *TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    """Take it away; only before a biller was given a file."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in DOWN.split(";\n"):
        op.execute(statement)
