"""Withdrawals of prefunds, and bank accounts of payees that two persons change with a cooling time.

Safe while the switch runs: two new tables, and a trigger on instructions, which only `ekpay settle` writes.
Accounts of config/settlement.toml hold as before until a change of theirs is valid.

Going back is refused once a withdrawal was approved or a changed account was valid: what they have moved
could not be explained any more.
"""

from alembic import op

revision = "0048"
down_revision = "0046"
branch_labels = None
depends_on = None

_TABLES = """
CREATE TABLE reconciliation.account_changes (
  id UUID NOT NULL,
  number BIGINT GENERATED ALWAYS AS IDENTITY,
  role TEXT NOT NULL,
  party TEXT NOT NULL,
  name TEXT NOT NULL,
  bic TEXT NOT NULL,
  routing_number TEXT NOT NULL,
  account TEXT NOT NULL,
  holds TEXT NOT NULL,
  rail TEXT NOT NULL,
  reason TEXT NOT NULL,
  cooling_hours INTEGER NOT NULL,
  asked_by TEXT NOT NULL,
  asked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  approved_by TEXT,
  approved_at TIMESTAMP WITH TIME ZONE,
  valid_from TIMESTAMP WITH TIME ZONE,
  stopped_by TEXT,
  stopped_at TIMESTAMP WITH TIME ZONE,
  stop_reason TEXT,
  CONSTRAINT pk_account_changes PRIMARY KEY (id),
  CONSTRAINT uq_account_changes_number UNIQUE (number),
  CONSTRAINT ck_account_changes_role CHECK (role IN ('biller', 'connector', 'merchant', 'partner', 'payee')),
  CONSTRAINT ck_account_changes_words CHECK (party <> '' AND name <> '' AND reason <> ''),
  CONSTRAINT ck_account_changes_routing_number CHECK (routing_number ~ '^[0-9]{9}$'),
  CONSTRAINT ck_account_changes_account CHECK (account ~ '^[A-Z0-9]{1,17}$'),
  CONSTRAINT ck_account_changes_holds CHECK (holds IN ('current', 'savings')),
  CONSTRAINT ck_account_changes_rail CHECK (rail IN ('beftn', 'rtgs')),
  CONSTRAINT ck_account_changes_cooling_hours CHECK (cooling_hours BETWEEN 1 AND 720),
  CONSTRAINT ck_account_changes_two_persons CHECK (approved_by <> asked_by),
  CONSTRAINT ck_account_changes_approval CHECK (num_nonnulls(approved_by, approved_at, valid_from) IN (0, 3)),
  CONSTRAINT ck_account_changes_stop CHECK (num_nonnulls(stopped_by, stopped_at, stop_reason) IN (0, 3)),
  CONSTRAINT ck_account_changes_stopped_in_time CHECK (stopped_at < valid_from),
  CONSTRAINT fk_account_changes_asked_by FOREIGN KEY (asked_by) REFERENCES public.staff (name),
  CONSTRAINT fk_account_changes_approved_by FOREIGN KEY (approved_by) REFERENCES public.staff (name),
  CONSTRAINT fk_account_changes_stopped_by FOREIGN KEY (stopped_by) REFERENCES public.staff (name)
);
CREATE UNIQUE INDEX uq_account_changes_waiting ON reconciliation.account_changes (role, party)
  WHERE approved_by IS NULL AND stopped_by IS NULL;
CREATE INDEX ix_account_changes_valid ON reconciliation.account_changes (role, party, valid_from)
  WHERE stopped_by IS NULL;
CREATE TABLE reconciliation.withdrawals (
  id UUID NOT NULL,
  number BIGINT GENERATED ALWAYS AS IDENTITY,
  partner TEXT NOT NULL,
  bucket TEXT NOT NULL,
  amount BIGINT NOT NULL,
  reference TEXT NOT NULL,
  asked_by TEXT NOT NULL,
  asked_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  approved_by TEXT,
  approved_at TIMESTAMP WITH TIME ZONE,
  entry_id UUID,
  rejected_by TEXT,
  rejected_at TIMESTAMP WITH TIME ZONE,
  reject_reason TEXT,
  cancelled_by TEXT,
  cancel_approved_by TEXT,
  cancelled_at TIMESTAMP WITH TIME ZONE,
  cancel_reason TEXT,
  cancel_entry_id UUID,
  CONSTRAINT pk_withdrawals PRIMARY KEY (id),
  CONSTRAINT uq_withdrawals_number UNIQUE (number),
  CONSTRAINT uq_withdrawals_entry_id UNIQUE (entry_id),
  CONSTRAINT uq_withdrawals_cancel_entry_id UNIQUE (cancel_entry_id),
  CONSTRAINT ck_withdrawals_amount CHECK (amount > 0),
  CONSTRAINT ck_withdrawals_reference CHECK (reference <> ''),
  CONSTRAINT ck_withdrawals_two_persons CHECK (approved_by <> asked_by),
  CONSTRAINT ck_withdrawals_approval CHECK (num_nonnulls(approved_by, approved_at, entry_id) IN (0, 3)),
  CONSTRAINT ck_withdrawals_rejection CHECK (num_nonnulls(rejected_by, rejected_at, reject_reason) IN (0, 3)),
  CONSTRAINT ck_withdrawals_one_decision CHECK (num_nonnulls(approved_by, rejected_by) <= 1),
  CONSTRAINT ck_withdrawals_cancelling CHECK (
    num_nonnulls(cancelled_by, cancel_approved_by, cancelled_at, cancel_reason, cancel_entry_id) IN (0, 5)),
  CONSTRAINT ck_withdrawals_cancelled_after_approval
    CHECK (cancelled_by IS NULL OR approved_by IS NOT NULL),
  CONSTRAINT ck_withdrawals_cancelled_by_two CHECK (cancelled_by <> cancel_approved_by),
  CONSTRAINT fk_withdrawals_partner FOREIGN KEY (partner) REFERENCES public.partners (id),
  CONSTRAINT fk_withdrawals_asked_by FOREIGN KEY (asked_by) REFERENCES public.staff (name),
  CONSTRAINT fk_withdrawals_approved_by FOREIGN KEY (approved_by) REFERENCES public.staff (name),
  CONSTRAINT fk_withdrawals_rejected_by FOREIGN KEY (rejected_by) REFERENCES public.staff (name),
  CONSTRAINT fk_withdrawals_cancelled_by FOREIGN KEY (cancelled_by) REFERENCES public.staff (name),
  CONSTRAINT fk_withdrawals_cancel_approved_by
    FOREIGN KEY (cancel_approved_by) REFERENCES public.staff (name),
  CONSTRAINT fk_withdrawals_entry_id FOREIGN KEY (entry_id) REFERENCES public.journal_entries (id),
  CONSTRAINT fk_withdrawals_cancel_entry_id
    FOREIGN KEY (cancel_entry_id) REFERENCES public.journal_entries (id)
);
CREATE UNIQUE INDEX uq_withdrawals_reference ON reconciliation.withdrawals (partner, reference)
  WHERE rejected_by IS NULL;
CREATE INDEX ix_withdrawals_waiting ON reconciliation.withdrawals (asked_at)
  WHERE approved_by IS NULL AND rejected_by IS NULL;
GRANT SELECT ON reconciliation.account_changes, reconciliation.withdrawals TO ekpay_app, ekpay_audit;
GRANT INSERT, UPDATE (approved_by, approved_at, valid_from, stopped_by, stopped_at, stop_reason)
  ON reconciliation.account_changes TO ekpay_app;
GRANT INSERT, UPDATE (approved_by, approved_at, entry_id, rejected_by, rejected_at, reject_reason,
  cancelled_by, cancel_approved_by, cancelled_at, cancel_reason, cancel_entry_id)
  ON reconciliation.withdrawals TO ekpay_app
"""
_PERSONS = """
CREATE FUNCTION reconciliation.are_of_finance(names text[]) RETURNS boolean LANGUAGE sql AS $$
  SELECT count(*) = (SELECT count(DISTINCT n) FROM unnest(names) AS n) FROM (
    SELECT FROM public.staff WHERE name = ANY(names) AND disabled_at IS NULL AND roles ? 'finance'
    ORDER BY name FOR SHARE) AS persons
$$
"""
_CHANGE = """
CREATE FUNCTION reconciliation.check_account_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF num_nonnulls(NEW.approved_by, NEW.stopped_by) > 0
      OR NOT reconciliation.are_of_finance(ARRAY[NEW.asked_by]) THEN
      RAISE EXCEPTION 'a change of an account is asked for by a person of finance'
        USING ERRCODE = 'check_violation';
    END IF;
    NEW.asked_at := clock_timestamp();
    RETURN NEW;
  END IF;
  IF (NEW.id, NEW.role, NEW.party, NEW.name, NEW.bic, NEW.routing_number, NEW.account, NEW.holds, NEW.rail,
      NEW.reason, NEW.cooling_hours, NEW.asked_by, NEW.asked_at)
    IS DISTINCT FROM (OLD.id, OLD.role, OLD.party, OLD.name, OLD.bic, OLD.routing_number, OLD.account,
      OLD.holds, OLD.rail, OLD.reason, OLD.cooling_hours, OLD.asked_by, OLD.asked_at)
    OR OLD.stopped_by IS NOT NULL
    OR OLD.approved_by IS NOT NULL AND (NEW.approved_by, NEW.approved_at, NEW.valid_from)
      IS DISTINCT FROM (OLD.approved_by, OLD.approved_at, OLD.valid_from) THEN
    RAISE EXCEPTION 'what was asked for or decided of an account never changes'
      USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.stopped_by IS NOT NULL THEN
    NEW.stopped_at := clock_timestamp();
    IF NEW.stopped_at >= OLD.valid_from OR NOT reconciliation.are_of_finance(ARRAY[NEW.stopped_by]) THEN
      RAISE EXCEPTION 'a person of finance stops a change before it is valid'
        USING ERRCODE = 'check_violation';
    END IF;
  ELSIF OLD.approved_by IS NULL AND NEW.approved_by IS NOT NULL THEN
    IF NOT reconciliation.are_of_finance(ARRAY[NEW.asked_by, NEW.approved_by]) THEN
      RAISE EXCEPTION 'two persons who are of finance now approve a change of an account'
        USING ERRCODE = 'check_violation';
    END IF;
    NEW.approved_at := clock_timestamp();
    NEW.valid_from := NEW.approved_at + make_interval(hours => NEW.cooling_hours);
  END IF;
  RETURN NEW;
END $$
"""
_INSTRUCTED = """
CREATE FUNCTION reconciliation.check_instructed_account() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  c record;
BEGIN
  SELECT * INTO c FROM reconciliation.account_changes AS a
  WHERE a.role = NEW.role AND a.party = NEW.party AND a.stopped_by IS NULL AND a.valid_from <= now()
  ORDER BY a.valid_from DESC, a.id DESC LIMIT 1;
  IF FOUND AND (NEW.name, NEW.bic, NEW.routing_number, NEW.account, NEW.holds)
    IS DISTINCT FROM (c.name, c.bic, c.routing_number, c.account, c.holds) THEN
    RAISE EXCEPTION 'an instruction to % % names the account that two persons have approved', NEW.role,
      NEW.party USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""
_WITHDRAWAL = """
CREATE FUNCTION reconciliation.check_withdrawal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF num_nonnulls(NEW.approved_by, NEW.rejected_by, NEW.cancelled_by) > 0
      OR NOT reconciliation.are_of_finance(ARRAY[NEW.asked_by]) THEN
      RAISE EXCEPTION 'a withdrawal is asked for by a person of finance' USING ERRCODE = 'check_violation';
    END IF;
    NEW.asked_at := clock_timestamp();
    RETURN NEW;
  END IF;
  IF (NEW.id, NEW.partner, NEW.bucket, NEW.amount, NEW.reference, NEW.asked_by, NEW.asked_at)
    IS DISTINCT FROM (OLD.id, OLD.partner, OLD.bucket, OLD.amount, OLD.reference, OLD.asked_by, OLD.asked_at)
    OR num_nonnulls(OLD.rejected_by, OLD.cancelled_by) > 0
    OR OLD.approved_by IS NOT NULL AND (NEW.approved_by, NEW.approved_at, NEW.entry_id)
      IS DISTINCT FROM (OLD.approved_by, OLD.approved_at, OLD.entry_id) THEN
    RAISE EXCEPTION 'what was asked for or decided of a withdrawal never changes'
      USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.rejected_by IS NOT NULL AND NOT reconciliation.are_of_finance(ARRAY[NEW.rejected_by]) THEN
    RAISE EXCEPTION 'a person of finance rejects a withdrawal' USING ERRCODE = 'check_violation';
  END IF;
  IF OLD.approved_by IS NULL AND NEW.approved_by IS NOT NULL THEN
    IF NOT reconciliation.are_of_finance(ARRAY[NEW.asked_by, NEW.approved_by]) THEN
      RAISE EXCEPTION 'two persons who are of finance now approve a withdrawal'
        USING ERRCODE = 'check_violation';
    END IF;
    NEW.approved_at := clock_timestamp();
    PERFORM reconciliation.check_withdrawal_entry(NEW.entry_id, NEW.partner, NEW.bucket, NEW.amount);
  END IF;
  IF NEW.cancelled_by IS NOT NULL THEN
    IF NOT reconciliation.are_of_finance(ARRAY[NEW.cancelled_by, NEW.cancel_approved_by]) THEN
      RAISE EXCEPTION 'two persons who are of finance now cancel a withdrawal'
        USING ERRCODE = 'check_violation';
    END IF;
    NEW.cancelled_at := clock_timestamp();
    PERFORM reconciliation.check_withdrawal_entry(NEW.cancel_entry_id, NEW.partner, NEW.bucket, -NEW.amount);
  END IF;
  RETURN NEW;
