"""Instructions that a bank has rejected and executed, and answers of banks that two persons take in.

Safe while the switch runs: columns with a constant default, small tables, and a trigger on rows that only
`ekpay settle` writes. Settle with the old code no more once this has run: the trigger refuses its steps that
would leave a party owed what the bank has paid. What it has left so is a contradiction from now on, and the
next `ekpay settle credits` books it. Answers that were read before have no file.

Going back is refused once such an instruction was reinstated or a contradiction decided.
"""

from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

_TABLES = """
ALTER TABLE reconciliation.settlement_endings
  ADD COLUMN reinstated_entry_id UUID,
  ADD COLUMN contradicts BOOLEAN DEFAULT false NOT NULL,
  ADD CONSTRAINT uq_settlement_endings_reinstated_entry_id UNIQUE (reinstated_entry_id),
  ADD CONSTRAINT uq_settlement_endings_rejected_entry_id UNIQUE (rejected_entry_id);
DROP INDEX reconciliation.uq_settlement_endings_rejected_once;
UPDATE reconciliation.settlement_endings SET contradicts = true
  WHERE why = 'the bank moved it in spite of its rejection';
CREATE TABLE reconciliation.settlement_contradiction_ends (
  end_to_end_id TEXT NOT NULL,
  revision SMALLINT NOT NULL,
  verdict TEXT NOT NULL,
  reason TEXT NOT NULL,
  decided_by TEXT NOT NULL,
  approved_by TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_settlement_contradiction_ends PRIMARY KEY (end_to_end_id, revision),
  CONSTRAINT ck_settlement_contradiction_ends_verdict CHECK (verdict IN ('executed', 'rejected')),
  CONSTRAINT ck_settlement_contradiction_ends_reason CHECK (reason <> ''),
  CONSTRAINT ck_settlement_contradiction_ends_persons CHECK (decided_by <> approved_by),
  CONSTRAINT fk_settlement_contradiction_ends_step FOREIGN KEY (end_to_end_id, revision)
    REFERENCES reconciliation.settlement_endings (end_to_end_id, revision)
);
CREATE TABLE reconciliation.settlement_answer_files (
  sha256 TEXT NOT NULL,
  content BYTEA NOT NULL,
  taken_by TEXT NOT NULL,
  approved_by TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_settlement_answer_files PRIMARY KEY (sha256),
  CONSTRAINT ck_settlement_answer_files_sha256 CHECK (sha256 = encode(sha256(content), 'hex')),
  CONSTRAINT ck_settlement_answer_files_persons CHECK (taken_by <> approved_by)
)
"""
_CHECK = """
CREATE FUNCTION reconciliation.check_settlement_ending() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  was_owed BOOLEAN := coalesce((
    SELECT is_owed_again FROM reconciliation.settlement_endings
    WHERE end_to_end_id = NEW.end_to_end_id AND revision = NEW.revision - 1), false);
BEGIN
  IF (NEW.rejected_entry_id IS NOT NULL) <> (NEW.is_owed_again AND NOT was_owed)
    OR (NEW.reinstated_entry_id IS NOT NULL) <> (was_owed AND NOT NEW.is_owed_again) THEN
    RAISE EXCEPTION 'an instruction is owed again, or no more, by an entry of this step'
      USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$
"""
_CHECKED = """
CREATE TRIGGER settlement_endings_owed BEFORE INSERT ON reconciliation.settlement_endings
FOR EACH ROW EXECUTE FUNCTION reconciliation.check_settlement_ending()
"""
_NEW = ("contradiction_ends", "answer_files")


def upgrade() -> None:
    """Add what is new, and mark the contradictions of before."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in _TABLES.split(";\n"):
        op.execute(statement)
    op.execute(_CHECK)
    op.execute(_CHECKED)
    for name in _NEW:
        op.execute(f"GRANT SELECT ON reconciliation.settlement_{name} TO ekpay_app, ekpay_audit")
        op.execute(f"GRANT INSERT ON reconciliation.settlement_{name} TO ekpay_app")


def downgrade() -> None:
    """Take it away; refused once something was decided by it."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("""
    DO $$ BEGIN
      IF EXISTS (SELECT FROM reconciliation.settlement_contradiction_ends)
        OR EXISTS (SELECT FROM reconciliation.settlement_endings WHERE reinstated_entry_id IS NOT NULL) THEN
        RAISE EXCEPTION 'instructions were reinstated, or contradictions decided';
      END IF;
    END $$
    """)
    op.execute("DROP TRIGGER settlement_endings_owed ON reconciliation.settlement_endings")
    op.execute("DROP FUNCTION reconciliation.check_settlement_ending")
    for name in _NEW:
        op.execute(f"DROP TABLE reconciliation.settlement_{name}")
    op.execute(
        "CREATE UNIQUE INDEX uq_settlement_endings_rejected_once ON reconciliation.settlement_endings "
        "(end_to_end_id) WHERE rejected_entry_id IS NOT NULL"
    )
    op.execute(
        "ALTER TABLE reconciliation.settlement_endings DROP COLUMN reinstated_entry_id, "
        "DROP COLUMN contradicts, DROP CONSTRAINT uq_settlement_endings_rejected_entry_id"
    )
