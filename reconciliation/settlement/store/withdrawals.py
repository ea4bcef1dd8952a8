"""Withdrawals of prefunds in the table of migration 0048; its trigger sets the times."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from reconciliation.results.table_values import Connection, Row
from reconciliation.settlement.positions.withdrawal_progress import PartnerInstruction

_COLUMNS: Final = (
    "id, number, partner, bucket, amount, reference, asked_by, asked_at, approved_by, approved_at, "
    "rejected_by, reject_reason, cancelled_by, cancel_reason"
)
_ALL: Final = f"SELECT {_COLUMNS} FROM reconciliation.withdrawals ORDER BY number"  # noqa: S608 - constants
_LOCKED: Final = f"SELECT {_COLUMNS} FROM reconciliation.withdrawals WHERE number = $1 FOR UPDATE"  # noqa: S608 - constants
_NEW: Final = """
INSERT INTO reconciliation.withdrawals (id, partner, bucket, amount, reference, asked_by)
VALUES ($1, $2, $3, $4, $5, $6) RETURNING number
"""
_APPROVE: Final = """
UPDATE reconciliation.withdrawals SET approved_by = $2, approved_at = now(), entry_id = $3 WHERE id = $1
"""
_REJECT: Final = """
UPDATE reconciliation.withdrawals SET rejected_by = $2, rejected_at = now(), reject_reason = $3 WHERE id = $1
"""
_CANCEL: Final = """
UPDATE reconciliation.withdrawals SET cancelled_by = $2, cancel_approved_by = $3, cancelled_at = now(),
  cancel_reason = $4, cancel_entry_id = $5 WHERE id = $1
"""
_PREFUND: Final = "SELECT balance FROM public.accounts WHERE code = $1"
# What is owed again counts no more; a contradiction counts until two persons have decided.
_INSTRUCTIONS: Final = """
SELECT i.party, i.end_to_end_id, i.amount, coalesce(e.moved, 0) AS moved
FROM reconciliation.settlement_instructions AS i
LEFT JOIN LATERAL (
  SELECT * FROM reconciliation.settlement_endings AS s
  WHERE s.end_to_end_id = i.end_to_end_id ORDER BY s.revision DESC LIMIT 1) AS e ON true
WHERE i.role = 'partner' AND (NOT coalesce(e.is_owed_again, false) OR e.contradicts AND NOT EXISTS (
  SELECT FROM reconciliation.settlement_contradiction_ends AS d
  WHERE d.end_to_end_id = e.end_to_end_id AND d.revision = e.revision))
ORDER BY i.party, i.value_date
"""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A withdrawal of a partner's prefund; `number` is how people name it, `amount` is in paisa.

    `reference` is the partner's letter, which asks for it once.
    """

    id: UUID
    number: int
    partner: str
    bucket: str
    amount: int
    reference: str
    asked_by: str
    asked_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    rejected_by: str | None
    reject_reason: str | None
    cancelled_by: str | None
    cancel_reason: str | None


@dataclass(frozen=True, slots=True)
class RequestedWithdrawal:
    """A withdrawal as one person of finance asks for it; `amount` in paisa."""

    id: UUID
    partner: str
    bucket: str
    amount: int
    reference: str
    asked_by: str


@dataclass(frozen=True, slots=True)
class Cancellation:
    """Two persons of finance, already verified, cancel a withdrawal that was not instructed."""

    number: int
    reason: str
    cancelled_by: str
    approved_by: str


async def read_withdrawals(connection: Connection) -> tuple[Withdrawal, ...]:
    """Every withdrawal in the order in which it was asked for."""
    return tuple(_withdrawal(row) for row in await connection.fetch(_ALL))


async def lock_withdrawal(connection: Connection, number: int) -> Withdrawal | None:
    """The withdrawal of a number, locked until the transaction ends."""
    row = await connection.fetchrow(_LOCKED, number)
    return None if row is None else _withdrawal(row)


async def prefund_balance(connection: Connection, prefund: str) -> int | None:
    """What a prefund holds in paisa; None where there is no such prefund."""
    balance: int | None = await connection.fetchval(_PREFUND, prefund)
    return balance


async def partner_instructions(connection: Connection) -> dict[str, list[PartnerInstruction]]:
    """The instructions to each partner that stand, in order of their value dates."""
    instructions: dict[str, list[PartnerInstruction]] = {}
    for row in await connection.fetch(_INSTRUCTIONS):
        item = PartnerInstruction(row["end_to_end_id"], row["amount"], row["moved"])
        instructions.setdefault(row["party"], []).append(item)
    return instructions


async def write_withdrawal(connection: Connection, new: RequestedWithdrawal) -> int:
    """Write a withdrawal that was asked for; its number.

    Raises:
        asyncpg.UniqueViolationError: the partner's letter of this reference has asked for one already.
        asyncpg.CheckViolationError: the person is not of finance.
    """
    values = (new.id, new.partner, new.bucket, new.amount, new.reference, new.asked_by)
    return int(await connection.fetchval(_NEW, *values))


async def write_approval(
    connection: Connection, withdrawal_id: UUID, approved_by: str, entry_id: UUID
) -> None:
    """Approve a withdrawal by its entry, which stands.

    Raises:
        asyncpg.CheckViolationError: these are not two persons of finance, or the entry moves something else.
    """
    await connection.execute(_APPROVE, withdrawal_id, approved_by, entry_id)


async def write_rejection(connection: Connection, withdrawal_id: UUID, rejected_by: str, reason: str) -> None:
    """Reject a withdrawal that waits.

    Raises:
        asyncpg.CheckViolationError: it is decided already, or the person is not of finance.
    """
    await connection.execute(_REJECT, withdrawal_id, rejected_by, reason)


async def write_cancellation(
    connection: Connection, withdrawal_id: UUID, cancellation: Cancellation, entry_id: UUID
) -> None:
    """Cancel an approved withdrawal by its entry, which stands.

    Raises:
        asyncpg.CheckViolationError: these are not two persons of finance, or the entry moves something else.
    """
    await connection.execute(
        _CANCEL,
        withdrawal_id,
        cancellation.cancelled_by,
        cancellation.approved_by,
        cancellation.reason,
        entry_id,
    )


def _withdrawal(row: Row) -> Withdrawal:
    return Withdrawal(*row)
