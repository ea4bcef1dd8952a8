"""The end-of-day file of an institution: what it believes it took on one day, as CSV.

A payment is a row; one that was taken back gives a second row of type REV, with negative amounts,
on the day of the cancelling. The file states what the institution booked, also where its answers reported
another amount.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from hashlib import sha256

from sandbox.kit.biller.bills import SimulatedBill
from sandbox.kit.biller.book import BillerPayment, PaymentState
from sandbox.kit.biller.taka_text import taka
from sandbox.kit.institution.clock import DHAKA

COLLECTOR = "EKPAY"
TRAILER = "TRAILER"


class RowType(StrEnum):
    """Whether a row brings money or takes it back."""

    PAY = "PAY"
    REV = "REV"


@dataclass(frozen=True, slots=True)
class EndOfDayRow:
    """One row, before it is written in the columns of an institution; `seq` counts from 1 within the file."""

    seq: int
    row_type: RowType
    day: date
    office_code: str
    payment: BillerPayment
    bill: SimulatedBill | None

    @property
    def at(self) -> datetime:
        """When it was paid or taken back, in Dhaka."""
        payment = self.payment
        instant = payment.paid_at if self.row_type is RowType.PAY else payment.cancelled_at
        return datetime.fromisoformat(instant).astimezone(DHAKA)

    @property
    def amount_paisa(self) -> int:
        """What it adds to the sum of the day."""
        return self.signed_amount(self.payment.amount_paisa)

    def signed_amount(self, paisa: int) -> int:
        """Return an amount of the payment as this row counts it."""
        return paisa if self.row_type is RowType.PAY else -paisa

    def taka(self, paisa: int) -> str:
        """Write an amount of the payment as this row counts it."""
        return taka(self.signed_amount(paisa))


Columns = Mapping[str, Callable[[EndOfDayRow], str]]


@dataclass(frozen=True, slots=True)
class EndOfDayLayout:
    """The columns of a file in their order, and whether it ends with a trailer.

    The trailer is `TRAILER,<rows>,<sum in taka>,<SHA-256 of every byte before it>`.
    """

    columns: Columns
    has_trailer: bool = False

    def write(self, rows: Iterable[EndOfDayRow]) -> str:
        """Return the whole file, lines ended by a bare line feed."""
        listed = list(rows)
        lines = [list(self.columns)]
        lines += [[write(row) for write in self.columns.values()] for row in listed]
        text = _csv(lines)
        if not self.has_trailer:
            return text
        total = taka(sum(row.amount_paisa for row in listed))
        return text + _csv([[TRAILER, str(len(listed)), total, sha256(text.encode()).hexdigest()]])


COMMON_LAYOUT = EndOfDayLayout(
    {
        "scroll_date": lambda row: row.day.isoformat(),
        "scroll_no": lambda _: "1",
        "seq": lambda row: str(row.seq),
        "biller_id": lambda row: row.payment.institution_id,
        "office_code": lambda row: row.office_code,
        "bill_ref": lambda row: row.payment.bill_number,
        "account_ref": lambda row: row.payment.number,
        "paid_at": lambda row: row.at.isoformat(timespec="seconds"),
        "ekpay_txn_id": lambda row: row.payment.reference,
        "collector_txn_id": lambda row: row.payment.facts.get("collector_reference", ""),
        "biller_ack_ref": lambda row: row.payment.receipt,
        "principal": lambda row: row.taka(row.payment.principal_paisa),
        "vat": lambda row: row.taka(row.payment.vat_paisa),
        "late_fee": lambda row: row.taka(row.payment.late_fee_paisa),
        "stamp": lambda row: row.taka(row.payment.stamp_paisa),
        "other_lines": lambda row: row.taka(row.payment.other_paisa),
        "total": lambda row: row.taka(row.payment.amount_paisa),
        "channel": lambda row: row.payment.facts.get("channel", ""),
        "collector_code": lambda _: COLLECTOR,
        "row_type": lambda row: row.row_type,
    },
    has_trailer=True,
)
"""The common scroll row of billers.md 2.12; one file a day, so the scroll number is always 1."""


def rows_of_day(
    payments: Iterable[BillerPayment],
    day: date,
    office_code: str,
    bill_of: Callable[[str], SimulatedBill | None],
) -> list[EndOfDayRow]:
    """Return the rows of a Dhaka day in the order in which things happened."""
    text = day.isoformat()
    events: list[tuple[str, RowType, BillerPayment]] = []
    for payment in payments:
        if payment.business_date == text:
            events.append((payment.paid_at, RowType.PAY, payment))
        if payment.state is PaymentState.CANCELLED and payment.cancelled_on == text:
            events.append((payment.cancelled_at, RowType.REV, payment))
    # A payment stands before its own reversal even if the clock stood still: the sort is stable.
    events.sort(key=lambda event: event[0])
    return [
        EndOfDayRow(seq, row_type, day, office_code, payment, bill_of(payment.bill_number))
        for seq, (_, row_type, payment) in enumerate(events, start=1)
    ]


def _csv(lines: Iterable[list[str]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(lines)
    return written.getvalue()
