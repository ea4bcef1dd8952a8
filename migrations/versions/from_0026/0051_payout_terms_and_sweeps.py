"""What payouts to payees with a schedule, a minimum or a hold rest on; sweeps of our own money.

Safe while the switch runs: columns with defaults on tables that only `ekpay settle` writes, so that the old
code may settle until the new one does. Holdbacks of before rest on no terms. Three lists of roles take one
more; their tables are read once for it.

Going back is refused while a holdback rests on terms, or a sweep or a line or an account of one stands.
"""

from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

_CONSTRAINTS = ("signs", "rules")
_BEFORE = """
ALTER TABLE reconciliation.settlement_holdbacks
  ADD CONSTRAINT ck_settlement_holdbacks_signs
    CHECK (least(owed, instructed, not_matched, not_received, at_risk, unreceived, risk_limit) >= 0),
  ADD CONSTRAINT ck_settlement_holdbacks_rules CHECK (instructed = 0
    OR instructed <= owed - not_matched - not_received - greatest(0, at_risk - risk_limit))
"""
_AFTER = """
ALTER TABLE reconciliation.settlement_holdbacks
  ADD CONSTRAINT ck_settlement_holdbacks_signs CHECK (least(owed, instructed, not_matched, not_received,
    at_risk, unreceived, risk_limit, resting, minimum) >= 0),
  ADD CONSTRAINT ck_settlement_holdbacks_rules CHECK (instructed = 0
    OR instructed <= owed - not_matched - not_received - greatest(0, at_risk - risk_limit) - resting),
  ADD CONSTRAINT ck_settlement_holdbacks_terms
    CHECK (instructed = 0 OR (instructed >= minimum AND next_payout IS NULL)),
  ADD CONSTRAINT ck_settlement_holdbacks_next_payout CHECK (next_payout > value_date)
"""
# A partner is named by its prefund alone: a sweep has a recipient in its place.
_SWEEPS = """
ALTER TABLE reconciliation.withdrawals
  ADD COLUMN until DATE,
  ADD COLUMN cover_after BIGINT,
  ADD COLUMN reserve BIGINT,
  ADD COLUMN prefund_of TEXT
    GENERATED ALWAYS AS (CASE WHEN bucket IN ('postpaid', 'prepaid') THEN partner END) STORED,
  DROP CONSTRAINT fk_withdrawals_partner,
  ADD CONSTRAINT fk_withdrawals_prefund_of FOREIGN KEY (prefund_of) REFERENCES public.partners (id),
  ADD CONSTRAINT ck_withdrawals_bucket CHECK (bucket IN ('postpaid', 'prepaid')
    OR (partner, bucket) IN (('operator', 'fees'), ('operator', 'charges'), ('treasury', 'vat'))),
  ADD CONSTRAINT ck_withdrawals_until CHECK ((bucket IN ('postpaid', 'prepaid')) = (until IS NULL)),
  ADD CONSTRAINT ck_withdrawals_cover CHECK (num_nonnulls(cover_after, reserve) IN (0, 2)
    AND (cover_after IS NOT NULL) = (until IS NOT NULL AND approved_by IS NOT NULL)),
  ADD CONSTRAINT ck_withdrawals_reserve CHECK (cover_after >= reserve)
"""
_UNSWEPT = """
ALTER TABLE reconciliation.withdrawals
  DROP CONSTRAINT ck_withdrawals_bucket,
  DROP COLUMN until, DROP COLUMN cover_after, DROP COLUMN reserve, DROP COLUMN prefund_of,
  ADD CONSTRAINT fk_withdrawals_partner FOREIGN KEY (partner) REFERENCES public.partners (id)
"""
_GRANT = "GRANT UPDATE (cover_after, reserve) ON reconciliation.withdrawals TO ekpay_app"
_ACCOUNTS = """
CREATE FUNCTION reconciliation.withdrawal_accounts(partner text, bucket text) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE bucket
    WHEN 'fees' THEN ARRAY['fee_income', 'sweep_due:' || partner]
    WHEN 'charges' THEN ARRAY['charge_income', 'sweep_due:' || partner]
    WHEN 'vat' THEN ARRAY['vat_payable', 'sweep_due:' || partner]
    ELSE ARRAY['prefund:' || partner || ':' || bucket, 'withdrawal_due:' || partner] END
$$
"""
_ENTRY = """
CREATE OR REPLACE FUNCTION reconciliation.check_withdrawal_entry(
  entry uuid, partner text, bucket text, paisa bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  moved text[] := reconciliation.withdrawal_accounts(partner, bucket);
BEGIN
  IF (SELECT count(*) <> 2 OR sum(p.amount) FILTER (WHERE p.account = moved[1]) IS DISTINCT FROM paisa
        OR sum(p.amount) FILTER (WHERE p.account = moved[2]) IS DISTINCT FROM -paisa
      FROM public.postings AS p WHERE p.entry_id = entry) THEN
    RAISE EXCEPTION 'the entry of a withdrawal moves its amount from where it is held to what is due'
      USING ERRCODE = 'check_violation';
  END IF;
END $$
"""
_ENTRY_BEFORE = """
CREATE OR REPLACE FUNCTION reconciliation.check_withdrawal_entry(
  entry uuid, partner text, bucket text, paisa bigint)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT array_agg(p.account || ' ' || p.amount ORDER BY p.account) FROM public.postings AS p
      WHERE p.entry_id = entry)
    IS DISTINCT FROM ARRAY['prefund:' || partner || ':' || bucket || ' ' || paisa,
      'withdrawal_due:' || partner || ' ' || -paisa] THEN
    RAISE EXCEPTION 'the entry of a withdrawal moves its amount from the prefund to what is due'
      USING ERRCODE = 'check_violation';
  END IF;
END $$
"""
# The entry of the sweep stands already, so nothing may be below zero.
_CHECK_SWEEP = """
CREATE FUNCTION reconciliation.check_sweep() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  source text := (reconciliation.withdrawal_accounts(NEW.partner, NEW.bucket))[1];
BEGIN
  IF NEW.until IS DISTINCT FROM OLD.until OR OLD.approved_by IS NOT NULL
    AND (NEW.cover_after, NEW.reserve) IS DISTINCT FROM (OLD.cover_after, OLD.reserve) THEN
    RAISE EXCEPTION 'what was asked for or decided of a sweep never changes'
      USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.until IS NULL OR NEW.approved_by IS NULL OR OLD.approved_by IS NOT NULL THEN
    RETURN NEW;
  END IF;
  IF EXISTS (SELECT FROM public.settlement_windows WHERE state = 'open' AND business_date <= NEW.until)
    OR (SELECT greatest(sum(p.amount), sum(p.amount) FILTER (
          WHERE (w.state <> 'open' AND j.business_date <= NEW.until) OR starts_with(j.moment, 'sweep_')))
        FROM public.postings AS p JOIN public.journal_entries AS j ON j.id = p.entry_id
        JOIN public.settlement_windows AS w ON w.id = j.window_id WHERE p.account = source) > 0 THEN
    RAISE EXCEPTION 'a sweep takes no more than its account held when its period was closed'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""
_CHECKED = """
CREATE TRIGGER withdrawals_sweeps BEFORE UPDATE ON reconciliation.withdrawals
FOR EACH ROW EXECUTE FUNCTION reconciliation.check_sweep()
"""
_ROLES = {
    "settlement_lines": ("biller", "connector", "merchant", "partner", "payee"),
    "settlement_positions": ("biller", "connector", "merchant", "ours", "partner", "payee"),
    "account_changes": ("biller", "connector", "merchant", "partner", "payee"),
}


def _take_roles(*more: str) -> None:
    for table, roles in _ROLES.items():
        words = ", ".join(f"'{role}'" for role in sorted((*roles, *more)))
        op.execute(f"""
        ALTER TABLE reconciliation.{table} DROP CONSTRAINT ck_{table}_role,
          ADD CONSTRAINT ck_{table}_role CHECK (role IN ({words}))
        """)


def _drop_constraints(*names: str) -> None:
    for name in names:
        op.execute(
            f"ALTER TABLE reconciliation.settlement_holdbacks DROP CONSTRAINT ck_settlement_holdbacks_{name}"
        )


def upgrade() -> None:
    """Add the columns, have the formula know them, and let our own money be withdrawn."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("""
    ALTER TABLE reconciliation.settlement_holdbacks
      ADD COLUMN resting BIGINT NOT NULL DEFAULT 0,
      ADD COLUMN minimum BIGINT NOT NULL DEFAULT 0,
      ADD COLUMN next_payout DATE
    """)
    _drop_constraints(*_CONSTRAINTS)
    op.execute(_AFTER)
    _take_roles("sweep")
    for statement in (_SWEEPS, _GRANT, _ACCOUNTS, _ENTRY, _CHECK_SWEEP, _CHECKED):
        op.execute(statement)


def downgrade() -> None:
    """Take them away; refused while something rests on them."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("""
    DO $$ BEGIN
      IF EXISTS (SELECT FROM reconciliation.settlement_holdbacks
        WHERE resting > 0 OR minimum > 0 OR next_payout IS NOT NULL) THEN
        RAISE EXCEPTION 'payouts were held back by schedules, minimums or holds';
      END IF;
      IF EXISTS (SELECT FROM reconciliation.withdrawals WHERE until IS NOT NULL)
        OR EXISTS (SELECT FROM reconciliation.account_changes WHERE role = 'sweep') THEN
        RAISE EXCEPTION 'our own money was swept, or has an account to be swept to';
      END IF;
    END $$
    """)
    op.execute("DROP TRIGGER withdrawals_sweeps ON reconciliation.withdrawals")
    op.execute("DROP FUNCTION reconciliation.check_sweep")
    op.execute(_ENTRY_BEFORE)
    op.execute("DROP FUNCTION reconciliation.withdrawal_accounts")
    op.execute(_UNSWEPT)
    _take_roles()
    _drop_constraints(*_CONSTRAINTS, "terms", "next_payout")
    op.execute("""
    ALTER TABLE reconciliation.settlement_holdbacks
      DROP COLUMN resting, DROP COLUMN minimum, DROP COLUMN next_payout
    """)
    op.execute(_BEFORE)
