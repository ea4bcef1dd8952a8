"""A biller's scroll: the file that lists its payments of a business date (billers.md 2.12).

A row is written once. A later change, such as a refund or a late posting, is a new row in a later file. `seq`
counts the rows of a biller's day without a gap, over all files of the day; `scroll_no` with `scroll_date`
names a payment's place in the scroll, which for a biller with numbered payments is the number sent with the
payment. `layouts` writes rows as files.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from ekpay_switch.domain.money import ZERO, Money, total


class RowType(StrEnum):
    """The type of a row; the comment of each member is its meaning."""

    PAY = "PAY"  # the payment was posted, and the biller is owed for it
    REV = "REV"  # the payment was refunded, whole or in part: the amounts are negative
    VOID = "VOID"  # the number was used, and the payment was not posted


@dataclass(frozen=True, slots=True)
class ScrollTerms:
    """The scroll settings of a biller's manifest.

    `cycles` is the number of files of one day, the last one made once the day is over. Where `is_numbered`,
    payments get their number when they are paid, counted from `base`.
    """

    layout: str = "common"
    cycles: int = 1
    is_numbered: bool = False
    base: int = 1


@dataclass(frozen=True, slots=True)
class ScrollLines:
    """The parts of an amount; `remainder` is what has no column of its own, such as rounding."""

    principal: Money
    vat: Money
    late_fee: Money
    stamp: Money
    remainder: Money

    @property
    def total(self) -> Money:
        """All parts together."""
        return total((self.principal, self.vat, self.late_fee, self.stamp, self.remainder))


NOTHING = ScrollLines(ZERO, ZERO, ZERO, ZERO, ZERO)


def split_lines(paid: Money, bill: Mapping[str, Money], charges: Mapping[str, Money]) -> ScrollLines:
    """Divide what was paid by the parts that the biller stated.

    `bill` has the members amount, vat and late_fee, `charges` the biller's own labels; the stamp is the
    charge whose label contains "stamp", and is part of the amount. The rest is `remainder`.
    """
    vat, late_fee = bill["vat"], bill["late_fee"]
    stamp = total(amount for label, amount in charges.items() if "stamp" in label.lower())
    principal = bill["amount"] - stamp
    return ScrollLines(principal, vat, late_fee, stamp, paid - principal - vat - late_fee - stamp)


@dataclass(frozen=True, slots=True)
class ScrollRefund:
    """A final refund of a completed payment, whole or in part."""

    refund_id: UUID | None
    on: date
    at: datetime
    amount: Money


@dataclass(frozen=True, slots=True)
class BookedAt:
    """When something was booked: the business date of its entry, and the instant."""

    on: date
    at: datetime


@dataclass(frozen=True, slots=True)
class PaidRow:
    """The PAY row of a payment: its place in the scroll, and its lines."""

    scroll_date: date
    scroll_no: int
    lines: ScrollLines


@dataclass(frozen=True, slots=True)
class ScrollListing:
    """The rows of a payment in earlier files.

    `paid_row` is its PAY row. Among `refunds`, None stands for a return without a refund record.
    """

    has_void: bool = False
    paid_row: PaidRow | None = None
    refunds: frozenset[UUID | None] = frozenset()


@dataclass(frozen=True, slots=True)
class ScrollPayment:
    """One payment as far as a scroll needs it.

    `number` is its own number (0 where it has none) and `number_date` the day of it. `posted` is when the
    biller was owed for it, `voided` when it was given up unposted; `exact` is what the biller is
    owed, without rounding. `is_stand_in` says that its payer paid while the biller could not be reached.
    """

    payment_id: UUID
    number: int
    number_date: date
    office_code: str
    bill_ref: str
    account_ref: str
    ekpay_ref: str
    collector_ref: str
    biller_ack_ref: str
    channel: str
    collector_code: str
    lines: ScrollLines
    exact: Money
    charges: Mapping[str, Money] = field(default_factory=dict)
    posted: BookedAt | None = None
    voided: BookedAt | None = None
    refunds: tuple[ScrollRefund, ...] = ()
    listing: ScrollListing = ScrollListing()
    is_stand_in: bool = False


@dataclass(frozen=True, slots=True)
class ScrollRow:
    """One row; the amounts of a REV are negative and those of a VOID are zero.

    `is_stand_in` is a PAY whose payer paid earlier, while the biller could not be reached (docs/adr/0129).
    """

    seq: int
    row_type: RowType
    payment_id: UUID
    refund_id: UUID | None
    scroll_date: date
    scroll_no: int
    office_code: str
    bill_ref: str
    account_ref: str
    paid_at: datetime
    ekpay_ref: str
    collector_ref: str
    biller_ack_ref: str
    lines: ScrollLines
    channel: str
    collector_code: str
    charges: Mapping[str, Money] = field(default_factory=dict)
    is_stand_in: bool = False


@dataclass(frozen=True, slots=True)
class ScrollFile:
    """One file of a biller: its day and cycle, its rows in order, and their digest."""

    biller_id: str
    business_date: date
    cycle: int
    is_last: bool
    layout: str
    rows: tuple[ScrollRow, ...]
    sha256: str = ""

    @property
    def name(self) -> str:
        """The file's name, made of biller, day and cycle."""
        return f"scroll_{self.biller_id}_{self.business_date:%Y%m%d}_{self.cycle:02d}.csv"

    @property
    def sum(self) -> Money:
        """The control total."""
        return total(row.lines.total for row in self.rows)


