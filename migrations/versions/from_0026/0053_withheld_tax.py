"""Tax withheld from payouts: each movement of it, its sweeps, and certificates as they were issued.

Safe while the switch runs: a column with a constant default on a table that only `ekpay settle` writes, new
tables, and triggers. The old code may settle until the new one does; it withholds nothing.

Going back is refused once tax was withheld; certificates are of nothing else.
"""

from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None

_TABLE = """
ALTER TABLE reconciliation.settlement_instructions
  ADD COLUMN withheld BIGINT NOT NULL DEFAULT 0,
  ADD CONSTRAINT ck_settlement_instructions_withheld CHECK (withheld >= 0);
CREATE TABLE reconciliation.withheld_taxes (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  end_to_end_id TEXT NOT NULL,
  revision SMALLINT NOT NULL,
  section TEXT NOT NULL,
  base TEXT NOT NULL,
  basis_points INTEGER NOT NULL,
  gross_before BIGINT NOT NULL,
  tax_before BIGINT NOT NULL,
  gross BIGINT NOT NULL,
  tax BIGINT NOT NULL,
  entry_id UUID NOT NULL,
  CONSTRAINT pk_withheld_taxes PRIMARY KEY (id),
  CONSTRAINT uq_withheld_taxes_revision UNIQUE (end_to_end_id, revision),
  CONSTRAINT uq_withheld_taxes_entry_id UNIQUE (entry_id),
  CONSTRAINT ck_withheld_taxes_section CHECK (section <> ''),
  CONSTRAINT ck_withheld_taxes_base CHECK (base IN ('paid', 'commission')),
  CONSTRAINT ck_withheld_taxes_rate CHECK (basis_points BETWEEN 1 AND 5000),
  CONSTRAINT ck_withheld_taxes_part CHECK (tax <> 0 AND sign(tax) = sign(gross) AND abs(tax) < abs(gross)),
  CONSTRAINT ck_withheld_taxes_tax CHECK (CASE WHEN revision = 0 THEN
      tax = (2 * (gross_before + gross) * basis_points + 10000) / 20000 - tax_before
    ELSE (gross_before, tax_before) = (0, 0) END),
  CONSTRAINT fk_withheld_taxes_instruction FOREIGN KEY (end_to_end_id)
    REFERENCES reconciliation.settlement_instructions (end_to_end_id)
);
GRANT SELECT ON reconciliation.withheld_taxes TO ekpay_app, ekpay_audit;
GRANT INSERT ON reconciliation.withheld_taxes TO ekpay_app
"""
# What stands of the month of the value date, by payee, section and rate, before this payout.
_SUMS = """
CREATE FUNCTION reconciliation.check_withheld_sums() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  before RECORD;
BEGIN
  SELECT coalesce(sum(w.gross), 0) AS gross, coalesce(sum(w.tax), 0) AS tax INTO before
  FROM reconciliation.settlement_instructions AS n
  JOIN reconciliation.settlement_instructions AS i ON i.role = n.role AND i.party = n.party
    AND date_trunc('month', i.value_date) = date_trunc('month', n.value_date)
  JOIN reconciliation.withheld_taxes AS w ON w.end_to_end_id = i.end_to_end_id
    AND w.section = NEW.section AND w.basis_points = NEW.basis_points
  WHERE n.end_to_end_id = NEW.end_to_end_id;
  IF NEW.revision = 0 AND (NEW.gross_before, NEW.tax_before) <> (before.gross, before.tax) THEN
    RAISE EXCEPTION 'a payout is taxed by the rate of what its month has paid so far'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""
# An instruction with tax has one movement, and one more for each step that takes it back or reinstates it.
_AGREES = """
CREATE FUNCTION reconciliation.check_withheld_tax() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    WITH due AS (
      SELECT 0 AS revision, amount + withheld AS gross, withheld AS tax
      FROM reconciliation.settlement_instructions
      WHERE end_to_end_id = NEW.end_to_end_id AND withheld > 0
      UNION ALL
      SELECT e.revision, s.sign * (i.amount + i.withheld), s.sign * i.withheld
      FROM reconciliation.settlement_instructions AS i
      JOIN reconciliation.settlement_endings AS e ON e.end_to_end_id = i.end_to_end_id
        AND num_nonnulls(e.rejected_entry_id, e.reinstated_entry_id) > 0
      CROSS JOIN LATERAL (SELECT CASE WHEN e.rejected_entry_id IS NULL THEN 1 ELSE -1 END AS sign) AS s
      WHERE i.end_to_end_id = NEW.end_to_end_id AND i.withheld > 0),
    moved AS (
      SELECT * FROM reconciliation.withheld_taxes WHERE end_to_end_id = NEW.end_to_end_id)
    SELECT FROM due AS d FULL JOIN moved AS w ON w.revision = d.revision
    LEFT JOIN moved AS f ON f.revision = 0
    WHERE (d.gross, d.tax, f.section, f.base, f.basis_points)
      IS DISTINCT FROM (w.gross, w.tax, w.section, w.base, w.basis_points)) THEN
    RAISE EXCEPTION 'the tax of a payout moves with its instruction, its rejection and its reinstatement'
      USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (
    SELECT FROM reconciliation.withheld_taxes AS w
    JOIN reconciliation.settlement_instructions AS i ON i.end_to_end_id = w.end_to_end_id
    LEFT JOIN LATERAL (
      SELECT count(*) AS postings, sum(p.amount) FILTER (WHERE p.account = i.ledger_account) AS payee,
        sum(p.amount) FILTER (WHERE p.account = 'withheld_tax_payable') AS state
      FROM public.postings AS p WHERE p.entry_id = w.entry_id) AS p ON true
    WHERE w.end_to_end_id = NEW.end_to_end_id
      AND (p.postings, p.payee, p.state) IS DISTINCT FROM (2, w.tax, -w.tax)) THEN
    RAISE EXCEPTION 'the entry of withheld tax moves it from the payee to the state'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_TRIGGERS = (
    """
CREATE TRIGGER withheld_taxes_sums BEFORE INSERT ON reconciliation.withheld_taxes
FOR EACH ROW EXECUTE FUNCTION reconciliation.check_withheld_sums()
""",
    """
CREATE CONSTRAINT TRIGGER withheld_taxes_agree AFTER INSERT ON reconciliation.withheld_taxes
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reconciliation.check_withheld_tax()
""",
    """
CREATE CONSTRAINT TRIGGER settlement_instructions_tax AFTER INSERT ON reconciliation.settlement_instructions
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.withheld > 0)
EXECUTE FUNCTION reconciliation.check_withheld_tax()
""",
    """
CREATE CONSTRAINT TRIGGER settlement_endings_tax AFTER INSERT ON reconciliation.settlement_endings
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (num_nonnulls(NEW.rejected_entry_id, NEW.reinstated_entry_id) > 0)
EXECUTE FUNCTION reconciliation.check_withheld_tax()
""",
)
_ALLOWED = """
CREATE OR REPLACE FUNCTION reconciliation.check_settlement_payout() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  newest BIGINT := (SELECT max(id) FROM reconciliation.settlement_limits
    WHERE role = NEW.role AND party = NEW.party);
BEGIN
  IF NOT EXISTS (
    SELECT FROM reconciliation.settlement_holdbacks AS h
    WHERE h.value_date = NEW.value_date AND h.role = NEW.role AND h.party = NEW.party
      AND h.instructed = {gross} AND (h.limit_id IS NULL OR h.limit_id = newest)) THEN
    RAISE EXCEPTION 'an instruction rests on what the rules of payouts allow its payee'
      USING ERRCODE = 'check_violation';
  END IF;
  IF NOT EXISTS (
    SELECT FROM reconciliation.settlement_covers AS c
    LEFT JOIN reconciliation.settlement_overrides AS o ON o.value_date = c.value_date
    WHERE c.value_date = NEW.value_date
      AND (o.value_date IS NOT NULL OR (c.after >= c.reserve AND c.open_nights = '{{}}'))) THEN
    RAISE EXCEPTION 'an instruction rests on a cover of the reserve and closed nights, or an override'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""
_CERTIFICATES = """
CREATE TABLE reconciliation.withholding_certificates (
  month DATE NOT NULL,
  number INTEGER NOT NULL,
  role TEXT NOT NULL,
  party TEXT NOT NULL,
  gross BIGINT NOT NULL,
  tax BIGINT NOT NULL,
  content JSONB NOT NULL,
  digest TEXT NOT NULL,
  issued_by TEXT NOT NULL,
  issued_at TIMESTAMP WITH TIME ZONE NOT NULL,
  CONSTRAINT pk_withholding_certificates PRIMARY KEY (month, number),
  CONSTRAINT uq_withholding_certificates_payee UNIQUE (month, role, party),
  CONSTRAINT ck_withholding_certificates_month CHECK (extract(day FROM month) = 1),
  CONSTRAINT ck_withholding_certificates_role CHECK (role IN ('biller', 'merchant', 'payee')),
  CONSTRAINT ck_withholding_certificates_amounts CHECK ((gross, tax) <> (0, 0)),
  CONSTRAINT ck_withholding_certificates_content CHECK (jsonb_typeof(content) = 'object'),
  CONSTRAINT fk_withholding_certificates_issued_by FOREIGN KEY (issued_by) REFERENCES public.staff (name)
);
GRANT SELECT ON reconciliation.withholding_certificates TO ekpay_app, ekpay_audit;
GRANT INSERT ON reconciliation.withholding_certificates TO ekpay_app
"""
# All certificates of a month bear the instant of their one transaction, so nothing joins them later.
_ISSUE = """
CREATE FUNCTION reconciliation.check_withholding_certificate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.issued_at := now();
  IF NOT reconciliation.are_of_finance(ARRAY[NEW.issued_by]) THEN
    RAISE EXCEPTION 'a person of finance issues certificates' USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (SELECT FROM public.settlement_windows
      WHERE state = 'open' AND business_date < NEW.month + interval '1 month')
    OR NOT EXISTS (SELECT FROM public.settlement_windows
      WHERE business_date >= NEW.month + interval '1 month' - interval '1 day') THEN
    RAISE EXCEPTION 'certificates are issued of a month whose business dates are closed'
      USING ERRCODE = 'check_violation';
  END IF;
  IF EXISTS (SELECT FROM reconciliation.withholding_certificates
      WHERE month = NEW.month AND issued_at <> NEW.issued_at) THEN
    RAISE EXCEPTION 'the certificates of a month are issued once, together' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.number IS DISTINCT FROM (SELECT count(*) + 1 FROM reconciliation.withholding_certificates
      WHERE month = NEW.month) THEN
    RAISE EXCEPTION 'certificates of a month are numbered without a gap' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""
