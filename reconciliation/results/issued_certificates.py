"""Certificates of withheld tax as they were issued, and the proof that they still are what the ledger says.

Needs no extra: `ekpay audit` reads them. Amounts are whole paisa, below zero where more was restored than
withheld in the month.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from reconciliation.results.issued_invoices import printed_digest
from reconciliation.results.table_values import Connection, as_json, from_json, insert

_READ: Final = """
SELECT month, number, role, party, gross, tax, content, digest, issued_by, issued_at
FROM reconciliation.withholding_certificates WHERE $1::date IS NULL OR month = $1 ORDER BY month, number
"""
_WRITTEN: Final = (
    ("month", "date"), ("number", "integer"), ("role", "text"), ("party", "text"), ("gross", "bigint"),
    ("tax", "bigint"), ("content", "jsonb"), ("digest", "text"), ("issued_by", "text"),
)  # fmt: skip
# What was withheld and restored of each payee in the months that were issued.
_BOOKED: Final = """
SELECT date_trunc('month', j.business_date)::date AS month, i.role, i.party, sum(w.gross)::bigint AS gross,
  sum(w.tax)::bigint AS tax
FROM reconciliation.withheld_taxes AS w
JOIN reconciliation.settlement_instructions AS i ON i.end_to_end_id = w.end_to_end_id
JOIN public.journal_entries AS j ON j.id = w.entry_id
WHERE date_trunc('month', j.business_date)::date IN (
  SELECT month FROM reconciliation.withholding_certificates)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class IssuedCertificate:
    """A certificate of a month, by its first day.

    `content` has everything that is printed beside the sums; `digest` is the SHA-256 over all of it.
    `issued_at` is None before the database has set it.
    """

    month: date
    number: int
    role: str
    party: str
    gross: int
    tax: int
    content: Mapping[str, Any]
    issued_by: str
    digest: str = ""
    issued_at: datetime | None = None

    @property
    def name(self) -> str:
        """Its number as people write it: `WHT-2026-04-0001`."""
        return f"WHT-{self.month:%Y-%m}-{self.number:04d}"

    @property
    def payee(self) -> str:
        """Whose it is, with the role: `payee:ekshop:udc`."""
        return f"{self.role}:{self.party}"

    @property
    def expected_digest(self) -> str:
        """The digest of what it prints."""
        return printed_digest(self.name, self.payee, (self.gross, self.tax), self.content)


async def read_certificates(connection: Connection, month: date | None) -> list[IssuedCertificate]:
    """The certificates of a month by number; those of all months without one."""
    rows = await connection.fetch(_READ, month)
    return [IssuedCertificate(**dict(row) | {"content": from_json(row["content"])}) for row in rows]


async def write_certificates(connection: Connection, certificates: Sequence[IssuedCertificate]) -> None:
    """Write all certificates of a month by one statement, in the caller's transaction.

    Raises:
        asyncpg.CheckViolationError: the month is issued or not closed, a number leaves a gap, a certificate
            is missing or not what the ledger says, or the person is not of finance.
        asyncpg.UniqueViolationError: somebody else has issued one meanwhile.
    """
    rows = [
        (
            item.month, item.number, item.role, item.party, item.gross, item.tax, as_json(item.content),
            item.expected_digest, item.issued_by,
        )
        for item in certificates
    ]  # fmt: skip
    await insert(connection, "withholding_certificates", _WRITTEN, rows)


async def first_unsound_certificate(connection: Connection) -> tuple[str, str] | None:
    """None where every certificate is what was issued and what the ledger says, or one that is not."""
    certificates = await read_certificates(connection, None)
    if not certificates:
        return None
    booked = {
        (row["month"], f"{row['role']}:{row['party']}"): (row["gross"], row["tax"])
        for row in await connection.fetch(_BOOKED)
    }
    numbers: dict[date, int] = {}
    for item in certificates:
        numbers[item.month] = numbers.get(item.month, 0) + 1
        why = _fault(item, numbers[item.month], booked.pop((item.month, item.payee), (0, 0)))
        if why:
            return item.name, why
    for (month, payee), sums in booked.items():
        if any(sums):
            return f"{month:%Y-%m}", f"{payee} has no certificate of {sums[1]} paisa"
    return None


def _fault(item: IssuedCertificate, place: int, booked: tuple[int, int]) -> str:
    if item.expected_digest != item.digest:
        return "it is not what was issued"
    if item.number != place:
        return f"number {place} is missing before it"
    if (item.gross, item.tax) != booked:
        return f"it says {item.tax} of {item.gross} paisa, the ledger {booked[1]} of {booked[0]}"
    return ""
