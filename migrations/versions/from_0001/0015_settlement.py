"""Settlement of parties: lines, sheets, instructions, what banks answered, and the money that moved for them.

Safe while the switch runs: nothing of this is read by it.
"""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# Which runs were taken in, each once. A line stands as often as something was decided of it; the newest row
# counts, and one decision is for ever.
LINES = """
CREATE TABLE reconciliation.settlement_takings (
  run_id UUID NOT NULL,
  taken_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_settlement_takings PRIMARY KEY (run_id),
  CONSTRAINT fk_settlement_takings_run_id FOREIGN KEY (run_id) REFERENCES reconciliation.runs (id)
);
CREATE TABLE reconciliation.settlement_lines (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  role TEXT NOT NULL,
  party TEXT NOT NULL,
  day DATE NOT NULL,
  cycle SMALLINT NOT NULL,
  source TEXT NOT NULL,
  kind TEXT NOT NULL,
  amount BIGINT NOT NULL,
  event TEXT NOT NULL,
  night DATE NOT NULL,
  because TEXT NOT NULL,
  run_id UUID NOT NULL,
  CONSTRAINT pk_settlement_lines PRIMARY KEY (id),
  CONSTRAINT ck_settlement_lines_role CHECK
    (role IN ('biller', 'connector', 'merchant', 'partner', 'payee')),
  CONSTRAINT ck_settlement_lines_kind CHECK
    (kind IN ('adjustment', 'chargeback', 'commission', 'fee', 'payment', 'refund')),
  CONSTRAINT ck_settlement_lines_event CHECK (event IN ('agreed', 'dropped', 'held')),
  CONSTRAINT ck_settlement_lines_because CHECK ((because = '') = (event = 'agreed')),
  CONSTRAINT fk_settlement_lines_run_id FOREIGN KEY (run_id) REFERENCES reconciliation.runs (id)
);
CREATE UNIQUE INDEX uq_settlement_lines_one_decision
  ON reconciliation.settlement_lines (role, party, day, cycle, source, kind) WHERE event <> 'held';
CREATE INDEX ix_settlement_lines_source ON reconciliation.settlement_lines (source)
"""