_CERTIFIED = """
CREATE FUNCTION reconciliation.check_withholding_certificate_sums() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  wrong text;
BEGIN
  WITH booked AS (
    SELECT m.month, i.role, i.party, sum(w.gross) AS gross, sum(w.tax) AS tax
    FROM (SELECT DISTINCT month FROM added) AS m
    JOIN public.journal_entries AS j
      ON j.business_date >= m.month AND j.business_date < m.month + interval '1 month'
    JOIN reconciliation.withheld_taxes AS w ON w.entry_id = j.id
    JOIN reconciliation.settlement_instructions AS i ON i.end_to_end_id = w.end_to_end_id
    GROUP BY 1, 2, 3),
  issued AS (
    SELECT month, role, party, gross, tax FROM reconciliation.withholding_certificates
    WHERE month IN (SELECT month FROM added))
  SELECT role || ':' || party INTO wrong FROM booked AS b FULL JOIN issued AS i USING (month, role, party)
  WHERE (coalesce(b.gross, 0), coalesce(b.tax, 0)) <> (coalesce(i.gross, 0), coalesce(i.tax, 0))
  ORDER BY role, party LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'the certificate of % is not what the ledger of the month says', wrong
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_ISSUED = (
    """
CREATE TRIGGER withholding_certificates_issue BEFORE INSERT ON reconciliation.withholding_certificates
FOR EACH ROW EXECUTE FUNCTION reconciliation.check_withholding_certificate()
""",
    """
