"""What persons of finance do about accounts and withdrawals in tests."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import cast

from ekpay_switch.ports.finance import Finance
from reconciliation.settlement.account_changes import NewAccount, approve_change, ask_for_change
from reconciliation.settlement.current_state import open_work
from reconciliation.settlement.sweeps import NewSweep, approve_sweep, ask_for_sweep
from reconciliation.settlement.top_ups import NewTopUp, approve_top_up, ask_for_top_up
from reconciliation.settlement.withdrawals import (
    NewWithdrawal,
    approve_withdrawal,
    ask_for_withdrawal,
    list_withdrawals,
)
from tests.reconciliation.settlement.stage import CHECKER, MAKER, Stage

BANK1 = NewAccount(
    "partner", "bank1", "Bank One", "AAAABDDHXXX", "991260012", "9910000000077", "current", "rtgs"
)
OPERATOR = replace(BANK1, role="sweep", party="operator", name="EkPay", account="9910000000078")
TREASURY = replace(BANK1, role="sweep", party="treasury", name="Treasury", account="9910000000079")
# Windows of a test stand on the day on which it runs; the closed ones move to their night.
_DATED = """
ALTER TABLE journal_entries DISABLE TRIGGER USER;
UPDATE settlement_windows SET business_date = '{night}' WHERE state <> 'open'
  AND business_date > DATE '2026-09-30';
UPDATE journal_entries AS e SET business_date = w.business_date FROM settlement_windows AS w
WHERE w.id = e.window_id AND e.business_date <> w.business_date;
ALTER TABLE journal_entries ENABLE TRIGGER USER
"""
_UNDATED = """
ALTER TABLE journal_entries DISABLE TRIGGER USER;
ALTER TABLE reconciliation.withdrawals DISABLE TRIGGER USER;
UPDATE settlement_windows SET business_date = (opened_at AT TIME ZONE INTERVAL '+06:00')::date;
UPDATE journal_entries AS e SET business_date = w.business_date FROM settlement_windows AS w
WHERE w.id = e.window_id AND e.business_date <> w.business_date;
UPDATE reconciliation.withdrawals SET until = (SELECT max(business_date) FROM settlement_windows)
WHERE until IS NOT NULL;
ALTER TABLE reconciliation.withdrawals ENABLE TRIGGER USER;
ALTER TABLE journal_entries ENABLE TRIGGER USER
"""
# Only the owner of the database can move time.
_COOLED = """
ALTER TABLE reconciliation.account_changes DISABLE TRIGGER USER;
UPDATE reconciliation.account_changes SET asked_at = asked_at - interval '3 days',
  approved_at = approved_at - interval '3 days', valid_from = valid_from - interval '3 days',
  stopped_at = stopped_at - interval '3 days';
ALTER TABLE reconciliation.account_changes ENABLE TRIGGER USER
"""


def finance_of(stage: Stage) -> Finance:
    return cast("Finance", stage.office)


async def change(stage: Stage, new: NewAccount = BANK1) -> int:
    """Ask for a change of an account and approve it."""
    number = await ask_for_change(finance_of(stage), stage.desk.registry, new, "their letter", MAKER)
    await approve_change(finance_of(stage), number, CHECKER)
    return number


async def cool(stage: Stage) -> None:
    """Let three days pass for every change."""
    await stage.books.tell(_COOLED)


async def withdraw(stage: Stage, paisa: int, reference: str = "letter 1", bucket: str = "postpaid") -> int:
    """Ask for a withdrawal of bank1 and approve it."""
    number = await ask_for_withdrawal(
        finance_of(stage), NewWithdrawal("bank1", bucket, paisa, reference), MAKER
    )
    await approve_withdrawal(finance_of(stage), number, CHECKER)
    return number


async def date_books(stage: Stage, night: date) -> None:
    """Let what is closed stand on a night."""
    await stage.books.tell(_DATED.format(night=night))


async def undate_books(stage: Stage) -> None:
    """Let everything stand on its own day again, sweeps included, as its hashes have it."""
    await stage.books.tell(_UNDATED)


async def sweep(
    stage: Stage, money: str, until: date, paisa: int | None = None, reference: str = "return"
) -> int:
    """Ask for a sweep and approve it."""
    async with open_work(stage.desk) as work:
        number, _ = await ask_for_sweep(work, NewSweep(money, paisa, until, reference), MAKER)
        await approve_sweep(work, number, CHECKER)
    return number


async def top_up(stage: Stage, biller: str, paisa: int | None = None, reference: str = "proposed") -> int:
    """Ask for a top-up of a deposit and approve it."""
    async with open_work(stage.desk) as work:
        number, _ = await ask_for_top_up(work, NewTopUp(biller, paisa, reference), MAKER)
        await approve_top_up(work, number, CHECKER)
    return number


async def states(stage: Stage) -> Mapping[int, str]:
    """The state of every withdrawal by its number."""
    connection = await stage.office.connect()
    try:
        return {item.number: step.state.value for item, step in await list_withdrawals(connection)}
    finally:
        await connection.close()