# ---- whether a file may be made ---------------------------------------------------------------------------


class ScrollRefusal(StrEnum):
    """Why a file is not made; nothing is written."""

    NO_SUCH_CYCLE = "the manifest allows no such cycle of a day"
    DAY_TO_COME = "that day has not begun in Dhaka"
    DAY_NOT_OVER = "the last file of a day is made once the day is over in Dhaka"
    LATER_STANDS = "a later file of this biller stands, so what this one lacked is in there"
    EARLIER_IS_OPEN = "an earlier day waits for its last file, which comes first"


@dataclass(frozen=True, slots=True)
class ScrollPlace:
    """A file's place among those of its biller."""

    business_date: date
    cycle: int
    is_last: bool


def refuse_scroll(
    requested: ScrollPlace, terms: ScrollTerms, today: date, newest: ScrollPlace | None
) -> ScrollRefusal | None:
    """The first reason against a new file, given the newest one; files are made in order."""
    checks = [
        (ScrollRefusal.NO_SUCH_CYCLE, not 1 <= requested.cycle <= terms.cycles),
        (ScrollRefusal.DAY_TO_COME, requested.business_date > today),
        (ScrollRefusal.DAY_NOT_OVER, requested.is_last and requested.business_date >= today),
    ]
    if newest is not None:
        places = [(place.business_date, place.cycle) for place in (requested, newest)]
        is_same_day = requested.business_date == newest.business_date
        checks += [
            (ScrollRefusal.LATER_STANDS, places[0] <= places[1] or (is_same_day and newest.is_last)),
            (ScrollRefusal.EARLIER_IS_OPEN, not is_same_day and not newest.is_last),
        ]
    return next((refusal for refusal, applies in checks if applies), None)


def missing_day(
    payments: Iterable[ScrollPayment], day: date, terms: ScrollTerms, newest: ScrollPlace | None
) -> date | None:
    """The first day before `day` that has rows due and no file yet, or None.

    Rows of the newest file's own day were booked while that file was made: they follow in the next file.
    """
    days = (on for payment in payments for on in _days_due(payment, terms))
    after = date.min if newest is None else newest.business_date
    return min((on for on in days if after < on < day), default=None)


# ---- which rows follow -------------------------------------------------------------------------------------


def rows_due(
    payments: Sequence[ScrollPayment], day: date, first_seq: int, terms: ScrollTerms
) -> tuple[ScrollRow, ...]:
    """Every row that no earlier file has, numbered from `first_seq`.

    PAY and VOID rows come first, in the order of their numbers or else of their posting; REV rows follow. A
    payment without a PAY row gets no REV row.
    """
    payments_due = [payment for payment in payments if _has_first_row_due(payment, terms)]
    rows: list[ScrollRow] = []
    paid_rows = {
        payment.payment_id: payment.listing.paid_row
        for payment in payments
        if payment.listing.paid_row is not None
    }
    for seq, payment in enumerate(sorted(payments_due, key=_order), first_seq):
        row = _first_row(payment, day, seq, terms)
        rows.append(row)
        if row.row_type is RowType.PAY:
            paid_rows[payment.payment_id] = PaidRow(row.scroll_date, row.scroll_no, row.lines)
    for payment in payments:
        if payment.payment_id in paid_rows:
            for refund in _refunds_due(payment):
                rows.append(
                    _reversal_row(payment, refund, paid_rows[payment.payment_id], first_seq + len(rows))
                )
    return tuple(rows)


