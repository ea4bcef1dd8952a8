"""Sweeps of our own money, from two persons to the statement: fees to ourselves, VAT to the treasury."""

from dataclasses import replace
from datetime import date

import asyncpg
import pytest

from reconciliation.errors import SettlementError
from reconciliation.settlement.current_state import open_work
from reconciliation.settlement.instructions.account_registry import CoverSettings
from reconciliation.settlement.payout_audit import first_broken
from reconciliation.settlement.positions.trust_cover import cover_of
from reconciliation.settlement.preview import current_cover
from reconciliation.settlement.settle_value_date import SettledValueDate
from reconciliation.settlement.store.withdrawals import Cancellation
from reconciliation.settlement.sweeps import NewSweep, approve_sweep, ask_for_sweep
from reconciliation.settlement.withdrawals import approve_withdrawal, cancel_withdrawal
from tests.reconciliation.settlement.payout_desk import (
    OPERATOR,
    TREASURY,
    change,
    cool,
    date_books,
    finance_of,
    states,
    sweep,
    undate_books,
    withdraw,
)
from tests.reconciliation.settlement.sample_lines import MON, SUN, TUE
from tests.reconciliation.settlement.stage import CHECKER, MAKER, Stage, booked, report

FEES, VAT = 700_000, 105_000
INSTRUCTIONS = "SELECT end_to_end_id FROM reconciliation.settlement_instructions ORDER BY value_date"
EARLIER = date(2026, 4, 2)


@pytest.fixture
async def given(stage: Stage) -> Stage:
    """Sunday has earned fees and VAT and is closed; both recipients have accounts of three days ago."""
    await stage.hold({"fee_income": FEES, "vat_payable": VAT, "settlement_bank": FEES + VAT})
    for account in (OPERATOR, TREASURY):
        await change(stage, account)
    await cool(stage)
    await stage.run(SUN)
    await date_books(stage, SUN)
    return stage


async def settled(stage: Stage, night: date, value_date: date) -> SettledValueDate:
    """Close the night and settle the value date."""
    await stage.run(night)
    await date_books(stage, night)
    return await stage.settle(value_date)


async def audited(stage: Stage) -> object:
    """What the audit finds of sweeps while their nights stand, and of all books by their own dates."""
    connection = await stage.office.connect("audit")
    try:
        found = await first_broken(connection)
    finally:
        await connection.close()
    await undate_books(stage)
    return found or await stage.books.audit()


def figures(sheet: SettledValueDate) -> list[tuple[str, int, int, str]]:
    return [
        (str(row.position.party), row.instructed, row.carried_out, row.reason)
        for row in sheet.rows
        if row.position.party.role == "sweep"
    ]


async def debited(stage: Stage, paisa: int, night: date) -> None:
    reference = (await stage.books.rows(INSTRUCTIONS))[-1][0]
    stage.rows.append(booked("stmt_sonali", reference, -paisa, night, ordinal=len(stage.rows) + 1))
    await stage.run(night)
    await stage.follow()


async def test_fees_leave_for_our_own_account_once_and_the_statement_says_so(given: Stage) -> None:
    number = await sweep(given, "fees", SUN)
    assert await states(given) == {number: "due"}
    assert figures(await settled(given, MON, TUE)) == [("sweep:operator", FEES, 0, "")]
    assert await states(given) == {number: "instructed"}
    await debited(given, FEES, TUE)
    assert await states(given) == {number: "paid"}
    assert await given.balances() == {"settlement_bank": VAT, "vat_payable": VAT}
    assert await audited(given) is None


async def test_vat_that_its_bank_rejects_is_owed_to_the_treasury_again_and_paid_once(given: Stage) -> None:
    number = await sweep(given, "vat", SUN)
    await settled(given, SUN, MON)
    await given.follow(report((await given.books.rows(INSTRUCTIONS))[-1][0], "RJCT"))
    assert await states(given) == {number: "due"}
    with pytest.raises(SettlementError, match=r"amount: it is above zero; vat_payable held 0\.00 by"):
        await sweep(given, "vat", SUN, reference="again")
    assert figures(await settled(given, MON, TUE)) == [("sweep:treasury", VAT, 0, "")]
    await debited(given, VAT, TUE)
    assert await states(given) == {number: "paid"}
    assert await given.balances() == {"settlement_bank": FEES, "fee_income": FEES}
    assert await audited(given) is None


