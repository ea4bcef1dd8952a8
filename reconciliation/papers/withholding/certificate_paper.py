"""Certificates of withheld tax as PDF, and the register of a month as CSV.

A file has nothing but what was recorded when its certificate was issued, so it has the same bytes ever after.
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.money import grouped_taka
from reconciliation.errors import ReportError
from reconciliation.papers.csv_paper import CsvPaper
from reconciliation.papers.period import Period
from reconciliation.papers.statement_paper import PROGRAM
from reconciliation.papers.tax.tax_words import (
    date_words,
    page_name,
    percent_text,
    period_words,
    rehearsal_mark,
    taka_words,
    words_of,
)
from reconciliation.papers.withholding.month_certificates import MonthCertificates
from reconciliation.papers.written_files import WrittenFiles
from reconciliation.reports.bilingual_table import Amount
from reconciliation.reports.pdf import set_as_pdf
from reconciliation.reports.wording import BilingualText
from reconciliation.results.issued_certificates import IssuedCertificate

TITLE = BilingualText("Certificate of tax withheld at source", "উৎসে কর কর্তনের সনদ")
_HEADINGS = (
    "number", "issued_at", "payee", "name", "tin", "value_date", "end_to_end_id", "section", "percent",
    "gross", "tax",
)  # fmt: skip
_NO_SWEEP = BilingualText(
    "Not yet paid to the state when this was issued.", "এই সনদ ইস্যুর সময় পর্যন্ত সরকারকে পরিশোধ করা হয়নি।"
)
_RESTORED = BilingualText(
    "A line below zero takes tax back: the payout did not arrive, so nothing was withheld.",
    "শূন্যের নিচের সারি কর ফেরত বোঝায়: টাকা পৌঁছায়নি, তাই কর কাটা হয়নি।",
)


def write_certificates_of(month: MonthCertificates, files: WrittenFiles, forms: Sequence[str]) -> None:
    """Write the register as CSV and every issued certificate as PDF, as the forms say.

    Raises:
        ReportError: the month is not issued, or a PDF could not be set.
    """
    if month.certificates and not month.is_issued:
        text = f"{month.period.first:%Y-%m}"
        raise ReportError(f"{text} is not issued yet: ekpay reconcile issue-certificates {text} --by NAME")
    if "csv" in forms:
        write_register(month, files.path(f"withholding-certificates_{month.period}.csv"))
    for certificate in month.certificates if "pdf" in forms else ():
        stem = f"withholding-certificate_{certificate.name}_{certificate.payee.replace(':', '-')}"
        page = set_as_pdf(
            certificate_page(certificate, month.period), (sys.executable, "-m", PROGRAM, "certificate")
        )
        files.path(f"{stem}.pdf").write_bytes(page)


def write_register(month: MonthCertificates, path: Path) -> None:
    """Write every line of every certificate; the control total is what the account moved by."""
    with CsvPaper(path, _HEADINGS) as paper:
        for item in month.certificates:
            payee = item.content["payee"]
            for line in item.content["lines"]:
                paper.add([
                    item.name, item.issued_at, item.payee, payee["name"], payee["tin"],
                    date.fromisoformat(line["value_date"]), line["end_to_end_id"], line["section"],
                    percent_text(line["basis_points"]), Amount(line["gross"]), Amount(line["tax"]),
                ])  # fmt: skip
        monthly = month.monthly_return
        paper.control([("tax", monthly.withheld_tax - monthly.restored_tax)])


def certificate_page(certificate: IssuedCertificate, period: Period) -> Mapping[str, Any]:
    """The page of a certificate, as text.

    Raises:
        ReportError: it is not issued yet.
    """
    if certificate.issued_at is None:
        raise ReportError(f"{certificate.name} is not issued yet")
    content = certificate.content
    mark = rehearsal_mark(content["issuer"])
    payee, lines = content["payee"], content["lines"]
    totals = (
        ("Paid before tax", "কর কর্তনের আগে পরিশোধ", certificate.gross),
        ("Tax withheld", "কর্তিত কর", certificate.tax),
        ("Paid after tax", "কর কর্তনের পর পরিশোধ", certificate.gross - certificate.tax),
    )
    return {
        "title": words_of(TITLE),
        "name": certificate.name,
        "mark": None if mark is None else words_of(mark),
        "issuer": content["issuer"],
        "payee": {
            "name": page_name(payee["name"]), "name_bn": page_name(payee["name_bn"]), "tin": payee["tin"],
            "id": certificate.payee,
        },
        "period": words_of(period_words(period)),
        "issued": words_of(date_words(business_date(certificate.issued_at))),
        "dated": int(certificate.issued_at.timestamp()),
        "rows": [_row(line) for line in lines],
        "totals": [{"en": en, "bn": bn, "taka": words_of(taka_words(paisa))} for en, bn, paisa in totals],
        "sweeps": [_sweep(sweep) for sweep in content["sweeps"]] or [words_of(_NO_SWEEP)],
        "notes": [words_of(_RESTORED)] if any(line["tax"] < 0 for line in lines) else [],
    }  # fmt: skip


def _row(line: Mapping[str, Any]) -> dict[str, str]:
    return {
        "date": line["value_date"],
        "reference": line["end_to_end_id"],
        "section": line["section"],
        "rate": f"{percent_text(line['basis_points'])}%",
        "gross": grouped_taka(line["gross"]),
        "tax": grouped_taka(line["tax"]),
    }


def _sweep(sweep: Mapping[str, Any]) -> dict[str, str]:
    reference = f"{sweep['reference']} ({sweep['number']})"
    until = date_words(date.fromisoformat(sweep["until"]))
    return words_of(BilingualText(f"{reference}, until {until.en}", f"{reference}, {until.bn} পর্যন্ত"))
