"""Demands: what payees that owe us are asked to pay, and what became of it.

Safe while the switch runs: a new table, and a trigger on events of unidentified lines, which only
`ekpay settle` writes.

Going back is refused once a demand was approved: its payments could not be explained any more.
"""

from alembic import op

revision = "0056"
down_revision = "0055"
branch_labels = None
depends_on = None

_TABLE = """
CREATE TABLE reconciliation.demands (
  id UUID NOT NULL,
  number BIGINT GENERATED ALWAYS AS IDENTITY,
  role TEXT NOT NULL,
  party TEXT NOT NULL,
  amount BIGINT NOT NULL,
  due_days INTEGER NOT NULL,
  asked_by TEXT NOT NULL,
  asked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  approved_by TEXT,
  approved_at TIMESTAMP WITH TIME ZONE,
  due_on DATE,
  content JSONB,
  rejected_by TEXT,
  rejected_at TIMESTAMP WITH TIME ZONE,
  reject_reason TEXT,
  ending TEXT,
  ended_at TIMESTAMP WITH TIME ZONE,
  paid BIGINT,
  remainder BIGINT,
  ended_by TEXT,
  end_approved_by TEXT,
  end_reason TEXT,
  end_entry_id UUID,
  CONSTRAINT pk_demands PRIMARY KEY (id),
  CONSTRAINT uq_demands_number UNIQUE (number),
  CONSTRAINT uq_demands_end_entry_id UNIQUE (end_entry_id),
  CONSTRAINT ck_demands_role CHECK (role IN ('biller', 'merchant', 'payee')),
  CONSTRAINT ck_demands_party CHECK (party <> ''),
  CONSTRAINT ck_demands_amount CHECK (amount > 0),
  CONSTRAINT ck_demands_due_days CHECK (due_days BETWEEN 1 AND 180),
  CONSTRAINT ck_demands_two_persons CHECK (approved_by <> asked_by),
  CONSTRAINT ck_demands_approval CHECK (num_nonnulls(approved_by, approved_at, due_on, content) IN (0, 4)),
  CONSTRAINT ck_demands_rejection CHECK (num_nonnulls(rejected_by, rejected_at, reject_reason) IN (0, 3)),
  CONSTRAINT ck_demands_one_decision CHECK (num_nonnulls(approved_by, rejected_by) <= 1),
  CONSTRAINT ck_demands_ending CHECK (ending IN ('settled', 'withdrawn', 'written_off')),
  CONSTRAINT ck_demands_ended CHECK (num_nonnulls(ending, ended_at, paid, remainder) IN (0, 4)
    AND (ending IS NULL OR approved_by IS NOT NULL)),
  CONSTRAINT ck_demands_figures CHECK (paid >= 0 AND remainder >= 0 AND paid + remainder <= amount
    AND (ending = 'settled') = (remainder = 0)),
  CONSTRAINT ck_demands_end_persons CHECK (num_nonnulls(ended_by, end_approved_by, end_reason)
    = CASE WHEN coalesce(ending, 'settled') = 'settled' THEN 0 ELSE 3 END),
  CONSTRAINT ck_demands_ended_by_two CHECK (ended_by <> end_approved_by),
  CONSTRAINT ck_demands_end_entry CHECK ((end_entry_id IS NOT NULL) = (coalesce(ending, '') = 'written_off')),
  CONSTRAINT fk_demands_asked_by FOREIGN KEY (asked_by) REFERENCES public.staff (name),
  CONSTRAINT fk_demands_approved_by FOREIGN KEY (approved_by) REFERENCES public.staff (name),
  CONSTRAINT fk_demands_rejected_by FOREIGN KEY (rejected_by) REFERENCES public.staff (name),
  CONSTRAINT fk_demands_ended_by FOREIGN KEY (ended_by) REFERENCES public.staff (name),
  CONSTRAINT fk_demands_end_approved_by FOREIGN KEY (end_approved_by) REFERENCES public.staff (name),
  CONSTRAINT fk_demands_end_entry_id FOREIGN KEY (end_entry_id) REFERENCES public.journal_entries (id)
);
CREATE UNIQUE INDEX uq_demands_open ON reconciliation.demands (role, party)
  WHERE rejected_by IS NULL AND ending IS NULL;
GRANT SELECT ON reconciliation.demands TO ekpay_app, ekpay_audit;
GRANT INSERT, UPDATE (approved_by, approved_at, due_on, content, rejected_by, rejected_at, reject_reason,
  ending, ended_at, paid, remainder, ended_by, end_approved_by, end_reason, end_entry_id)
  ON reconciliation.demands TO ekpay_app
"""
_ACCOUNTS = """
CREATE FUNCTION reconciliation.demand_accounts(role text, party text) RETURNS text[]
LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE role
    WHEN 'biller' THEN ARRAY['payable:' || party]
    WHEN 'merchant' THEN ARRAY['receivable:merchant:' || party, 'payable:merchant:' || party]
    ELSE ARRAY['payable:merchant:' || party, 'commission_payable:merchant:' || party] END
$$
"""
# Parts of lines of our bank that stand linked to a demand: the newest approval of an item counts, unless it
# was a reversal, whose parts are none.
_PAYMENTS = """
CREATE VIEW reconciliation.demand_payments AS
SELECT split_part(p.target, ':', 2)::bigint AS number, p.account, p.amount, e.entry_id
FROM reconciliation.unidentified_parts AS p
JOIN reconciliation.unidentified_events AS e ON e.decision_id = p.decision_id AND e.event = 'approved'
WHERE starts_with(p.target, 'demand:') AND NOT EXISTS (
  SELECT FROM reconciliation.unidentified_events AS n
  WHERE n.item_id = e.item_id AND n.event = 'approved' AND n.revision > e.revision)
"""
_DEMAND = """
CREATE FUNCTION reconciliation.check_demand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF num_nonnulls(NEW.approved_by, NEW.rejected_by, NEW.ending) > 0
      OR NOT reconciliation.are_of_finance(ARRAY[NEW.asked_by]) THEN
      RAISE EXCEPTION 'a demand is asked for by a person of finance' USING ERRCODE = 'check_violation';
    END IF;
    NEW.asked_at := clock_timestamp();
    RETURN NEW;
  END IF;
  IF (NEW.id, NEW.role, NEW.party, NEW.amount, NEW.due_days, NEW.asked_by, NEW.asked_at)
    IS DISTINCT FROM (OLD.id, OLD.role, OLD.party, OLD.amount, OLD.due_days, OLD.asked_by, OLD.asked_at)
    OR num_nonnulls(OLD.rejected_by, OLD.ending) > 0
    OR OLD.approved_by IS NOT NULL AND (NEW.approved_by, NEW.approved_at, NEW.due_on, NEW.content)
      IS DISTINCT FROM (OLD.approved_by, OLD.approved_at, OLD.due_on, OLD.content) THEN
    RAISE EXCEPTION 'what was asked for or decided of a demand never changes'
      USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.rejected_by IS NOT NULL AND NOT reconciliation.are_of_finance(ARRAY[NEW.rejected_by]) THEN
    RAISE EXCEPTION 'a person of finance rejects a demand' USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.approved_by IS NULL AND NEW.approved_by IS NOT NULL
    AND NOT reconciliation.are_of_finance(ARRAY[NEW.asked_by, NEW.approved_by]) THEN
    RAISE EXCEPTION 'two persons who are of finance now approve a demand' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.ending IS NOT NULL THEN
    IF NEW.paid <> (SELECT coalesce(sum(p.amount), 0) FROM reconciliation.demand_payments AS p
        WHERE p.number = NEW.number) THEN
      RAISE EXCEPTION 'a demand ends with what was paid of it' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.ending <> 'settled'
      AND NOT reconciliation.are_of_finance(ARRAY[NEW.ended_by, NEW.end_approved_by]) THEN
      RAISE EXCEPTION 'two persons who are of finance now end a demand' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.ending = 'written_off' THEN
      PERFORM reconciliation.check_demand_entry(NEW.end_entry_id, NEW.role, NEW.party, NEW.remainder);
    END IF;
  END IF;
  RETURN NEW;
END $$
"""
# Nothing is taken beyond what a party owes; an entry stands before what it is checked for.
_ENTRY = """
CREATE FUNCTION reconciliation.check_demand_entry(entry uuid, role text, party text, paisa bigint)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  accounts text[] := reconciliation.demand_accounts(role, party);
BEGIN
  IF (SELECT coalesce(sum(p.amount) FILTER (WHERE p.account = 'write_off'), 0) <> paisa
        OR coalesce(sum(p.amount) FILTER (WHERE p.account = ANY (accounts)), 0) <> -paisa
        OR count(*) <> count(*) FILTER (WHERE p.account = ANY (accounts || 'write_off'::text))
      FROM public.postings AS p WHERE p.entry_id = entry) THEN
    RAISE EXCEPTION 'the entry of a demand writes off its remainder on the accounts of its party'
      USING ERRCODE = 'check_violation';
  END IF;
  PERFORM reconciliation.check_debt(accounts, 0);
END $$
"""
# What the same line pays beside, such as sales in advance, is no payment of the debt.
_DEBT = """
CREATE FUNCTION reconciliation.check_debt(accounts text[], beside bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT sum(p.amount) FROM public.postings AS p WHERE p.account = ANY (accounts)) + beside < 0 THEN
    RAISE EXCEPTION 'nobody pays more of a demand than it owes' USING ERRCODE = 'check_violation';
  END IF;
END $$
"""
_PAID = """
CREATE FUNCTION reconciliation.check_demand_payment() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  part record;
  demand reconciliation.demands;
BEGIN
  FOR part IN SELECT split_part(p.target, ':', 2)::bigint AS number, p.account
    FROM reconciliation.unidentified_parts AS p
    WHERE p.decision_id = NEW.decision_id AND starts_with(p.target, 'demand:') LOOP
    SELECT * INTO demand FROM reconciliation.demands AS d WHERE d.number = part.number FOR UPDATE;
    IF demand.approved_by IS NULL OR demand.ending IS NOT NULL
      OR part.account <> ALL (reconciliation.demand_accounts(demand.role, demand.party))
      OR (SELECT sum(p.amount) FROM reconciliation.demand_payments AS p WHERE p.number = part.number)
        > demand.amount THEN
      RAISE EXCEPTION 'a line of our bank pays an open demand, on an account of its party, and no more'
        USING ERRCODE = 'check_violation';
    END IF;
    PERFORM reconciliation.check_debt(reconciliation.demand_accounts(demand.role, demand.party), (
      SELECT coalesce(sum(p.amount), 0)::bigint FROM reconciliation.unidentified_parts AS p
      WHERE p.decision_id = NEW.decision_id AND NOT starts_with(p.target, 'demand:')
        AND p.account = ANY (reconciliation.demand_accounts(demand.role, demand.party))));
  END LOOP;
  RETURN NULL;
END $$
"""
_TRIGGERS = (
    """
CREATE TRIGGER demands_persons BEFORE INSERT OR UPDATE ON reconciliation.demands
FOR EACH ROW EXECUTE FUNCTION reconciliation.check_demand()
""",
    """
CREATE TRIGGER unidentified_events_demands AFTER INSERT ON reconciliation.unidentified_events
FOR EACH ROW WHEN (NEW.event = 'approved') EXECUTE FUNCTION reconciliation.check_demand_payment()
""",
)


def upgrade() -> None:
    """Add demands."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in _TABLE.split(";\n"):
        op.execute(statement)
    for statement in (_ACCOUNTS, _PAYMENTS, _DEBT, _ENTRY, _DEMAND, _PAID, *_TRIGGERS):
        op.execute(statement)
    op.execute("GRANT SELECT ON reconciliation.demand_payments TO ekpay_app, ekpay_audit")


def downgrade() -> None:
    """Take them away; refused once one was approved."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("""
    DO $$ BEGIN
      IF EXISTS (SELECT FROM reconciliation.demands WHERE approved_by IS NOT NULL) THEN
        RAISE EXCEPTION 'demands were approved';
      END IF;
    END $$
    """)
    op.execute("DROP TRIGGER unidentified_events_demands ON reconciliation.unidentified_events")
    op.execute("DROP VIEW reconciliation.demand_payments")
    op.execute("DROP TABLE reconciliation.demands")
    for name in ("check_demand_payment", "check_demand", "check_demand_entry", "check_debt",
                 "demand_accounts"):  # fmt: skip
        op.execute(f"DROP FUNCTION reconciliation.{name}")