async def test_no_more_is_swept_than_the_closed_period_held_and_still_stands(given: Stage) -> None:
    await given.hold({"fee_income": 50_000, "settlement_bank": 50_000})
    with pytest.raises(SettlementError, match=r"fee_income held 7000\.00 by 2026-04-05, .* 7000\.01"):
        await sweep(given, "fees", SUN, FEES + 1)
    await sweep(given, "fees", SUN, FEES - 20_000)
    with pytest.raises(SettlementError, match=r"held 200\.00 by 2026-04-05"):
        await sweep(given, "fees", SUN, 20_001, "again")
    # Fees that were given back after the period stand no more.
    await given.hold({"fee_income": -60_000, "settlement_bank": -60_000})
    with pytest.raises(SettlementError, match=r"held 100\.00 by"):
        await sweep(given, "fees", SUN, 20_000, "again")
    await sweep(given, "fees", SUN, None, "again")
    assert "fee_income" not in await given.balances()
    assert await audited(given) is None


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (NewSweep("rounding", None, SUN, "R"), "money: rounding is none of fees, charges, vat, withheld-tax"),
        (NewSweep("vat", 0, SUN, "R"), "amount: it is above zero"),
        (NewSweep("charges", None, SUN, "R"), r"amount: .* charge_income held 0\.00"),
        (NewSweep("vat", None, EARLIER, "R"), r"amount: .* held 0\.00 by 2026-04-02"),
        (NewSweep("vat", None, TUE, "R"), "until: 2026-04-07 is not closed yet"),
    ],
)
async def test_a_sweep_that_cannot_be_is_refused_with_its_field(
    given: Stage, new: NewSweep, words: str
) -> None:
    async with open_work(given.desk) as work:
        with pytest.raises(SettlementError, match=words):
            await ask_for_sweep(work, new, MAKER)
    assert await given.books.count("reconciliation.withdrawals") == 0


async def test_a_sweep_takes_two_persons_and_one_reference(given: Stage) -> None:
    new = NewSweep("vat", None, SUN, "return of April")
    async with open_work(given.desk) as work:
        number, paisa = await ask_for_sweep(work, new, MAKER)
        assert (number, paisa) == (1, VAT)
        with pytest.raises(SettlementError, match="reference: return of April of treasury"):
            await ask_for_sweep(work, new, CHECKER)
        with pytest.raises(SettlementError, match="another person"):
            await approve_sweep(work, number, MAKER)
        with pytest.raises(SettlementError, match="is a sweep: ekpay settle sweep approve 1"):
            await approve_withdrawal(finance_of(given), number, CHECKER)
        assert (await given.balances())["vat_payable"] == VAT
        await approve_sweep(work, number, CHECKER)
        with pytest.raises(SettlementError, match=f"approved already, by {CHECKER}"):
            await approve_sweep(work, number, CHECKER)
        await given.books.partner("bank1", prefund=50_000)
        withdrawal = await withdraw(given, 10_000)
        with pytest.raises(SettlementError, match=f"withdrawal {withdrawal} is approved already"):
            await approve_sweep(work, withdrawal, CHECKER)
    assert (await given.balances())["sweep_due:treasury"] == VAT


async def test_a_sweep_never_takes_the_cover_below_the_reserve(given: Stage) -> None:
    """Others are owed what a merchant was credited with, and only our own money is beyond it."""
    cover = CoverSettings.model_construct(reserve=10_000)
    given.with_registry(given.desk.registry.model_copy(update={"cover": cover}))
    await given.hold({"payable:merchant:shop": 100_000})
    await given.hold({"settlement_bank": -VAT})
    with pytest.raises(
        SettlementError, match=r"the cover after it would be -1000\.00 taka, below the reserve"
    ):
        await sweep(given, "fees", SUN)
    assert (await given.balances())["fee_income"] == FEES
    async with open_work(given.desk) as work:
        number, _ = await ask_for_sweep(work, NewSweep("fees", FEES - 110_000, SUN, "R"), MAKER)
        await approve_sweep(work, number, CHECKER)
    assert (
        await given.books.value("SELECT cover_after FROM reconciliation.withdrawals WHERE number = 2")
        == 10_000
    )
    assert cover_of(await given.balances()).strict == 10_000


