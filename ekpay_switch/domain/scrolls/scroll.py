"""A biller's scroll: the file that tells it which payments of a business date are its own (billers.md 2.12).

A row is written once. What is found out later, that a payment was given back or was posted after all, is a
new row in a later file. `seq` counts the rows of a biller's day without a gap, over all files of the day;
`scroll_no` with `scroll_date` names a payment's place in the scroll, which for a biller that numbers payments
as they are paid is the number that it was told. How rows look in a file is `scroll_layouts`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from ekpay_switch.domain.money import ZERO, Money, total


class RowType(StrEnum):
    """What a row says of its payment; the comment of each member is its meaning."""

    PAY = "PAY"  # it was posted, and the biller is owed for it
    REV = "REV"  # it, or a part of it, was given back to the payer: the amounts are negative
    VOID = "VOID"  # its number was taken and came to nothing


@dataclass(frozen=True, slots=True)
class ScrollTerms:
    """What a biller's manifest says of its scroll.

    `cycles` is how many files of one day there may be, the last of them once the day is over. Where
    `is_numbered`, payments have their number from the moment they are paid, counted from `base` on.
    """

    layout: str = "common"
    cycles: int = 1
    is_numbered: bool = False
    base: int = 1


@dataclass(frozen=True, slots=True)
class ScrollLines:
    """The parts of an amount; `other` holds what has no column of its own, such as rounding."""

    principal: Money
    vat: Money
    late_fee: Money
    stamp: Money
    other: Money

    @property
    def total(self) -> Money:
        """All parts together."""
        return total((self.principal, self.vat, self.late_fee, self.stamp, self.other))


NOTHING = ScrollLines(ZERO, ZERO, ZERO, ZERO, ZERO)


def split_lines(paid: Money, bill: Mapping[str, Money], charges: Mapping[str, Money]) -> ScrollLines:
    """What was paid, by the parts that the biller stated.

    `bill` has the members amount, vat and late_fee, `charges` the biller's own labels; a stamp is the charge
    whose label says so, and lies inside the amount. What no part explains is `other`.
    """
    vat, late_fee = bill["vat"], bill["late_fee"]
    stamp = total(amount for label, amount in charges.items() if "stamp" in label.lower())
    principal = bill["amount"] - stamp
    return ScrollLines(principal, vat, late_fee, stamp, paid - principal - vat - late_fee - stamp)


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A completed payment was given back to its payer, whole or in part; this is final."""

    refund_id: UUID | None
    on: date
    at: datetime
    amount: Money


@dataclass(frozen=True, slots=True)
class Happened:
    """When something became so: the business date of its entry, and the instant."""

    on: date
    at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """How a payment was told as paid: its place in the scroll, and its lines."""

    scroll_date: date
    scroll_no: int
    lines: ScrollLines


@dataclass(frozen=True, slots=True)
class Listed:
    """What the files say of a payment so far.

    Among `refunds`, None stands for what was given back without one.
    """

    has_void: bool = False
    told: Told | None = None
    refunds: frozenset[UUID | None] = frozenset()


@dataclass(frozen=True, slots=True)
class ScrollPayment:
    """One payment as far as a scroll tells of it.

    `number` is its own number and `number_date` the day of it, 0 where it has none. `posted` is when the
    biller was owed for it, `came_to_nothing` when its money was on its way back unposted; `exact` is what the
    biller is owed, without what it rounds up.
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
    posted: Happened | None = None
    came_to_nothing: Happened | None = None
    given_back: tuple[GivenBack, ...] = ()
    listed: Listed = Listed()


@dataclass(frozen=True, slots=True)
class ScrollRow:
    """One row; the amounts of a REV are negative and those of a VOID are nothing."""

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


@dataclass(frozen=True, slots=True)
class ScrollFile:
    """One file of a biller: its day and cycle, its rows in order, and the digest that was made of them."""

    biller_id: str
    business_date: date
    cycle: int
    is_last: bool
    layout: str
    rows: tuple[ScrollRow, ...]
    sha256: str = ""

    @property
    def name(self) -> str:
        """The file's name: one a biller, day and cycle."""
        return f"scroll_{self.biller_id}_{self.business_date:%Y%m%d}_{self.cycle:02d}.csv"

    @property
    def sum(self) -> Money:
        """The control total."""
        return total(row.lines.total for row in self.rows)


# ---- whether a file may be made ---------------------------------------------------------------------------


class ScrollRefusal(StrEnum):
    """Why a file is not made; nothing is written then."""

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
    wanted: ScrollPlace, terms: ScrollTerms, today: date, newest: ScrollPlace | None
) -> ScrollRefusal | None:
    """The first reason against a new file, given the newest that stands; files are made in order."""
    checks = [
        (ScrollRefusal.NO_SUCH_CYCLE, not 1 <= wanted.cycle <= terms.cycles),
        (ScrollRefusal.DAY_TO_COME, wanted.business_date > today),
        (ScrollRefusal.DAY_NOT_OVER, wanted.is_last and wanted.business_date >= today),
    ]
    if newest is not None:
        places = [(place.business_date, place.cycle) for place in (wanted, newest)]
        is_same_day = wanted.business_date == newest.business_date
        checks += [
            (ScrollRefusal.LATER_STANDS, places[0] <= places[1] or (is_same_day and newest.is_last)),
            (ScrollRefusal.EARLIER_IS_OPEN, not is_same_day and not newest.is_last),
        ]
    return next((refusal for refusal, applies in checks if applies), None)


