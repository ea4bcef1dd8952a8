"""Withdrawals of prefunds, from the letter to the bank's statement."""

from datetime import date

import asyncpg
import pytest

from reconciliation.errors import SettlementError
from reconciliation.settlement.payout_audit import first_broken
from reconciliation.settlement.positions.cycles import Party, PartyRole
from reconciliation.settlement.positions.trust_cover import cover_of
from reconciliation.settlement.settle_value_date import SettledValueDate
from reconciliation.settlement.store.contradictions import Verdict
from reconciliation.settlement.store.withdrawals import Cancellation
from reconciliation.settlement.withdrawals import (
    NewWithdrawal,
    approve_withdrawal,
    ask_for_withdrawal,
    cancel_withdrawal,
    reject_withdrawal,
)
from tests.reconciliation.settlement.payout_desk import change, cool, finance_of, states, withdraw
from tests.reconciliation.settlement.sample_lines import MON, SUN, TUE
from tests.reconciliation.settlement.stage import CHECKER, MAKER, Stage, booked, report

WED = date(2026, 4, 8)
PREFUND = 50_000_000
PAID = 12_000_000
BANK1 = Party(PartyRole.PARTNER, "bank1")
OPEN = "SELECT kind, subject, amount FROM alarms WHERE ended_at IS NULL"
INSTRUCTIONS = "SELECT end_to_end_id FROM reconciliation.settlement_instructions ORDER BY value_date"
# Entries of a test stand on the day on which it runs; while a value date is settled they stand on Sunday.
TO_SUNDAY = """
ALTER TABLE journal_entries DISABLE TRIGGER USER;
UPDATE journal_entries SET business_date = DATE '2026-04-05' WHERE business_date > DATE '2026-04-30'
"""
AND_BACK = """
UPDATE journal_entries AS e SET business_date = w.business_date FROM settlement_windows AS w
WHERE w.id = e.window_id AND e.business_date <> w.business_date;
ALTER TABLE journal_entries ENABLE TRIGGER USER
"""


@pytest.fixture
async def given(stage: Stage) -> Stage:
    """bank1 has a prefund, and an account that two persons have entered three days ago."""
    await stage.books.partner("bank1", prefund=PREFUND)
    await change(stage)
    await cool(stage)
    return stage


async def settled(stage: Stage, night: date, value_date: date) -> SettledValueDate:
    """Close the night and settle the value date."""
    await stage.books.tell(TO_SUNDAY)
    await stage.run(night)
    sheet = await stage.settle(value_date)
    await stage.books.tell(AND_BACK)
    return sheet


def instructed(sheet: SettledValueDate) -> list[tuple[int, int, str]]:
    return [
        (row.instructed, row.carried_out, row.reason) for row in sheet.rows if row.position.party == BANK1
    ]


async def last_id(stage: Stage) -> str:
    return str((await stage.books.rows(INSTRUCTIONS))[-1][0])


async def debited(stage: Stage, paisa: int, night: date) -> None:
    reference = await last_id(stage)
    stage.rows.append(booked("stmt_sonali", reference, -paisa, night, ordinal=len(stage.rows) + 1))
    await stage.run(night)
    await stage.follow()


async def test_a_withdrawal_leaves_the_prefund_at_once_and_the_bank_with_the_next_value_date(
    given: Stage,
) -> None:
    number = await withdraw(given, PAID)
    assert await given.books.balance("bank1") == PREFUND - PAID
    assert await states(given) == {number: "due"}
    assert instructed(await settled(given, SUN, MON)) == [(PAID, 0, "")]
    assert await states(given) == {number: "instructed"}
    await debited(given, PAID, MON)
    assert await states(given) == {number: "paid"}
    assert (await given.balances())["settlement_bank"] == PREFUND - PAID
    assert "withdrawal_due:bank1" not in await given.balances()
    assert await given.books.audit() is None


