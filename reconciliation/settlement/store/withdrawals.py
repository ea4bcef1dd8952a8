"""Withdrawals of prefunds, and of our own money, in the table of migrations 0048, 0051 and 0054.

A trigger sets the times.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

from ekpay_switch.domain.ledger.entries import Entry
from ekpay_switch.domain.ledger.posting_rules import prefund_account
from ekpay_switch.domain.ledger.settlement_postings import (
    in_transit_account,
    prefund_withdrawn_entry,
    sweep_approved_entry,
    sweep_cancelled_entry,
    top_up_approved_entry,
    top_up_cancelled_entry,
    withdrawal_cancelled_entry,
)
from reconciliation.results.table_values import Connection, Row
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.deposit_terms import DEPOSIT
from reconciliation.settlement.positions.sweep_sources import SweptMoney, source_of
from reconciliation.settlement.positions.withdrawal_progress import PartnerInstruction

_COLUMNS: Final = (
    "id, number, partner, bucket, amount, reference, asked_by, asked_at, approved_by, approved_at, "
    "rejected_by, reject_reason, cancelled_by, cancel_reason, until"
)
_ALL: Final = f"SELECT {_COLUMNS} FROM reconciliation.withdrawals ORDER BY number"  # noqa: S608 - constants
_LOCKED: Final = f"SELECT {_COLUMNS} FROM reconciliation.withdrawals WHERE number = $1 FOR UPDATE"  # noqa: S608 - constants
_NEW: Final = """
INSERT INTO reconciliation.withdrawals (id, partner, bucket, amount, reference, asked_by, until)
VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING number
"""
_APPROVE: Final = """
UPDATE reconciliation.withdrawals SET approved_by = $2, approved_at = now(), entry_id = $3, cover_after = $4,
  reserve = $5 WHERE id = $1
"""
# The balance now, or that of the closed windows up to a day without what was swept since, whichever is less.
_SWEEPABLE: Final = """
SELECT coalesce(-greatest(sum(p.amount), coalesce(sum(p.amount) FILTER (
    WHERE (w.state <> 'open' AND j.business_date <= $2) OR starts_with(j.moment, 'sweep_')), 0)), 0)::bigint
FROM public.postings AS p JOIN public.journal_entries AS j ON j.id = p.entry_id
JOIN public.settlement_windows AS w ON w.id = j.window_id WHERE p.account = $1
"""
_IS_CLOSED: Final = """
SELECT coalesce(max(business_date) FILTER (WHERE state <> 'open') >= $1
  AND NOT bool_or(state = 'open' AND business_date <= $1), false) FROM public.settlement_windows
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
SELECT i.role, i.party, i.end_to_end_id, i.amount, coalesce(e.moved, 0) AS moved
FROM reconciliation.settlement_instructions AS i
LEFT JOIN LATERAL (
  SELECT * FROM reconciliation.settlement_endings AS s
  WHERE s.end_to_end_id = i.end_to_end_id ORDER BY s.revision DESC LIMIT 1) AS e ON true
WHERE i.role IN ('deposit', 'partner', 'sweep') AND (
  NOT coalesce(e.is_owed_again, false) OR e.contradicts AND NOT EXISTS (
  SELECT FROM reconciliation.settlement_contradiction_ends AS d
  WHERE d.end_to_end_id = e.end_to_end_id AND d.revision = e.revision))
