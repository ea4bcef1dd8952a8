"""A partner withdraws from its prefund: asked for, approved, paid with the next value date, told by the bank.

Approval moves the money from the prefund to `withdrawal_due:{partner}` at once, so that it pays no bill any
more; a sweep of our own money is moved to `sweep_due:{recipient}` (`settlement.sweeps`), and a top-up of our
deposit at a utility is due on `deposit_due:{biller}` (`settlement.top_ups`). From there it goes the way of
every claim: a line of the books, the sheet of a value date, an instruction into the payee's account, the
bank's statement. What the bank rejects or returns is due again.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import asyncpg

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm, withdrawals_subject
from ekpay_switch.domain.ledger.posting_rules import prefund_account
from ekpay_switch.domain.ledger.settlement_postings import withdrawal_account
from ekpay_switch.domain.money import format_taka
from ekpay_switch.ports.finance import Adjustment, Connection, Finance
from ekpay_switch.security.identifiers import uuid7
from reconciliation.errors import SettlementError
from reconciliation.settlement.journal_entries import entry_id
from reconciliation.settlement.positions.cycles import Party
from reconciliation.settlement.positions.withdrawal_progress import Progress, WithdrawalState, progress_of
from reconciliation.settlement.store.settlement_sheets import LOCK
from reconciliation.settlement.store.withdrawals import (
    Cancellation,
    RequestedWithdrawal,
    Withdrawal,
    lock_withdrawal,
    partner_instructions,
    prefund_balance,
    read_withdrawals,
    write_approval,
    write_cancellation,
    write_rejection,
    write_withdrawal,
)

_BUCKETS: Final = ("postpaid", "prepaid")


@dataclass(frozen=True, slots=True)
class NewWithdrawal:
    """What a partner's letter asks for, as a person of finance has typed it; `amount` in paisa."""

    partner: str
    bucket: str
    amount: int
    reference: str


def withdrawal_subject(number: int) -> str:
    """The subject of the alarm about a withdrawal that waits."""
    return f"withdrawal {number}"


async def ask_for_withdrawal(finance: Finance, new: NewWithdrawal, asked_by: str) -> int:
    """Ask for a withdrawal; no money moves yet. Its number. The person is verified by the caller.

    Raises:
        SettlementError: a field is not valid (the message names it), or its letter has asked for one already.
    """
    if new.bucket not in _BUCKETS:
        raise SettlementError(f"bucket: {new.bucket} is neither postpaid nor prepaid")
    if new.amount <= 0:
        raise SettlementError("amount: it is above zero")
    prefund = prefund_account(new.partner, new.bucket)
    requested = RequestedWithdrawal(uuid7(), new.partner, new.bucket, new.amount, new.reference, asked_by)
    connection = await finance.connect()
    try:
        with request_refusals(requested):
            async with connection.transaction():
                balance = await prefund_balance(connection, prefund)
                if balance is None:
                    raise SettlementError(f"partner: {new.partner} has no {new.bucket} prefund")
                _refuse_beyond(balance, new.amount, prefund)
                return await write_request(finance, connection, requested)
    finally:
        await connection.close()


async def write_request(finance: Finance, connection: Connection, requested: RequestedWithdrawal) -> int:
    """Write what a person of finance asks for with its alarm, in the caller's transaction; its number."""
    number = await write_withdrawal(connection, requested)
    facts = {
        "partner": requested.partner,
        "reference": requested.reference,
        "asked_by": requested.asked_by,
    }
    alarm = RaisedAlarm(Alarm.PAYOUT_WAITS, withdrawal_subject(number), amount=requested.amount, facts=facts)
    await finance.alarms.raise_alarms(connection, [alarm])
    return number


@contextmanager
def request_refusals(requested: RequestedWithdrawal) -> Iterator[None]:
    """Put into words why the database does not take a request."""
    try:
        yield
    except asyncpg.UniqueViolationError as problem:
        raise SettlementError(
            f"reference: {requested.reference} of {requested.partner} was asked for already"
        ) from problem
    except asyncpg.CheckViolationError as problem:
        raise SettlementError(f"{requested.asked_by} may decide nothing any more") from problem


async def approve_withdrawal(finance: Finance, number: int, approved_by: str) -> Withdrawal:
    """Approve what another person has asked for: the prefund holds it no more. The caller has verified them.

    Raises:
        SettlementError: no such withdrawal waits, the same person has asked for it, the prefund holds less by
            now, or one of both has left.
    """
    connection = await finance.connect()
    try:
        async with connection.transaction():
            withdrawal = await waiting_withdrawal(connection, number)
            if withdrawal.kind != "withdrawal":
                raise SettlementError(
                    f"withdrawal {number} is a {withdrawal.kind}: {withdrawal.approving_command}"
                )
            refuse_one_person(withdrawal, approved_by)
        await finance.books.open_accounts([withdrawal_account(withdrawal.partner)])
        async with connection.transaction():
            withdrawal = await waiting_withdrawal(connection, number)
            await refuse_leavers(finance, connection, withdrawal.asked_by, approved_by)
            name = entry_id("withdrawn", withdrawal.id)
            adjustment = Adjustment.of(name, withdrawal.approval_entry)
            await _post(finance, connection, adjustment, withdrawal.source)
            await write_approval(connection, withdrawal.id, approved_by, name)
            await finance.alarms.end_alarms(
                connection, [withdrawal_subject(number)], f"approved by {approved_by}"
            )
    finally:
        await connection.close()
    return withdrawal