async def test_a_rejected_payout_of_a_withdrawal_is_due_again_and_paid_once(given: Stage) -> None:
    number = await withdraw(given, PAID)
    await settled(given, SUN, MON)
    await given.follow(report(await last_id(given), "RJCT"))
    assert await states(given) == {number: "due"}
    assert instructed(await settled(given, MON, TUE)) == [(PAID, 0, "")]
    await debited(given, PAID, TUE)
    assert await states(given) == {number: "paid"}
    assert (await given.balances())["settlement_bank"] == PREFUND - PAID
    assert await given.books.audit() is None


async def test_a_returned_payout_of_a_withdrawal_is_due_again(given: Stage) -> None:
    number = await withdraw(given, PAID)
    await settled(given, SUN, MON)
    await debited(given, PAID, MON)
    await debited(given, -PAID, TUE)
    assert await states(given) == {number: "due"}
    assert (await given.balances())["withdrawal_due:bank1"] == PAID


async def test_a_withdrawal_without_an_account_is_carried_and_may_be_cancelled(stage: Stage) -> None:
    await stage.books.partner("bank1", prefund=PREFUND)
    number = await withdraw(stage, PAID)
    assert instructed(await settled(stage, SUN, MON)) == [(0, PAID, "no_account")]
    assert [tuple(row) for row in await stage.books.rows(OPEN)] == [
        ("payout_waits", "withdrawals bank1", PAID)
    ]
    await cancel_withdrawal(finance_of(stage), Cancellation(number, "wrong letter", MAKER, CHECKER))
    assert await states(stage) == {number: "cancelled"}
    assert await stage.books.rows(OPEN) == []
    assert await stage.books.balance("bank1") == PREFUND
    assert instructed(await settled(stage, MON, TUE)) == [(0, 0, "nothing_owed")]
    assert await stage.books.audit() is None
    with pytest.raises(SettlementError, match="cancelled already"):
        await cancel_withdrawal(finance_of(stage), Cancellation(number, "twice", MAKER, CHECKER))


async def test_an_instructed_withdrawal_is_not_cancelled(given: Stage) -> None:
    number = await withdraw(given, PAID)
    await settled(given, SUN, MON)
    with pytest.raises(SettlementError, match=await last_id(given)):
        await cancel_withdrawal(finance_of(given), Cancellation(number, "too late", MAKER, CHECKER))
    assert await given.books.balance("bank1") == PREFUND - PAID


async def test_a_withdrawal_that_its_bank_rejects_and_accepts_is_not_cancelled(given: Stage) -> None:
    """The money may have left: our books owe it again, and two persons decide first."""
    number = await withdraw(given, PAID)
    await settled(given, SUN, MON)
    for answer in ("RJCT", "ACSC"):
        await given.follow(report(await last_id(given), answer))
    with pytest.raises(SettlementError, match="the bank has it"):
        await cancel_withdrawal(finance_of(given), Cancellation(number, "rejected", MAKER, CHECKER))
    await given.decide(await last_id(given), Verdict.REJECTED)
    await cancel_withdrawal(finance_of(given), Cancellation(number, "rejected", MAKER, CHECKER))
    assert await given.books.balance("bank1") == PREFUND
    assert await given.books.audit() is None


async def test_two_persons_approve_and_the_second_is_another(given: Stage) -> None:
    number = await ask_for_withdrawal(
        finance_of(given), NewWithdrawal("bank1", "postpaid", PAID, "letter 1"), MAKER
    )
    assert [tuple(row) for row in await given.books.rows(OPEN)] == [
        ("payout_waits", f"withdrawal {number}", PAID)
    ]
    with pytest.raises(SettlementError, match="another person"):
        await approve_withdrawal(finance_of(given), number, MAKER)
    assert await given.books.balance("bank1") == PREFUND
    await approve_withdrawal(finance_of(given), number, CHECKER)
    assert await given.books.rows(OPEN) == []
    with pytest.raises(SettlementError, match=f"approved already, by {CHECKER}"):
        await approve_withdrawal(finance_of(given), number, CHECKER)