END $$
"""
_ENTRY = """
CREATE FUNCTION reconciliation.check_withdrawal_entry(entry uuid, partner text, bucket text, paisa bigint)
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
_TRIGGERS = (
    """
CREATE TRIGGER account_changes_persons BEFORE INSERT OR UPDATE ON reconciliation.account_changes
FOR EACH ROW EXECUTE FUNCTION reconciliation.check_account_change()
""",
    """
CREATE TRIGGER settlement_instructions_account BEFORE INSERT ON reconciliation.settlement_instructions
FOR EACH ROW EXECUTE FUNCTION reconciliation.check_instructed_account()
""",
    """
CREATE TRIGGER withdrawals_persons BEFORE INSERT OR UPDATE ON reconciliation.withdrawals
FOR EACH ROW EXECUTE FUNCTION reconciliation.check_withdrawal()
""",
)


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in _TABLES.split(";\n"):
        op.execute(statement)
    for statement in (_PERSONS, _CHANGE, _INSTRUCTED, _ENTRY, _WITHDRAWAL, *_TRIGGERS):
        op.execute(statement)


def downgrade() -> None:
    """Take it away; refused once money or an account was moved by it."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("""
    DO $$ BEGIN
      IF EXISTS (SELECT FROM reconciliation.withdrawals WHERE approved_by IS NOT NULL)
        OR EXISTS (SELECT FROM reconciliation.account_changes
          WHERE valid_from <= now() AND stopped_by IS NULL) THEN
        RAISE EXCEPTION 'withdrawals were approved, or changed accounts are valid';
      END IF;
    END $$
    """)
    op.execute("DROP TRIGGER settlement_instructions_account ON reconciliation.settlement_instructions")
    op.execute("DROP TABLE reconciliation.withdrawals, reconciliation.account_changes")
    for name in (
        "check_withdrawal", "check_account_change", "check_instructed_account", "check_withdrawal_entry",
        "are_of_finance",
    ):  # fmt: skip
        op.execute(f"DROP FUNCTION reconciliation.{name}")
