"""Statements of a period: each entry in words, equal to the ledger to the paisa, in both languages."""

import csv
from pathlib import Path

import fastexcel
import pytest

from ekpay_switch.domain.ledger.entries import Entry, decrease, increase
from ekpay_switch.domain.ledger.posting_rules import commission_earned_entry, owed_by_merchant_entry
from ekpay_switch.domain.money import Money
from reconciliation.errors import UnknownPartyError
from reconciliation.papers import statement_paper
from reconciliation.papers.period import Period
from reconciliation.papers.snapshot import read_snapshot
from reconciliation.papers.statement import statement_of
from reconciliation.papers.statement_paper import write_statement
from reconciliation.papers.statement_party import find_party
from reconciliation.papers.trial_balance import read_trial_balance
from reconciliation.papers.written_files import written_files
from tests.reconciliation.papers.month_of_books import APRIL_1, APRIL_30, MonthOfBooks

APRIL = Period(APRIL_1, APRIL_30)
SHOP, SELLER = "payable:merchant:shop", "payable:merchant:shop:seller"
MERCHANT = """
INSERT INTO merchants (partner_id, mer_reg_id, name_bn, pass_key_hash, fee_plan, charges_on_refund,
  return_hosts, networks, refund_limit, debt_limit)
VALUES ('shop', 'shp_mer', 'দোকান', '', 'default', 'kept', '[]', '[]', 0, 0)
"""
COMMISSION = """
INSERT INTO agent_commissions (id, partner_id, amount)
SELECT id, 'bank1', 174 FROM journal_entries WHERE moment = 'commission_earned'
"""
PAYEE = "INSERT INTO merchant_payees (partner_id, code, kind, name) VALUES ('shop', 'seller', 'seller', $1)"


async def with_a_shop(month: MonthOfBooks) -> MonthOfBooks:
    """A shop that was credited and owes refunds, and its seller with a name like a formula."""
    books = month.stage.books
    await books.partner("shop")
    await books.tell(MERCHANT)
    await books.tell(PAYEE, "=cmd|' /C calc'!A0")
    postings = (decrease("in_flight", 900), increase(SHOP, 600), increase(SELLER, 300))
    await month.post(APRIL_1, Entry.of("delivered", postings))
    await month.post(APRIL_30, owed_by_merchant_entry("merchant:shop", Money(250)))
    return month


async def written(month: MonthOfBooks, party: str, folder: Path, *forms: str) -> list[Path]:
    async with read_snapshot(month.finance) as connection:
        found = await find_party(connection, party)
        statement = statement_of(found, await read_trial_balance(connection, APRIL))
        with written_files(folder) as files:
            await write_statement(connection, statement, files, forms)
    return files.paths


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


async def test_a_partner_reads_what_its_prefund_did(
    month: MonthOfBooks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, book, page = await written(month, "partner:bank1", tmp_path, "csv", "xlsx", "pdf")
    assert table.name == "statement_partner-bank1_2026-04-01_2026-04-30.csv"
    *rows, control = rows_of(table)
    assert [
        (row["record"], row["words_en"], row["paid_in"], row["paid_out"], row["balance"]) for row in rows
    ] == [
        ("opening", "opening balance", "", "", "10000.00"),
        ("entry", "held for a payment", "", "1005.75", "8994.25"),
        ("closing", "closing balance", "", "", "8994.25"),
    ]
    assert rows[1]["words_bn"] == "পরিশোধের জন্য রাখা হলো"
    assert list(control.values())[1:9] == [
        "rows",
        "3",
        "paid_in",
        "0.00",
        "paid_out",
        "1005.75",
        "closing",
        "8994.25",
    ]
    assert fastexcel.read_excel(book).sheet_names == ["Balances · জের", "Entries 1"]
    assert page.read_bytes().startswith(b"%PDF-")
    monkeypatch.setattr(statement_paper, "PDF_ENTRIES_MAX", 0)
    (by_days,) = await written(month, "partner:bank1", tmp_path / "days", "pdf")
    assert by_days.read_bytes() not in (b"", page.read_bytes())


async def test_a_merchant_and_its_payee_read_what_is_theirs_and_what_they_owe(
    month: MonthOfBooks, tmp_path: Path
) -> None:
    await with_a_shop(month)
    (shop,) = await written(month, "merchant:shop", tmp_path, "csv")
    assert [(row["account"], row["balance"]) for row in rows_of(shop) if row["record"] == "closing"] == [
        (SHOP, "8.50"),
        ("receivable:merchant:shop", "-2.50"),
    ]
    seller, book = await written(month, "payee:shop:seller", tmp_path, "csv", "xlsx")
    assert [(row["account"], row["paid_in"]) for row in rows_of(seller)[1:2]] == [(SELLER, "3.00")]
    assert book.name == "statement_payee-shop-seller_2026-04-01_2026-04-30.xlsx"


async def test_an_agent_reads_what_it_has_earned(month: MonthOfBooks, tmp_path: Path) -> None:
    await month.post(APRIL_1, commission_earned_entry("bank1", Money(174)))
    await month.stage.books.tell(COMMISSION)
    (table,) = await written(month, "agent:bank1", tmp_path, "csv")
    rows = [(row["record"], row["words_en"], row["paid_in"], row["balance"]) for row in rows_of(table)[:-1]]
    assert rows == [
        ("opening", "opening balance", "", "0.00"),
        ("entry", "commission earned at counters", "1.74", "1.74"),
        ("closing", "closing balance", "", "1.74"),
    ]


async def test_nobody_of_that_name_has_no_statement(month: MonthOfBooks) -> None:
    async with read_snapshot(month.finance) as connection:
        for party in (
            "bank1",
            "partner:nobody",
            "merchant:bank1",
            "payee:shop",
            "payee:shop:x",
            "agent:bank1",
            "",
        ):
            with pytest.raises(UnknownPartyError, match=f"{party} is no partner:ID"):
                await find_party(connection, party)
