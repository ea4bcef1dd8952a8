"""Corrections of top-ups and of transfers to utilities: rejected before approval, reversed afterwards.

Each decision is one transaction under a lock of the transfer's row, so of two persons at once one decides. A
reversal takes two persons, like the transfer: one asks for it with a reason, and the approval of another and
the entry that mirrors the first one are durable together. That entry has the reversal's id, which is made
before the database is asked, and a transfer has one reversal that is not rejected: nothing is reversed twice.
Afterwards the bank reference is free again.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.entries import Entry, keeps_balance
from ekpay_switch.domain.ledger.posting_rules import deposited_entry, prefund_account, topped_up_entry
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.persistence.parties.staff import refuse_without_asker, require_decider
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.security.identifiers import uuid7

# An asyncpg connection; the driver does not type its methods.
Connect = Callable[[], Awaitable[Any]]
Row = Mapping[str, Any]

_COLUMNS = """
t.id, t.amount, t.reference, t.asked_by, t.asked_at, t.approved_by, t.rejected_by, t.rejection_reason,
t.reversed_at
"""
_NOT_COVERED = "ck_accounts_balance"
_BALANCE = "SELECT balance FROM accounts WHERE code = $1"
_APPROVE = "UPDATE transfer_reversals SET approved_by = $2, approved_at = now() WHERE id = $1"
_REJECT = """
UPDATE {table} SET rejected_by = $2, rejected_at = now(), rejection_reason = $3 WHERE id = $1
"""


class TransferNotWaitingError(SwitchError):
    """The transfer does not wait for this decision."""


class RefusedReasonError(SwitchError):
    """The reason is empty."""


class PrefundTooLowError(SwitchError):
    """The prefund no longer covers the reversal, and never falls below zero; nothing was changed."""


@dataclass(frozen=True, slots=True)
class TransferKind:
    """One kind of transfer: its table, the column by which a reversal names it, and what it posts."""

    table: str
    reversal_column: str
    query: str
    entry_of: Callable[[Row], Entry]


@dataclass(frozen=True, slots=True)
class WaitingTransfer:
    """A transfer that waits for a second person, to be approved or to be reversed.

    `party` is the partner or the biller; `bucket` is empty where there is none. The person and the instant
    (UTC) are those of the request that waits. `reason` is that of the reversal, and empty before.
    """

    transfer_id: UUID
    party: str
    bucket: str
    amount: Money
    reference: str
    is_reversal: bool
    asked_by: str
    asked_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class _LockedTransfer:
    connection: Any
    row: Row
    # The reversal that is not rejected, if there is one.
    reversal: Row | None


def _topped_up(row: Row) -> Entry:
    return topped_up_entry(prefund_account(row["party"], row["bucket"]), Money(row["amount"]))


def _deposited(row: Row) -> Entry:
    return deposited_entry(row["party"], Money(row["amount"]))


TOP_UPS = TransferKind(
    table="top_ups",
    reversal_column="top_up_id",
    query=f"""
    SELECT {_COLUMNS}, t.partner_id AS party, t.bucket, p.lane FROM top_ups AS t
    JOIN partners AS p ON p.id = t.partner_id
    """,  # noqa: S608 - constants
    entry_of=_topped_up,
)
# Deposits belong to no partner, so their entries go to one lane.
DEPOSITS = TransferKind(
    table="deposit_transfers",
    reversal_column="deposit_transfer_id",
    query=f"SELECT {_COLUMNS}, t.biller_id AS party, '' AS bucket, 0 AS lane FROM deposit_transfers AS t",  # noqa: S608 - constants
    entry_of=_deposited,
)


class TransferCorrections:
    """Corrections of one kind of transfer in PostgreSQL; the caller has verified the person (`Staff.verify`).

    A repeated decision writes nothing again: the same person is answered as before, or refused.
    """

    def __init__(self, connect: Connect, kind: TransferKind) -> None:
        self._connect = connect
        self._kind = kind

    async def list_waiting(self) -> Sequence[WaitingTransfer]:
        """What waits for a second person, the oldest transfer first."""
        query = f"""
        SELECT w.*, r.id AS reversal_id, r.asked_by AS reversal_asked_by, r.asked_at AS reversal_asked_at,
          r.reason FROM ({self._kind.query}) AS w
        LEFT JOIN transfer_reversals AS r ON r.{self._kind.reversal_column} = w.id
          AND r.approved_by IS NULL AND r.rejected_by IS NULL
        WHERE r.id IS NOT NULL OR (w.approved_by IS NULL AND w.rejected_by IS NULL) ORDER BY w.id
        """  # noqa: S608 - constants
        connection = await self._connect()
        try:
            return [_waiting_transfer(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    async def reject(self, transfer_id: UUID, reason: str, rejected_by: str) -> Money:
        """Reject a transfer that is not approved, also one's own; returns its amount.

        Raises:
            RefusedReasonError: there is no reason.
            TransferNotWaitingError: unknown, approved, or rejected by somebody else.
        """
        reason = _reason(reason)
        async with self._lock(transfer_id) as locked:
            row = locked.row
            if row["approved_by"] is not None:
                raise TransferNotWaitingError(
                    f"id: {transfer_id} was approved by {row['approved_by']}, ask for its reversal"
                )
            if row["rejected_by"] != rejected_by:
                _require_not_rejected(row)
                statement = _REJECT.format(table=self._kind.table)
                await locked.connection.execute(statement, transfer_id, rejected_by, reason)
            return Money(row["amount"])

    async def ask_reversal(self, transfer_id: UUID, reason: str, asked_by: str) -> Money:
        """Ask that a posted transfer be reversed; nothing moves yet. Returns its amount.

        Raises:
            RefusedReasonError: there is no reason.
            TransferNotWaitingError: unknown or not approved, or its reversal was asked for by somebody else.
        """
        reason = _reason(reason)
        async with self._lock(transfer_id) as locked:
            row, reversal = locked.row, locked.reversal
            _require_not_rejected(row)
            if row["approved_by"] is None:
                raise TransferNotWaitingError(f"id: {transfer_id} is not approved, reject it instead")
            if reversal is None:
                statement = f"""
                INSERT INTO transfer_reversals (id, {self._kind.reversal_column}, reason, asked_by)
                VALUES ($1, $2, $3, $4)
                """  # noqa: S608 - constants
                await locked.connection.execute(statement, uuid7(), transfer_id, reason, asked_by)
            elif reversal["approved_by"] is not None or reversal["asked_by"] != asked_by:
                raise TransferNotWaitingError(
                    f"id: {reversal['asked_by']} has asked for the reversal of {transfer_id} already"
                )
            return Money(row["amount"])

    async def reject_reversal(self, transfer_id: UUID, reason: str, rejected_by: str) -> Money:
        """Reject the reversal that waits, also one's own: the transfer stands. Returns its amount.

        Raises:
            RefusedReasonError: there is no reason.
            TransferNotWaitingError: unknown, or no reversal of it waits.
        """
        reason = _reason(reason)
        async with self._lock(transfer_id) as locked:
            reversal = _require_reversal(locked, transfer_id)
            if reversal["approved_by"] is not None:
                raise TransferNotWaitingError(f"id: {transfer_id} was reversed by {reversal['approved_by']}")
            statement = _REJECT.format(table="transfer_reversals")
            await locked.connection.execute(statement, reversal["id"], rejected_by, reason)
            return Money(locked.row["amount"])

    async def approve_reversal(self, transfer_id: UUID, approved_by: str) -> Money:
        """Approve the reversal that waits and post it in one transaction; returns the amount.

        Raises:
            OnePersonError: the approver is the person who asked for the reversal.
            NotAllowedError: the approver may decide nothing any more.
            LeftStaffError: who asked for the reversal may not.
            PrefundTooLowError: the prefund holds less than the reversal takes.
            TransferNotWaitingError: unknown, no reversal waits, or somebody else approved it.
        """
        async with self._lock(transfer_id) as locked:
            reversal, amount = _require_reversal(locked, transfer_id), Money(locked.row["amount"])
            if reversal["approved_by"] == approved_by:
                return amount
            if reversal["approved_by"] is not None:
                raise TransferNotWaitingError(f"id: {transfer_id} was reversed by {reversal['approved_by']}")
            if reversal["asked_by"] == approved_by:
                raise OnePersonError(f"approved_by: {approved_by} asked for it, and it takes a second person")
            await require_decider(locked.connection, approved_by)
            await refuse_without_asker(locked.connection, reversal["asked_by"])
            await locked.connection.execute(_APPROVE, reversal["id"], approved_by)
            statement = f"UPDATE {self._kind.table} SET reversed_at = now() WHERE id = $1"  # noqa: S608 - constants
            await locked.connection.execute(statement, transfer_id)
            mirror = self._kind.entry_of(locked.row).reversal()
            await _post(locked.connection, PostEntry(reversal["id"], locked.row["lane"], mirror))
            return amount

    @asynccontextmanager
    async def _lock(self, transfer_id: UUID) -> AsyncIterator[_LockedTransfer]:
        """A transaction in which the transfer is locked, before any lock of the batch that posts it."""
        column = self._kind.reversal_column
        query = f"SELECT * FROM transfer_reversals WHERE {column} = $1 AND rejected_by IS NULL"  # noqa: S608 - constants
        connection = await self._connect()
        try:
            async with connection.transaction():
                row = await connection.fetchrow(
                    f"{self._kind.query} WHERE t.id = $1 FOR UPDATE OF t", transfer_id
                )
                if row is None:
                    raise TransferNotWaitingError(f"id: there is no request {transfer_id}")
                yield _LockedTransfer(connection, row, await connection.fetchrow(query, transfer_id))
        finally:
            await connection.close()


async def _post(connection: Any, step: PostEntry) -> None:  # noqa: ANN401 - an asyncpg connection
    """Write the mirrored entry, unless a prefund does not cover it.

    The balance is read without a lock, for the wording; the condition of the account's row decides.
    """
    for posting in step.entry.postings:
        if keeps_balance(posting.account) and posting.amount > 0:
            balance = await connection.fetchval(_BALANCE, posting.account)
            if balance < posting.amount:
                held, taken = Money(balance), Money(posting.amount)
                raise PrefundTooLowError(
                    f"amount: {posting.account} holds {held}, and the reversal takes {taken}"
                )
    try:
        await write_batch(connection, [step])
    except asyncpg.CheckViolationError as problem:
        if problem.constraint_name == _NOT_COVERED:
            raise PrefundTooLowError("amount: the prefund does not cover the reversal") from problem
        raise


def _require_not_rejected(row: Row) -> None:
    if row["rejected_by"] is not None:
        raise TransferNotWaitingError(
            f"id: {row['id']} was rejected by {row['rejected_by']}: {row['rejection_reason']}"
        )


def _require_reversal(locked: _LockedTransfer, transfer_id: UUID) -> Row:
    if locked.reversal is None:
        raise TransferNotWaitingError(f"id: nobody has asked for the reversal of {transfer_id}")
    return locked.reversal


def _reason(text: str) -> str:
    if not text.strip():
        raise RefusedReasonError("reason: it is empty")
    return text.strip()


def _waiting_transfer(row: Row) -> WaitingTransfer:
    is_reversal = row["reversal_id"] is not None
    return WaitingTransfer(
        transfer_id=row["id"],
        party=row["party"],
        bucket=row["bucket"],
        amount=Money(row["amount"]),
        reference=row["reference"],
        is_reversal=is_reversal,
        asked_by=row["reversal_asked_by"] if is_reversal else row["asked_by"],
        asked_at=row["reversal_asked_at"] if is_reversal else row["asked_at"],
        reason=row["reason"] or "",
    )