async def test_a_letter_asks_once_until_it_is_rejected(given: Stage) -> None:
    new = NewWithdrawal("bank1", "postpaid", PAID, "letter 1")
    number = await ask_for_withdrawal(finance_of(given), new, MAKER)
    with pytest.raises(SettlementError, match="reference: letter 1 of bank1 was asked for already"):
        await ask_for_withdrawal(finance_of(given), new, CHECKER)
    await reject_withdrawal(finance_of(given), number, "not signed", MAKER)
    assert await given.books.rows(OPEN) == []
    again = await ask_for_withdrawal(finance_of(given), new, MAKER)
    assert await states(given) == {number: "rejected", again: "waits"}


@pytest.mark.parametrize(
    ("new", "field"),
    [
        (NewWithdrawal("bank1", "savings", PAID, "L"), "bucket: savings"),
        (NewWithdrawal("bank1", "postpaid", 0, "L"), "amount: it is above zero"),
        (NewWithdrawal("bank2", "postpaid", PAID, "L"), "partner: bank2 has no postpaid prefund"),
        (NewWithdrawal("bank1", "prepaid", 1, "L"), "amount: prefund:bank1:prepaid holds 0.00"),
    ],
)
async def test_a_withdrawal_that_cannot_be_is_refused_with_its_field(
    given: Stage, new: NewWithdrawal, field: str
) -> None:
    with pytest.raises(SettlementError, match=field):
        await ask_for_withdrawal(finance_of(given), new, MAKER)
    assert await given.books.count("reconciliation.withdrawals") == 0


async def test_two_withdrawals_never_take_more_than_the_prefund_holds(given: Stage) -> None:
    await withdraw(given, PREFUND - 1, "letter 1")
    number = await ask_for_withdrawal(
        finance_of(given), NewWithdrawal("bank1", "postpaid", 1, "letter 2"), MAKER
    )
    await given.books.tell("ALTER TABLE reconciliation.withdrawals DISABLE TRIGGER USER")
    await given.books.tell("UPDATE reconciliation.withdrawals SET amount = 2 WHERE number = $1", number)
    await given.books.tell("ALTER TABLE reconciliation.withdrawals ENABLE TRIGGER USER")
    with pytest.raises(SettlementError, match="holds less than the withdrawal by now"):
        await approve_withdrawal(finance_of(given), number, CHECKER)
    assert await states(given) == {1: "due", number: "waits"}


async def test_what_partners_have_withdrawn_is_money_of_others() -> None:
    assert cover_of({"settlement_bank": 10, "withdrawal_due:bank1": 7}).strict == 3


TAMPER = {
    "another amount": "UPDATE reconciliation.withdrawals SET amount = amount + 1",
    "one person": "ALTER TABLE reconciliation.withdrawals DROP CONSTRAINT ck_withdrawals_two_persons; "
    "UPDATE reconciliation.withdrawals SET approved_by = asked_by",
    "no withdrawal": "DELETE FROM reconciliation.withdrawals",
    "another account": "UPDATE reconciliation.settlement_instructions SET account = '1'",
    "valid too early": "UPDATE reconciliation.account_changes SET valid_from = approved_at",
}


async def test_the_audit_names_what_was_tampered_with(given: Stage) -> None:
    await withdraw(given, PAID)
    await settled(given, SUN, MON)
    assert await given.books.audit() is None
    for what, statement in TAMPER.items():
        connection = await given.books.superuser()
        try:
            await connection.execute(f"BEGIN; SET LOCAL session_replication_role = replica; {statement}")
            assert await first_broken(connection) is not None, what
            await connection.execute("ROLLBACK")
        finally:
            await connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE reconciliation.withdrawals SET approved_by = 'Karim', approved_at = now(), entry_id = $1",
        "UPDATE reconciliation.withdrawals SET approved_by = 'Rahima', approved_at = now(), entry_id = $1",
    ],
)
async def test_the_database_approves_nothing_without_its_entry(given: Stage, statement: str) -> None:
    await ask_for_withdrawal(finance_of(given), NewWithdrawal("bank1", "postpaid", PAID, "L"), MAKER)
    other = await given.books.value("SELECT id FROM journal_entries LIMIT 1")
    connection = await given.office.connect()
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(statement, other)
    finally:
        await connection.close()
