"""The general ledger: every posting once, each account closing as the trial balance says."""

import csv
import re
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import fastexcel
import pytest

from ekpay_switch.domain.money import parse_taka
from reconciliation.errors import ReportError
from reconciliation.papers.general_ledger_paper import (
    write_ledger_csv,
    write_ledger_journal,
    write_ledger_workbook,
)
from reconciliation.papers.journal_paper import journal_account
from reconciliation.papers.period import Period
from reconciliation.papers.snapshot import read_snapshot
from reconciliation.papers.trial_balance import read_trial_balance
from tests.reconciliation.papers.month_of_books import APRIL_1, APRIL_30, PREFUND, MonthOfBooks

APRIL = Period(APRIL_1, APRIL_30)
AMOUNT = re.compile(r"^    (\S+)  (-?)([0-9.]+) BDT(?: = (-?)([0-9.]+) BDT)?$")


async def test_every_paper_has_each_posting_and_closes_as_the_trial_balance(
    month: MonthOfBooks, tmp_path: Path
) -> None:
    async with read_snapshot(month.finance) as connection:
        balance = await read_trial_balance(connection, APRIL)
        await write_ledger_csv(connection, balance, tmp_path / "ledger.csv")
        await write_ledger_journal(connection, balance, tmp_path / "ledger.journal")
        await write_ledger_workbook(connection, balance, tmp_path / "ledger.xlsx", rows_max=12)
        deposit, *others = balance.accounts
        moved = replace(deposit, debit=deposit.debit + 5), *others[:-1], replace(others[-1], credit=80)
        wrong = replace(balance, accounts=moved)
        with pytest.raises(ReportError, match="closes with 200000 paisa by its postings and with 200005"):
            await write_ledger_csv(connection, wrong, tmp_path / "wrong.csv")
    rows = list(csv.DictReader((tmp_path / "ledger.csv").read_text(encoding="utf-8").splitlines()))
    records = defaultdict(list)
    for row in rows:
        records[row["record"]].append(row)
    closing = {line.account: line.closing for line in balance.accounts}
    assert {row["account"]: _paisa(row["balance"]) for row in records["closing"]} == closing
    assert len(records["opening"]) == len(closing)
    assert len(records["posting"]) == 10
    assert [
        (row["business_date"], row["moment"], row["debit"], row["credit"], row["balance"])
        for row in rows
        if row["account"] == PREFUND
    ] == [
        ("", "", "", "", "-10000.00"),
        ("2026-04-01", "accepted", "1005.75", "", "-8994.25"),
        ("", "", "", "", "-8994.25"),
    ]
    assert rows[-1]["record"] == "control"
    book = fastexcel.read_excel(tmp_path / "ledger.xlsx")
    assert book.sheet_names == ["Ledger 1", "Ledger 2", "Ledger 3"]
    assert _asserted(tmp_path / "ledger.journal") == {
        journal_account(account): paisa for account, paisa in closing.items()
    }


def test_an_account_of_a_journal_has_no_blank_and_no_comment_and_is_its_own() -> None:
    names = ["payable:a  b", "payable:a%20b", "payable:a;b", "payable:a_b", "payable:ক"]
    converted = [journal_account(name) for name in names]
    assert len(set(converted)) == len(names)
    assert converted[0] == "liabilities:payable:a%20%20b"
    assert not any(set(" ;\t") & set(name) for name in converted)


def _asserted(path: Path) -> dict[str, int]:
    """Each account with the balance that the file asserts: the sum of its amounts. Every entry is zero."""
    running: dict[str, int] = defaultdict(int)
    asserted, entry = {}, 0
    for line in path.read_text(encoding="utf-8").splitlines():
        match = AMOUNT.match(line)
        if match is None:
            assert entry == 0, line
            continue
        account, sign, taka, asserted_sign, balance = match.groups()
        running[account] += _paisa(sign + taka)
        entry += _paisa(sign + taka)
        if balance is not None:
            asserted[account] = _paisa(asserted_sign + balance)
            assert running[account] == asserted[account]
    assert entry == 0
    assert set(asserted) == set(running)
    return asserted


def _paisa(taka: str) -> int:
    amount = parse_taka(taka.removeprefix("-")).minor
    return -amount if taka.startswith("-") else amount
