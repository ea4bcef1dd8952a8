"""What is decided about breaks, by two persons who cannot be one.

Safe while the switch runs: nothing of this is read by it.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE reconciliation.resolutions (
  id UUID NOT NULL,
  break_id UUID NOT NULL,
  number SMALLINT NOT NULL,
  action TEXT NOT NULL,
  amount BIGINT NOT NULL,
  entry_id UUID NOT NULL,
  moment TEXT NOT NULL,
  postings JSONB NOT NULL,
  settlement TEXT NOT NULL,
  reason TEXT NOT NULL,
  maker TEXT,
  rule TEXT DEFAULT '' NOT NULL,
  made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  checkers_needed SMALLINT NOT NULL,
  reverses UUID,
  CONSTRAINT pk_resolutions PRIMARY KEY (id),
  CONSTRAINT uq_resolutions_break_id_number UNIQUE (break_id, number),
  CONSTRAINT uq_resolutions_id_maker UNIQUE (id, maker),
  CONSTRAINT uq_resolutions_id_checkers_needed_entry_id UNIQUE (id, checkers_needed, entry_id),
  CONSTRAINT ck_resolutions_amount CHECK (amount >= 0 AND number > 0),
  CONSTRAINT ck_resolutions_reason CHECK (btrim(reason) <> ''),
  CONSTRAINT ck_resolutions_settlement CHECK (settlement IN ('', 'agreed', 'dropped')),
  CONSTRAINT ck_resolutions_maker_or_rule CHECK (
    (maker IS NOT NULL AND rule = '' AND checkers_needed IN (1, 2))
    OR (maker IS NULL AND rule <> '' AND checkers_needed = 0 AND reverses IS NOT NULL)),
  CONSTRAINT fk_resolutions_break_id FOREIGN KEY (break_id) REFERENCES reconciliation.breaks (id),
  CONSTRAINT fk_resolutions_maker FOREIGN KEY (maker) REFERENCES public.staff (name),
  CONSTRAINT fk_resolutions_reverses FOREIGN KEY (reverses) REFERENCES reconciliation.resolutions (id)
);
CREATE TABLE reconciliation.resolution_checks (
  resolution_id UUID NOT NULL,
  checker TEXT NOT NULL,
  maker TEXT NOT NULL,
  verdict TEXT NOT NULL,
  reason TEXT NOT NULL,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_resolution_checks PRIMARY KEY (resolution_id, checker),
  CONSTRAINT uq_resolution_checks_verdict UNIQUE (resolution_id, checker, verdict),
  CONSTRAINT ck_resolution_checks_two_persons CHECK (checker <> maker),
  CONSTRAINT ck_resolution_checks_verdict CHECK (verdict IN ('approved', 'rejected')),
  CONSTRAINT fk_resolution_checks_resolution_id_maker FOREIGN KEY (resolution_id, maker)
    REFERENCES reconciliation.resolutions (id, maker),
  CONSTRAINT fk_resolution_checks_checker FOREIGN KEY (checker) REFERENCES public.staff (name)
);
CREATE TABLE reconciliation.resolution_ends (
  resolution_id UUID NOT NULL,
  outcome TEXT NOT NULL,
  checkers_needed SMALLINT NOT NULL,
  entry_id UUID NOT NULL,
  first_checker TEXT,
  second_checker TEXT,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_resolution_ends PRIMARY KEY (resolution_id),
  CONSTRAINT ck_resolution_ends_checkers CHECK (
    (outcome = 'lapsed' AND first_checker IS NULL AND second_checker IS NULL)
    OR (outcome = 'rejected' AND first_checker IS NOT NULL AND second_checker IS NULL)
    OR (outcome = 'approved' AND (first_checker IS NOT NULL) = (checkers_needed > 0)
      AND (second_checker IS NOT NULL) = (checkers_needed > 1))),
  CONSTRAINT ck_resolution_ends_outcome CHECK (outcome IN ('approved', 'lapsed', 'rejected')),
  CONSTRAINT ck_resolution_ends_two_checkers CHECK (first_checker <> second_checker),
  CONSTRAINT fk_resolution_ends_resolution_id FOREIGN KEY (resolution_id, checkers_needed, entry_id)
    REFERENCES reconciliation.resolutions (id, checkers_needed, entry_id),
  CONSTRAINT fk_resolution_ends_first_checker FOREIGN KEY (resolution_id, first_checker, outcome)
    REFERENCES reconciliation.resolution_checks (resolution_id, checker, verdict),
  CONSTRAINT fk_resolution_ends_second_checker FOREIGN KEY (resolution_id, second_checker, outcome)
    REFERENCES reconciliation.resolution_checks (resolution_id, checker, verdict)
);
CREATE UNIQUE INDEX uq_resolution_ends_one_entry ON reconciliation.resolution_ends (entry_id)
  WHERE outcome = 'approved';
GRANT SELECT ON reconciliation.resolutions, reconciliation.resolution_checks, reconciliation.resolution_ends
  TO ekpay_app, ekpay_audit;
GRANT INSERT ON reconciliation.resolutions, reconciliation.resolution_checks, reconciliation.resolution_ends
  TO ekpay_app;
ALTER TABLE reconciliation.closed_days ALTER closed_by DROP NOT NULL;
ALTER TABLE reconciliation.closed_days ALTER approved_by DROP NOT NULL;
ALTER TABLE reconciliation.closed_days ADD digest TEXT NOT NULL;
ALTER TABLE reconciliation.closed_days ADD delta JSONB NOT NULL;
ALTER TABLE reconciliation.closed_days ADD CONSTRAINT ck_closed_days_persons_first CHECK (
  (restatement = 1 AND closed_by IS NOT NULL AND approved_by IS NOT NULL)
  OR (restatement > 1 AND closed_by IS NULL AND approved_by IS NULL))
"""


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Take it away, every decision included; only before a break was resolved or a day was closed."""
    op.execute("ALTER TABLE reconciliation.closed_days DROP CONSTRAINT ck_closed_days_persons_first")
    op.execute("ALTER TABLE reconciliation.closed_days DROP digest, DROP delta")
    op.execute("ALTER TABLE reconciliation.closed_days ALTER closed_by SET NOT NULL")
    op.execute("ALTER TABLE reconciliation.closed_days ALTER approved_by SET NOT NULL")
    op.execute("DROP TABLE reconciliation.resolution_ends")
    op.execute("DROP TABLE reconciliation.resolution_checks")
    op.execute("DROP TABLE reconciliation.resolutions")