CREATE TRIGGER withholding_certificates_sums AFTER INSERT ON reconciliation.withholding_certificates
REFERENCING NEW TABLE AS added FOR EACH STATEMENT
EXECUTE FUNCTION reconciliation.check_withholding_certificate_sums()
""",
)
_SWEPT = """
CREATE OR REPLACE FUNCTION reconciliation.withdrawal_accounts(partner text, bucket text) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE bucket
    WHEN 'fees' THEN ARRAY['fee_income', 'sweep_due:' || partner]
    WHEN 'charges' THEN ARRAY['charge_income', 'sweep_due:' || partner]
    WHEN 'vat' THEN ARRAY['vat_payable', 'sweep_due:' || partner]{more}
    ELSE ARRAY['prefund:' || partner || ':' || bucket, 'withdrawal_due:' || partner] END
$$
"""
_TAX = "\n    WHEN 'withheld-tax' THEN ARRAY['withheld_tax_payable', 'sweep_due:' || partner]"
_BUCKETS = """
ALTER TABLE reconciliation.withdrawals DROP CONSTRAINT ck_withdrawals_bucket,
  ADD CONSTRAINT ck_withdrawals_bucket CHECK (bucket IN ('postpaid', 'prepaid')
    OR (partner, bucket) IN (('operator', 'fees'), ('operator', 'charges'), ('treasury', 'vat'){more}))
