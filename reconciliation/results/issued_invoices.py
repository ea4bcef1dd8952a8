"""Fee invoices and credit notes as they were issued, and the proof that they still are what the ledger says.

Needs no extra: `ekpay audit` reads them. Amounts are whole paisa, and those of a credit note what was given
back. Together they are not below zero; a single one can be, since refunds are divided by largest remainders.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Final

from reconciliation.results.table_values import Connection, as_json, from_json, insert

_READ: Final = """
SELECT month, kind, number, party, charges, fees, vat, content, digest, issued_by, issued_at
FROM reconciliation.fee_invoices WHERE $1::date IS NULL OR month = $1 ORDER BY month, kind DESC, number
"""
_WRITTEN: Final = (
    ("month", "date"), ("kind", "text"), ("number", "integer"), ("party", "text"), ("charges", "bigint"),
    ("fees", "bigint"), ("vat", "bigint"), ("content", "jsonb"), ("digest", "text"), ("issued_by", "text"),
)  # fmt: skip
# What the ledger says of each party in the months that were issued, by one scan.
_BOOKED: Final = """
WITH moved AS (
  SELECT date_trunc('month', e.business_date)::date AS month, p.partner_id AS party,
    e.moment IN ('delivered', 'debited_after_late_success') AS is_earned,
    coalesce(-sum(o.amount) FILTER (WHERE o.account = 'charge_income'), 0) AS charges,
    coalesce(-sum(o.amount) FILTER (WHERE o.account = 'fee_income'), 0) AS fees,
    coalesce(-sum(o.amount) FILTER (WHERE o.account = 'vat_payable'), 0) AS vat
  FROM public.journal_entries AS e
  JOIN public.postings AS o
    ON o.entry_id = e.id AND o.account IN ('charge_income', 'fee_income', 'vat_payable')
  JOIN public.payments AS p ON p.id = e.payment_id
  WHERE date_trunc('month', e.business_date)::date IN (SELECT month FROM reconciliation.fee_invoices)
  GROUP BY e.payment_id, 1, 2, 3)
SELECT month, CASE sign WHEN 1 THEN 'invoice' ELSE 'credit_note' END AS kind, party,
  sum(sign * charges)::bigint AS charges, sum(sign * fees)::bigint AS fees, sum(sign * vat)::bigint AS vat
FROM (SELECT *, CASE WHEN is_earned OR charges + fees + vat > 0 THEN 1 ELSE -1 END AS sign FROM moved) AS s
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


class DocumentKind(StrEnum):
    """What is issued to a party."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


_PREFIXES: Final = {DocumentKind.INVOICE: "INV", DocumentKind.CREDIT_NOTE: "CRN"}


@dataclass(frozen=True, slots=True)
class IssuedDocument:
    """An invoice or credit note of a month, by its first day.

    `content` has everything that is printed beside the sums; `digest` is the SHA-256 over all of it.
    `issued_at` is None before the database has set it.
    """

    month: date
    kind: DocumentKind
    number: int
    party: str
    charges: int
    fees: int
    vat: int
    content: Mapping[str, Any]
    issued_by: str
    digest: str = ""
    issued_at: datetime | None = None

    @property
    def name(self) -> str:
        """Its number as people write it: `INV-2026-04-0001`."""
        return document_name(self.kind, self.month, self.number)

    @property
    def sums(self) -> tuple[int, int, int]:
        """Charges, fees and VAT."""
        return self.charges, self.fees, self.vat

    @property
    def total(self) -> int:
        """Charges, fees and VAT together."""
        return sum(self.sums)

    @property
    def expected_digest(self) -> str:
        """SHA-256 over the canonical JSON of everything that is printed."""
        return printed_digest(self.name, self.party, self.sums, self.content)


def printed_digest(name: str, party: str, sums: Sequence[int], content: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON of everything that a document prints."""
    printed = {"name": name, "party": party, "sums": list(sums), "content": content}
    return hashlib.sha256(as_json(printed).encode()).hexdigest()


def document_name(kind: DocumentKind, month: date, number: int) -> str:
    """The number of a document as people write it; each month counts both kinds from one."""
    return f"{_PREFIXES[kind]}-{month:%Y-%m}-{number:04d}"


async def read_documents(connection: Connection, month: date | None) -> list[IssuedDocument]:
    """The documents of a month, invoices first, by number; those of all months without one."""
    return [_document(row) for row in await connection.fetch(_READ, month)]


async def write_documents(connection: Connection, documents: Sequence[IssuedDocument]) -> None:
    """Write all documents of a month by one statement, in the caller's transaction.

    Raises:
        asyncpg.CheckViolationError: the month is issued or not closed, a number leaves a gap, a document is
            missing or not what the ledger says, or a person is not of finance.
        asyncpg.UniqueViolationError: somebody else has issued one meanwhile.
    """
    rows = [
        (
            document.month, document.kind, document.number, document.party, *document.sums,
            as_json(document.content), document.expected_digest, document.issued_by,
        )
        for document in documents
    ]  # fmt: skip
    await insert(connection, "fee_invoices", _WRITTEN, rows)


async def first_unsound_document(connection: Connection) -> tuple[str, str] | None:
    """None where every issued document is what was issued and what the ledger says, or one that is not."""
    documents = await read_documents(connection, None)
    if not documents:
        return None
    rows = await connection.fetch(_BOOKED)
    booked = {(row["month"], row["kind"], row["party"]): _sums(row) for row in rows}
    numbers: dict[tuple[date, DocumentKind], int] = {}
    for document in documents:
        place = document.month, document.kind
        numbers[place] = numbers.get(place, 0) + 1
        why = _fault(document, numbers[place], booked.pop((*place, document.party), (0, 0, 0)))
        if why:
            return document.name, why
    for (month, kind, party), sums in booked.items():
        if any(sums):
            return f"{month:%Y-%m}", f"{party} has no {kind.replace('_', ' ')} of {sum(sums)} paisa"
    return None


def _fault(document: IssuedDocument, place: int, booked: tuple[int, int, int]) -> str:
    if document.expected_digest != document.digest:
        return "it is not what was issued"
    if document.number != place:
        return f"number {place} is missing before it"
    if document.sums != booked:
        return f"it says {list(document.sums)} paisa of charges, fees and VAT, the ledger {list(booked)}"
    return ""


def _sums(row: Mapping[str, Any]) -> tuple[int, int, int]:
    return row["charges"], row["fees"], row["vat"]


def _document(row: Mapping[str, Any]) -> IssuedDocument:
    values = dict(row)
    kind = DocumentKind(values["kind"])
    return IssuedDocument(**values | {"kind": kind, "content": from_json(values["content"])})
