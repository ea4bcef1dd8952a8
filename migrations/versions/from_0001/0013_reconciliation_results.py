"""What nightly runs find, in a schema of the wing's own: files, runs, breaks and what happened to them.

Safe while the switch runs: nothing of this is read by it.
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

UP = """
CREATE SCHEMA reconciliation;
CREATE TABLE reconciliation.runs (
  id UUID NOT NULL,
  seq BIGINT NOT NULL,
  night DATE NOT NULL,
  number SMALLINT NOT NULL,
  identity JSONB NOT NULL,
  identity_digest TEXT NOT NULL,
  findings_digest TEXT NOT NULL,
  outcome_digest TEXT NOT NULL,
  rows_digest TEXT NOT NULL,
  last_line BIGINT NOT NULL,
  figures JSONB NOT NULL,
  invariants JSONB NOT NULL,
  sql TEXT NOT NULL,
  started_at TIMESTAMP WITH TIME ZONE NOT NULL,
  finished_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_runs PRIMARY KEY (id),
  CONSTRAINT uq_runs_seq UNIQUE (seq),
  CONSTRAINT uq_runs_night_number UNIQUE (night, number),
  CONSTRAINT ck_runs_number CHECK (number > 0 AND seq > 0)
);
CREATE TABLE reconciliation.files (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  run_id UUID NOT NULL,
  seq INTEGER NOT NULL,
  name TEXT NOT NULL,
  institution TEXT NOT NULL,
  day DATE NOT NULL,
  cycle SMALLINT NOT NULL,
  correction SMALLINT NOT NULL,
  sha256 TEXT NOT NULL,
  source TEXT NOT NULL,
  received_at TIMESTAMP WITH TIME ZONE NOT NULL,
  night DATE NOT NULL,
  layout_version TEXT NOT NULL,
  rows INTEGER NOT NULL,
  settled BIGINT NOT NULL,
  sequence INTEGER,
  closing BIGINT,
  controls JSONB NOT NULL,
  CONSTRAINT pk_files PRIMARY KEY (id),
  CONSTRAINT uq_files_run_id_seq UNIQUE (run_id, seq),
  CONSTRAINT ck_files_source CHECK (source IN ('folder', 'sftp', 'upload')),
  CONSTRAINT fk_files_run_id FOREIGN KEY (run_id) REFERENCES reconciliation.runs (id)
);
CREATE TABLE reconciliation.file_states (
  file_id BIGINT NOT NULL,
  run_id UUID NOT NULL,
  state TEXT NOT NULL,
  rounding INTEGER NOT NULL,
  CONSTRAINT pk_file_states PRIMARY KEY (file_id, run_id),
  CONSTRAINT ck_file_states_state CHECK
    (state IN ('duplicate', 'loaded', 'refused', 'replayed', 'superseded')),
  CONSTRAINT fk_file_states_file_id FOREIGN KEY (file_id) REFERENCES reconciliation.files (id),
  CONSTRAINT fk_file_states_run_id FOREIGN KEY (run_id) REFERENCES reconciliation.runs (id)
);
CREATE TABLE reconciliation.breaks (
  id UUID NOT NULL,
  run_id UUID NOT NULL,
  code TEXT NOT NULL,
  institution TEXT NOT NULL,
  reference TEXT NOT NULL,
  first_seen DATE NOT NULL,
  amount BIGINT NOT NULL,
  difference BIGINT NOT NULL,
  exposure BIGINT NOT NULL,
  file TEXT NOT NULL,
  day DATE,
  cycle SMALLINT NOT NULL,
  owner TEXT NOT NULL,
  deadline DATE NOT NULL,
  diagnosis TEXT NOT NULL,
  told JSONB NOT NULL,
  CONSTRAINT pk_breaks PRIMARY KEY (id),
  CONSTRAINT uq_breaks_code_institution_reference UNIQUE (code, institution, reference),
  CONSTRAINT fk_breaks_run_id FOREIGN KEY (run_id) REFERENCES reconciliation.runs (id)
);
CREATE TABLE reconciliation.break_events (
  seq BIGINT NOT NULL,
  break_id UUID NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  night DATE NOT NULL,
  actor TEXT NOT NULL,
  event TEXT NOT NULL,
  state TEXT NOT NULL,
  facts JSONB NOT NULL,
  hash BYTEA NOT NULL,
  CONSTRAINT pk_break_events PRIMARY KEY (seq),
  CONSTRAINT ck_break_events_event CHECK (event IN ('answered', 'approved', 'closed', 'found', 'noted',
    'proposed', 'refused', 'rejected', 'reopened', 'reversed')),
  CONSTRAINT ck_break_events_state CHECK (state IN ('closed', 'open', 'proposed', 'resolved')),
  CONSTRAINT fk_break_events_break_id FOREIGN KEY (break_id) REFERENCES reconciliation.breaks (id)
);
CREATE INDEX ix_break_events_break_id ON reconciliation.break_events (break_id, seq);
CREATE TABLE reconciliation.positions (
  run_id UUID NOT NULL,
  institution TEXT NOT NULL,
  settled BIGINT NOT NULL,
  gross BIGINT NOT NULL,
  fees BIGINT NOT NULL,
  rounding BIGINT NOT NULL,
  suspense BIGINT NOT NULL,
  CONSTRAINT pk_positions PRIMARY KEY (run_id, institution),
  CONSTRAINT ck_positions_sum CHECK (settled = gross - fees + rounding + suspense),
  CONSTRAINT fk_positions_run_id FOREIGN KEY (run_id) REFERENCES reconciliation.runs (id)
);
CREATE TABLE reconciliation.participants (
  institution TEXT NOT NULL,
  since DATE NOT NULL,
  run_id UUID NOT NULL,
  CONSTRAINT pk_participants PRIMARY KEY (institution),
  CONSTRAINT fk_participants_run_id FOREIGN KEY (run_id) REFERENCES reconciliation.runs (id)
);
CREATE TABLE reconciliation.group_members (
  run_id UUID NOT NULL,
  group_id BIGINT NOT NULL,
  origin TEXT NOT NULL,
  ordinal INTEGER NOT NULL,
  source SMALLINT NOT NULL,
  released_by UUID,
  CONSTRAINT pk_group_members PRIMARY KEY (run_id, group_id, source, origin, ordinal),
  CONSTRAINT fk_group_members_run_id FOREIGN KEY (run_id) REFERENCES reconciliation.runs (id),
  CONSTRAINT fk_group_members_released_by FOREIGN KEY (released_by) REFERENCES reconciliation.runs (id)
);
CREATE UNIQUE INDEX uq_group_members_one_live ON reconciliation.group_members (source, origin, ordinal)
  WHERE released_by IS NULL;
