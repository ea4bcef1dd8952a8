"""The VAT return of a month as CSV and PDF."""

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
from reconciliation.papers.tax.vat_return import UNKNOWN_TO_US, ReturnLine, VatReturn, rate_words
from reconciliation.papers.trial_balance_paper import FINAL, PROVISIONAL
from reconciliation.reports.bilingual_table import Amount
from reconciliation.reports.pdf import set_as_pdf
from reconciliation.reports.wording import BilingualText

TITLE = BilingualText("Output VAT of a month, for the VAT return", "এক মাসের উৎপাদ ভ্যাট, দাখিলপত্রের জন্য")
_HEADINGS = ("part", "note", "words_en", "words_bn", "vat_percent", "value", "vat")


def write_vat_return_csv(vat_return: VatReturn, path: Path) -> None:
    """Write it as CSV; the control totals are what the accounts moved by."""
    report = vat_return.earnings.vat_report
    with CsvPaper(path, _HEADINGS) as paper:
        for line in vat_return.lines:
            percent = percent_text(line.rate)
            paper.add([
                line.part, line.note, line.words.en, line.words.bn, percent, Amount(line.value),
                Amount(line.vat),
            ])  # fmt: skip
        paper.control([("value", report.charges + report.fees), ("vat", report.vat)])


def write_vat_return_pdf(
    vat_return: VatReturn, settings: InvoiceSettings, path: Path, *, is_rehearsal: bool
) -> None:
    """Write it as PDF.

    Raises:
        ReportError: it could not be set.
    """
    page = vat_return_page(vat_return, settings, is_rehearsal=is_rehearsal)
    path.write_bytes(set_as_pdf(page, (sys.executable, "-m", PROGRAM, "vat-return")))


def vat_return_page(
    vat_return: VatReturn, settings: InvoiceSettings, *, is_rehearsal: bool
) -> Mapping[str, Any]:
    """The page as text."""
    report = vat_return.earnings.vat_report
    period = report.trial_balance.period
    issuer = {**settings.issuer.model_dump(), "is_placeholder": settings.is_placeholder}
    mark = rehearsal_mark({**issuer, "is_rehearsal": is_rehearsal})
    owed = (
        ("VAT owed before", "আগে দেয় ভ্যাট", report.vat_before),
        ("Change", "পরিবর্তন", report.vat),
        ("VAT owed after", "পরে দেয় ভ্যাট", report.vat_after),
    )
    return {
        "title": words_of(TITLE),
        "mark": None if mark is None else words_of(mark),
        "issuer": issuer,
        "period": words_of(period_words(period)),
        "state": words_of(FINAL if report.trial_balance.is_final else PROVISIONAL),
        "dated": int(datetime.combine(period.last, time(), tzinfo=UTC).timestamp()),
        "rows": [_row(line) for line in vat_return.lines],
        "output": [grouped_taka(vat_return.output_value), grouped_taka(vat_return.output_vat)],
        "owed": [{"en": en, "bn": bn, "taka": words_of(taka_words(paisa))} for en, bn, paisa in owed],
        "unknown": [words_of(words) for words in UNKNOWN_TO_US],
    }


def _row(line: ReturnLine) -> dict[str, Any]:
    return {
        "part": line.part,
        "note": line.note,
        "words": words_of(line.words),
        "rate": rate_words(line),
        "value": grouped_taka(line.value),
        "vat": grouped_taka(line.vat),
    }
