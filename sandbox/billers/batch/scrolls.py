"""Taking a scroll: the file as a whole is right or refused, then each of its rows is posted or rejected.

A file is `SCROLL,1,<house>,<day>,<cycle>,common,<rows>,<sum>,<SHA-256 of the rows>`, the common headings of
billers.md 2.12, rows, and `TRAILER,<rows>,<sum>,<SHA-256>`. Within a day `seq` goes on over all files.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256

from sandbox.billers.batch.replies import OUT_OF_TURN, SEQUENCE_BROKEN, TAKEN_BEFORE, UNREADABLE, WRONG_TOTALS
from sandbox.kit.biller.book import BillerBook, PaymentState
from sandbox.kit.biller.call_results import (
    BillPaidAlready,
    PaymentRefused,
    PaymentResult,
    PaymentTaken,
    UnknownBill,
    WrongAmount,
)
from sandbox.kit.biller.open_biller import OpenBiller
from sandbox.kit.biller.payment_intake import PaymentOrder

HEADINGS = (
    "scroll_date", "scroll_no", "seq", "biller_id", "office_code", "bill_ref", "account_ref", "paid_at",
    "ekpay_txn_id", "collector_txn_id", "biller_ack_ref", "principal", "vat", "late_fee", "stamp",
    "other_lines", "total", "channel", "collector_code", "row_type",
)  # fmt: skip
_PARTS = ("principal", "vat", "late_fee", "stamp", "other_lines")
_SIGNED_TAKA = re.compile(r"(-?)(0|[1-9][0-9]{0,12})\.([0-9]{2})")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_HEAD_CELLS, _TAIL_CELLS = 9, 4
_SCROLLS = "scrolls"

ScrollRow = Mapping[str, str]


class RefusedFileError(Exception):
    """The file is refused whole, under one of this family's codes; nothing was posted."""

    def __init__(self, code: str, message: str) -> None:
        """Say under which code, and why."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Scroll:
    """A file whose totals are those of its rows."""

    institution_id: str
    day: date
    cycle: int
    digest: str
    rows: Sequence[ScrollRow]

    @property
    def place(self) -> str:
        """Its place among the files of its institution; the texts sort as the files do."""
        return f"{self.day.isoformat()} {self.cycle:03d}"


@dataclass(slots=True)
class PostingResult:
    """What became of the rows of a file."""

    posted: int = 0
    taken_back: int = 0
    void: int = 0
    rejected: list[dict[str, object]] = field(default_factory=list)


def read_scroll(text: str, institution_id: str) -> Scroll:
    """Read a file.

    Raises:
        RefusedFileError: it cannot be read, is another institution's, or its totals are not those of its
        rows.
    """
    lines = text.split("\n")
    if lines.pop() or len(lines) < len(("head", "headings", "trailer")):
        raise RefusedFileError(UNREADABLE, "the file is cut off")
    cells = [_cells(line) for line in lines]
    head, tail = cells[0], cells[-1]
    if len(head) != _HEAD_CELLS or head[:3] != ["SCROLL", "1", institution_id] or head[5] != "common":
        raise RefusedFileError(UNREADABLE, "no header of a scroll of this house")
    if tuple(cells[1]) != HEADINGS or len(tail) != _TAIL_CELLS or tail[0] != "TRAILER":
        raise RefusedFileError(UNREADABLE, "other headings, or no trailer")
    rows = [_read_row(line, institution_id) for line in cells[2:-1]]
    digest = sha256("".join(f"{line}\n" for line in lines[2:-1]).encode()).hexdigest()
    totals = [str(len(rows)), _taka(sum(_paisa(row["total"]) for row in rows)), digest]
    if head[6:] != totals or tail[1:] != totals:
        raise RefusedFileError(WRONG_TOTALS, "count, sum or SHA-256 is not that of the rows")
    return Scroll(institution_id, _day(head[3]), _number(head[4]), digest, rows)


def check_file_order(scroll: Scroll, book: BillerBook) -> None:
    """Refuse a copy, a file before one that was taken, and rows that do not go on where the day was left.

    Raises:
        RefusedFileError: it is one of these.
    """
    last_by_place = book.note(scroll.institution_id, _SCROLLS) or {}
    if scroll.place in last_by_place:
        raise RefusedFileError(TAKEN_BEFORE, "this day and cycle was taken before")
    if any(place > scroll.place for place in last_by_place):
        raise RefusedFileError(OUT_OF_TURN, "a later file was taken already")
    of_day = [int(last) for place, last in last_by_place.items() if place.startswith(scroll.day.isoformat())]
    first = max(of_day, default=0) + 1
    if [_number(row["seq"]) for row in scroll.rows] != list(range(first, first + len(scroll.rows))):
        raise RefusedFileError(SEQUENCE_BROKEN, f"the rows of this day go on with {first}, without a gap")


def post_rows(scroll: Scroll, biller: OpenBiller, book: BillerBook) -> PostingResult:
    """Post every row, and remember the file."""
    done = PostingResult()
    for row in scroll.rows:
        reason = _POSTINGS[row["row_type"]](row, biller, book, done)
        if reason:
            done.rejected.append({"seq": int(row["seq"]), "reason": reason})
    last_by_place = book.note(scroll.institution_id, _SCROLLS) or {}
    of_day = [int(last) for place, last in last_by_place.items() if place.startswith(scroll.day.isoformat())]
    last = max([*of_day, *(int(row["seq"]) for row in scroll.rows)], default=0)
    book.record_note(scroll.institution_id, _SCROLLS, {**last_by_place, scroll.place: str(last)})
    return done


def _post_payment(row: ScrollRow, biller: OpenBiller, book: BillerBook, done: PostingResult) -> str:
    institution_id, reference = biller.institution.id, row["ekpay_txn_id"]
    facts = {name: row[name] for name in ("collector_txn_id", "biller_ack_ref", "channel")}
    facts |= {"scroll": f"{row['scroll_date']} {row['seq']}"}
    known = book.payment(institution_id, reference)
    if known is not None:
        # The same row again: a kill interrupted an earlier posting.
        done.posted += known.facts.get("scroll") == facts["scroll"]
        return "" if known.facts.get("scroll") == facts["scroll"] else "posted before"
    order = PaymentOrder(reference, _paisa(row["total"]), bill_number=row["bill_ref"], facts=facts)
    result = biller.intake.pay(order)
    if isinstance(result, PaymentRefused) and result.fault is not None:
        # The kit dropped it as if its answer got lost; a scroll waits for no answer, so it is done again.
        result = biller.intake.pay(order)
    reason = _rejection_reason(result)
    done.posted += not reason
    return reason


def _rejection_reason(result: PaymentResult) -> str:
    match result:
        case PaymentTaken():
            return ""
        case UnknownBill():
            return "no such bill"
        case BillPaidAlready():
            return "paid already"
        case WrongAmount():
            return "another amount is owed"
        case PaymentRefused():
            return "refused"


def _post_reversal(row: ScrollRow, biller: OpenBiller, book: BillerBook, done: PostingResult) -> str:
    institution_id, reference = biller.institution.id, row["ekpay_txn_id"]
    payment = book.payment(institution_id, reference)
    if payment is None or payment.state is not PaymentState.PAID:
        return "nothing to take back"
    back = -_paisa(row["total"])
    if not 0 < back <= payment.amount_paisa:
        return "more than was paid"
    if back == payment.amount_paisa:
        biller.intake.cancel(reference)
    else:
        book.record_facts(
            institution_id, reference, {f"taken_back_{row['scroll_date']}_{row['seq']}": row["total"]}
        )
    done.taken_back += 1
    return ""


def _count_void(_row: ScrollRow, _counter: OpenBiller, _book: BillerBook, done: PostingResult) -> str:
    done.void += 1
    return ""


_POSTINGS = {"PAY": _post_payment, "REV": _post_reversal, "VOID": _count_void}


def _read_row(cells: Sequence[str], institution_id: str) -> ScrollRow:
    if len(cells) != len(HEADINGS):
        raise RefusedFileError(UNREADABLE, "a row has another number of cells")
    row = dict(zip(HEADINGS, cells, strict=True))
    is_known = row["row_type"] in _POSTINGS and row["biller_id"] == institution_id and row["ekpay_txn_id"]
    if not is_known or not _NUMBER.fullmatch(row["seq"]):
        raise RefusedFileError(UNREADABLE, "a row has no usable type, house, reference or sequence number")
    if sum(_paisa(row[part]) for part in _PARTS) != _paisa(row["total"]):
        raise RefusedFileError(WRONG_TOTALS, "the lines of a row do not sum to its total")
    return row


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(line), strict=True), [])
    except csv.Error:
        raise RefusedFileError(UNREADABLE, "a line is no CSV") from None


def _paisa(text: str) -> int:
    match = _SIGNED_TAKA.fullmatch(text)
    if match is None:
        raise RefusedFileError(UNREADABLE, "an amount is no taka with two decimals")
    return int(match[1] + match[2] + match[3])


def _taka(paisa: int) -> str:
    return f"{'-' if paisa < 0 else ''}{abs(paisa) // 100}.{abs(paisa) % 100:02d}"


def _number(text: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise RefusedFileError(UNREADABLE, "a number is none")
    return int(text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RefusedFileError(UNREADABLE, "the day is no date") from None
