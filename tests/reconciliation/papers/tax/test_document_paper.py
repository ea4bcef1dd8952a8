"""Invoices as files: the same bytes at every reading, in both languages, and a register that ties."""

import csv
from pathlib import Path

import pytest

from ekpay_switch.edge_kit.bilingual_text import in_bangla
from reconciliation.errors import ReportError
from reconciliation.papers.snapshot import read_snapshot
from reconciliation.papers.tax.document_paper import document_page, write_documents_of
from reconciliation.papers.tax.month_documents import MonthDocuments, read_month_documents
from reconciliation.papers.tax.tax_words import PLACEHOLDER, REHEARSAL, percent_text, rehearsal_mark
from reconciliation.papers.written_files import written_files
from reconciliation.reports.wording import BilingualText
from tests.reconciliation.papers.month_of_books import APRIL_30
from tests.reconciliation.papers.tax.earnings import APRIL, MAY, MAY_2, MonthOfEarnings

CHARGED = ("charges", "fees", "net", "vat", "total")


async def documents_of(earnings: MonthOfEarnings) -> MonthDocuments:
    finance = earnings.month.finance
    async with read_snapshot(finance) as connection:
        return await read_month_documents(connection, finance.config, APRIL, is_rehearsal=True)


def written(month: MonthDocuments, folder: Path, *forms: str) -> dict[str, bytes]:
    with written_files(folder) as files:
        write_documents_of(month, files, forms)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(content.decode().splitlines()))


async def test_each_document_has_its_files_and_the_same_bytes_at_every_reading(
    earnings: MonthOfEarnings, tmp_path: Path
) -> None:
    first = written(await earnings.issue(), tmp_path / "first", "csv", "pdf")
    assert sorted(first) == [
        "fee-invoice_INV-2026-04-0001_bank1.csv",
        "fee-invoice_INV-2026-04-0001_bank1.pdf",
        "fee-invoice_INV-2026-04-0002_shop.csv",
        "fee-invoice_INV-2026-04-0002_shop.pdf",
        "fee-invoices_2026-04-01_2026-04-30.csv",
    ]
    assert first["fee-invoice_INV-2026-04-0001_bank1.pdf"].startswith(b"%PDF-")
    (line, _control) = rows_of(first["fee-invoice_INV-2026-04-0001_bank1.csv"])
    assert [line[name] for name in ("number", "party", "vat_percent", "payments", *CHARGED)] == [
        "INV-2026-04-0001",
        "bank1",
        "15",
        "2",
        "0.00",
        "13.70",
        "13.70",
        "2.05",
        "15.75",
    ]
    await earnings.month.stage.books.tell("UPDATE partners SET name = 'Another' WHERE id = 'bank1'")
    assert written(await documents_of(earnings), tmp_path / "again", "csv", "pdf") == first


async def test_the_register_has_every_document_and_ties_to_the_accounts(
    earnings: MonthOfEarnings, tmp_path: Path
) -> None:
    order = await earnings.earn(APRIL_30, "shop", "merchant:shop", charge=0, fee=870, vat=130)
    await earnings.give_back(APRIL_30, order, charge=0, fee=870, vat=130)
    await earnings.journal(APRIL_30, 70)
    month = await earnings.issue()
    (content,) = written(month, tmp_path).values()
    *rows, control = rows_of(content)
    assert [(row["record"], row["number"], row["vat"]) for row in rows] == [
        ("invoice", "INV-2026-04-0001", "2.05"),
        ("invoice", "INV-2026-04-0002", "2.60"),
        ("credit_note", "CRN-2026-04-0001", "-1.30"),
        ("other", "", "-0.70"),
    ]
    assert rows[2]["of_invoice"] == "INV-2026-04-0002"
    balance = month.earnings.vat_report.trial_balance
    (vat,) = balance.of_accounts(["vat_payable"])
    assert (vat.credit - vat.debit) == 265
    assert list(control.values())[1:9] == ["rows", "4", "charges", "7.50", "fees", "22.40", "vat", "2.65"]


