"""The office's side of bill files: which bills it states, and what it has to say of them since.

The first file states every bill, those after it only what changed: bills paid at the office's own counter,
withdrawn, or of another amount. What was posted from a scroll is no news to who sent it. A file is
`BILLS,1,<house>,<number>,<day>,<rows>,<sum>,<SHA-256 of the rows>`, headings, rows, and
`TRAILER,<rows>,<sum>,<SHA-256>`; amounts are taka, the sum is of amount and VAT.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

from sandbox.kit.biller.bills import BillerAccountKind, SimulatedBill
from sandbox.kit.biller.book import BillerBook
from sandbox.kit.biller.open_biller import OpenBiller
from sandbox.kit.biller.payment_intake import AMOUNT_CHANGE_PAISA
from sandbox.kit.biller.taka_text import taka
from sandbox.kit.institution.clock import Clock

MAGIC_EACH = 20
"""How many accounts of each magic kind have bills in the files."""
COUNTER_REFERENCE = "COUNTER-"
"""What the references of payments at the office's own counter begin with."""

_FIXED_HEADINGS = (
    "bill_no", "status", "customer_name", "period", "issued_on", "due_on", "amount", "vat", "late_fee",
    "lines",
)  # fmt: skip
_FILES, _WITHDRAWN = "bill_files", "withdrawn"
_MAGIC_KINDS = tuple(
    kind for kind in BillerAccountKind if kind not in {BillerAccountKind.NORMAL, BillerAccountKind.UNKNOWN}
)

Rows = dict[str, list[str]]


class BillFiles:
    """The bill files of all institutions, kept in the book so that a file once made never changes."""

    def __init__(self, book: BillerBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock

    def newest(self, biller: OpenBiller) -> str:
        """Return the newest file of an institution, making the first one if there is none."""
        last = self._last_number(biller.institution.id)
        return self._file_text(biller.institution.id, last) if last else self.make(biller)

    def make(self, biller: OpenBiller) -> str:
        """Make the next file of an institution: what it has not said yet."""
        institution = biller.institution
        number = self._last_number(institution.id) + 1
        stated = self._stated_rows(institution.id, number - 1)
        rows = {
            bill_no: row for bill_no, row in self._rows(biller, number).items() if stated.get(bill_no) != row
        }
        headings = [*_FIXED_HEADINGS, *institution.naming_fields]
        text = _write_file(
            [institution.id, str(number), self._clock.today().isoformat()], headings, rows.values()
        )
        self._book.record_note(institution.id, f"bill_file:{number}", {"text": text})
        self._book.record_note(institution.id, _FILES, {"last": str(number)})
        return text

    def withdraw(self, biller: OpenBiller, bill_number: str) -> None:
        """Owe a bill no more, from the next file on."""
        withdrawn = self._book.note(biller.institution.id, _WITHDRAWN) or {}
        self._book.record_note(biller.institution.id, _WITHDRAWN, {**withdrawn, bill_number: "yes"})

    def _last_number(self, institution_id: str) -> int:
        return int((self._book.note(institution_id, _FILES) or {}).get("last", "0"))

    def _file_text(self, institution_id: str, number: int) -> str:
        return (self._book.note(institution_id, f"bill_file:{number}") or {})["text"]

    def _stated_rows(self, institution_id: str, last: int) -> Rows:
        rows: Rows = {}
        for number in range(1, last + 1):
            lines = list(csv.reader(io.StringIO(self._file_text(institution_id, number))))
            rows |= {row[0]: row for row in lines[2:-1]}
        return rows

    def _rows(self, biller: OpenBiller, number: int) -> Rows:
        withdrawn = self._book.note(biller.institution.id, _WITHDRAWN) or {}
        paid = {
            payment.bill_number
            for payment in self._book.payments_of(biller.institution.id)
            if payment.reference.startswith(COUNTER_REFERENCE)
        }
        rows: Rows = {}
        for bill in _bills(biller):
            is_paid = bill.kind is BillerAccountKind.ALREADY_PAID or bill.bill_number in paid
            status = "WITHDRAWN" if bill.bill_number in withdrawn else "PAID" if is_paid else "UNPAID"
            rows[bill.bill_number] = _row(biller, bill, status, number)
        return rows


def _bills(biller: OpenBiller) -> Iterator[SimulatedBill]:
    accounts = biller.accounts
    odd = (accounts.number_of(kind, nth) for kind in _MAGIC_KINDS for nth in range(MAGIC_EACH))
    for number in (*accounts.normal_numbers(), *odd):
        yield from accounts.bills_of(number or "")


def _row(biller: OpenBiller, bill: SimulatedBill, status: str, number: int) -> list[str]:
    # The intake expects this much more for such a bill, so the second file states it.
    more = AMOUNT_CHANGE_PAISA if bill.kind is BillerAccountKind.AMOUNT_CHANGES and number > 1 else 0
    lines = {"fee": bill.principal_paisa + more, "other": bill.other_paisa, "stamp": bill.stamp_paisa}
    parts = {label: paisa for label, paisa in lines.items() if paisa}
    names = {**biller.institution.fields_of(bill), **_alternative_fields(biller, bill)}
    return [
        bill.bill_number,
        status,
        bill.customer_name,
        f"{bill.period.year:04d}-{bill.period.month:02d}",
        bill.issued_on.isoformat(),
        bill.due_on.isoformat(),
        taka(sum(parts.values())),
        taka(bill.vat_paisa),
        taka(bill.late_fee_paisa),
        ";".join(f"{label}={taka(paisa)}" for label, paisa in parts.items()),
        *(names[name] for name in biller.institution.naming_fields),
    ]


def _alternative_fields(biller: OpenBiller, bill: SimulatedBill) -> Mapping[str, str]:
    return {
        name: text.format_map(dict(bill.places()))
        for name, text in biller.institution.alternative_fields.items()
    }


def _write_file(head: list[str], headings: list[str], rows: Iterable[list[str]]) -> str:
    listed = list(rows)
    body = _csv(listed)
    total_paisa = sum(_paisa(row[6]) + _paisa(row[7]) for row in listed)
    totals = [str(len(listed)), taka(total_paisa), sha256(body.encode()).hexdigest()]
    return _csv([["BILLS", "1", *head, *totals], headings]) + body + _csv([["TRAILER", *totals]])


def _paisa(text: str) -> int:
    return int(text.replace(".", ""))


def _csv(lines: Iterable[list[str]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(lines)
    return written.getvalue()