CREATE TABLE reconciliation.closed_days (
  night DATE NOT NULL,
  run_id UUID NOT NULL,
  restatement SMALLINT NOT NULL,
  closed_by TEXT NOT NULL,
  approved_by TEXT NOT NULL,
  closed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  figures JSONB NOT NULL,
  CONSTRAINT pk_closed_days PRIMARY KEY (night, restatement),
  CONSTRAINT ck_closed_days_two_persons CHECK (closed_by <> approved_by),
  CONSTRAINT fk_closed_days_run_id FOREIGN KEY (run_id) REFERENCES reconciliation.runs (id),
  CONSTRAINT fk_closed_days_closed_by FOREIGN KEY (closed_by) REFERENCES public.staff (name),
  CONSTRAINT fk_closed_days_approved_by FOREIGN KEY (approved_by) REFERENCES public.staff (name)
);
GRANT USAGE ON SCHEMA reconciliation TO ekpay_app, ekpay_audit;
GRANT SELECT ON ALL TABLES IN SCHEMA reconciliation TO ekpay_app, ekpay_audit;
GRANT INSERT ON ALL TABLES IN SCHEMA reconciliation TO ekpay_app;
GRANT UPDATE (released_by) ON reconciliation.group_members TO ekpay_app
"""


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Take it away, every finding included; only before a night was run."""
    op.execute("DROP SCHEMA reconciliation CASCADE")
