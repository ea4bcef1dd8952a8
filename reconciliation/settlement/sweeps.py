"""Sweeping our own money: fees and charges to our own account, VAT and withheld tax to the state.

A sweep is a withdrawal with a recipient in place of a partner. One person of finance asks for what a closed
period holds, another approves it, and the account holds it no more; from there it goes the way of every
withdrawal, which is also how it is listed, rejected and cancelled.
"""

from dataclasses import dataclass
from datetime import date

import asyncpg

from ekpay_switch.domain.ledger.settlement_postings import sweep_account
from ekpay_switch.domain.money import format_taka
from ekpay_switch.ports.finance import Adjustment, Connection
from ekpay_switch.security.identifiers import uuid7
from reconciliation.errors import SettlementError
from reconciliation.settlement.current_state import SettlementWork, settlement_lock
from reconciliation.settlement.journal_entries import entry_id
from reconciliation.settlement.positions.sweep_sources import SweptMoney, recipient_of, source_of
from reconciliation.settlement.positions.trust_cover import is_of_others
from reconciliation.settlement.preview import current_cover
from reconciliation.settlement.store.withdrawals import (
    RequestedWithdrawal,
    SweepCover,
    Withdrawal,
    is_period_closed,
    sweepable_amount,
    write_approval,
)
from reconciliation.settlement.withdrawals import (
    refuse_leavers,
    refuse_one_person,
    request_refusals,
    waiting_withdrawal,
    withdrawal_subject,
    write_request,
)


@dataclass(frozen=True, slots=True)
class NewSweep:
    """What a person of finance has typed: `amount` in paisa, None for all that the period holds.

    `until` is the last day of the period.
    """

    money: str
    amount: int | None
    until: date
    reference: str


async def ask_for_sweep(work: SettlementWork, new: NewSweep, asked_by: str) -> tuple[int, int]:
    """Ask for a sweep; no money moves yet. Its number and its amount. The person is verified by the caller.

    Raises:
        SettlementError: a field is not valid (the message names it), or its reference has asked already.
    """
    if new.money not in set(SweptMoney):
        raise SettlementError(f"money: {new.money} is none of {', '.join(SweptMoney)}")
    money = SweptMoney(new.money)
    connection = work.connection
    async with connection.transaction():
        amount = await _checked_amount(connection, source_of(money), new.until, new.amount)
        requested = RequestedWithdrawal(
            uuid7(), recipient_of(money), money.value, amount, new.reference, asked_by, new.until
        )
        with request_refusals(requested):
            return await write_request(work.setting.finance, connection, requested), amount


async def approve_sweep(work: SettlementWork, number: int, approved_by: str) -> Withdrawal:
    """Approve a sweep that another person has asked for. The caller has verified them.

    Raises:
        SettlementError: no such sweep waits, the same person has asked for it, its period holds less by now,
            the cover would be below the reserve, or one of both has left.
    """
    connection, finance = work.connection, work.setting.finance
    async with connection.transaction():
        sweep = await _waiting_sweep(connection, number, approved_by)
    await finance.books.open_accounts([sweep_account(sweep.partner)])
    async with settlement_lock(work):
        sweep = await _waiting_sweep(connection, number, approved_by)
        await refuse_leavers(finance, connection, sweep.asked_by, approved_by)
        assert sweep.until is not None, "it is a sweep"
        await _checked_amount(connection, sweep.source, sweep.until, sweep.amount)
        try:
            await approve_own_money(work, sweep, approved_by)
        except asyncpg.CheckViolationError as problem:
            raise SettlementError(f"amount: {sweep.source} holds less than the sweep by now") from problem
    return sweep


async def approve_own_money(work: SettlementWork, own: Withdrawal, approved_by: str) -> None:
    """Post and write the approval of a sweep or a top-up that was checked, under the lock of settlement.

    Raises:
        SettlementError: the cover would be below the reserve.
        asyncpg.CheckViolationError: the database finds that it may not be approved.
    """
    connection, finance = work.connection, work.setting.finance
    cover = await _kept_cover(work, 0 if is_of_others(own.source) else own.amount)
    name = entry_id("withdrawn", own.id)
    await finance.books.post(connection, [Adjustment.of(name, own.approval_entry)])
    await write_approval(connection, own.id, approved_by, name, cover)
    subject = withdrawal_subject(own.number)
    await finance.alarms.end_alarms(connection, [subject], f"approved by {approved_by}")


async def _waiting_sweep(connection: Connection, number: int, approved_by: str) -> Withdrawal:
    sweep = await waiting_withdrawal(connection, number)
    if sweep.until is None:
        raise SettlementError(f"withdrawal {number} is no sweep: {sweep.approving_command}")
    refuse_one_person(sweep, approved_by)
    return sweep


async def _checked_amount(connection: Connection, source: str, until: date, amount: int | None) -> int:
    """The amount, or all that there is."""
    if not await is_period_closed(connection, until):
        raise SettlementError(f"until: {until} is not closed yet")
    held = await sweepable_amount(connection, source, until)
    wanted = held if amount is None else amount
    if wanted <= 0:
        raise SettlementError(f"amount: it is above zero; {source} held {format_taka(held)} by {until}")
    if wanted > held:
        raise SettlementError(
            f"amount: {source} held {format_taka(held)} by {until}, which is less than {format_taka(wanted)}"
        )
    return wanted


async def _kept_cover(work: SettlementWork, amount: int) -> SweepCover:
    """The cover after it; `amount` is what the cover does not count as money of others yet."""
    reserve = work.setting.registry.cover.reserve
    after = (await current_cover(work)).with_receivables - amount
    if after < reserve:
        least = format_taka(reserve)
        raise SettlementError(
            f"the cover after it would be {format_taka(after)} taka, below the reserve of {least}"
        )
    return SweepCover(after, reserve)
