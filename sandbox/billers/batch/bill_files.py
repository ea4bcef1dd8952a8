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

from sandbox.kit.biller.bills import CounterBill, Kind
from sandbox.kit.biller.book import Book
from sandbox.kit.biller.family import Counter
from sandbox.kit.biller.taka_text import taka
from sandbox.kit.biller.till import CHANGES_BY_PAISA
from sandbox.kit.institution.clock import Clock

MAGIC_EACH = 20
"""How many accounts of each odd kind have bills in the files."""
COUNTER_REFERENCE = "COUNTER-"
"""What the references of payments at the office's own counter begin with."""

_FIXED = (
    "bill_no", "status", "customer_name", "period", "issued_on", "due_on", "amount", "vat", "late_fee",
    "lines",
)  # fmt: skip
_FILES, _WITHDRAWN = "bill_files", "withdrawn"
_ODD = tuple(kind for kind in Kind if kind not in {Kind.NORMAL, Kind.UNKNOWN})

Rows = dict[str, list[str]]


class BillFiles:
    """The bill files of all houses, kept in the book so that a file once made never changes."""

    def __init__(self, book: Book, clock: Clock) -> None:
        self._book = book
        self._clock = clock

    def newest(self, counter: Counter) -> str:
        """Return the newest file of a house, making the first one if there is none."""
        last = self._last(counter.house.id)
        return self._kept(counter.house.id, last) if last else self.make(counter)

    def make(self, counter: Counter) -> str:
        """Make the next file of a house: what it has not said yet."""
        house = counter.house
        number = self._last(house.id) + 1
        told = self._told(house.id, number - 1)
        rows = {
            bill_no: row for bill_no, row in self._rows(counter, number).items() if told.get(bill_no) != row
        }
        headings = [*_FIXED, *house.naming]
        text = _written([house.id, str(number), self._clock.today().isoformat()], headings, rows.values())
        self._book.record_note(house.id, f"bill_file:{number}", {"text": text})
        self._book.record_note(house.id, _FILES, {"last": str(number)})
        return text

    def withdraw(self, counter: Counter, bill_number: str) -> None:
        """Owe a bill no more, from the next file on."""
        withdrawn = self._book.note(counter.house.id, _WITHDRAWN) or {}
        self._book.record_note(counter.house.id, _WITHDRAWN, {**withdrawn, bill_number: "yes"})

    def _last(self, house: str) -> int:
        return int((self._book.note(house, _FILES) or {}).get("last", "0"))

    def _kept(self, house: str, number: int) -> str:
        return (self._book.note(house, f"bill_file:{number}") or {})["text"]

    def _told(self, house: str, last: int) -> Rows:
        told: Rows = {}
        for number in range(1, last + 1):
            lines = list(csv.reader(io.StringIO(self._kept(house, number))))
            told |= {row[0]: row for row in lines[2:-1]}
        return told

    def _rows(self, counter: Counter, number: int) -> Rows:
        withdrawn = self._book.note(counter.house.id, _WITHDRAWN) or {}
        paid = {
            payment.bill_number
            for payment in self._book.payments_of(counter.house.id)
            if payment.reference.startswith(COUNTER_REFERENCE)
        }
        rows: Rows = {}
        for bill in _bills(counter):
            is_paid = bill.kind is Kind.ALREADY_PAID or bill.bill_number in paid
            status = "WITHDRAWN" if bill.bill_number in withdrawn else "PAID" if is_paid else "UNPAID"
            rows[bill.bill_number] = _row(counter, bill, status, number)
        return rows


def _bills(counter: Counter) -> Iterator[CounterBill]:
    world = counter.world
    odd = (world.number_of(kind, nth) for kind in _ODD for nth in range(MAGIC_EACH))
    for number in (*world.normal_numbers(), *odd):
        yield from world.bills_of(number or "")


def _row(counter: Counter, bill: CounterBill, status: str, number: int) -> list[str]:
    # The till wants this much more of such a bill, so the second file says so.
    more = CHANGES_BY_PAISA if bill.kind is Kind.AMOUNT_CHANGES and number > 1 else 0
    lines = {"fee": bill.principal_paisa + more, "other": bill.other_paisa, "stamp": bill.stamp_paisa}
    parts = {label: paisa for label, paisa in lines.items() if paisa}
    names = {**counter.house.fields_of(bill), **_also(counter, bill)}
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
        *(names[name] for name in counter.house.naming),
    ]


def _also(counter: Counter, bill: CounterBill) -> Mapping[str, str]:
    return {name: text.format_map(dict(bill.places())) for name, text in counter.house.also.items()}


def _written(head: list[str], headings: list[str], rows: Iterable[list[str]]) -> str:
    listed = list(rows)
    body = _csv(listed)
    owed = sum(_paisa(row[6]) + _paisa(row[7]) for row in listed)
    totals = [str(len(listed)), taka(owed), sha256(body.encode()).hexdigest()]
    return _csv([["BILLS", "1", *head, *totals], headings]) + body + _csv([["TRAILER", *totals]])


def _paisa(text: str) -> int:
    return int(text.replace(".", ""))


def _csv(lines: Iterable[list[str]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(lines)
    return written.getvalue()
