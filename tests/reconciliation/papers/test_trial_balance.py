"""The trial balance: opening, movements and closing of every account, which sum to zero."""

import csv
import hashlib
from datetime import date
from pathlib import Path

import pytest

from ekpay_switch.domain.ledger.entries import CHART
from ekpay_switch.domain.ledger.posting_rules import topped_up_entry
from ekpay_switch.domain.money import Money
from reconciliation.errors import ReportError
from reconciliation.papers.account_words import ACCOUNT_WORDS
from reconciliation.papers.period import Period
from reconciliation.papers.snapshot import read_snapshot
from reconciliation.papers.trial_balance import AccountBalance, TrialBalance, read_trial_balance
from reconciliation.papers.trial_balance_paper import write_trial_balance_csv
from tests.reconciliation.papers.month_of_books import APRIL_1, APRIL_30, PREFUND, MonthOfBooks

APRIL = Period(APRIL_1, APRIL_30)


async def trial_balance(month: MonthOfBooks, period: Period = APRIL) -> TrialBalance:
    async with read_snapshot(month.finance) as connection:
        return await read_trial_balance(connection, period)


async def test_each_account_opens_moves_and_closes_and_all_are_zero(month: MonthOfBooks) -> None:
    result = await trial_balance(month)
    assert {
        line.account: (line.opening, line.debit, line.credit, line.closing) for line in result.accounts
    } == {
        "biller_deposit:nesco_prepaid": (0, 200_000, 0, 200_000),
        "clearing:beftn": (0, 0, 100_000, -100_000),
        "fee_income": (0, 0, 500, -500),
        "in_flight": (0, 100_575, 100_575, 0),
        "payable:desco_postpaid": (0, 100_000, 100_000, 0),
        PREFUND: (-1_000_000, 100_575, 0, -899_425),
        "settlement_bank": (1_000_000, 0, 200_000, 800_000),
        "vat_payable": (0, 0, 75, -75),
    }
    assert (result.opening_total, result.moved_total, result.closing_total) == (1_000_000, 501_150, 1_000_000)
    assert result.is_final
    assert not (await trial_balance(month, Period(APRIL_1, date(9999, 12, 31)))).is_final
    assert not await _is_final_while_open(month, APRIL_1)


async def test_a_paper_is_read_from_one_snapshot_that_can_write_nothing(month: MonthOfBooks) -> None:
    async with read_snapshot(month.finance) as connection:
        before = await read_trial_balance(connection, APRIL)
        await month.post(APRIL_1, topped_up_entry(PREFUND, Money(5)))
        assert await read_trial_balance(connection, APRIL) == before
        assert await connection.fetchval("SHOW statement_timeout") == "0"
        assert await connection.fetchval("SHOW transaction_read_only") == "on"
    assert await trial_balance(month) != before


async def _is_final_while_open(month: MonthOfBooks, day: date) -> bool:
    await month.stage.books.tell("INSERT INTO settlement_windows (id, business_date) VALUES (0, $1)", day)
    return (await trial_balance(month)).is_final


def test_accounts_that_are_not_zero_together_make_no_paper() -> None:
    lines = [AccountBalance("settlement_bank", "BDT", 5, 0, 0), AccountBalance("rounding", "USD", -5, 0, 0)]
    with pytest.raises(ReportError, match="open with 5 and close with 5 paisa"):
        TrialBalance(APRIL, lines[:1], is_final=True)
    with pytest.raises(ReportError, match="not zero"):
        TrialBalance(APRIL, lines, is_final=True)


def test_the_file_names_both_sides_and_ends_with_its_totals_and_digest(tmp_path: Path) -> None:
    lines = [
        AccountBalance("payable:=desco", "BDT", -700, 200, 0),
        AccountBalance("settlement_bank", "BDT", 700, 0, 200),
    ]
    path = tmp_path / "balance.csv"
    write_trial_balance_csv(TrialBalance(APRIL, lines, is_final=True), path)
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [list(row.values())[5:] for row in rows[:2]] == [
        ["0.00", "7.00", "2.00", "0.00", "0.00", "5.00"],
        ["7.00", "0.00", "0.00", "2.00", "5.00", "0.00"],
    ]
    whole = path.read_bytes()
    body, last = whole[: whole.rindex(b"control")], whole[whole.rindex(b"control") :].decode()
    expected = (
        f"control,rows,2,opening,7.00,moved,2.00,closing,5.00,sha256,{hashlib.sha256(body).hexdigest()}\n"
    )
    assert last == expected


def test_every_account_of_the_chart_has_words() -> None:
    assert set(ACCOUNT_WORDS) == set(CHART)


@pytest.mark.parametrize("text", ["2026-4", "2026-13", "April", "2026-04-01", "0000-01"])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ReportError, match=text):
        Period.of_month(text)


def test_a_month_has_all_its_days_and_a_period_does_not_end_before_it_begins() -> None:
    assert Period.of_month("2028-02") == Period(date(2028, 2, 1), date(2028, 2, 29))
    with pytest.raises(ReportError, match="before it begins"):
        Period(APRIL_30, APRIL_1)
