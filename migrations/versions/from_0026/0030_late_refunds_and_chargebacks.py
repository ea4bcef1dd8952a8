"""Refunds that the connector pays after all, and chargebacks of all that was collected.

A refund has five further steps, and one that is done was paid by the connector or by hand, never by both.
`tries` has a running total of chargebacks, which begins with those that stand, and `refunds` the part of each
that its payee does not give, and what of a refund the payer had before; both were nothing before: constant
defaults.

Safe while the switch runs. `tries`, `refunds` and `refund_history` are locked and read once to prove the new
conditions; none is rewritten. Callbacks and collected payments wait meanwhile, payments from prefunds do not.
Old code reads and writes every row as before, but its `ekpay refunds chargeback` does not count in the new
total: use the new one.
"""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_STEPS = (
    "('approved', 'left_to_finance', 'by_hand')",
    "('approved', 'refused', 'failed')",
    "('approved', 'reviewed_as_unpaid', 'by_hand')",
    "('approved', 'sending', 'sent')",
    "('asked', 'approved', 'approved')",
    "('asked', 'rejected', 'rejected')",
    "('asked', 'taken_by_connector', 'done')",
    "('by_hand', 'paid_by_hand', 'done')",
    "('in_doubt', 'reviewed_as_paid_back', 'done')",
    "('in_doubt', 'reviewed_as_unpaid', 'by_hand')",
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
    "('by_hand', 'reviewed_as_paid_back', 'done')",
    "('done', 'given_late', 'done')",
    "('failed', 'given_late', 'failed')",
)
_PAID_ONCE = "state <> 'done' OR (by_hand_by IS NULL) = (confirmed_by IS NULL)"
_FROM_SUSPENSE = "from_suspense = 0 OR (kind = 'chargeback' AND from_suspense BETWEEN 0 AND amount)"
_SETTLES_CLAIM = (
    "settles_claim = 0 OR (kind <> 'chargeback' AND state = 'done' AND by_hand_by IS NULL"
    " AND further_movement_id IS NULL AND settles_claim BETWEEN 0 AND amount)"
)
_CHARGED_BACK = "charged_back >= 0 AND charged_back <= coalesce(collected, 0)"
UP = f"""
ALTER TABLE refunds
  ADD COLUMN from_suspense BIGINT DEFAULT 0 NOT NULL,
  ADD COLUMN settles_claim BIGINT DEFAULT 0 NOT NULL,
  ADD CONSTRAINT ck_refunds_from_suspense CHECK ({_FROM_SUSPENSE}),
  ADD CONSTRAINT ck_refunds_settles_claim CHECK ({_SETTLES_CLAIM}),
  ADD CONSTRAINT ck_refunds_paid_once CHECK ({_PAID_ONCE});
ALTER TABLE tries ADD COLUMN charged_back BIGINT DEFAULT 0 NOT NULL;
UPDATE tries AS t SET charged_back = r.taken FROM (
  SELECT attempt_id, sum(amount) AS taken FROM refunds
  WHERE kind = 'chargeback' AND state NOT IN ('failed', 'rejected') GROUP BY attempt_id) AS r
WHERE t.attempt_id = r.attempt_id;
ALTER TABLE tries ADD CONSTRAINT ck_tries_charged_back CHECK ({_CHARGED_BACK})
"""  # noqa: S608 - constants


def upgrade() -> None:
    """Allow the further steps, and add both amounts."""
    op.execute("SET LOCAL lock_timeout = '3s'")
    # Whatever the reading takes: the session's own limit is for statements of the switch.
    op.execute("SET LOCAL statement_timeout = '30min'")
    _allow(*_STEPS, *_NEW_STEPS)
    for statement in UP.split(";\n"):
        op.execute(statement)


def downgrade() -> None:
    """Take it back; what chargebacks took from suspense is then told by their entries alone.

    PostgreSQL refuses where a refund has taken one of the further steps.
    """
    op.execute("SET LOCAL lock_timeout = '3s'")
    op.execute("SET LOCAL statement_timeout = '30min'")
    _allow(*_STEPS)
    op.execute(
        "ALTER TABLE refunds DROP CONSTRAINT ck_refunds_paid_once, DROP COLUMN from_suspense,"
        " DROP COLUMN settles_claim"
    )
    op.execute("ALTER TABLE tries DROP COLUMN charged_back")


def _allow(*steps: str) -> None:
    condition = f"(from_state, event, to_state) IN ({', '.join(sorted(steps))})"
    op.execute(
        "ALTER TABLE refund_history DROP CONSTRAINT ck_refund_history_legal_step,"
        f" ADD CONSTRAINT ck_refund_history_legal_step CHECK ({condition})"
    )
