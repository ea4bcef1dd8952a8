"""Fee invoices and credit notes of a month, as they were issued.

Safe while the switch runs: the table is new and empty, and old code neither reads nor writes it. It is never
taken away again once a document is issued.
"""

from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE reconciliation.fee_invoices (
  month DATE NOT NULL,
  kind TEXT NOT NULL,
  number INTEGER NOT NULL,
  party TEXT NOT NULL,
  charges BIGINT NOT NULL,
  fees BIGINT NOT NULL,
  vat BIGINT NOT NULL,
  content JSONB NOT NULL,
  digest TEXT NOT NULL,
  issued_by TEXT NOT NULL,
  issued_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_fee_invoices PRIMARY KEY (month, kind, number),
  CONSTRAINT uq_fee_invoices_party UNIQUE (month, kind, party),
  CONSTRAINT ck_fee_invoices_month CHECK (extract(day FROM month) = 1),
  CONSTRAINT ck_fee_invoices_kind CHECK (kind IN ('invoice', 'credit_note')),
  CONSTRAINT ck_fee_invoices_amounts CHECK (charges + fees + vat >= 0 AND (charges, fees, vat) <> (0, 0, 0)),
  CONSTRAINT ck_fee_invoices_content CHECK (jsonb_typeof(content) = 'object'),
  CONSTRAINT fk_fee_invoices_party FOREIGN KEY (party) REFERENCES public.partners (id),
  CONSTRAINT fk_fee_invoices_issued_by FOREIGN KEY (issued_by) REFERENCES public.staff (name)
);
GRANT SELECT ON reconciliation.fee_invoices TO ekpay_app, ekpay_audit;
GRANT INSERT ON reconciliation.fee_invoices TO ekpay_app
"""
# All documents of a month bear the instant of their one transaction, so nothing joins them later.
_CHECK = """
CREATE FUNCTION reconciliation.check_fee_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.issued_at := now();
  IF NOT reconciliation.are_of_finance(ARRAY[NEW.issued_by]) THEN
    RAISE EXCEPTION 'a person of finance issues invoices' USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (SELECT FROM public.settlement_windows
      WHERE state = 'open' AND business_date < NEW.month + interval '1 month')
    OR NOT EXISTS (SELECT FROM public.settlement_windows
      WHERE business_date >= NEW.month + interval '1 month' - interval '1 day') THEN
    RAISE EXCEPTION 'invoices are issued of a month whose business dates are closed'
      USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (SELECT FROM reconciliation.fee_invoices WHERE month = NEW.month AND issued_at <> NEW.issued_at)
  THEN
    RAISE EXCEPTION 'the invoices of a month are issued once, together' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.number IS DISTINCT FROM (SELECT count(*) + 1 FROM reconciliation.fee_invoices
      WHERE month = NEW.month AND kind = NEW.kind) THEN
    RAISE EXCEPTION 'invoices of a month are numbered without a gap' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""
# One scan for a statement: every party has the documents that the ledger of the month says, and no others.
_SUMS = """
CREATE FUNCTION reconciliation.check_fee_invoice_sums() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wrong text;
BEGIN
  WITH moved AS (
    SELECT m.month, p.partner_id AS party,
      e.moment IN ('delivered', 'debited_after_late_success') AS is_earned,
      coalesce(-sum(o.amount) FILTER (WHERE o.account = 'charge_income'), 0) AS charges,
      coalesce(-sum(o.amount) FILTER (WHERE o.account = 'fee_income'), 0) AS fees,
      coalesce(-sum(o.amount) FILTER (WHERE o.account = 'vat_payable'), 0) AS vat
    FROM (SELECT DISTINCT month FROM added) AS m
    JOIN public.journal_entries AS e
      ON e.business_date >= m.month AND e.business_date < m.month + interval '1 month'
    JOIN public.postings AS o
      ON o.entry_id = e.id AND o.account IN ('charge_income', 'fee_income', 'vat_payable')
    JOIN public.payments AS p ON p.id = e.payment_id
    GROUP BY e.payment_id, 1, 2, 3),
  booked AS (
    SELECT month, CASE sign WHEN 1 THEN 'invoice' ELSE 'credit_note' END AS kind, party,
      sum(sign * charges) AS charges, sum(sign * fees) AS fees, sum(sign * vat) AS vat
    FROM (SELECT *, CASE WHEN is_earned OR charges + fees + vat > 0 THEN 1 ELSE -1 END AS sign
      FROM moved) AS s
    GROUP BY 1, 2, 3),
  issued AS (
    SELECT month, kind, party, charges, fees, vat FROM reconciliation.fee_invoices
    WHERE month IN (SELECT month FROM added))
  SELECT kind || ' of ' || party INTO wrong FROM booked AS b FULL JOIN issued AS i USING (month, kind, party)
  WHERE (coalesce(b.charges, 0), coalesce(b.fees, 0), coalesce(b.vat, 0))
    <> (coalesce(i.charges, 0), coalesce(i.fees, 0), coalesce(i.vat, 0))
  ORDER BY kind, party LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the % is not what the ledger of the month says', replace(wrong, '_', ' ')
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_TRIGGERS = (
    """
CREATE TRIGGER fee_invoices_issue BEFORE INSERT ON reconciliation.fee_invoices
FOR EACH ROW EXECUTE FUNCTION reconciliation.check_fee_invoice()
""",
    """
CREATE TRIGGER fee_invoices_sums AFTER INSERT ON reconciliation.fee_invoices
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION reconciliation.check_fee_invoice_sums()
""",
)
GUARD = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM reconciliation.fee_invoices) THEN
    RAISE EXCEPTION 'fee invoices are issued: what others hold in hand is not taken away';
  END IF;
END $$
"""


def upgrade() -> None:
    """Add the table."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in (*_TABLE.split(";\n"), _CHECK, _SUMS, *_TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    """Take it away, only before a document was issued."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(GUARD)
    op.execute("DROP TABLE reconciliation.fee_invoices")
    for name in ("check_fee_invoice", "check_fee_invoice_sums"):
        op.execute(f"DROP FUNCTION reconciliation.{name}")
