"""What a year comes to: what billers have, by biller and by month in Dhaka, and nothing else."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ekpay_switch.domain.carts.bill_cart import BillEnd, PaidUp, StoredCart
from ekpay_switch.domain.money import Money
from ekpay_switch.web.portal.cart_outcomes import BillOutcome
from ekpay_switch.web.portal.history.paid_bills import BillSum, by_biller, by_month, paid_bills, year_bounds
from tests.domain.carts.carts import one_bill, one_cart

PAID, BACK = BillEnd.PAID, BillEnd.GIVEN_BACK


def cart_with(*bills: tuple[str, int, BillEnd | None], at: datetime) -> StoredCart:
    """A funded cart of bills of a biller, an amount in paisa and an end each."""
    stored = []
    for seq, (biller_id, minor, end) in enumerate(bills, 1):
        bill = one_bill(seq)
        bill = replace(bill, bill=replace(bill.bill, biller_id=biller_id, amount=Money(minor)), end=end)
        stored.append(bill)
    return replace(one_cart(), bills=tuple(stored), created_at=at, is_funded=True)


MARCH, MAY = datetime(2026, 3, 5, 12, tzinfo=UTC), datetime(2026, 5, 5, 12, tzinfo=UTC)


@pytest.fixture
def carts() -> list[StoredCart]:
    return [
        cart_with(("desco", 1_000_50, PAID), ("titas", 500_00, BACK), at=MAY),
        cart_with(("titas", 2_000_00, PAID), ("nesco", 900_00, None), at=MAY),
        cart_with(("desco", 200_00, PAID), at=MARCH),
    ]


def test_every_bill_of_a_paid_cart_is_listed_with_its_outcome(carts: list[StoredCart]) -> None:
    outcomes = [bill.outcome for bill in paid_bills(carts)]
    assert outcomes == [
        BillOutcome.PAID,
        BillOutcome.GOES_BACK,
        BillOutcome.PAID,
        BillOutcome.ON_ITS_WAY,
        BillOutcome.PAID,
    ]


def test_a_cart_that_was_never_paid_is_not_listed(carts: list[StoredCart]) -> None:
    unpaid = replace(carts[0], is_funded=False)
    assert unpaid.paid_up is not PaidUp.FUNDED
    assert paid_bills([unpaid]) == []


def test_what_billers_have_is_summed_and_nothing_else(carts: list[StoredCart]) -> None:
    bills = paid_bills(carts)
    assert list(by_biller(bills).items()) == [
        ("titas", BillSum(1, Money(2_000_00))),
        ("desco", BillSum(2, Money(1_200_50))),
    ]
    assert list(by_month(bills).items()) == [
        (3, BillSum(1, Money(200_00))),
        (5, BillSum(2, Money(3_000_50))),
    ]
    assert [bill.amount_paid.minor for bill in bills] == [1_000_50, 0, 2_000_00, 0, 200_00]


def test_a_month_and_a_year_are_those_of_dhaka() -> None:
    since, until = year_bounds(2026)
    assert since == datetime(2025, 12, 31, 18, tzinfo=UTC)
    assert until == datetime(2026, 12, 31, 18, tzinfo=UTC)
    (first,) = paid_bills([cart_with(("desco", 1, PAID), at=since)])
    (last,) = paid_bills([cart_with(("desco", 1, PAID), at=until - timedelta(microseconds=1))])
    assert (first.month, last.month) == (1, 12)
