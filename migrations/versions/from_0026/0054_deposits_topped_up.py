"""Deposits at prefunded utilities are topped up by withdrawals with a biller in place of a partner.

Safe while the switch runs: constraints and triggers on tables that only `ekpay settle` writes, each read once
for it. What stands there keeps every new rule.

Going back is refused while a top-up, or a line or an account of one, stands.
"""

from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None

_OWN = "('fees', 'charges', 'vat', 'withheld-tax')"
_BUCKETS = """
bucket IN ('postpaid', 'prepaid')
    OR (partner, bucket) IN (('operator', 'fees'), ('operator', 'charges'), ('treasury', 'vat'),
      ('income-tax', 'withheld-tax'))
"""
_CONSTRAINTS = """
ALTER TABLE reconciliation.withdrawals
  DROP CONSTRAINT ck_withdrawals_bucket, DROP CONSTRAINT ck_withdrawals_until,
  DROP CONSTRAINT ck_withdrawals_cover,
  ADD CONSTRAINT ck_withdrawals_bucket CHECK ({buckets}),
  ADD CONSTRAINT ck_withdrawals_until CHECK ({until}),
  ADD CONSTRAINT ck_withdrawals_cover CHECK (num_nonnulls(cover_after, reserve) IN (0, 2)
    AND (cover_after IS NOT NULL) = ({covered} AND approved_by IS NOT NULL))
"""
_AFTER = _CONSTRAINTS.format(
    buckets=f"{_BUCKETS} OR bucket = 'deposit' AND partner <> ''",
    until=f"(bucket IN {_OWN}) = (until IS NOT NULL)",
    covered="bucket NOT IN ('postpaid', 'prepaid')",
)
_BEFORE = _CONSTRAINTS.format(
    buckets=_BUCKETS,
    until="(bucket IN ('postpaid', 'prepaid')) = (until IS NULL)",
    covered="until IS NOT NULL",
)
_ONE_WAITS = """
CREATE UNIQUE INDEX uq_withdrawals_top_up_waiting ON reconciliation.withdrawals (partner)
  WHERE bucket = 'deposit' AND approved_by IS NULL AND rejected_by IS NULL
"""
_ACCOUNTS = """
CREATE OR REPLACE FUNCTION reconciliation.withdrawal_accounts(partner text, bucket text) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE bucket
    WHEN 'fees' THEN ARRAY['fee_income', 'sweep_due:' || partner]
    WHEN 'charges' THEN ARRAY['charge_income', 'sweep_due:' || partner]
    WHEN 'vat' THEN ARRAY['vat_payable', 'sweep_due:' || partner]
    WHEN 'withheld-tax' THEN ARRAY['withheld_tax_payable', 'sweep_due:' || partner]
    {deposit}ELSE ARRAY['prefund:' || partner || ':' || bucket, 'withdrawal_due:' || partner] END
$$
"""
_DEPOSIT = """WHEN 'deposit'
      THEN ARRAY['biller_deposit:' || partner || '\\:in_transit', 'deposit_due:' || partner]
    """