# For each party: brought in and owed now is instructed, carried out, or what it pays by itself.
SHEETS = """
CREATE TABLE reconciliation.settlement_sheets (
  value_date DATE NOT NULL,
  run_id UUID NOT NULL,
  digest TEXT NOT NULL,
  instructed_by TEXT NOT NULL,
  approved_by TEXT NOT NULL,
  made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_settlement_sheets PRIMARY KEY (value_date),
  CONSTRAINT ck_settlement_sheets_two_persons CHECK (instructed_by <> approved_by),
  CONSTRAINT fk_settlement_sheets_run_id FOREIGN KEY (run_id) REFERENCES reconciliation.runs (id),
  CONSTRAINT fk_settlement_sheets_instructed_by FOREIGN KEY (instructed_by) REFERENCES public.staff (name),
  CONSTRAINT fk_settlement_sheets_approved_by FOREIGN KEY (approved_by) REFERENCES public.staff (name)
);
CREATE TABLE reconciliation.settlement_positions (
  value_date DATE NOT NULL,
  role TEXT NOT NULL,
  party TEXT NOT NULL,
  gross_in BIGINT NOT NULL,
  gross_out BIGINT NOT NULL,
  fees BIGINT NOT NULL,
  refunds BIGINT NOT NULL,
  chargebacks BIGINT NOT NULL,
  commissions BIGINT NOT NULL,
  adjustments BIGINT NOT NULL,
  held BIGINT NOT NULL,
  released BIGINT NOT NULL,
  net BIGINT NOT NULL,
  carried_in BIGINT NOT NULL,
  instructed BIGINT NOT NULL,
  carried_out BIGINT NOT NULL,
  pays_itself BIGINT NOT NULL,
  reason TEXT NOT NULL,
  CONSTRAINT pk_settlement_positions PRIMARY KEY (value_date, role, party),
  CONSTRAINT ck_settlement_positions_role CHECK
    (role IN ('biller', 'connector', 'merchant', 'ours', 'partner', 'payee')),
  CONSTRAINT ck_settlement_positions_net CHECK (net = gross_in + gross_out + fees + refunds + chargebacks
    + commissions + adjustments - held + released),
  CONSTRAINT ck_settlement_positions_nothing_lost CHECK
    (role = 'ours' OR carried_in - net = instructed + carried_out - pays_itself),
  CONSTRAINT ck_settlement_positions_signs CHECK (instructed >= 0 AND pays_itself >= 0),
  CONSTRAINT fk_settlement_positions_value_date
    FOREIGN KEY (value_date) REFERENCES reconciliation.settlement_sheets (value_date)
);
CREATE TABLE reconciliation.settlement_instructions (
  end_to_end_id TEXT NOT NULL,
  value_date DATE NOT NULL,
  role TEXT NOT NULL,
  party TEXT NOT NULL,
  amount BIGINT NOT NULL,
  set_off BIGINT NOT NULL,
  rail TEXT NOT NULL,
  statement TEXT NOT NULL,
  ledger_account TEXT NOT NULL,
  name TEXT NOT NULL,
  bic TEXT NOT NULL,
  routing_number TEXT NOT NULL,
  account TEXT NOT NULL,
  holds TEXT NOT NULL,
  entry_id UUID NOT NULL,
  CONSTRAINT pk_settlement_instructions PRIMARY KEY (end_to_end_id),
  CONSTRAINT uq_settlement_instructions_value_date_role_party UNIQUE (value_date, role, party),
  CONSTRAINT uq_settlement_instructions_entry_id UNIQUE (entry_id),
  CONSTRAINT ck_settlement_instructions_amount CHECK (amount > 0 AND set_off >= 0),
  CONSTRAINT ck_settlement_instructions_rail CHECK (rail IN ('beftn', 'rtgs')),
  CONSTRAINT ck_settlement_instructions_holds CHECK (holds IN ('current', 'savings')),
  CONSTRAINT ck_settlement_instructions_id CHECK (end_to_end_id ~ '^E[A-Z2-7]{14}$'),
  CONSTRAINT fk_settlement_instructions_position FOREIGN KEY (value_date, role, party)
    REFERENCES reconciliation.settlement_positions (value_date, role, party)
);
CREATE TABLE reconciliation.settlement_files (
  value_date DATE NOT NULL,
  rail TEXT NOT NULL,
  name TEXT NOT NULL,
  message_id TEXT NOT NULL,
  sha256 TEXT NOT NULL,
  content BYTEA NOT NULL,
  entries INTEGER NOT NULL,
  amount BIGINT NOT NULL,
  hash_total BIGINT NOT NULL,
  CONSTRAINT pk_settlement_files PRIMARY KEY (value_date, rail),
  CONSTRAINT uq_settlement_files_name UNIQUE (name),
  CONSTRAINT ck_settlement_files_sha256 CHECK (sha256 = encode(sha256(content), 'hex')),
  CONSTRAINT fk_settlement_files_value_date
    FOREIGN KEY (value_date) REFERENCES reconciliation.settlement_sheets (value_date)
)
"""