ORDER BY i.role, i.party, i.value_date
"""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A withdrawal of a partner's prefund; `number` is how people name it, `amount` is in paisa.

    `reference` is the partner's letter, which asks for it once. A sweep of our own money has `until`, the
    last day of its closed period, the recipient for a partner, and what is swept for a bucket. A top-up of
    our deposit at a utility has the biller for a partner, and `deposit` for a bucket.
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
    until: date | None

    @property
    def payee(self) -> Party:
        """Whom it is paid to."""
        if self.is_top_up:
            return Party(PartyRole.DEPOSIT, self.partner)
        return Party(PartyRole.PARTNER if self.until is None else PartyRole.SWEEP, self.partner)

    @property
    def is_top_up(self) -> bool:
        """Whether it fills our deposit at a utility."""
        return self.bucket == DEPOSIT

    @property
    def kind(self) -> str:
        """What people call it."""
        if self.is_top_up:
            return "top-up"
        return "withdrawal" if self.until is None else "sweep"

    @property
    def approving_command(self) -> str:
        """What a second person types."""
        command = {"top-up": "topup", "sweep": "sweep", "withdrawal": "withdrawals"}[self.kind]
        return f"ekpay settle {command} approve {self.number}"

    @property
    def source(self) -> str:
        """The account that it is taken from; a top-up takes nothing, and stands there until it arrives."""
        if self.is_top_up:
            return in_transit_account(self.partner)
        if self.until is None:
            return prefund_account(self.partner, self.bucket)
        return source_of(SweptMoney(self.bucket))

    @property
    def approval_entry(self) -> Entry:
        """What its approval moves."""
        if self.is_top_up:
            return top_up_approved_entry(self.partner, self.amount)
        make = prefund_withdrawn_entry if self.until is None else sweep_approved_entry
        return make(self.source, self.partner, self.amount)

    @property
    def cancellation_entry(self) -> Entry:
        """What its cancellation moves back."""
        if self.is_top_up:
            return top_up_cancelled_entry(self.partner, self.amount)
        make = withdrawal_cancelled_entry if self.until is None else sweep_cancelled_entry
        return make(self.source, self.partner, self.amount)


@dataclass(frozen=True, slots=True)
class RequestedWithdrawal:
    """A withdrawal as one person of finance asks for it; `amount` in paisa."""

    id: UUID
    partner: str
    bucket: str
    amount: int
    reference: str
    asked_by: str
    until: date | None = None


@dataclass(frozen=True, slots=True)
class SweepCover:
    """The cover with receivables after a sweep or a top-up, and the reserve that it keeps; in paisa."""

    after: int
    reserve: int


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


async def sweepable_amount(connection: Connection, source: str, until: date) -> int:
    """What of an account's closed windows up to a day still stands and is not swept, in paisa."""
    amount: int = await connection.fetchval(_SWEEPABLE, source, until)
    return amount


async def is_period_closed(connection: Connection, until: date) -> bool:
    """Whether every window up to a day is closed."""
    closed: bool = await connection.fetchval(_IS_CLOSED, until)
    return closed


async def partner_instructions(connection: Connection) -> dict[Party, list[PartnerInstruction]]:
    """The instructions that stand to each partner, recipient of a sweep or deposit, by their value dates."""
    instructions: dict[Party, list[PartnerInstruction]] = {}
    for row in await connection.fetch(_INSTRUCTIONS):
        item = PartnerInstruction(row["end_to_end_id"], row["amount"], row["moved"])
        instructions.setdefault(Party(PartyRole(row["role"]), row["party"]), []).append(item)
    return instructions


async def write_withdrawal(connection: Connection, new: RequestedWithdrawal) -> int:
    """Write a withdrawal that was asked for; its number.

    Raises:
        asyncpg.UniqueViolationError: the partner's letter of this reference has asked for one already.
        asyncpg.CheckViolationError: the person is not of finance.
    """
    values = (new.id, new.partner, new.bucket, new.amount, new.reference, new.asked_by, new.until)
    return int(await connection.fetchval(_NEW, *values))


async def write_approval(
    connection: Connection,
    withdrawal_id: UUID,
    approved_by: str,
    entry_id: UUID,
    cover: SweepCover | None = None,
) -> None:
    """Approve a withdrawal by its entry, which stands; a sweep or a top-up with the cover that it leaves.

    Raises:
        asyncpg.CheckViolationError: these are not two persons of finance, or the entry moves something else,
            or more than the closed period of a sweep has left, or another top-up is on its way.
    """
    figures = (cover.after, cover.reserve) if cover else (None, None)
    await connection.execute(_APPROVE, withdrawal_id, approved_by, entry_id, *figures)


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
