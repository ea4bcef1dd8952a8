"""What decisions about breaks owe to payers, or have paid them, try by try (table `break_refunds`)."""

from uuid import UUID

from ekpay_switch.persistence.short_transactions import Connection

OWE = """
INSERT INTO break_refunds (attempt_id, entry_id, amount)
SELECT attempt_id, $2, $3 FROM tries WHERE attempt_id = ANY($1) AND collected IS NULL ORDER BY attempt_id
ON CONFLICT DO NOTHING
"""
RELEASE = """
INSERT INTO break_refunds (attempt_id, entry_id, amount)
SELECT attempt_id, $2, -amount FROM break_refunds WHERE entry_id = $1 ORDER BY attempt_id
ON CONFLICT DO NOTHING
"""
IS_OWED_AT_DESK = "SELECT coalesce(sum(amount), 0) > 0 FROM break_refunds WHERE attempt_id = $1"


async def is_owed_at_desk(connection: Connection, attempt_id: UUID) -> bool:
    """Whether a decision about a break owes the payer of this try, or has paid; its payment is locked."""
    return bool(await connection.fetchval(IS_OWED_AT_DESK, attempt_id))