def _has_first_row_due(payment: ScrollPayment, terms: ScrollTerms) -> bool:
    """Whether a PAY row is due, or for a biller that numbers payments a VOID."""
    if payment.posted is not None:
        return payment.listing.paid_row is None
    is_void = payment.voided is not None and payment.number > 0 and terms.is_numbered
    return is_void and not payment.listing.has_void


def _refunds_due(payment: ScrollPayment) -> list[ScrollRefund]:
    due = [refund for refund in payment.refunds if refund.refund_id not in payment.listing.refunds]
    return sorted(due, key=lambda refund: refund.at)


def _days_due(payment: ScrollPayment, terms: ScrollTerms) -> list[date]:
    days = [refund.on for refund in _refunds_due(payment)]
    if _has_first_row_due(payment, terms):
        days.append(_first_booking(payment).on)
    return days


def _first_booking(payment: ScrollPayment) -> BookedAt:
    booked = payment.posted or payment.voided
    assert booked is not None, "a payment with a row due was booked"
    return booked


def _order(payment: ScrollPayment) -> tuple[date, int, datetime, UUID]:
    return payment.number_date, payment.number, _first_booking(payment).at, payment.payment_id


def _first_row(payment: ScrollPayment, day: date, seq: int, terms: ScrollTerms) -> ScrollRow:
    is_paid = payment.posted is not None
    is_numbered = terms.is_numbered and payment.number > 0
    return ScrollRow(
        seq=seq,
        row_type=RowType.PAY if is_paid else RowType.VOID,
        payment_id=payment.payment_id,
        refund_id=None,
        scroll_date=payment.number_date if is_numbered else day,
        scroll_no=terms.base - 1 + payment.number if is_numbered else seq,
        office_code=payment.office_code,
        bill_ref=payment.bill_ref,
        account_ref=payment.account_ref,
        paid_at=_first_booking(payment).at,
        ekpay_ref=payment.ekpay_ref,
        collector_ref=payment.collector_ref,
        biller_ack_ref=payment.biller_ack_ref if is_paid else "",
        lines=payment.lines if is_paid else NOTHING,
        channel=payment.channel,
        collector_code=payment.collector_code,
        charges=payment.charges if is_paid else {},
        is_stand_in=is_paid and payment.is_stand_in,
    )


def _reversal_row(payment: ScrollPayment, refund: ScrollRefund, paid_row: PaidRow, seq: int) -> ScrollRow:
    return ScrollRow(
        seq=seq,
        row_type=RowType.REV,
        payment_id=payment.payment_id,
        refund_id=refund.refund_id,
        scroll_date=paid_row.scroll_date,
        scroll_no=paid_row.scroll_no,
        office_code=payment.office_code,
        bill_ref=payment.bill_ref,
        account_ref=payment.account_ref,
        paid_at=refund.at,
        ekpay_ref=payment.ekpay_ref,
        collector_ref=payment.collector_ref,
        biller_ack_ref=payment.biller_ack_ref,
        lines=_reversal_lines(refund.amount, paid_row.lines, payment.exact),
        channel=payment.channel,
        collector_code=payment.collector_code,
    )


def _reversal_lines(amount: Money, paid_lines: ScrollLines, exact: Money) -> ScrollLines:
    """The lines of a refund: the payment's own where it is refunded in full, else the amount alone.

    How a biller splits a partial refund is up to the biller. Rounding was never the biller's money.
    """
    zero = Money(0, amount.currency)
    if amount != exact:
        return ScrollLines(zero - amount, zero, zero, zero, zero)
    principal, vat, late_fee = zero - paid_lines.principal, zero - paid_lines.vat, zero - paid_lines.late_fee
    stamp = zero - paid_lines.stamp
    return ScrollLines(principal, vat, late_fee, stamp, zero - amount - principal - vat - late_fee - stamp)