# An instruction and a credit stand as often as more became known of them; each row holds the sums so far.
ENDINGS = """
CREATE TABLE reconciliation.settlement_answers (
  file_sha256 TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  end_to_end_id TEXT NOT NULL,
  said TEXT NOT NULL,
  reason TEXT NOT NULL,
  read_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_settlement_answers PRIMARY KEY (file_sha256, ordinal),
  CONSTRAINT ck_settlement_answers_said CHECK (said IN ('accepted', 'pending', 'rejected', 'unknown'))
);
CREATE TABLE reconciliation.settlement_endings (
  end_to_end_id TEXT NOT NULL,
  revision SMALLINT NOT NULL,
  ending TEXT NOT NULL,
  moved BIGINT NOT NULL,
  is_owed_again BOOLEAN NOT NULL,
  why TEXT NOT NULL,
  moved_entry_id UUID,
  rejected_entry_id UUID,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_settlement_endings PRIMARY KEY (end_to_end_id, revision),
  CONSTRAINT ck_settlement_endings_ending CHECK
    (ending IN ('missing', 'over', 'rejected', 'settled', 'short', 'waiting')),
  CONSTRAINT ck_settlement_endings_rejected_moves_nothing CHECK (ending <> 'rejected' OR moved = 0),
  CONSTRAINT uq_settlement_endings_moved_entry_id UNIQUE (moved_entry_id),
  CONSTRAINT fk_settlement_endings_end_to_end_id FOREIGN KEY (end_to_end_id)
    REFERENCES reconciliation.settlement_instructions (end_to_end_id)
);
CREATE UNIQUE INDEX uq_settlement_endings_rejected_once
  ON reconciliation.settlement_endings (end_to_end_id) WHERE rejected_entry_id IS NOT NULL;
CREATE TABLE reconciliation.settlement_carries (
  end_to_end_id TEXT NOT NULL,
  value_date DATE NOT NULL,
  CONSTRAINT pk_settlement_carries PRIMARY KEY (end_to_end_id),
  CONSTRAINT fk_settlement_carries_end_to_end_id FOREIGN KEY (end_to_end_id)
    REFERENCES reconciliation.settlement_instructions (end_to_end_id),
  CONSTRAINT fk_settlement_carries_value_date
    FOREIGN KEY (value_date) REFERENCES reconciliation.settlement_sheets (value_date)
);
CREATE TABLE reconciliation.settlement_credits (
  batch TEXT NOT NULL,
  revision SMALLINT NOT NULL,
  run_id UUID NOT NULL,
  bank TEXT NOT NULL,
  connector TEXT NOT NULL,
  payout_date DATE NOT NULL,
  owed BIGINT NOT NULL,
  credited BIGINT NOT NULL,
  charge BIGINT NOT NULL,
  receivable BIGINT NOT NULL,
  suspense BIGINT NOT NULL,
  rounding BIGINT NOT NULL,
  ending TEXT NOT NULL,
  entry_id UUID,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_settlement_credits PRIMARY KEY (batch, revision),
  CONSTRAINT uq_settlement_credits_entry_id UNIQUE (entry_id),
  CONSTRAINT ck_settlement_credits_sum CHECK (credited + charge = receivable + suspense + rounding),
  CONSTRAINT ck_settlement_credits_ending CHECK (ending = CASE
    WHEN credited + charge = owed THEN 'as_expected' WHEN credited + charge < owed THEN 'funds_short'
    ELSE 'funds_over' END),
  CONSTRAINT fk_settlement_credits_run_id FOREIGN KEY (run_id) REFERENCES reconciliation.runs (id)
)
"""

TRIGGERS = (
    """
CREATE FUNCTION reconciliation.settlement_sums_to_zero() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (
    SELECT FROM reconciliation.settlement_positions AS p
    WHERE p.value_date IN (SELECT value_date FROM new_positions)
    GROUP BY p.value_date HAVING sum(p.net) <> 0 OR count(*) FILTER (WHERE p.role = 'ours') <> 1)
  THEN
    RAISE EXCEPTION 'the net positions of a value date do not sum to zero' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END
$$
""",
    """
CREATE TRIGGER settlement_positions_sum AFTER INSERT ON reconciliation.settlement_positions
REFERENCING NEW TABLE AS new_positions FOR EACH STATEMENT
EXECUTE FUNCTION reconciliation.settlement_sums_to_zero()
""",
)

TABLES = (
    "takings",
    "lines",
    "sheets",
    "positions",
    "instructions",
    "files",
    "answers",
    "endings",
    "carries",
    "credits",
)


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for part in (LINES, SHEETS, ENDINGS):
        for statement in part.split(";\n"):
            op.execute(statement)
    for statement in TRIGGERS:
        op.execute(statement)
    for name in TABLES:
        op.execute(f"GRANT SELECT ON reconciliation.settlement_{name} TO ekpay_app, ekpay_audit")
        op.execute(f"GRANT INSERT ON reconciliation.settlement_{name} TO ekpay_app")


def downgrade() -> None:
    """Take it away, every sheet included; only before a day was settled."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for name in reversed(TABLES):
        op.execute(f"DROP TABLE reconciliation.settlement_{name}")
    op.execute("DROP FUNCTION reconciliation.settlement_sums_to_zero")
