"""Databases that were restored, and the mark that says that positions are kept outside of this one.

Safe while the switch runs: a table of its own that is empty, and one row in a table of three, which old code
does not read. The first new process that starts records the first position.

Going back is refused while a restored database waits for its release.
"""

from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

UP = """
CREATE TABLE restores (
  id UUID NOT NULL,
  place TEXT NOT NULL,
  reason TEXT NOT NULL,
  missing TEXT NOT NULL,
  recorded JSONB,
  recorded_digest TEXT NOT NULL,
  found JSONB NOT NULL,
  found_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
  checked_at TIMESTAMP WITH TIME ZONE,
  differences_open INTEGER,
  asked_by TEXT,
  asked_at TIMESTAMP WITH TIME ZONE,
  release_reason TEXT,
  approved_by TEXT,
  released_at TIMESTAMP WITH TIME ZONE,
  resumed_at TIMESTAMP WITH TIME ZONE,
  found_again_at TIMESTAMP WITH TIME ZONE,
  CONSTRAINT pk_restores PRIMARY KEY (id),
  CONSTRAINT ck_restores_reason CHECK (reason IN
    ('ends_before', 'file_missing', 'file_refused', 'other_system', 'other_timeline')),
  CONSTRAINT ck_restores_differences_open CHECK (differences_open >= 0),
  CONSTRAINT ck_restores_check CHECK (num_nonnulls(checked_at, differences_open) <> 1),
  CONSTRAINT ck_restores_request CHECK (num_nonnulls(asked_by, asked_at, release_reason) IN (0, 3)),
  CONSTRAINT ck_restores_two_persons CHECK (approved_by <> asked_by),
  CONSTRAINT ck_restores_release CHECK (num_nonnulls(approved_by, released_at) <> 1),
  CONSTRAINT ck_restores_release_after_check CHECK (released_at IS NULL
    OR (asked_by IS NOT NULL AND checked_at IS NOT NULL AND differences_open = 0)),
  CONSTRAINT ck_restores_resumed CHECK (resumed_at IS NULL OR released_at IS NOT NULL),
  CONSTRAINT ck_restores_one_end CHECK (num_nonnulls(released_at, found_again_at) <= 1),
  CONSTRAINT fk_restores_asked_by FOREIGN KEY (asked_by) REFERENCES staff (name),
  CONSTRAINT fk_restores_approved_by FOREIGN KEY (approved_by) REFERENCES staff (name)
);
CREATE UNIQUE INDEX uq_restores_one_open ON restores (place, recorded_digest)
  WHERE num_nonnulls(released_at, found_again_at) = 0;
GRANT SELECT, INSERT, UPDATE ON restores TO ekpay_app;
GRANT SELECT ON restores TO ekpay_audit;
INSERT INTO housekeeping_marks (chore) VALUES ('positions')
"""
DOWN = """
DO $$
BEGIN
  IF EXISTS (SELECT FROM restores WHERE num_nonnulls(released_at, found_again_at) = 0) THEN
    RAISE EXCEPTION 'a restored database waits for its release, and old code would serve it';
  END IF;
END $$;
DROP TABLE restores;
DELETE FROM housekeeping_marks WHERE chore = 'positions'
"""


def upgrade() -> None:
    """Add the table and the mark."""
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Take both away."""
    refusal, *statements = DOWN.split("END $$;\n")
    op.execute(refusal + "END $$")
    for statement in statements[0].split(";\n"):
        op.execute(statement)