"""
GUARD = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM reconciliation.withheld_taxes) THEN
    RAISE EXCEPTION 'tax was withheld from payouts: what is owed to the state stays on record';
  END IF;
  IF EXISTS (SELECT FROM reconciliation.withdrawals WHERE bucket = 'withheld-tax') THEN
    RAISE EXCEPTION 'withheld tax was asked to be swept';
  END IF;
END $$
"""


def upgrade() -> None:
    """Add the column, the table and what holds them to the ledger; let withheld tax be swept."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    tables = (*_TABLE.split(";\n"), *_CERTIFICATES.split(";\n"))
    for statement in (*tables, _SUMS, _AGREES, *_TRIGGERS, _ISSUE, _CERTIFIED, *_ISSUED):
        op.execute(statement)
    op.execute(_ALLOWED.format(gross="NEW.amount + NEW.withheld"))
    op.execute(_SWEPT.format(more=_TAX))
    op.execute(_BUCKETS.format(more=", ('income-tax', 'withheld-tax')"))


def downgrade() -> None:
    """Take them away, only before tax was withheld."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(GUARD)
    op.execute(_BUCKETS.format(more=""))
    op.execute(_SWEPT.format(more=""))
    op.execute(_ALLOWED.format(gross="NEW.amount"))
    op.execute("DROP TRIGGER settlement_endings_tax ON reconciliation.settlement_endings")
    op.execute("DROP TRIGGER settlement_instructions_tax ON reconciliation.settlement_instructions")
    op.execute("DROP TABLE reconciliation.withholding_certificates")
    op.execute("DROP TABLE reconciliation.withheld_taxes")
    functions = ("check_withholding_certificate", "check_withholding_certificate_sums")
    for name in (*functions, "check_withheld_tax", "check_withheld_sums"):
        op.execute(f"DROP FUNCTION reconciliation.{name}")
    op.execute("ALTER TABLE reconciliation.settlement_instructions DROP COLUMN withheld")
