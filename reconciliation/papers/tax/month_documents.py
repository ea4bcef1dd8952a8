"""The invoices and credit notes of a month: as they were issued, or as they would be.

Issued once, they never change. They are compared with the ledger of their month at every reading, and a
difference is refused: a closed business date takes no entry, so a correction belongs to a later month.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from ekpay_switch.domain.money import format_taka
from ekpay_switch.ports.finance import Connection, Finance
from reconciliation.errors import ReportError
from reconciliation.papers.period import Period
from reconciliation.papers.tax.earned_parts import (
    EarnedPart,
    MonthEarnings,
    configured_rates,
    read_month_earnings,
    sums_of,
)
from reconciliation.papers.tax.issuer import InvoiceSettings, read_invoice_settings
from reconciliation.papers.tax.issuing import issuing_transaction, refuse_issuing, refuse_placeholder
from reconciliation.papers.trial_balance import read_trial_balance
from reconciliation.papers.vat_report import read_vat_report
from reconciliation.results.issued_invoices import (
    DocumentKind,
    IssuedDocument,
    document_name,
    read_documents,
    write_documents,
)

_PARTIES: Final = """
SELECT p.id, p.name, m.name_bn, CASE WHEN m.partner_id IS NULL THEN 'partner' ELSE 'merchant' END AS role
FROM partners AS p LEFT JOIN merchants AS m ON m.partner_id = p.id WHERE p.id = ANY($1)
"""
Parties = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class MonthDocuments:
    """All documents of a month, invoices first, with what the ledger has earned in it.

    `is_issued` is false where they are what would be issued now; then they have no instant and no issuer.

    Raises:
        ReportError: a document was issued over other sums than the ledger says, or one is missing.
    """

    earnings: MonthEarnings
    documents: Sequence[IssuedDocument]
    is_issued: bool

    def __post_init__(self) -> None:
        booked = {
            (part.kind, part.party): sums_of(self.earnings.of(part.kind, part.party))
            for part in self.earnings.parts
        }
        for document in self.documents:
            sums = booked.pop((document.kind, document.party), (0, 0, 0))
            if sums != document.sums:
                raise ReportError(
                    f"{document.name} of {document.party} was issued over {_wording(document.sums)}, the"
                    f" ledger says {_wording(sums)}: an issued document never changes; run ekpay audit"
                )
        for (kind, party), sums in booked.items():
            if not any(sums):
                continue
            raise ReportError(
                f"{self.period.first:%Y-%m} was issued without {kind.replace('_', ' ')} of {party} over"
                f" {_wording(sums)}: run ekpay audit"
            )

    @property
    def period(self) -> Period:
        """The month."""
        return self.earnings.vat_report.trial_balance.period

    def of(self, kind: DocumentKind) -> list[IssuedDocument]:
        """The documents of a kind."""
        return [document for document in self.documents if document.kind is kind]


async def read_month_documents(
    connection: Connection, config: Path, period: Period, *, is_rehearsal: bool
) -> MonthDocuments:
    """The documents of a month in the caller's snapshot, compared with its ledger.

    Raises:
        ConfigurationError: config/invoices.toml or config/fees.toml is not valid.
        ReportError: the ledger and what was issued do not agree.
    """
    settings = read_invoice_settings(config)
    report = await read_vat_report(connection, await read_trial_balance(connection, period))
    earnings = await read_month_earnings(connection, report, configured_rates(config))
    standing = await read_documents(connection, period.first)
    if standing:
        return MonthDocuments(earnings, standing, is_issued=True)
    planned = await _planned_documents(connection, earnings, settings, is_rehearsal=is_rehearsal)
    return MonthDocuments(earnings, planned, is_issued=False)


async def issue_documents(finance: Finance, period: Period, *, issued_by: str) -> MonthDocuments:
    """Issue the documents of a month, once; the caller has verified the person. A repeat changes nothing.

    Raises:
        ConfigurationError: a file is not valid, or the issuer is made up and the money is real.
        ReportError: a business date of the month is not closed, the ledger and what was issued do not agree,
            or somebody else issues at this moment.
        UnfitError: the person may decide nothing any more.
    """
    settings = read_invoice_settings(finance.config)
    refuse_placeholder(settings, finance)
    async with issuing_transaction(finance) as connection:
        month = await _documents(connection, finance, period)
        if month.is_issued or not month.documents:
            return month
        await refuse_issuing(connection, finance, month.earnings.vat_report.trial_balance, issued_by)
        documents = [_issued_by(document, issued_by) for document in month.documents]
        await write_documents(connection, documents)
        return await _documents(connection, finance, period)


async def _documents(connection: Connection, finance: Finance, period: Period) -> MonthDocuments:
    return await read_month_documents(connection, finance.config, period, is_rehearsal=finance.is_rehearsal)


async def _planned_documents(
    connection: Connection, earnings: MonthEarnings, settings: InvoiceSettings, *, is_rehearsal: bool
) -> list[IssuedDocument]:
    """The documents by party, invoices first; a party that earned us nothing gets none."""
    month = earnings.vat_report.trial_balance.period.first
    parties = await _read_parties(connection, sorted({part.party for part in earnings.parts}))
    names = {party: number for number, party in enumerate(_of_kind(earnings, DocumentKind.INVOICE), start=1)}
    invoices = {(month, party): document_name(DocumentKind.INVOICE, month, n) for party, n in names.items()}
    for earlier in {part.earned_in for part in earnings.parts if part.earned_in not in {None, month}}:
        standing = await read_documents(connection, earlier)
        invoices |= {(d.month, d.party): d.name for d in standing if d.kind is DocumentKind.INVOICE}
    issuer = {
        **settings.issuer.model_dump(),
        "is_placeholder": settings.is_placeholder,
        "is_rehearsal": is_rehearsal,
    }
    documents = []
    for kind in DocumentKind:
        for number, party in enumerate(_of_kind(earnings, kind), start=1):
            parts = earnings.of(kind, party)
            content = {
                "issuer": issuer,
                "party": parties[party],
                "lines": [_line(part, invoices) for part in parts if any(part.sums)],
            }
            sums = sums_of(parts)
            documents.append(IssuedDocument(month, kind, number, party, *sums, content=content, issued_by=""))
    return documents


def _of_kind(earnings: MonthEarnings, kind: DocumentKind) -> list[str]:
    """Whom a document of this kind is for: whose parts of it do not come to nothing."""
    parties = {part.party for part in earnings.of(kind)}
    return sorted(party for party in parties if any(sums_of(earnings.of(kind, party))))


def _line(part: EarnedPart, invoices: Mapping[tuple[date, str], str]) -> dict[str, Any]:
    line: dict[str, Any] = {
        "payee": part.payee, "rate": part.rate, "payments": part.payments,
        "charges": part.charges, "fees": part.fees, "vat": part.vat,
    }  # fmt: skip
    if part.earned_in is not None:
        line |= {
            "earned_in": f"{part.earned_in:%Y-%m}",
            "of": invoices.get((part.earned_in, part.party), ""),
        }
    return line


async def _read_parties(connection: Connection, ids: Sequence[str]) -> Parties:
    """Who they are by the registry; a name that is not there is empty."""
    rows = await connection.fetch(_PARTIES, ids)
    return {
        row["id"]: {
            "id": row["id"],
            "role": row["role"],
            "name": row["name"].strip(),
            "name_bn": (row["name_bn"] or "").strip(),
        }
        for row in rows
    }


def _issued_by(document: IssuedDocument, person: str) -> IssuedDocument:
    return IssuedDocument(
        document.month, document.kind, document.number, document.party, *document.sums,
        content=document.content, issued_by=person,
    )  # fmt: skip


def _wording(sums: tuple[int, int, int]) -> str:
    charges, fees, vat = map(format_taka, sums)
    return f"charges {charges}, fees {fees} and VAT {vat} taka"
