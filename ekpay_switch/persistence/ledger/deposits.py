"""Our deposits at prefunded utilities (settlement H2): their balances, and transfers to them.

A transfer takes two persons, like a top-up: one requests it with the reference of the bank statement line,
another approves it, and the approval and the journal entry are one transaction. A balance is a sum over the
ledger; the utility states its own with each vend, and reconciliation compares them.
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
from ekpay_switch.domain.ledger.posting_rules import deposit_account, deposited_entry
from ekpay_switch.domain.ledger.settlement_postings import NOT_VENDED, in_transit_account
from ekpay_switch.domain.money import ZERO, Money
from ekpay_switch.persistence.bank_lines import refuse_booked_line
from ekpay_switch.persistence.group_commit.batch import write_batch
from ekpay_switch.persistence.group_commit.steps import PostEntry
from ekpay_switch.persistence.parties.staff import refuse_without_asker, require_decider
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.ports.billers import BillerAdapter
from ekpay_switch.security.identifiers import uuid7

# An asyncpg connection; the driver does not type its methods.
Connect = Callable[[], Awaitable[Any]]

# Deposits belong to no partner, so their entries go to one lane.
_LANE = 0
_NEW_TRANSFER = """
INSERT INTO deposit_transfers (id, biller_id, amount, reference, asked_by) VALUES ($1, $2, $3, $4, $5)
"""
_LOCK_TRANSFER = """
SELECT asked_by, biller_id, amount, reference FROM deposit_transfers
WHERE id = $1 AND approved_by IS NULL AND rejected_by IS NULL FOR UPDATE
"""
_APPROVE = "UPDATE deposit_transfers SET approved_by = $2, approved_at = now() WHERE id = $1"
_NEW_ACCOUNTS = """
INSERT INTO accounts (code, kind) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING
"""
_IN_TRANSIT = "SELECT coalesce(sum(amount), 0)::bigint FROM postings WHERE account = $1"
# `vended` is what vends took from the deposit within the given days.
_BALANCES = text("""
SELECT d.account, coalesce(sum(p.amount), 0) AS balance,
  coalesce(-sum(p.amount) FILTER (
    WHERE j.moment <> ALL(CAST(:not_vended AS text[]))
      AND j.at > now() - d.days * interval '1 day'), 0) AS vended
FROM unnest(CAST(:accounts AS text[]), CAST(:days AS float[])) AS d (account, days)
LEFT JOIN postings AS p ON p.account = d.account AND p.account LIKE 'biller_deposit:%'
LEFT JOIN journal_entries AS j ON j.id = p.entry_id
GROUP BY d.account, d.days ORDER BY d.account
""")


class RefusedTransferError(SwitchError):
    """The transfer has no amount, no reference, or a biller that keeps no deposit of ours."""


class TransferExistsError(SwitchError):
    """A transfer with this bank reference exists already: a statement line is booked once."""


class UnknownTransferError(SwitchError):
    """There is no transfer of this id that waits for approval."""


class TopUpInTransitError(SwitchError):
    """A top-up of this very amount is on its way: the bank's statement books it, and it would stand twice."""


@dataclass(frozen=True, slots=True)
class DepositLine:
    """Our deposit at one utility, and what vends took from it within its alarm days; by our own books.

    `in_transit` is what is on its way there.
    """

    biller_id: str
    balance: Money
    vended: Money
    in_transit: Money = ZERO

    @property
    def is_low(self) -> bool:
        """Whether less is left than vends took within the alarm days (settlement H2)."""
        return self.balance < self.vended or self.balance.minor < 0


class Deposits:
    """Transfers to utilities in PostgreSQL; the caller has verified the person (`Staff.verify`)."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def request(self, biller_id: str, amount: Money, reference: str, asked_by: str) -> UUID:
        """Record a request to book a transfer; nothing is posted yet.

        Raises:
            RefusedTransferError: the amount is not above zero, or there is no reference.
            TransferExistsError: the reference exists already.
        """
        if amount.minor <= 0 or not reference.strip():
            raise RefusedTransferError
        transfer_id = uuid7()
        connection = await self._connect()
        try:
            await connection.execute(
                _NEW_TRANSFER, transfer_id, biller_id, amount.minor, reference.strip(), asked_by
            )
        except asyncpg.UniqueViolationError as problem:
            raise TransferExistsError from problem
        finally:
            await connection.close()
        return transfer_id

    async def approve(self, transfer_id: UUID, approved_by: str) -> tuple[str, Money]:
        """Approve and post in one transaction; returns the biller and the amount.

        Raises:
            OnePersonError: the approver is the person who requested it.
            NotAllowedError: the approver may decide nothing any more.
            LeftStaffError: who requested it may not.
            BankLineBookedError: something else has booked this line of the bank's statement.
            TopUpInTransitError: the line may be that of a top-up, which its statement books.
            UnknownTransferError: unknown, or approved or rejected before.
        """
        connection = await self._connect()
        try:
            biller_id = await connection.fetchval(
                "SELECT biller_id FROM deposit_transfers WHERE id = $1", transfer_id
            )
            # Added before the transaction, which would lock the new rows until its end.
            codes = [deposit_account(biller_id or "none"), "settlement_bank"]
            await connection.execute(_NEW_ACCOUNTS, codes, [str(kind_of(code)) for code in codes])
            async with connection.transaction():
                row = await connection.fetchrow(_LOCK_TRANSFER, transfer_id)
                if row is None:
                    raise UnknownTransferError
                if row["asked_by"] == approved_by:
                    raise OnePersonError
                await require_decider(connection, approved_by)
                await refuse_without_asker(connection, row["asked_by"])
                await refuse_booked_line(connection, [row["reference"]], transfer_id)
                stage = in_transit_account(row["biller_id"])
                if await connection.fetchval(_IN_TRANSIT, stage) == row["amount"]:
                    raise TopUpInTransitError
                await connection.execute(_APPROVE, transfer_id, approved_by)
                amount = Money(row["amount"])
                entry = deposited_entry(row["biller_id"], amount)
                await write_batch(connection, [PostEntry(transfer_id, _LANE, entry)])
        finally:
            await connection.close()
        return biller_id, amount


def deposit_alarms(billers: Iterable[BillerAdapter]) -> dict[str, float]:
    """Every prefunded utility with the days of vending that its deposit should cover."""
    profiles = (biller.profile for biller in billers)
    return {profile.id: profile.deposit_alarm_days for profile in profiles if profile.pays_from_deposit}


async def read_deposits(engine: AsyncEngine, alarm_days: Mapping[str, float]) -> Sequence[DepositLine]:
    """The deposit at each of these billers, and what vends took from it within so many days."""
    if not alarm_days:
        return []
    parameters = {
        "accounts": [deposit_account(biller_id) for biller_id in alarm_days],
        "days": list(alarm_days.values()),
        "not_vended": sorted(NOT_VENDED),
    }
    async with engine.connect() as connection:
        rows = (await connection.execute(_BALANCES, parameters)).all()
    return [
        DepositLine(row.account.partition(":")[2], Money(int(row.balance)), Money(int(row.vended)))
        for row in rows
    ]
