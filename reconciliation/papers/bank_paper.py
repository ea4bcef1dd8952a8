"""A bank reconciliation as CSV and as a workbook."""

import re
from collections.abc import Sequence
from pathlib import Path

from ekpay_switch.security.masking import mask_account
from reconciliation.papers.bank_items import ON_STATEMENT_ONLY, BankReconciliation, OutstandingItem
from reconciliation.papers.csv_paper import CsvPaper
from reconciliation.papers.moment_words import moment_words
from reconciliation.reports.bilingual_table import Amount, BilingualTable, Cell, columns
from reconciliation.reports.wording import BilingualText
from reconciliation.reports.workbook_cells import Workbook

TITLE = BilingualText("Bank reconciliation", "ব্যাংক সমন্বয় বিবরণী")
_ITEMS = BilingualText("Outstanding items", "অনিষ্পন্ন লেনদেন")
_BALANCES = BilingualText("Balances", "জের")
# A bank's line may name whoever sent the money by their account.
_ACCOUNT = re.compile(r"[0-9]{11,}", re.ASCII)
_HEADINGS = ("side", "name", "since", "age_days", "what", "by_books", "by_statement", "difference")
_COLUMNS = columns(
    ("Side", "কোন দিকে", 40),
    ("Name", "নাম", 30),
    ("Since", "কবে থেকে", 12),
    ("Age, days", "বয়স, দিন", 10),
    ("What", "বিবরণ", 44),
    ("By books, taka", "খাতায়, টাকা", 18),
    ("By statement, taka", "বিবরণীতে, টাকা", 18),
    ("Difference, taka", "পার্থক্য, টাকা", 18),
)
_SUMMARY = columns(("Figure", "অঙ্ক", 50), ("Taka", "টাকা", 20))


def summary_rows(result: BankReconciliation) -> Sequence[tuple[BilingualText, int]]:
    """From the balance by our books to that of the statements."""
    items = sum(item.difference for item in result.items)
    return (
        (BilingualText("balance by our books", "আমাদের খাতায় জের"), result.by_books),
        (BilingualText("outstanding items", "অনিষ্পন্ন লেনদেন"), items),
        (
            BilingualText("before the first statement that was read", "প্রথম পড়া বিবরণীর আগের জের"),
            result.before_statements,
        ),
        (BilingualText("on statements that were not read", "না-পড়া বিবরণীতে"), result.unread_amount),
        (BilingualText("balance by the banks' statements", "ব্যাংক বিবরণীতে জের"), result.by_statements),
    )


def shown_name(item: OutstandingItem) -> str:
    """The name of an item; of a stranger's line a number that may be an account is masked."""
    if item.side != ON_STATEMENT_ONLY:
        return item.name
    return _ACCOUNT.sub(lambda match: mask_account(match[0]), item.name)


def write_bank_csv(result: BankReconciliation, path: Path) -> None:
    """Write the items as CSV, the balances in its control row."""
    with CsvPaper(path, _HEADINGS) as paper:
        for item in result.items:
            paper.add([
                item.side.en, shown_name(item), item.since, item.age(result.at), moment_words(item.what).en,
                Amount(item.by_books), Amount(item.by_statement), Amount(item.difference),
            ])  # fmt: skip
        paper.control([(words.en.replace(" ", "_"), paisa) for words, paisa in summary_rows(result)])


def write_bank_workbook(result: BankReconciliation, path: Path, scratch: Path) -> None:
    """Write balances and items as a workbook."""
    title = BilingualText(f"{TITLE.en}, {result.at}", f"{TITLE.bn}, {result.at}")
    book = Workbook(path, scratch, result.at, title)
    sheet = book.sheet("Bank · ব্যাংক", title)
    summary = tuple((words.bilingual, Amount(paisa)) for words, paisa in summary_rows(result))
    sheet.table(BilingualTable(_BALANCES, _SUMMARY, summary))
    rows = (*(_cells(item, result) for item in result.items), _total_cells(result.items))
    sheet.table(BilingualTable(_ITEMS, _COLUMNS, rows, has_total=True))
    sheet.worksheet.freeze_panes(1, 1)
    book.close()


def _total_cells(items: Sequence[OutstandingItem]) -> tuple[Cell, ...]:
    by_books, by_statement = sum(item.by_books for item in items), sum(item.by_statement for item in items)
    difference = sum(item.difference for item in items)
    return ("Total · মোট", "", None, None, "", Amount(by_books), Amount(by_statement), Amount(difference))


def _cells(item: OutstandingItem, result: BankReconciliation) -> tuple[Cell, ...]:
    return (
        item.side.bilingual, shown_name(item), item.since, item.age(result.at),
        moment_words(item.what).bilingual, Amount(item.by_books), Amount(item.by_statement),
        Amount(item.difference),
    )  # fmt: skip
