"""The VAT report as CSV and as a workbook."""

from pathlib import Path

from reconciliation.papers.csv_paper import CsvPaper
from reconciliation.papers.moment_words import moment_words
from reconciliation.papers.trial_balance_paper import FINAL, PROVISIONAL, dated_title
from reconciliation.papers.vat_report import EarnedLine, VatReport
from reconciliation.reports.bilingual_table import Amount, BilingualTable, Cell, columns
from reconciliation.reports.wording import BilingualText
from reconciliation.reports.workbook_cells import Workbook

TITLE = BilingualText("Charges, fees and VAT", "চার্জ, ফি ও ভ্যাট")
_OWED = BilingualText("VAT owed to the state", "সরকারকে দেয় ভ্যাট")
_HEADINGS = ("party", "words_en", "words_bn", "payments", "charges", "fees", "vat")
_COLUMNS = columns(
    ("Partner or merchant", "অংশীদার বা মার্চেন্ট", 26),
    ("What", "বিবরণ", 44),
    ("Payments", "পরিশোধ", 12),
    ("Charges, taka", "চার্জ, টাকা", 18),
    ("Fees, taka", "ফি, টাকা", 18),
    ("VAT, taka", "ভ্যাট, টাকা", 18),
)
_OWED_COLUMNS = columns(("When", "কখন", 26), ("Taka", "টাকা", 44))
_EARNED = BilingualText("payments", "পরিশোধ")


def line_words(line: EarnedLine) -> BilingualText:
    """What a line is about."""
    return moment_words(line.moment) if line.moment else _EARNED


def write_vat_csv(report: VatReport, path: Path) -> None:
    """Write it as CSV, the sums last."""
    with CsvPaper(path, _HEADINGS) as paper:
        for line in report.lines:
            words = line_words(line)
            amounts = (Amount(line.charges), Amount(line.fees), Amount(line.vat))
            paper.add([line.party, words.en, words.bn, line.payments, *amounts])
        paper.control([("vat", report.vat)])


def write_vat_workbook(report: VatReport, path: Path, scratch: Path) -> None:
    """Write it as a workbook."""
    title = dated_title(TITLE, report.trial_balance)
    book = Workbook(path, scratch, report.trial_balance.period.last, title)
    sheet = book.sheet("VAT · ভ্যাট", title)
    sheet.line((FINAL if report.trial_balance.is_final else PROVISIONAL).bilingual)
    sheet.table(BilingualTable(TITLE, _COLUMNS, tuple(_rows(report)), has_total=True))
    owed = (
        ("before · আগে", Amount(report.vat_before)),
        ("change · পরিবর্তন", Amount(report.vat)),
        ("after · পরে", Amount(report.vat_after)),
    )
    sheet.table(BilingualTable(_OWED, _OWED_COLUMNS, owed))
    sheet.worksheet.freeze_panes(1, 1)
    book.close()


def _rows(report: VatReport) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = [
        (line.party, line_words(line).bilingual, line.payments, Amount(line.charges), Amount(line.fees),
         Amount(line.vat))
        for line in report.lines
    ]  # fmt: skip
    total = (Amount(report.charges), Amount(report.fees), Amount(report.vat))
    return [*rows, ("Total · মোট", "", None, *total)]
