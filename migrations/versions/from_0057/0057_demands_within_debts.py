"""A demand asks for no more than its payee owes by closed windows, when it is asked for and when approved.

Safe while the switch runs: a trigger on demands, which only `ekpay settle` writes. Demands of before stay as
they are; `ekpay audit` proves them as well.
"""

from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None

# As `read_debts` sums: postings to an open window are no claims yet, except those of settlement itself.
_DEBT = """
CREATE FUNCTION reconciliation.check_demanded_debt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.amount > (
    SELECT coalesce(sum(p.amount), 0) FROM public.postings AS p
    JOIN public.journal_entries AS j ON j.id = p.entry_id
    JOIN public.settlement_windows AS w ON w.id = j.window_id
    WHERE p.account = ANY (reconciliation.demand_accounts(NEW.role, NEW.party))
      AND (w.state = 'closed' OR starts_with(j.moment, 'settlement_'))) THEN
    RAISE EXCEPTION 'nobody is asked for more than it owes by closed windows'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""
# Behind `demands_persons`: triggers of a table run in the order of their names.
_TRIGGERS = (
    """
CREATE TRIGGER demands_within_debts BEFORE INSERT ON reconciliation.demands
FOR EACH ROW EXECUTE FUNCTION reconciliation.check_demanded_debt()
""",
    """
CREATE TRIGGER demands_within_debts_approved BEFORE UPDATE ON reconciliation.demands
FOR EACH ROW WHEN (OLD.approved_by IS NULL AND NEW.approved_by IS NOT NULL)
EXECUTE FUNCTION reconciliation.check_demanded_debt()
""",
)


def upgrade() -> None:
    """Add the triggers."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in (_DEBT, *_TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    """Take them away: Python alone refuses such a demand then."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("DROP TRIGGER demands_within_debts_approved ON reconciliation.demands")
    op.execute("DROP TRIGGER demands_within_debts ON reconciliation.demands")
    op.execute("DROP FUNCTION reconciliation.check_demanded_debt")
