"""Money that we keep at prefunded utilities (settlement H2): how much is left, and how more is put there.

A transfer takes two persons, like a top-up: one asks, quoting the reference of the bank statement line,
another approves, and the approval and the journal entry are one transaction. What is left is a sum over the
ledger; the utility's own word about it comes with each vend and is compared by reconciliation.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.ledger.entries import kind_of
from ekpay_switch.domain.ledger.posting_rules import deposit_account, deposited
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.security.identifiers import uuid7

# An asyncpg connection; the driver does not type its methods.
Connect = Callable[[], Awaitable[Any]]

# Deposits belong to no partner, so their entries go to one lane.
_LANE = 0
_ASK = """
INSERT INTO deposit_transfers (id, biller_id, amount, reference, asked_by) VALUES ($1, $2, $3, $4, $5)
"""
_HOLD = """
SELECT asked_by, biller_id, amount FROM deposit_transfers
WHERE id = $1 AND approved_by IS NULL FOR UPDATE
"""
_APPROVE = "UPDATE deposit_transfers SET approved_by = $2, approved_at = now() WHERE id = $1"
_NEW_ACCOUNTS = """
INSERT INTO accounts (code, kind) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING
"""
# What vends took lately is what the ledger credited the deposit with since then.
_STAND = text("""
SELECT d.account, coalesce(sum(p.amount), 0) AS balance,
  coalesce(-sum(p.amount) FILTER (
    WHERE j.moment <> 'deposited' AND j.at > now() - d.days * interval '1 day'), 0) AS vended
FROM unnest(CAST(:accounts AS text[]), CAST(:days AS float[])) AS d (account, days)
LEFT JOIN postings AS p ON p.account = d.account AND p.account LIKE 'biller_deposit:%'
LEFT JOIN journal_entries AS j ON j.id = p.entry_id
GROUP BY d.account, d.days ORDER BY d.account
""")


class RefusedTransferError(SwitchError):
    """The transfer has no amount, no reference, or a biller that keeps no deposit of ours."""


class TransferExistsError(SwitchError):
    """A transfer with this bank reference stands already: a line of the statement is booked once."""


class UnknownTransferError(SwitchError):
    """There is no transfer of this id that waits for approval."""


@dataclass(frozen=True, slots=True)
class DepositLine:
    """What we keep at one utility, and what vends took within its alarm's time; by our own books."""

    biller_id: str
    balance: Money
    vended: Money

    @property
    def is_low(self) -> bool:
        """Whether less is left than what vending took: the alarm of architecture's H2 utilities."""
        return self.balance < self.vended or self.balance.minor < 0


class Deposits:
    """Transfers to utilities in PostgreSQL; callers have checked the persons (`Staff.verify`)."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def request(self, biller_id: str, amount: Money, reference: str, asked_by: str) -> UUID:
        """Write down that somebody asks for a transfer to be booked; nothing is posted yet.

        Raises:
            RefusedTransferError: not more than nothing, or no reference.
            TransferExistsError: the reference stands already.
        """
        if amount.minor <= 0 or not reference.strip():
            raise RefusedTransferError
        transfer_id = uuid7()
        connection = await self._connect()
        try:
            await connection.execute(_ASK, transfer_id, biller_id, amount.minor, reference.strip(), asked_by)
        except asyncpg.UniqueViolationError as problem:
            raise TransferExistsError from problem
        finally:
            await connection.close()
        return transfer_id

    async def approve(self, transfer_id: UUID, approved_by: str) -> tuple[str, Money]:
        """Approve and post in one transaction; the biller and what was added there.

        Raises:
            OnePersonError: who approves is who asked.
            UnknownTransferError: unknown, or approved before.
        """
        connection = await self._connect()
        try:
            biller_id = await connection.fetchval(
                "SELECT biller_id FROM deposit_transfers WHERE id = $1", transfer_id
            )
            # Opened before the transaction: a row that this one has added would be locked until its end.
            codes = [deposit_account(biller_id or "none"), "settlement_bank"]
            await connection.execute(_NEW_ACCOUNTS, codes, [str(kind_of(code)) for code in codes])
            async with connection.transaction():
                row = await connection.fetchrow(_HOLD, transfer_id)
                if row is None:
                    raise UnknownTransferError
                if row["asked_by"] == approved_by:
                    raise OnePersonError
                await connection.execute(_APPROVE, transfer_id, approved_by)
                amount = Money(row["amount"])
                entry = deposited(row["biller_id"], amount)
                await write_batch(connection, [PostEntry(transfer_id, _LANE, entry)])
        finally:
            await connection.close()
        return biller_id, amount


def deposit_alarms(billers: Iterable[BillerAdapter]) -> dict[str, float]:
    """Every prefunded utility, and how many days of vending should be left there."""
    profiles = (biller.profile for biller in billers)
    return {one.id: one.deposit_alarm_days for one in profiles if one.pays_from_deposit}


async def read_deposits(engine: AsyncEngine, alarm_days: Mapping[str, float]) -> Sequence[DepositLine]:
    """What stands at each of these billers, and what vends took there within so many days."""
    if not alarm_days:
        return []
    asked = {
        "accounts": [deposit_account(biller_id) for biller_id in alarm_days],
        "days": list(alarm_days.values()),
    }
    async with engine.connect() as connection:
        rows = (await connection.execute(_STAND, asked)).all()
    return [
        DepositLine(row.account.partition(":")[2], Money(int(row.balance)), Money(int(row.vended)))
        for row in rows
    ]
