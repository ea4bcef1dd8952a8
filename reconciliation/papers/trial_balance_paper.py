"""The trial balance as CSV and as a workbook."""

from collections.abc import Sequence
from pathlib import Path

from ekpay_switch.domain.ledger.entries import kind_of
from reconciliation.papers.account_words import KIND_WORDS, account_words
from reconciliation.papers.csv_paper import CsvPaper
from reconciliation.papers.trial_balance import AccountBalance, TrialBalance
from reconciliation.reports.bilingual_table import Amount, BilingualTable, Cell, columns
from reconciliation.reports.wording import BilingualText
from reconciliation.reports.workbook_cells import Workbook

TITLE = BilingualText("Trial balance", "রেওয়ামিল")
FINAL = BilingualText("final: every business date is closed", "চূড়ান্ত: প্রতিটি ব্যবসায়িক দিন বন্ধ")
PROVISIONAL = BilingualText(
    "provisional: a business date is not closed yet", "অস্থায়ী: কোনো ব্যবসায়িক দিন এখনো বন্ধ হয়নি"
)
_HEADINGS = (
    "account", "kind", "words_en", "words_bn", "currency", "opening_debit", "opening_credit", "debit",
    "credit", "closing_debit", "closing_credit",
)  # fmt: skip
_COLUMNS = columns(
    ("Account", "হিসাব", 34),
    ("Kind", "ধরন", 16),
    ("Meaning", "অর্থ", 44),
    ("Currency", "মুদ্রা", 9),
    ("Opening debit, taka", "প্রারম্ভিক ডেবিট, টাকা", 18),
    ("Opening credit, taka", "প্রারম্ভিক ক্রেডিট, টাকা", 18),
    ("Debit, taka", "ডেবিট, টাকা", 18),
    ("Credit, taka", "ক্রেডিট, টাকা", 18),
    ("Closing debit, taka", "সমাপনী ডেবিট, টাকা", 18),
    ("Closing credit, taka", "সমাপনী ক্রেডিট, টাকা", 18),
)


def balance_columns(line: AccountBalance) -> tuple[Amount, ...]:
    """Opening, movements and closing, each as debit and credit, of which one side of a balance is zero."""
    return tuple(
        Amount(paisa)
        for paisa in (
            max(line.opening, 0), max(-line.opening, 0), line.debit, line.credit, max(line.closing, 0),
            max(-line.closing, 0),
        )
    )  # fmt: skip


def total_columns(trial_balance: TrialBalance) -> tuple[Amount, ...]:
    """The same of all accounts: debits equal credits."""
    by_line = [balance_columns(line) for line in trial_balance.accounts]
    return tuple(Amount(sum(column)) for column in zip(*by_line, strict=True)) or (Amount(0),) * 6


def write_trial_balance_csv(trial_balance: TrialBalance, path: Path) -> None:
    """Write it as CSV, amounts in taka, the totals and the digest last."""
    with CsvPaper(path, _HEADINGS) as paper:
        for line in trial_balance.accounts:
            words = account_words(line.account)
            kind = kind_of(line.account).value
            paper.add([line.account, kind, words.en, words.bn, line.currency, *balance_columns(line)])
        totals = trial_balance.opening_total, trial_balance.moved_total, trial_balance.closing_total
        paper.control(list(zip(("opening", "moved", "closing"), totals, strict=True)))


def write_trial_balance_workbook(trial_balance: TrialBalance, path: Path, scratch: Path) -> None:
    """Write it as a workbook."""
    period = trial_balance.period
    title = dated_title(TITLE, trial_balance)
    book = Workbook(path, scratch, period.last, title)
    sheet = book.sheet("Trial balance · রেওয়ামিল", title)
    sheet.line((FINAL if trial_balance.is_final else PROVISIONAL).bilingual)
    sheet.table(BilingualTable(TITLE, _COLUMNS, tuple(_rows(trial_balance)), has_total=True), alone=True)
    book.close()


def dated_title(title: BilingualText, trial_balance: TrialBalance) -> BilingualText:
    """A title with the dates of the period."""
    period = trial_balance.period
    return BilingualText(
        f"{title.en}, {period.first} to {period.last}", f"{title.bn}, {period.first} থেকে {period.last}"
    )


def _rows(trial_balance: TrialBalance) -> Sequence[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for line in trial_balance.accounts:
        kind, words = KIND_WORDS[kind_of(line.account)], account_words(line.account)
        rows.append((line.account, kind.bilingual, words.bilingual, line.currency, *balance_columns(line)))
    return [*rows, ("Total · মোট", "", "", "", *total_columns(trial_balance))]
