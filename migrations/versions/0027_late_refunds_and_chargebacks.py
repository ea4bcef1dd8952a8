"""Refunds that the connector pays after all, and chargebacks of all that was collected.

Safe while the switch runs. A refund has three further steps, and one that is done was paid by the connector
or by hand, never by both.
"""

from alembic import op

revision = "0027"
down_revision = "0025"
branch_labels = None
depends_on = None

_STEPS = (
    "('approved', 'left_to_finance', 'by_hand')",
    "('approved', 'refused', 'failed')",
    "('approved', 'sending', 'sent')",
    "('asked', 'approved', 'approved')",
    "('asked', 'rejected', 'rejected')",
    "('asked', 'taken_by_connector', 'done')",
    "('by_hand', 'paid_by_hand', 'done')",
    "('in_doubt', 'sending', 'sent')",
    "('sent', 'doubted', 'in_doubt')",
    "('sent', 'given', 'done')",
    "('sent', 'left_to_finance', 'by_hand')",
    "('sent', 'not_sent', 'approved')",
    "('sent', 'refused', 'failed')",
    "('sent', 'sending', 'sent')",
)
_NEW_STEPS = (
    "('by_hand', 'by_hand_withdrawn', 'by_hand')",
    "('by_hand', 'given', 'done')",
    "('done', 'given_late', 'done')",
    "('failed', 'given_late', 'failed')",
)
_PAID_ONCE = "state <> 'done' OR (by_hand_by IS NULL) = (confirmed_by IS NULL)"


def upgrade() -> None:
    """Allow the further steps."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    _allow(*_STEPS, *_NEW_STEPS)
    op.execute(f"ALTER TABLE refunds ADD CONSTRAINT ck_refunds_paid_once CHECK ({_PAID_ONCE})")


def downgrade() -> None:
    """Take it back; PostgreSQL refuses where a refund has taken one of the further steps."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("ALTER TABLE refunds DROP CONSTRAINT ck_refunds_paid_once")
    _allow(*_STEPS)


def _allow(*steps: str) -> None:
    # The whole history is read again: the session's own limit is for statements of the switch.
    op.execute("SET LOCAL statement_timeout = '30min'")
    condition = f"(from_state, event, to_state) IN ({', '.join(sorted(steps))})"
    op.execute(
        "ALTER TABLE refund_history DROP CONSTRAINT ck_refund_history_legal_step,"
        f" ADD CONSTRAINT ck_refund_history_legal_step CHECK ({condition})"
    )
