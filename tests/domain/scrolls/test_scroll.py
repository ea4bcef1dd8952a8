from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.money import ZERO, Money, total
from ekpay_switch.domain.scrolls.scroll import (
    NOTHING,
    BookedAt,
    PaidRow,
    RowType,
    ScrollFile,
    ScrollLines,
    ScrollListing,
    ScrollPayment,
    ScrollPlace,
    ScrollRefund,
    ScrollRefusal,
    ScrollRow,
    ScrollTerms,
    missing_day,
    refuse_scroll,
    rows_due,
    split_lines,
)

DAY = date(2026, 3, 1)
NOON = datetime(2026, 3, 1, 6, tzinfo=UTC)
POSTED = BookedAt(DAY, NOON)
NUMBERED = ScrollTerms(is_numbered=True, cycles=3, base=1_000)
PLAIN = ScrollTerms(cycles=3)
LINES = ScrollLines(Money(90_000), Money(5_000), Money(4_000), Money(1_000), Money(50))
PAID = LINES.total


def a_payment(number: int = 1, **changes: object) -> ScrollPayment:
    payment = ScrollPayment(
        payment_id=UUID(int=number),
        number=number,
        number_date=DAY,
        office_code="D07",
        bill_ref="092512345678",
        account_ref="12345678",
        ekpay_ref=f"E{number}",
        collector_ref=f"R{number}",
        biller_ack_ref="ACK",
        channel="prefund",
        collector_code="bank1",
        lines=LINES,
        exact=PAID - Money(50),
        posted=BookedAt(DAY, NOON + timedelta(minutes=number)),
    )
    return replace(payment, **changes)  # type: ignore[arg-type]  # fields of it


def back(amount: Money, refund: int | None = 1, minutes: int = 60) -> ScrollRefund:
    refund_id = None if refund is None else UUID(int=refund)
    return ScrollRefund(refund_id, DAY, NOON + timedelta(minutes=minutes), amount)


def told(rows: tuple[ScrollRow, ...]) -> list[tuple[int, str, int]]:
    return [(row.seq, str(row.row_type), row.scroll_no) for row in rows]


# ---- the parts of an amount


def test_what_the_biller_stated_is_split_and_the_rest_is_other() -> None:
    bill = {"amount": Money(91_000), "vat": Money(5_000), "late_fee": Money(4_000)}
    charges = {"revenueStamp": Money(1_000), "energy": Money(90_000)}
    assert split_lines(Money(100_050), bill, charges) == LINES
    assert LINES.total == Money(100_050)


@given(st.lists(st.integers(0, 10**9), min_size=5, max_size=5))
def test_lines_always_sum_to_what_was_paid(parts: list[int]) -> None:
    paid, amount, vat, late_fee, stamp = map(Money, parts)
    bill = {"amount": amount, "vat": vat, "late_fee": late_fee}
    assert split_lines(paid, bill, {"Stamp": stamp}).total == paid


# ---- which rows follow


def test_numbers_that_came_to_nothing_are_void_and_those_in_doubt_wait() -> None:
    payments = [
        a_payment(3, posted=None, voided=POSTED),
        a_payment(1),
        a_payment(2, posted=None),
    ]
    rows = rows_due(payments, DAY, 7, NUMBERED)
    assert told(rows) == [(7, "PAY", 1_000), (8, "VOID", 1_002)]
    assert (rows[1].lines, rows[1].biller_ack_ref, rows[1].charges) == (NOTHING, "", {})


def test_a_biller_that_numbers_nothing_sees_no_voids_and_counts_rows() -> None:
    payments = [replace(a_payment(9), posted=None, voided=POSTED), replace(a_payment(2), number=0)]
    (row,) = rows_due(payments, DAY, 5, PLAIN)
    assert (row.seq, row.scroll_no, row.scroll_date) == (5, 5, DAY)


def test_a_number_keeps_the_day_that_it_was_given_on() -> None:
    (row,) = rows_due([a_payment(4, number_date=DAY - timedelta(days=1))], DAY, 1, NUMBERED)
    assert (row.seq, row.scroll_no, row.scroll_date) == (1, 1_003, DAY - timedelta(days=1))


def test_what_was_told_is_not_told_again() -> None:
    paid = a_payment(1, listing=ScrollListing(paid_row=PaidRow(DAY, 1_000, LINES)))
    void = a_payment(2, posted=None, voided=POSTED, listing=ScrollListing(has_void=True))
    assert rows_due([paid, void], DAY, 1, NUMBERED) == ()


def test_what_was_void_and_posted_after_all_is_told_as_paid_under_its_number() -> None:
    late = a_payment(2, voided=POSTED, listing=ScrollListing(has_void=True))
    assert told(rows_due([late], DAY, 9, NUMBERED)) == [(9, "PAY", 1_001)]


def test_all_of_a_payment_is_taken_back_with_its_lines_but_for_the_rounding() -> None:
    payment = a_payment(refunds=(back(PAID - Money(50)),))
    pay, rev = rows_due([payment], DAY, 1, NUMBERED)
    assert (rev.row_type, rev.seq, rev.scroll_no, rev.scroll_date) == (RowType.REV, 2, pay.scroll_no, DAY)
    assert rev.lines == ScrollLines(Money(-90_000), Money(-5_000), Money(-4_000), Money(-1_000), ZERO)
    assert rev.paid_at == NOON + timedelta(hours=1)