async def reject_withdrawal(finance: Finance, number: int, reason: str, rejected_by: str) -> Withdrawal:
    """Reject what waits, also one's own; its reference may ask again. The caller has verified the person.

    Raises:
        SettlementError: no such withdrawal waits, or the person has left.
    """
    connection = await finance.connect()
    try:
        async with connection.transaction():
            withdrawal = await waiting_withdrawal(connection, number)
            await refuse_leavers(finance, connection, rejected_by)
            await write_rejection(connection, withdrawal.id, rejected_by, reason)
            await finance.alarms.end_alarms(
                connection, [withdrawal_subject(number)], f"rejected by {rejected_by}"
            )
    finally:
        await connection.close()
    return withdrawal


async def cancel_withdrawal(finance: Finance, cancellation: Cancellation) -> Withdrawal:
    """Put an approved withdrawal back where it was taken from, by two persons whom the caller has verified.

    Raises:
        SettlementError: it is not approved, was cancelled before, or is instructed already.
    """
    connection = await finance.connect()
    try:
        async with connection.transaction():
            await connection.execute(LOCK)  # nobody instructs it meanwhile
            withdrawal = await _cancellable(connection, cancellation.number)
            await refuse_leavers(finance, connection, cancellation.cancelled_by, cancellation.approved_by)
            name = entry_id("withdrawal_cancelled", withdrawal.id)
            await finance.books.post(connection, [Adjustment.of(name, withdrawal.cancellation_entry)])
            await write_cancellation(connection, withdrawal.id, cancellation, name)
            # Where more of this partner waits, the next value date says so again.
            subject = withdrawals_subject(withdrawal.partner)
            await finance.alarms.end_alarms(connection, [subject], "a withdrawal was cancelled")
    finally:
        await connection.close()
    return withdrawal


async def list_withdrawals(connection: Connection) -> Sequence[tuple[Withdrawal, Progress]]:
    """Every withdrawal with what has become of it, in the order in which they were asked for."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        return await _with_progress(connection)


async def _with_progress(connection: Connection) -> list[tuple[Withdrawal, Progress]]:
    withdrawals = await read_withdrawals(connection)
    instructions = await partner_instructions(connection)
    due: dict[Party, list[Withdrawal]] = {}
    for item in sorted(withdrawals, key=_approval_order):
        if item.approved_at is not None and item.cancelled_by is None:
            due.setdefault(item.payee, []).append(item)
    progress: dict[int, Progress] = {}
    for payee, items in due.items():
        steps = progress_of([item.amount for item in items], instructions.get(payee, []))
        progress |= {item.number: step for item, step in zip(items, steps, strict=True)}
    return [(item, progress.get(item.number) or Progress(_undue_state(item))) for item in withdrawals]


def _approval_order(withdrawal: Withdrawal) -> tuple[float, int]:
    at = withdrawal.approved_at
    return (at.timestamp() if at else 0.0, withdrawal.number)


def _undue_state(withdrawal: Withdrawal) -> WithdrawalState:
    if withdrawal.rejected_by is not None:
        return WithdrawalState.REJECTED
    return WithdrawalState.CANCELLED if withdrawal.cancelled_by is not None else WithdrawalState.WAITS


def refuse_one_person(withdrawal: Withdrawal, approved_by: str) -> None:
    """Refuse who has asked for it.

    Raises:
        SettlementError: it takes another person.
    """
    if withdrawal.asked_by == approved_by:
        raise SettlementError(f"{approved_by} has asked for {withdrawal.number}: it takes another person")


async def waiting_withdrawal(connection: Connection, number: int) -> Withdrawal:
    """The withdrawal of a number that waits for a second person, locked.

    Raises:
        SettlementError: there is none, or it is decided.
    """
    withdrawal = await lock_withdrawal(connection, number)
    if withdrawal is None:
        raise SettlementError(f"there is no withdrawal {number}")
    if withdrawal.approved_by or withdrawal.rejected_by:
        word = "approved" if withdrawal.approved_by else "rejected"
        person = withdrawal.approved_by or withdrawal.rejected_by
        raise SettlementError(f"withdrawal {number} is {word} already, by {person}")
    return withdrawal


async def _cancellable(connection: Connection, number: int) -> Withdrawal:
    withdrawal = await lock_withdrawal(connection, number)
    if withdrawal is None or withdrawal.approved_by is None or withdrawal.cancelled_by is not None:
        raise SettlementError(f"withdrawal {number} is not approved, or cancelled already")
    progress = {item.number: step for item, step in await _with_progress(connection)}[number]
    if progress.instructions:
        raise SettlementError(
            f"withdrawal {number} is instructed by {', '.join(progress.instructions)}: the bank has it"
        )
    return withdrawal


def _refuse_beyond(balance: int, amount: int, prefund: str) -> None:
    if amount > balance:
        raise SettlementError(
            f"amount: {prefund} holds {format_taka(balance)}, which is less than {format_taka(amount)}"
        )


async def refuse_leavers(finance: Finance, connection: Connection, *names: str) -> None:
    """Refuse persons who may decide nothing any more.

    Raises:
        SettlementError: it names the first of them.
    """
    for name in sorted(names):
        if not await finance.persons.may_decide(connection, name):
            raise SettlementError(
                f"{name} may decide nothing any more: what rests on them can only be rejected"
            )


async def _post(finance: Finance, connection: Connection, adjustment: Adjustment, prefund: str) -> None:
    """Post within a savepoint, so that a prefund that holds less by now is a refusal with words."""
    try:
        async with connection.transaction():
            await finance.books.post(connection, [adjustment])
    except asyncpg.CheckViolationError as problem:
        raise SettlementError(f"{prefund} holds less than the withdrawal by now") from problem