async def test_nothing_is_written_before_it_is_issued(earnings: MonthOfEarnings, tmp_path: Path) -> None:
    with pytest.raises(
        ReportError, match="2026-04 is not issued yet: ekpay reconcile issue-invoices 2026-04"
    ):
        written(await documents_of(earnings), tmp_path, "csv")
    assert names_in(tmp_path) == []


async def test_who_has_no_name_is_called_by_the_id_and_the_digits_are_those_of_both_languages(
    earnings: MonthOfEarnings,
) -> None:
    await earnings.month.stage.books.tell("UPDATE partners SET name = '  ' WHERE id = 'bank1'")
    bank, shop = (await earnings.issue()).documents
    page = document_page(bank, APRIL)
    assert (page["party"]["name"], page["party"]["name_bn"]) == ("bank1", "")
    assert page["period"]["bn"] == in_bangla("2026-04-01 \u2013 2026-04-30")
    assert page["totals"][2]["taka"] == {"en": "15.75 taka", "bn": "১৫.৭৫ টাকা"}
    assert page["mark"] == {"en": PLACEHOLDER.en, "bn": PLACEHOLDER.bn}
    assert page["rows"][0]["percent"] == "15%"
    assert document_page(shop, APRIL)["party"]["name_bn"] == "দোকান ২"


async def test_a_credit_note_names_the_invoice_it_corrects(earnings: MonthOfEarnings, tmp_path: Path) -> None:
    await earnings.issue()
    month = await earnings.issue(MAY)
    files = written(month, tmp_path, "csv", "pdf")
    line, _ = rows_of(files["credit-note_CRN-2026-05-0001_shop.csv"])
    assert [line[name] for name in ("of_invoice", "earned_in", *CHARGED)] == [
        "INV-2026-04-0002",
        "2026-04",
        "-3.75",
        "-4.35",
        "-8.10",
        "-0.65",
        "-8.75",
    ]
    page = document_page(month.documents[0], MAY)
    assert (page["title"]["en"], page["rows"][0]["of"]) == ("Credit note", "INV-2026-04-0002")
    assert page["rows"][0]["of_words"]["en"] == "Invoice"
    assert page["rows"][0]["total"] == "8.75"


async def test_a_refund_that_failed_is_called_so_on_the_later_invoice(earnings: MonthOfEarnings) -> None:
    order = await earnings.earn(APRIL_30, "bank1", "desco_postpaid", charge=0, fee=870, vat=130)
    await earnings.give_back(MAY_2, order, charge=0, fee=-87, vat=-13)
    row = document_page((await earnings.issue(MAY)).documents[0], MAY)["rows"][0]
    assert (row["of_words"]["en"], row["of"], row["total"]) == ("Refund that failed", "2026-04", "1.00")


async def test_a_credit_note_without_an_invoice_says_when_it_was_earned(earnings: MonthOfEarnings) -> None:
    row = document_page((await earnings.issue(MAY)).documents[0], MAY)["rows"][0]
    assert (row["of_words"]["en"], row["of"]) == ("Earned in", "2026-04")


@pytest.mark.parametrize(
    ("is_placeholder", "is_rehearsal", "mark"),
    [(True, True, PLACEHOLDER), (True, False, PLACEHOLDER), (False, True, REHEARSAL), (False, False, None)],
)
def test_a_rehearsal_is_marked(
    *, is_placeholder: bool, is_rehearsal: bool, mark: BilingualText | None
) -> None:
    assert rehearsal_mark({"is_placeholder": is_placeholder, "is_rehearsal": is_rehearsal}) is mark


@pytest.mark.parametrize(("rate", "text"), [(1500, "15"), (750, "7.5"), (725, "7.25"), (0, "0"), (None, "")])
def test_a_rate_is_written_in_per_cent(rate: int | None, text: str) -> None:
    assert percent_text(rate) == text
