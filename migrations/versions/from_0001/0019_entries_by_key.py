"""The check that entries balance finds its rows by their keys, whatever its plan was made on.

Safe while the switch runs: the check is the same, and the function is replaced between two statements. A plan
made while the tables were empty read every posting for each batch until statistics were counted anew.
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

UP = """
CREATE OR REPLACE FUNCTION check_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE broken text;
BEGIN
  SELECT f.entry_id::text INTO broken FROM (SELECT DISTINCT entry_id FROM fresh) AS f
    CROSS JOIN LATERAL (SELECT sum(amount) AS total FROM postings WHERE entry_id = f.entry_id) AS p
    WHERE p.total <> 0 LIMIT 1;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'journal entry % does not balance', broken USING ERRCODE = 'check_violation';
  END IF;
  SELECT f.entry_id::text INTO broken FROM fresh AS f
    LEFT JOIN LATERAL (SELECT id, currency FROM journal_entries WHERE id = f.entry_id OFFSET 0) AS e ON true
    LEFT JOIN LATERAL (SELECT code, currency FROM accounts WHERE code = f.account OFFSET 0) AS a ON true
    WHERE e.id IS NULL OR a.code IS NULL OR a.currency <> e.currency LIMIT 1;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'posting of entry % has no entry or no account', broken USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""

DOWN = """
CREATE OR REPLACE FUNCTION check_entries() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE broken text;
BEGIN
  SELECT p.entry_id::text INTO broken FROM (SELECT DISTINCT entry_id FROM fresh) AS f
    JOIN postings AS p ON p.entry_id = f.entry_id
    GROUP BY p.entry_id HAVING sum(p.amount) <> 0 LIMIT 1;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'journal entry % does not balance', broken USING ERRCODE = 'check_violation';
  END IF;
  SELECT f.entry_id::text INTO broken FROM fresh AS f
    LEFT JOIN journal_entries AS e ON e.id = f.entry_id
    LEFT JOIN accounts AS a ON a.code = f.account
    WHERE e.id IS NULL OR a.code IS NULL OR a.currency <> e.currency LIMIT 1;
  IF broken IS NOT NULL THEN
    RAISE EXCEPTION 'posting of entry % has no entry or no account', broken USING ERRCODE = 'check_violation';
  END IF;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    """Look every row up by its key."""
    op.execute(UP)


def downgrade() -> None:
    """Join plainly again."""
    op.execute(DOWN)
