"""Text messages have a second kind: what became of the bills of a paid cart.

Safe while the switch runs: the new condition allows all that the old one did. Old code writes none of the new
kind, and sends it as any other.

Going back is refused while a message of the new kind is there; a week after the last one they are gone.
"""

from alembic import op

revision = "0063"
down_revision = "0062"
branch_labels = None
depends_on = None

_DROP = "ALTER TABLE text_messages DROP CONSTRAINT ck_text_messages_kind"
_ADD = "ALTER TABLE text_messages ADD CONSTRAINT ck_text_messages_kind CHECK (kind IN ({kinds})) NOT VALID"
_VALIDATE = "ALTER TABLE text_messages VALIDATE CONSTRAINT ck_text_messages_kind"


def upgrade() -> None:
    """Allow the new kind."""
    _allow("'code', 'outcome'")


def downgrade() -> None:
    """Allow codes only."""
    _allow("'code'")


def _allow(kinds: str) -> None:
    op.execute("SET LOCAL lock_timeout = '3s'")
    for statement in (_DROP, _ADD.format(kinds=kinds), _VALIDATE):
        op.execute(statement)
