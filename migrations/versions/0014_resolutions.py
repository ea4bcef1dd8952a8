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
  action TEXT NOT NULL,
  amount BIGINT NOT NULL,
  postings JSONB NOT NULL,
  reason TEXT NOT NULL,
  maker TEXT NOT NULL,
  made_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  checkers_needed SMALLINT NOT NULL,
  reverses UUID,
  CONSTRAINT pk_resolutions PRIMARY KEY (id),
  CONSTRAINT uq_resolutions_reverses UNIQUE (reverses),
  CONSTRAINT ck_resolutions_amount CHECK (amount >= 0),
  CONSTRAINT ck_resolutions_checkers_needed CHECK (checkers_needed IN (1, 2)),
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
  entry_id UUID,
  at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  CONSTRAINT pk_resolution_checks PRIMARY KEY (resolution_id, checker),
  CONSTRAINT ck_resolution_checks_two_persons CHECK (checker <> maker),
  CONSTRAINT ck_resolution_checks_verdict CHECK (verdict IN ('approved', 'rejected')),
  CONSTRAINT fk_resolution_checks_resolution_id FOREIGN KEY (resolution_id)
    REFERENCES reconciliation.resolutions (id),
  CONSTRAINT fk_resolution_checks_checker FOREIGN KEY (checker) REFERENCES public.staff (name)
);
GRANT SELECT ON reconciliation.resolutions, reconciliation.resolution_checks TO ekpay_app, ekpay_audit;
GRANT INSERT ON reconciliation.resolutions, reconciliation.resolution_checks TO ekpay_app
"""


def upgrade() -> None:
    """Add what is new."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Take it away, every decision included; only before a break was resolved."""
    op.execute("DROP TABLE reconciliation.resolution_checks")
    op.execute("DROP TABLE reconciliation.resolutions")
