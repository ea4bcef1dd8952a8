"""Invoices and credit notes as CSV and PDF, and the register of a month that ties to the trial balance.

A file has nothing but what was recorded when its document was issued, so it has the same bytes ever after.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.money import group_digits, grouped_taka
from reconciliation.errors import ReportError
from reconciliation.papers.csv_paper import CsvCell, CsvPaper
from reconciliation.papers.period import Period
from reconciliation.papers.statement_paper import PROGRAM
from reconciliation.papers.statement_party import PARTY_ROLES
from reconciliation.papers.tax.month_documents import MonthDocuments
from reconciliation.papers.tax.tax_words import (
    DOCUMENT_WORDS,
    date_words,
    page_name,
    payee_words,
    percent_text,
    period_words,
    rehearsal_mark,
    taka_words,
    words_of,
)
from reconciliation.papers.vat_paper import line_words
from reconciliation.papers.written_files import WrittenFiles
from reconciliation.reports.bilingual_table import Amount
from reconciliation.reports.pdf import set_as_pdf
from reconciliation.reports.wording import BilingualText
from reconciliation.results.issued_invoices import DocumentKind, IssuedDocument

_HEADINGS = (
    "record", "number", "issued_at", "party", "name", "payee", "words_en", "words_bn", "of_invoice",
    "earned_in", "vat_percent", "payments", "charges", "fees", "net", "vat", "total",
)  # fmt: skip
_NO_RATE = "\u2013"
_NOT_KNOWN = BilingualText("not in our registry", "আমাদের নিবন্ধনে নেই")
_OF_INVOICE = BilingualText("Invoice", "ইনভয়েস")
_FAILED_REFUND = BilingualText("Refund that failed", "ব্যর্থ ফেরত")
_EARNED_IN = BilingualText("Earned in", "আয়ের মাস")
_CHARGES_NOTE = BilingualText(
    "Charges cover what connectors take; our books take VAT on our fees alone.",
    "সংযোগকারীদের পাওনা মেটাতে চার্জ নেওয়া হয়; ভ্যাট শুধু আমাদের ফি-র ওপর ধরা হয়েছে।",
)
_RATE_NOTE = BilingualText(
    "Where no rate stands, the fee table does not tell it.",
    "যেখানে হার লেখা নেই, ফি-র তালিকা থেকে তা জানা যায় না।",
)
_TAKEN_NOTE = BilingualText(
    "The amounts were taken with each payment; nothing is to be paid on this paper.",
    "টাকা প্রতিটি পরিশোধের সময়ই নেওয়া হয়েছে; এই কাগজের ওপর কিছু দিতে হবে না।",
)
_RETURNED_NOTE = BilingualText(
    "The amounts went back with the refunds of payments; nothing is to be paid on this paper.",
    "টাকা পরিশোধ ফেরতের সঙ্গেই ফেরত গেছে; এই কাগজের ওপর কিছু দিতে হবে না।",
)


def write_documents_of(month: MonthDocuments, files: WrittenFiles, forms: Sequence[str]) -> None:
    """Write every issued document in these forms of csv and pdf, and the register of the month as CSV.

    Raises:
        ReportError: the month is not issued, or a PDF could not be set.
    """
    if month.documents and not month.is_issued:
        text = f"{month.period.first:%Y-%m}"
        raise ReportError(f"{text} is not issued yet: ekpay reconcile issue-invoices {text} --by NAME")
    write_register(month, files.path(f"fee-invoices_{month.period}.csv"))
    for document in month.documents:
        stem = (
            f"{DOCUMENT_WORDS[document.kind].en.lower().replace(' ', '-')}_{document.name}_{document.party}"
        )
        if "csv" in forms:
            write_document_csv(document, files.path(f"{stem}.csv"))
        if "pdf" in forms:
            command = (sys.executable, "-m", PROGRAM, "invoice")
            page = set_as_pdf(document_page(document, month.period), command)
            files.path(f"{stem}.pdf").write_bytes(page)


def write_register(month: MonthDocuments, path: Path) -> None:
    """Write every line of every document, and what moved the accounts without a payment.

    The control totals are what `charge_income`, `fee_income` and `vat_payable` earned in the trial balance.
    """
    report = month.earnings.vat_report
    with CsvPaper(path, _HEADINGS) as paper:
        for document in month.documents:
            for row in _csv_rows(document):
                paper.add(row)
        for line in report.lines:
            if line.moment:
                words = line_words(line)
                amounts = _amounts((line.charges, line.fees, line.vat))
                no_payment = ["other", "", None, line.party, "", "", words.en, words.bn, "", "", "", None]
                paper.add([*no_payment, *amounts])
        paper.control([("charges", report.charges), ("fees", report.fees), ("vat", report.vat)])


def write_document_csv(document: IssuedDocument, path: Path) -> None:
    """Write the lines of one document; those of a credit note are below zero."""
    with CsvPaper(path, _HEADINGS) as paper:
        for row in _csv_rows(document):
            paper.add(row)
        charges, fees, vat = (_sign(document) * paisa for paisa in document.sums)
        paper.control([("charges", charges), ("fees", fees), ("vat", vat)])


def document_page(document: IssuedDocument, period: Period) -> Mapping[str, Any]:
    """The page of a document, as text; its amounts are what was earned, or given back."""
    issued_at = _issued_at(document)
    issuer, lines = document.content["issuer"], document.content["lines"]
    mark = rehearsal_mark(issuer)
    charges, fees, vat = document.sums
    totals = (
        ("Without VAT", "ভ্যাট ছাড়া", charges + fees),
        ("VAT", "ভ্যাট", vat),
        ("Total", "সর্বমোট", document.total),
    )
    return {
        "title": words_of(DOCUMENT_WORDS[document.kind]),
        "name": document.name,
        "mark": None if mark is None else words_of(mark),
        "issuer": issuer,
        "party": _party(document),
        "period": words_of(period_words(period)),
        "issued": words_of(date_words(business_date(issued_at))),
        "dated": int(issued_at.timestamp()),
        "rows": [_row(line, document.kind) for line in lines],
        "totals": [{"en": en, "bn": bn, "taka": words_of(taka_words(paisa))} for en, bn, paisa in totals],
        "notes": [words_of(note) for note in _notes(document)],
    }


def _csv_rows(document: IssuedDocument) -> Iterator[list[CsvCell]]:
    sign, party = _sign(document), document.content["party"]
    for line in document.content["lines"]:
        words = payee_words(line["payee"])
        amounts = _amounts((sign * line["charges"], sign * line["fees"], sign * line["vat"]))
        yield [
            document.kind.value, document.name, document.issued_at, document.party, party["name"],
            line["payee"], words.en, words.bn, line.get("of", ""), line.get("earned_in", ""),
            percent_text(line["rate"]), line["payments"], *amounts,
        ]  # fmt: skip


def _amounts(sums: tuple[int, int, int]) -> list[Amount]:
    """Charges, fees, net, VAT and total."""
    charges, fees, vat = sums
    return [Amount(paisa) for paisa in (charges, fees, charges + fees, vat, charges + fees + vat)]


def _sign(document: IssuedDocument) -> int:
    return 1 if document.kind is DocumentKind.INVOICE else -1


def _party(document: IssuedDocument) -> dict[str, Any]:
    party = document.content["party"]
    name = page_name(party["name"] or party["id"])
    return {
        "name": name,
        "name_bn": page_name(party["name_bn"]) if party["name_bn"] not in {"", party["name"]} else "",
        "id": party["id"],
        "role": words_of(PARTY_ROLES[party["role"]]),
        "not_known": words_of(_NOT_KNOWN),
    }


def _row(line: Mapping[str, Any], kind: DocumentKind) -> dict[str, Any]:
    of_words = _OF_INVOICE if line.get("of") else _EARNED_IN
    words = payee_words(line["payee"])
    percent = percent_text(line["rate"])
    return {
        "words": words_of(BilingualText(page_name(words.en), page_name(words.bn))),
        "of": line.get("of") or line.get("earned_in", ""),
        "of_words": words_of(_FAILED_REFUND if kind is DocumentKind.INVOICE else of_words),
        "payments": group_digits(line["payments"]),
        "charges": grouped_taka(line["charges"]),
        "fees": grouped_taka(line["fees"]),
        "percent": f"{percent}%" if percent and line["vat"] else _NO_RATE,
        "vat": grouped_taka(line["vat"]),
        "total": grouped_taka(line["charges"] + line["fees"] + line["vat"]),
    }


def _notes(document: IssuedDocument) -> list[BilingualText]:
    notes = [_TAKEN_NOTE if document.kind is DocumentKind.INVOICE else _RETURNED_NOTE]
    if document.charges:
        notes.append(_CHARGES_NOTE)
    if any(line["rate"] is None and line["vat"] for line in document.content["lines"]):
        notes.append(_RATE_NOTE)
    return notes


def _issued_at(document: IssuedDocument) -> datetime:
    if document.issued_at is None:
        raise ReportError(f"{document.name} is not issued yet")
    return document.issued_at
