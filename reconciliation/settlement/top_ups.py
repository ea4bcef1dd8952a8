"""Topping up our deposits at prefunded utilities: proposed by the books, asked for, approved, paid, booked.

A top-up is a withdrawal with our deposit in place of a partner. It stands in transit from the approval of two
persons until the bank's statement books it, and only then is it in the deposit. While one is in transit or
waits for a second person, no other one is proposed or taken. It is paid with money that belongs to nobody
else: the cover after it keeps the reserve, like that after a sweep (docs/adr/0104).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from ekpay_switch.domain.ledger.posting_rules import deposit_account
from ekpay_switch.domain.ledger.settlement_postings import deposit_due_account
from ekpay_switch.domain.money import format_taka
from ekpay_switch.ports.finance import Connection
from ekpay_switch.security.identifiers import uuid7
from reconciliation.errors import SettlementError
from reconciliation.settlement.current_state import SettlementWork, settlement_lock
from reconciliation.settlement.positions.deposit_terms import DEPOSIT, DepositStanding
from reconciliation.settlement.store.deposits import read_standings
from reconciliation.settlement.store.withdrawals import RequestedWithdrawal, Withdrawal
from reconciliation.settlement.sweeps import approve_own_money
from reconciliation.settlement.withdrawals import (
    refuse_leavers,
    refuse_one_person,
    request_refusals,
    waiting_withdrawal,
    write_request,
)


@dataclass(frozen=True, slots=True)
class NewTopUp:
    """What a person of finance has typed: `amount` in paisa, None for what is proposed."""

    biller: str
    amount: int | None
    reference: str


async def list_deposits(work: SettlementWork) -> Sequence[DepositStanding]:
    """Every deposit that our books or config/settlement.toml know, with what is proposed for it."""
    terms = work.setting.registry.payouts.deposit_terms
    return await read_standings(
        work.connection, terms, work.setting.finance.deposit_alarm_days(), work.run.night
    )


async def ask_for_top_up(work: SettlementWork, new: NewTopUp, asked_by: str) -> tuple[int, int]:
    """Ask for a top-up; no money moves yet. Its number and its amount. The person is verified by the caller.

    Raises:
        SettlementError: a field is not valid (the message names it), another top-up of the deposit waits or
            is on its way, or its reference has asked already.
    """
    connection = work.connection
    async with settlement_lock(work):
        deposit = await _deposit_of(work, new.biller)
        if deposit.waiting_number is not None:
            raise SettlementError(f"biller: top-up {deposit.waiting_number} of {new.biller} waits already")
        _refuse_in_transit(deposit.biller, deposit.in_transit)
        amount = _checked_amount(deposit, new.amount)
        requested = RequestedWithdrawal(uuid7(), new.biller, DEPOSIT, amount, new.reference, asked_by)
        with request_refusals(requested):
            return await write_request(work.setting.finance, connection, requested), amount


async def approve_top_up(work: SettlementWork, number: int, approved_by: str) -> Withdrawal:
    """Approve a top-up that another person has asked for: it is due, and in transit until a bank books it.

    The caller has verified the person.

    Raises:
        SettlementError: no such top-up waits, the same person has asked for it, the cover would be below the
            reserve, another one is on its way by now, or one of both persons has left.
    """
    connection, finance = work.connection, work.setting.finance
    async with connection.transaction():
        top_up = await _waiting_top_up(connection, number, approved_by)
    biller = top_up.partner
    await finance.books.open_accounts([deposit_account(biller), top_up.source, deposit_due_account(biller)])
    async with settlement_lock(work):
        top_up = await _waiting_top_up(connection, number, approved_by)
        await refuse_leavers(finance, connection, top_up.asked_by, approved_by)
        try:
            await approve_own_money(work, top_up, approved_by)
        except asyncpg.CheckViolationError as problem:
            raise SettlementError(f"biller: another top-up of {biller} is on its way by now") from problem
    return top_up


async def _waiting_top_up(connection: Connection, number: int, approved_by: str) -> Withdrawal:
    top_up = await waiting_withdrawal(connection, number)
    if not top_up.is_top_up:
        raise SettlementError(f"withdrawal {number} is no top-up: {top_up.approving_command}")
    refuse_one_person(top_up, approved_by)
    return top_up


async def _deposit_of(work: SettlementWork, biller: str) -> DepositStanding:
    deposits = {deposit.biller: deposit for deposit in await list_deposits(work)}
    if biller not in deposits:
        raise SettlementError(
            f"biller: we keep no deposit at {biller}; known: {', '.join(deposits) or 'none'}"
        )
    return deposits[biller]


def _refuse_in_transit(biller: str, in_transit: int) -> None:
    if in_transit > 0:
        raise SettlementError(
            f"biller: {format_taka(in_transit)} taka are on their way to {biller}; once the bank's statement "
            "books them, or they are cancelled, ask again"
        )


def _checked_amount(deposit: DepositStanding, typed: int | None) -> int:
    """The amount, or what is proposed."""
    terms = deposit.terms
    amount = deposit.proposed_amount if typed is None else typed
    if typed is None and not amount:
        raise SettlementError(f"amount: nothing is proposed for {deposit.biller}, so say how much")
    if amount <= 0:
        raise SettlementError("amount: it is above zero")
    if amount < terms.minimum:
        raise SettlementError(
            f"amount: a top-up of {deposit.biller} is at least {format_taka(terms.minimum)}"
        )
    if terms.maximum is not None and amount > terms.maximum:
        raise SettlementError(f"amount: a top-up of {deposit.biller} is at most {format_taka(terms.maximum)}")
    return amount
