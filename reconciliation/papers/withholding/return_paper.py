"""The return of withheld tax as CSV, workbook and PDF."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from ekpay_switch.domain.money import grouped_taka
from reconciliation.papers.csv_paper import CsvPaper
from reconciliation.papers.statement_paper import PROGRAM
from reconciliation.papers.tax.issuer import InvoiceSettings
from reconciliation.papers.tax.tax_words import (
    percent_text,
    period_words,
    rehearsal_mark,
    taka_words,
    words_of,
)
from reconciliation.papers.trial_balance_paper import FINAL, PROVISIONAL, dated_title
from reconciliation.papers.withholding.monthly_return import UNKNOWN_TO_US, SectionLine, WithholdingReturn
from reconciliation.reports.bilingual_table import Amount, BilingualTable, Cell, columns
from reconciliation.reports.pdf import set_as_pdf
from reconciliation.reports.wording import BilingualText
from reconciliation.reports.workbook_cells import Workbook

TITLE = BilingualText("Return of tax withheld from payouts", "পরিশোধ থেকে উৎসে কর্তিত করের রিটার্ন")
_ACCOUNT = BilingualText("By our ledger", "আমাদের খাতা অনুযায়ী")
_HEADINGS = (
    "section", "percent", "payees", "gross", "withheld", "restored_gross", "restored", "tax", "since_july",
)  # fmt: skip
_COLUMNS = columns(
    ("Section", "ধারা", 12),
    ("Rate, %", "হার, %", 10),
    ("Payees", "প্রাপক", 10),
    ("Paid, taka", "পরিশোধ, টাকা", 18),
    ("Withheld, taka", "কর্তিত, টাকা", 18),
    ("Restored, taka", "ফেরত, টাকা", 18),
    ("Tax, taka", "কর, টাকা", 18),
    ("Since July, taka", "জুলাই থেকে, টাকা", 18),
)
_ACCOUNT_COLUMNS = columns(("What", "বিবরণ", 32), ("Taka", "টাকা", 18))


def write_return_csv(result: WithholdingReturn, path: Path) -> None:
    """Write it as CSV; the control totals are those of the account."""
    with CsvPaper(path, _HEADINGS) as paper:
        for line in result.lines:
            amounts = (
                line.gross, line.withheld, line.restored_gross, line.restored, line.tax, line.since_july,
            )  # fmt: skip
            paper.add([
                line.section, percent_text(line.basis_points), line.payees, *map(Amount, amounts),
            ])  # fmt: skip
        paper.control([
            ("opening", result.opening), ("withheld", result.withheld_tax), ("restored", result.restored_tax),
            ("swept", result.swept), ("closing", result.closing),
        ])  # fmt: skip


def write_return_workbook(result: WithholdingReturn, path: Path, scratch: Path) -> None:
    """Write it as a workbook."""
    title = dated_title(TITLE, result.trial_balance)
    book = Workbook(path, scratch, result.trial_balance.period.last, title)
    sheet = book.sheet("Tax · কর", title)
    sheet.line((FINAL if result.trial_balance.is_final else PROVISIONAL).bilingual)
    sheet.table(BilingualTable(TITLE, _COLUMNS, tuple(_cells(line) for line in result.lines)))
    owed = tuple((words.bilingual, Amount(paisa)) for words, paisa in account_lines(result))
    sheet.table(BilingualTable(_ACCOUNT, _ACCOUNT_COLUMNS, owed))
    sheet.worksheet.freeze_panes(1, 1)
    book.close()


def write_return_pdf(
    result: WithholdingReturn, settings: InvoiceSettings, path: Path, *, is_rehearsal: bool
) -> None:
    """Write it as PDF.

    Raises:
        ReportError: it could not be set.
    """
    page = return_page(result, settings, is_rehearsal=is_rehearsal)
    path.write_bytes(set_as_pdf(page, (sys.executable, "-m", PROGRAM, "withholding-return")))


def return_page(
    result: WithholdingReturn, settings: InvoiceSettings, *, is_rehearsal: bool
) -> Mapping[str, Any]:
    """The page as text."""
    period = result.trial_balance.period
    issuer = {**settings.issuer.model_dump(), "is_placeholder": settings.is_placeholder}
    mark = rehearsal_mark({**issuer, "is_rehearsal": is_rehearsal})
    return {
        "title": words_of(TITLE),
        "mark": None if mark is None else words_of(mark),
        "issuer": issuer,
        "period": words_of(period_words(period)),
        "state": words_of(FINAL if result.trial_balance.is_final else PROVISIONAL),
        "dated": int(datetime.combine(period.last, time(), tzinfo=UTC).timestamp()),
        "rows": [_row(line) for line in result.lines],
        "account": [
            {**words_of(words), "taka": words_of(taka_words(paisa))} for words, paisa in account_lines(result)
        ],
        "unknown": [words_of(words) for words in UNKNOWN_TO_US],
    }


def account_lines(result: WithholdingReturn) -> tuple[tuple[BilingualText, int], ...]:
    """The movements of the account in words, in paisa."""
    return (
        (BilingualText("Owed to the state before", "আগে সরকারকে দেয়"), result.opening),
        (BilingualText("Withheld", "কর্তিত"), result.withheld_tax),
        (BilingualText("Restored, payouts did not arrive", "পরিশোধ না পৌঁছানোয় ফেরত"), -result.restored_tax),
        (BilingualText("Swept to the state", "সরকারকে পরিশোধের জন্য দেওয়া"), -result.swept),
        (BilingualText("Owed to the state after", "পরে সরকারকে দেয়"), result.closing),
    )


def _cells(line: SectionLine) -> tuple[Cell, ...]:
    amounts = (line.gross, line.withheld, line.restored, line.tax, line.since_july)
    return (line.section, percent_text(line.basis_points), line.payees, *map(Amount, amounts))


def _row(line: SectionLine) -> dict[str, Any]:
    return {
        "section": line.section,
        "rate": f"{percent_text(line.basis_points)}%",
        "payees": str(line.payees),
        "gross": grouped_taka(line.gross),
        "withheld": grouped_taka(line.withheld),
        "restored": grouped_taka(line.restored),
        "tax": grouped_taka(line.tax),
        "since_july": grouped_taka(line.since_july),
    }
