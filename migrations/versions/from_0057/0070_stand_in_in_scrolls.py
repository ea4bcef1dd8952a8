"""A row of a scroll says whether its payer paid while the biller could not be reached.

Safe while the switch runs: a column with a constant default, which rewrites no row, and a condition that all
rows of old code keep. Old code writes such a row as any other; its file stays as it was written. A repeat
after a kill goes on from there.

Going back is refused once a row says so: its file could not be written again.
"""

from alembic import op

revision = "0070"
down_revision = "0069"
branch_labels = None
depends_on = None

_REFUSE = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM scroll_rows WHERE is_stand_in) THEN
    RAISE EXCEPTION 'a scroll has a row that was paid in stand-in, which the code of before writes otherwise';
  END IF;
END $$
"""


def upgrade() -> None:
    """Add the column; the condition is proven of old rows without holding up those who read or write them."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE scroll_rows ADD COLUMN IF NOT EXISTS is_stand_in BOOLEAN DEFAULT false NOT NULL")
    op.execute("ALTER TABLE scroll_rows DROP CONSTRAINT IF EXISTS ck_scroll_rows_stand_in")
    op.execute(
        "ALTER TABLE scroll_rows ADD CONSTRAINT ck_scroll_rows_stand_in"
        " CHECK (row_type = 'PAY' OR NOT is_stand_in) NOT VALID"
    )
    with op.get_context().autocommit_block():
        op.execute("SET statement_timeout = '30min'")
        op.execute("ALTER TABLE scroll_rows VALIDATE CONSTRAINT ck_scroll_rows_stand_in")
        op.execute("RESET statement_timeout")


def downgrade() -> None:
    """Take the column away."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute(_REFUSE)
    op.execute("ALTER TABLE scroll_rows DROP CONSTRAINT ck_scroll_rows_stand_in")
    op.execute("ALTER TABLE scroll_rows DROP COLUMN is_stand_in")
