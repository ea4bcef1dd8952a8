"""The settlement file of an institution: what moved on one day in Dhaka, in the columns of the institution.

Nobody publishes such a file, so columns are a guess made of the words of each interface. A refund is a row
with negative amounts on the day on which it was done. The file states what was booked, also where the answers
reported something else.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from sandbox.kit.institution.amounts import taka
from sandbox.kit.institution.clock import DHAKA, dhaka_day
from sandbox.kit.provider.orders import ProviderOrder, ProviderRefund, RefundState


class SettlementEvent(StrEnum):
    """Whether a row brings money or takes it back."""

    PAYMENT = "payment"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class SettlementRow:
    """One movement of money before it is written; amounts in paisa, negative for a refund, fees too.

    Gross less fee less VAT is net. `seq` counts from 1 within the file.
    """

    seq: int
    event: SettlementEvent
    instant: datetime
    order: ProviderOrder
    refund: ProviderRefund | None
    gross_paisa: int
    fee_paisa: int
    fee_vat_paisa: int

    @property
    def net_paisa(self) -> int:
        """What is settled."""
        return self.gross_paisa - self.fee_paisa - self.fee_vat_paisa

    @property
    def at(self) -> datetime:
        """When it happened, in Dhaka."""
        return self.instant.astimezone(DHAKA)

    @property
    def own_id(self) -> str:
        """The provider's name for the movement: of the payment, or of the refund."""
        return self.order.transaction_id if self.refund is None else self.refund.refund_id


@dataclass(frozen=True, slots=True)
class SettlementLayout:
    """The columns of a file in their order, and how it is written.

    `trailer` returns the cells of a last line, from the rows before it. `encoding` may be `utf-8-sig`.
    """

    columns: Mapping[str, Callable[[SettlementRow], str]]
    delimiter: str = ","
    has_header: bool = True
    line_end: str = "\r\n"
    trailer: Callable[[Sequence[SettlementRow]], Sequence[str]] | None = None
    encoding: str = "utf-8"
    content_type: str = "text/csv; charset=utf-8"

    def write(self, rows: Iterable[SettlementRow], *, is_trailer_wrong: bool = False) -> bytes:
        """Return the whole file; a wrong trailer has not counted the last row."""
        listed = list(rows)
        lines: list[Sequence[str]] = [list(self.columns)] if self.has_header else []
        lines += [[write(row) for write in self.columns.values()] for row in listed]
        counted = listed[:-1] if is_trailer_wrong else listed
        lines += [self.trailer(counted)] if self.trailer is not None else []
        text = io.StringIO()
        csv.writer(text, delimiter=self.delimiter, lineterminator=self.line_end).writerows(lines)
        return text.getvalue().encode(self.encoding)


COMMON_LAYOUT = SettlementLayout(
    {
        "seq": lambda row: str(row.seq),
        "event": lambda row: row.event,
        "provider_txn_id": lambda row: row.own_id,
        "provider_reference": lambda row: row.order.provider_reference,
        "merchant_reference": lambda row: row.order.reference,
        "refund_reference": lambda row: row.refund.reference if row.refund else "",
        "date_time": lambda row: f"{row.at:%Y-%m-%d %H:%M:%S}",
        "currency": lambda row: row.order.currency,
        "amount": lambda row: taka(row.gross_paisa),
        "fee": lambda row: taka(row.fee_paisa),
        "vat": lambda row: taka(row.fee_vat_paisa),
        "net": lambda row: taka(row.net_paisa),
    }
)
"""What an institution writes that has no layout of its own."""


class FileDefect(StrEnum):
    """One thing that is wrong with a file, on demand; most often with its first row."""

    MISSING_ROW = "missing_row"
    EXTRA_ROW = "extra_row"
    """A payment that does not exist."""
    DUPLICATE_ROW = "duplicate_row"
    OTHER_AMOUNT = "other_amount"
    """1.00 taka more than was paid."""
    OTHER_FEE = "other_fee"
    """1.00 taka more of a fee."""
    NEXT_DAY = "next_day"
    """It carries the instant of a day later."""
    TRAILER = "wrong_trailer"
    """The trailer has not counted the last row; nothing is wrong where there is none."""


def rows_of_day(orders: Iterable[ProviderOrder], day: date) -> list[SettlementRow]:
    """Return the rows of a day in Dhaka in the order in which the money moved."""
    rows = [row for order in orders for row in _rows(order) if dhaka_day(row.instant) == day]
    # A payment stands before its own refund even if the clock stood still: the sort is stable.
    return _with_sequence(sorted(rows, key=lambda row: row.instant))


def with_defect(rows: Sequence[SettlementRow], wrong: FileDefect | None) -> list[SettlementRow]:
    """Return the rows with one defect; no rows stay no rows."""
    if wrong in {None, FileDefect.TRAILER} or not rows:
        return list(rows)
    first, rest = rows[0], list(rows[1:])
    stranger = replace(
        first.order, reference="UNKNOWN", provider_reference="UNKNOWN", transaction_id="UNKNOWN"
    )
    made: dict[FileDefect | None, list[SettlementRow]] = {
        FileDefect.MISSING_ROW: [],
        FileDefect.EXTRA_ROW: [first, replace(first, order=stranger)],
        FileDefect.DUPLICATE_ROW: [first, first],
        FileDefect.OTHER_AMOUNT: [replace(first, gross_paisa=first.gross_paisa + 100)],
        FileDefect.OTHER_FEE: [replace(first, fee_paisa=first.fee_paisa + 100)],
        FileDefect.NEXT_DAY: [replace(first, instant=first.instant + timedelta(days=1))],
    }
    return _with_sequence([*made[wrong], *rest])


def _rows(order: ProviderOrder) -> Iterable[SettlementRow]:
    if not order.is_paid:
        return
    yield SettlementRow(
        seq=0,
        event=SettlementEvent.PAYMENT,
        instant=order.decision_time,
        order=order,
        refund=None,
        gross_paisa=order.amount_paisa,
        fee_paisa=order.fee_paisa,
        fee_vat_paisa=order.fee_vat_paisa,
    )
    for refund in order.refunds:
        if refund.state is RefundState.DONE:
            yield SettlementRow(
                seq=0,
                event=SettlementEvent.REFUND,
                instant=refund.done,
                order=order,
                refund=refund,
                gross_paisa=-refund.amount_paisa,
                fee_paisa=-refund.fee_paisa,
                fee_vat_paisa=-refund.fee_vat_paisa,
            )


def _with_sequence(rows: Iterable[SettlementRow]) -> list[SettlementRow]:
    return [replace(row, seq=seq) for seq, row in enumerate(rows, start=1)]