def test_parts_are_taken_back_by_their_amount_alone_in_the_order_of_their_time() -> None:
    listed = ScrollListing(paid_row=PaidRow(DAY, 1_000, LINES), refunds=frozenset({UUID(int=3)}))
    parts = (back(Money(700), 1, 30), back(Money(200), 2, 20), back(Money(1), 3, 10))
    rows = rows_due([a_payment(refunds=parts, listing=listed)], DAY, 4, NUMBERED)
    assert [(row.seq, row.lines.total.minor, row.refund_id) for row in rows] == [
        (4, -200, UUID(int=2)),
        (5, -700, UUID(int=1)),
    ]
    assert rows[0].lines == ScrollLines(Money(-200), ZERO, ZERO, ZERO, ZERO)


def test_what_was_given_back_without_a_refund_is_taken_back_once() -> None:
    payment = a_payment(refunds=(back(Money(5), None),))
    assert [row.row_type for row in rows_due([payment], DAY, 1, PLAIN)] == [RowType.PAY, RowType.REV]
    listed = ScrollListing(paid_row=PaidRow(DAY, 1, LINES), refunds=frozenset({None}))
    assert rows_due([replace(payment, listing=listed)], DAY, 1, PLAIN) == ()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["posted", "nothing", "open"]),
            st.booleans(),
            st.lists(st.integers(1, 99), max_size=3),
        ),
        max_size=12,
    ),
    st.sampled_from([NUMBERED, PLAIN]),
    st.integers(1, 50),
)
def test_rows_are_numbered_without_a_gap_and_every_payment_is_told_at_most_once(
    fates: list[tuple[str, bool, list[int]]], terms: ScrollTerms, first: int
) -> None:
    payments = []
    for number, (fate, is_listed, backs) in enumerate(fates, 1):
        given = tuple(back(Money(amount), number * 10 + nth) for nth, amount in enumerate(backs))
        payments.append(
            a_payment(
                number,
                posted=POSTED if fate == "posted" else None,
                voided=POSTED if fate == "nothing" else None,
                refunds=given if fate == "posted" else (),
                listing=ScrollListing(paid_row=PaidRow(DAY, number, LINES))
                if is_listed and fate == "posted"
                else ScrollListing(),
            )
        )
    rows = rows_due(payments, DAY, first, terms)
    assert [row.seq for row in rows] == list(range(first, first + len(rows)))
    paid = [row.payment_id for row in rows if row.row_type is RowType.PAY]
    assert len(paid) == len(set(paid))
    assert sum(row.row_type is RowType.REV for row in rows) == sum(
        len(payment.refunds) for payment in payments
    )
    assert total(row.lines.total for row in rows if row.row_type is RowType.VOID) == ZERO


# ---- whether a file may be made


@pytest.mark.parametrize(
    ("wanted", "newest", "refusal"),
    [
        ((DAY, 1), None, None),
        ((DAY, 3), None, ScrollRefusal.DAY_NOT_OVER),
        ((DAY - timedelta(days=1), 3), None, None),
        ((DAY, 0), None, ScrollRefusal.NO_SUCH_CYCLE),
        ((DAY, 4), None, ScrollRefusal.NO_SUCH_CYCLE),
        ((DAY + timedelta(days=1), 1), None, ScrollRefusal.DAY_TO_COME),
        ((DAY, 2), (DAY, 1), None),
        ((DAY, 1), (DAY, 2), ScrollRefusal.LATER_STANDS),
        ((DAY - timedelta(days=1), 3), (DAY, 1), ScrollRefusal.LATER_STANDS),
        ((DAY, 1), (DAY - timedelta(days=1), 3), None),
        ((DAY, 1), (DAY - timedelta(days=1), 2), ScrollRefusal.EARLIER_IS_OPEN),
    ],
)
def test_files_are_made_in_order(
    wanted: tuple[date, int], newest: tuple[date, int] | None, refusal: ScrollRefusal | None
) -> None:
    places = [None if one is None else ScrollPlace(*one, is_last=one[1] == 3) for one in (wanted, newest)]
    assert places[0] is not None
    assert refuse_scroll(places[0], PLAIN, DAY, places[1]) == refusal


def test_a_day_that_is_closed_stays_closed_when_the_manifest_allows_more_files() -> None:
    closed = ScrollPlace(DAY, 1, is_last=True)
    assert refuse_scroll(ScrollPlace(DAY, 2, is_last=False), PLAIN, DAY, closed) == ScrollRefusal.LATER_STANDS


def test_the_first_day_before_that_has_something_to_tell_was_forgotten() -> None:
    days = [DAY - timedelta(days=days) for days in (0, 2, 3)]
    payments = [a_payment(number, posted=BookedAt(day, NOON)) for number, day in enumerate(days, 1)]
    refunded = a_payment(
        9,
        listing=ScrollListing(paid_row=PaidRow(DAY, 9, LINES)),
        refunds=(replace(back(Money(1)), on=DAY - timedelta(days=5)),),
    )
    assert missing_day(payments, DAY, NUMBERED, None) == DAY - timedelta(days=3)
    assert missing_day([*payments, refunded], DAY, NUMBERED, None) == DAY - timedelta(days=5)
    newest = ScrollPlace(DAY - timedelta(days=2), 3, is_last=True)
    assert missing_day([*payments, refunded], DAY, NUMBERED, newest) is None


def test_a_file_is_named_after_biller_day_and_cycle() -> None:
    file = ScrollFile(
        "nu_fee", DAY, 2, is_last=False, layout="common", rows=rows_due([a_payment()], DAY, 1, PLAIN)
    )
    assert file.name == "scroll_nu_fee_20260301_02.csv"
    assert file.sum == PAID