# The entry of what is approved stands already, so no more than its amount may be in transit.
_CHECK_TOP_UP = """
CREATE FUNCTION reconciliation.check_top_up() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  stage text := (reconciliation.withdrawal_accounts(NEW.partner, NEW.bucket))[1];
  is_approved boolean := TG_OP = 'UPDATE' AND NEW.approved_by IS NOT NULL AND OLD.approved_by IS NULL;
  allowed bigint := CASE WHEN is_approved THEN NEW.amount ELSE 0 END;
BEGIN
  IF NEW.bucket <> 'deposit' OR NOT (TG_OP = 'INSERT' OR is_approved) THEN
    RETURN NEW;
  END IF;
  IF (SELECT coalesce(sum(p.amount), 0) FROM public.postings AS p
      WHERE p.account = stage AND p.account LIKE 'biller_deposit:%') > allowed THEN
    RAISE EXCEPTION 'one top-up of a deposit is on its way at a time' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""
_CHECKED = """
CREATE TRIGGER withdrawals_top_ups BEFORE INSERT OR UPDATE ON reconciliation.withdrawals
FOR EACH ROW EXECUTE FUNCTION reconciliation.check_top_up()
"""
# A step is written before its entry, in one transaction.
_CHECK_ARRIVAL = """
CREATE FUNCTION reconciliation.check_deposit_arrival() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  biller text := (SELECT i.party FROM reconciliation.settlement_instructions AS i
    WHERE i.end_to_end_id = NEW.end_to_end_id AND i.role = 'deposit');
  moved bigint := NEW.moved - coalesce((SELECT s.moved FROM reconciliation.settlement_endings AS s
    WHERE s.end_to_end_id = NEW.end_to_end_id AND s.revision = NEW.revision - 1), 0);
BEGIN
  IF biller IS NOT NULL AND moved <> 0 AND (
    SELECT sum(p.amount) FILTER (WHERE p.account = 'biller_deposit:' || biller) IS DISTINCT FROM moved
      OR sum(p.amount) FILTER (WHERE p.account = 'biller_deposit:' || biller || '\\:in_transit')
        IS DISTINCT FROM -moved
    FROM public.postings AS p WHERE p.entry_id = NEW.moved_entry_id) THEN
    RAISE EXCEPTION 'what a bank has moved for a top-up is in the deposit and no more in transit'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""
_ARRIVED = """
CREATE CONSTRAINT TRIGGER settlement_endings_deposits AFTER INSERT ON reconciliation.settlement_endings
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reconciliation.check_deposit_arrival()
"""
_ROLES = {
    "settlement_lines": ("biller", "connector", "merchant", "partner", "payee", "sweep"),
    "settlement_positions": ("biller", "connector", "merchant", "ours", "partner", "payee", "sweep"),
    "account_changes": ("biller", "connector", "merchant", "partner", "payee", "sweep"),
}


def _take_roles(*more: str) -> None:
    for table, roles in _ROLES.items():
        words = ", ".join(f"'{role}'" for role in sorted((*roles, *more)))
        op.execute(f"""
        ALTER TABLE reconciliation.{table} DROP CONSTRAINT ck_{table}_role,
          ADD CONSTRAINT ck_{table}_role CHECK (role IN ({words}))
        """)


def upgrade() -> None:
    """Let a deposit of ours be topped up, one top-up at a time."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    _take_roles("deposit")
    accounts = _ACCOUNTS.format(deposit=_DEPOSIT)
    for statement in (accounts, _AFTER, _ONE_WAITS, _CHECK_TOP_UP, _CHECKED, _CHECK_ARRIVAL, _ARRIVED):
        op.execute(statement)


def downgrade() -> None:
    """Take it away; refused while something rests on it."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("""
    DO $$ BEGIN
      IF EXISTS (SELECT FROM reconciliation.withdrawals WHERE bucket = 'deposit')
        OR EXISTS (SELECT FROM reconciliation.account_changes WHERE role = 'deposit')
        OR EXISTS (SELECT FROM reconciliation.settlement_lines WHERE role = 'deposit') THEN
        RAISE EXCEPTION 'deposits were topped up, or have accounts to be topped up into';
      END IF;
    END $$
    """)
    op.execute("DROP TRIGGER settlement_endings_deposits ON reconciliation.settlement_endings")
    op.execute("DROP TRIGGER withdrawals_top_ups ON reconciliation.withdrawals")
    op.execute("DROP FUNCTION reconciliation.check_deposit_arrival")
    op.execute("DROP FUNCTION reconciliation.check_top_up")
    op.execute("DROP INDEX reconciliation.uq_withdrawals_top_up_waiting")
    op.execute(_BEFORE)
    op.execute(_ACCOUNTS.format(deposit=""))
    _take_roles()
