"""What decisions about breaks owe to payers, or have paid them, try by try (table `break_refunds`)."""

from uuid import UUID

from ekpay_switch.persistence.short_transactions import Connection

# Of a try that has collected it is other money, beside what the try has.
OWE = """
INSERT INTO break_refunds (attempt_id, entry_id, amount, is_beside)
SELECT attempt_id, $2, $3, collected IS NOT NULL FROM tries WHERE attempt_id = ANY($1) ORDER BY attempt_id
ON CONFLICT DO NOTHING
"""
RELEASE = """
INSERT INTO break_refunds (attempt_id, entry_id, amount, is_beside)
SELECT attempt_id, $2, -amount, is_beside FROM break_refunds WHERE entry_id = $1 ORDER BY attempt_id
ON CONFLICT DO NOTHING
"""
IS_OWED = """
SELECT coalesce(sum(amount), 0) > 0 FROM break_refunds WHERE attempt_id = $1 AND is_beside = $2
"""


async def is_owed_at_desk(connection: Connection, attempt_id: UUID) -> bool:
    """Whether a decision about a break owes the payer of this try, or has paid; its payment is locked."""
    return bool(await connection.fetchval(IS_OWED, attempt_id, False))  # noqa: FBT003 - a column


async def is_owed_beside(connection: Connection, attempt_id: UUID) -> bool:
    """Whether a decision about a break owes or has paid other money than the try has collected; as above."""
    return bool(await connection.fetchval(IS_OWED, attempt_id, True))  # noqa: FBT003 - a column
