"""What persons of finance do about accounts and withdrawals in tests."""

from collections.abc import Mapping
from typing import cast

from ekpay_switch.ports.finance import Finance
from reconciliation.settlement.account_changes import NewAccount, approve_change, ask_for_change
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


async def states(stage: Stage) -> Mapping[int, str]:
    """The state of every withdrawal by its number."""
    connection = await stage.office.connect()
    try:
        return {item.number: step.state.value for item, step in await list_withdrawals(connection)}
    finally:
        await connection.close()