def forgotten_day(
    payments: Iterable[ScrollPayment], day: date, terms: ScrollTerms, newest: ScrollPlace | None
) -> date | None:
    """The first day before the wanted one that has rows to tell and no file yet, or None.

    What belongs to the day of the newest file was written while that file was made: it follows in the next.
    """
    days = (on for payment in payments for on in _days_due(payment, terms))
    after = date.min if newest is None else newest.business_date
    return min((on for on in days if after < on < day), default=None)


# ---- which rows follow -------------------------------------------------------------------------------------


def rows_due(
    payments: Sequence[ScrollPayment], day: date, first_seq: int, terms: ScrollTerms
) -> tuple[ScrollRow, ...]:
    """Every row that no earlier file has, numbered from `first_seq` on.

    Payments stand first, in the order of their numbers or else of their posting; what takes something back
    follows. Nothing is taken back that was not told as paid.
    """
    first = [payment for payment in payments if _is_to_be_told(payment, terms)]
    rows: list[ScrollRow] = []
    told = {one.payment_id: one.listed.told for one in payments if one.listed.told is not None}
    for seq, payment in enumerate(sorted(first, key=_order), first_seq):
        row = _first_row(payment, day, seq, terms)
        rows.append(row)
        if row.row_type is RowType.PAY:
            told[payment.payment_id] = Told(row.scroll_date, row.scroll_no, row.lines)
    for payment in payments:
        if payment.payment_id in told:
            for one in _to_be_taken_back(payment):
                rows.append(_row_back(payment, one, told[payment.payment_id], first_seq + len(rows)))
    return tuple(rows)


def _is_to_be_told(payment: ScrollPayment, terms: ScrollTerms) -> bool:
    """Whether a PAY row is due, or for a biller that numbers payments a VOID."""
    if payment.posted is not None:
        return payment.listed.told is None
    is_void = payment.came_to_nothing is not None and payment.number > 0 and terms.is_numbered
    return is_void and not payment.listed.has_void


def _to_be_taken_back(payment: ScrollPayment) -> list[GivenBack]:
    due = [one for one in payment.given_back if one.refund_id not in payment.listed.refunds]
    return sorted(due, key=lambda one: one.at)


def _days_due(payment: ScrollPayment, terms: ScrollTerms) -> list[date]:
    days = [one.on for one in _to_be_taken_back(payment)]
    if _is_to_be_told(payment, terms):
        days.append(_told_as(payment).on)
    return days


def _told_as(payment: ScrollPayment) -> Happened:
    happened = payment.posted or payment.came_to_nothing
    assert happened is not None, "what is told has happened"
    return happened


def _order(payment: ScrollPayment) -> tuple[date, int, datetime, UUID]:
    return payment.number_date, payment.number, _told_as(payment).at, payment.payment_id


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
        paid_at=_told_as(payment).at,
        ekpay_ref=payment.ekpay_ref,
        collector_ref=payment.collector_ref,
        biller_ack_ref=payment.biller_ack_ref if is_paid else "",
        lines=payment.lines if is_paid else NOTHING,
        channel=payment.channel,
        collector_code=payment.collector_code,
        charges=payment.charges if is_paid else {},
    )


def _row_back(payment: ScrollPayment, back: GivenBack, told: Told, seq: int) -> ScrollRow:
    return ScrollRow(
        seq=seq,
        row_type=RowType.REV,
        payment_id=payment.payment_id,
        refund_id=back.refund_id,
        scroll_date=told.scroll_date,
        scroll_no=told.scroll_no,
        office_code=payment.office_code,
        bill_ref=payment.bill_ref,
        account_ref=payment.account_ref,
        paid_at=back.at,
        ekpay_ref=payment.ekpay_ref,
        collector_ref=payment.collector_ref,
        biller_ack_ref=payment.biller_ack_ref,
        lines=_lines_back(back.amount, told.lines, payment.exact),
        channel=payment.channel,
        collector_code=payment.collector_code,
    )


def _lines_back(amount: Money, told: ScrollLines, exact: Money) -> ScrollLines:
    """The lines of what is taken back: the payment's own where it is all of it, else the amount alone.

    How a biller splits a part is its own affair. What it rounded up was never its money.
    """
    none = Money(0, amount.currency)
    if amount != exact:
        return ScrollLines(none - amount, none, none, none, none)
    principal, vat, late_fee = none - told.principal, none - told.vat, none - told.late_fee
    stamp = none - told.stamp
    return ScrollLines(principal, vat, late_fee, stamp, none - amount - principal - vat - late_fee - stamp)
