"""The general ledger as CSV, workbook and journal, each streamed: no more than a row is held."""

from pathlib import Path

from ekpay_switch.ports.finance import Connection
from reconciliation.papers.csv_paper import CsvCell, CsvPaper
from reconciliation.papers.general_ledger import LedgerLine, ledger_by_account, ledger_by_entry
from reconciliation.papers.journal_paper import journal_beginning, journal_end, journal_entry
from reconciliation.papers.moment_words import moment_words
from reconciliation.papers.trial_balance import TrialBalance
from reconciliation.papers.trial_balance_paper import FINAL, PROVISIONAL, dated_title
from reconciliation.reports.bilingual_table import Amount, Cell, columns
from reconciliation.reports.wording import BilingualText
from reconciliation.reports.workbook_cells import Workbook, WorkbookSheet

TITLE = BilingualText("General ledger", "সাধারণ খতিয়ান")
# A sheet has 1,048,576 rows at most.
SHEET_ROWS_MAX = 1_000_000
_HEADINGS = (
    "record", "account", "currency", "business_date", "at", "entry_id", "moment", "words_en", "words_bn",
    "payment_id", "reference", "debit", "credit", "balance",
)  # fmt: skip
_COLUMNS = columns(
    ("Account", "হিসাব", 34),
    ("Currency", "মুদ্রা", 9),
    ("Business date", "ব্যবসায়িক দিন", 13),
    ("What", "বিবরণ", 44),
    ("Entry", "এন্ট্রি", 38),
    ("Payment", "পরিশোধ", 38),
    ("Reference", "রেফারেন্স", 26),
    ("Debit, taka", "ডেবিট, টাকা", 18),
    ("Credit, taka", "ক্রেডিট, টাকা", 18),
    ("Balance, debit positive, taka", "জের, ডেবিট ধনাত্মক, টাকা", 20),
)
_ENDS = {
    "opening": BilingualText("opening balance", "প্রারম্ভিক জের"),
    "closing": BilingualText("closing balance", "সমাপনী জের"),
}


async def write_ledger_csv(connection: Connection, trial_balance: TrialBalance, path: Path) -> None:
    """Write the ledger by account as CSV, in the snapshot of the trial balance."""
    with CsvPaper(path, _HEADINGS) as paper:
        async for line in ledger_by_account(connection, trial_balance):
            paper.add(_csv_cells(line))
        moved = trial_balance.moved_total
        paper.control([("debit", moved), ("credit", moved)])


async def write_ledger_journal(connection: Connection, trial_balance: TrialBalance, path: Path) -> None:
    """Write every entry as a transaction of a plain-text journal, in the same snapshot."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"{line}\n" for line in journal_beginning(trial_balance))
        async for entry in ledger_by_entry(connection, trial_balance):
            file.writelines(f"{line}\n" for line in journal_entry(entry))
        file.writelines(f"{line}\n" for line in journal_end(trial_balance))


async def write_ledger_workbook(
    connection: Connection, trial_balance: TrialBalance, path: Path, *, rows_max: int = SHEET_ROWS_MAX
) -> None:
    """Write the ledger by account as a workbook, which goes on with another sheet after `rows_max` rows."""
    title = dated_title(TITLE, trial_balance)
    book = Workbook(path, path.parent, trial_balance.period.last, title)
    sheets = _Sheets(book, title, FINAL if trial_balance.is_final else PROVISIONAL)
    sheet = sheets.new_sheet()
    async for line in ledger_by_account(connection, trial_balance):
        if sheet.row >= rows_max:
            sheet = sheets.new_sheet()
        sheet.add(_workbook_cells(line))
    book.close()


class _Sheets:
    """The numbered sheets of the ledger."""

    def __init__(self, book: Workbook, title: BilingualText, standing: BilingualText) -> None:
        self._book = book
        self._title = title
        self._standing = standing
        self._number = 0

    def new_sheet(self) -> WorkbookSheet:
        """Another sheet, with its headings."""
        self._number += 1
        sheet = self._book.sheet(f"Ledger {self._number}", self._title)
        sheet.line(self._standing.bilingual)
        sheet.freeze(sheet.headings(_COLUMNS))
        return sheet


def _sides(paisa: int) -> tuple[Amount | None, Amount | None]:
    return (Amount(paisa), None) if paisa > 0 else (None, Amount(-paisa))


def _csv_cells(line: LedgerLine) -> list[CsvCell]:
    posting, balance = line.posting, Amount(line.balance)
    if posting is None:
        words = _ENDS[line.record]
        blank: list[CsvCell] = [None] * 4
        return [line.record, line.account, line.currency, *blank, words.en, words.bn, *blank, balance]
    words = moment_words(posting.moment)
    return [
        line.record, line.account, line.currency, posting.business_date, posting.at, str(posting.entry_id),
        posting.moment, words.en, words.bn, str(posting.payment_id or ""), posting.reference,
        *_sides(posting.amount), balance,
    ]  # fmt: skip


def _workbook_cells(line: LedgerLine) -> list[Cell]:
    posting, balance = line.posting, Amount(line.balance)
    if posting is None:
        words = _ENDS[line.record].bilingual
        return [line.account, line.currency, None, words, None, None, None, None, None, balance]
    words = moment_words(posting.moment).bilingual
    return [
        line.account, line.currency, posting.business_date, words, str(posting.entry_id),
        str(posting.payment_id or ""), posting.reference, *_sides(posting.amount), balance,
    ]  # fmt: skip