async def test_a_sweep_without_an_account_waits_and_may_be_cancelled(stage: Stage) -> None:
    await stage.hold({"charge_income": FEES, "settlement_bank": FEES})
    await stage.run(SUN)
    await date_books(stage, SUN)
    number = await sweep(stage, "charges", SUN)
    assert figures(await settled(stage, SUN, MON)) == [("sweep:operator", 0, FEES, "no_account")]
    assert (
        await stage.books.value("SELECT subject FROM alarms WHERE ended_at IS NULL") == "withdrawals operator"
    )
    await cancel_withdrawal(finance_of(stage), Cancellation(number, "next month", MAKER, CHECKER))
    assert await states(stage) == {number: "cancelled"}
    assert await stage.balances() == {"settlement_bank": FEES, "charge_income": FEES}
    assert await stage.books.rows("SELECT FROM alarms WHERE ended_at IS NULL") == []
    assert figures(await settled(stage, MON, TUE)) == [("sweep:operator", 0, 0, "nothing_owed")]
    assert await audited(stage) is None


async def test_only_recipients_of_sweeps_have_accounts_of_sweeps(given: Stage) -> None:
    with pytest.raises(SettlementError, match="party: our books know no sweep:somebody"):
        await change(given, replace(OPERATOR, party="somebody"))


TAMPER = {
    "another amount": "UPDATE reconciliation.withdrawals SET amount = amount + 1",
    "an earlier period": "UPDATE reconciliation.withdrawals SET until = DATE '2026-04-01'",
    "below the reserve": "ALTER TABLE reconciliation.withdrawals DROP CONSTRAINT ck_withdrawals_reserve; "
    "UPDATE reconciliation.withdrawals SET reserve = cover_after + 1",
    "no sweep": "DELETE FROM reconciliation.withdrawals",
}


async def test_the_audit_names_what_was_tampered_with(given: Stage) -> None:
    await sweep(given, "vat", SUN)
    for what, statement in TAMPER.items():
        connection = await given.books.superuser()
        try:
            await connection.execute(f"BEGIN; SET LOCAL session_replication_role = replica; {statement}")
            assert await first_broken(connection) is not None, what
            await connection.execute("ROLLBACK")
        finally:
            await connection.close()


APPROVED_WITH_COVER = """
UPDATE reconciliation.withdrawals SET (approved_by, entry_id, cover_after, reserve) = ('Karim', $1, 1, 0)
"""


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE reconciliation.withdrawals SET (approved_by, entry_id) = ('Karim', $1)",
        APPROVED_WITH_COVER,
        "UPDATE reconciliation.withdrawals SET cover_after = 1, reserve = 0 WHERE $1::uuid IS NOT NULL",
    ],
)
async def test_the_database_approves_no_sweep_without_its_entry_and_cover(
    given: Stage, statement: str
) -> None:
    async with open_work(given.desk) as work:
        await ask_for_sweep(work, NewSweep("vat", None, SUN, "R"), MAKER)
    other = await given.books.value("SELECT id FROM journal_entries LIMIT 1")
    connection = await given.office.connect()
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(statement, other)
    finally:
        await connection.close()


async def test_withheld_tax_leaves_for_the_state_and_does_not_change_the_cover(given: Stage) -> None:
    await given.hold({"withheld_tax_payable": 12_345, "settlement_bank": 12_345})
    await change(given, replace(TREASURY, party="income-tax", name="Income tax", account="9910000000080"))
    await cool(given)
    await given.run(SUN)
    await date_books(given, SUN)
    async with open_work(given.desk) as work:
        before = (await current_cover(work)).with_receivables
    number = await sweep(given, "withheld-tax", SUN)
    async with open_work(given.desk) as work:
        assert (await current_cover(work)).with_receivables == before
    assert figures(await settled(given, MON, TUE)) == [("sweep:income-tax", 12_345, 0, "")]
    await debited(given, 12_345, TUE)
    assert await states(given) == {number: "paid"}
    assert "withheld_tax_payable" not in await given.balances()
