"""How an order at a counter stands, and what a drawer should hold."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from ekpay_switch.domain.agents.counter import (
    CLAIM_MAX,
    AgentOrder,
    CashDrawer,
    OrderOutcome,
    expected_cash,
    order_reference,
)
from ekpay_switch.domain.carts.bill_cart import CartBill
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State

NOON = datetime(2026, 7, 15, 6, tzinfo=UTC)
EXPIRY = NOON + timedelta(minutes=10)
BILL = CartBill("desco_postpaid", "postpaid", {}, {}, "1", Money(105_500), "Q", EXPIRY, NOON)


def an_order(
    *,
    read_at: datetime = NOON,
    is_begun: bool = True,
    state: State | None = None,
    is_handed_back: bool = False,
) -> AgentOrder:
    return AgentOrder(
        order_id=UUID(int=7),
        drawer_id=UUID(int=8),
        bill=BILL,
        charges=Money(500),
        read_at=read_at,
        begun_at=NOON if is_begun else None,
        state=state,
        handed_back_at=NOON if is_handed_back else None,
    )


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (State.DELIVERING, OrderOutcome.UNDER_WAY),
        (State.REFUNDING, OrderOutcome.UNDER_WAY),
        (State.IN_REVIEW, OrderOutcome.REVIEW),
        (State.COMPLETED, OrderOutcome.PAID),
        (State.DECLINED, OrderOutcome.TO_HAND_BACK),
        (State.EXPIRED, OrderOutcome.TO_HAND_BACK),
        (State.REFUNDED, OrderOutcome.TO_HAND_BACK),
    ],
)
def test_the_payment_says_how_an_order_stands(state: State, outcome: OrderOutcome) -> None:
    assert an_order(state=state).outcome is outcome


def test_cash_that_was_handed_back_is_not_owed_again() -> None:
    assert an_order(state=State.REFUNDED, is_handed_back=True).outcome is OrderOutcome.HANDED_BACK


def test_a_payment_that_was_paid_after_all_is_paid() -> None:
    assert an_order(state=State.COMPLETED, is_handed_back=True).outcome is OrderOutcome.PAID


@pytest.mark.parametrize(
    ("is_begun", "read_at", "outcome"),
    [
        (False, EXPIRY - timedelta(seconds=1), OrderOutcome.QUOTED),
        (False, EXPIRY, OrderOutcome.OLD),
        (True, EXPIRY, OrderOutcome.BEGUN),
        (True, EXPIRY + CLAIM_MAX - timedelta(seconds=1), OrderOutcome.BEGUN),
        (True, EXPIRY + CLAIM_MAX, OrderOutcome.NOT_PAID),
    ],
)
def test_without_a_payment_the_time_tells_whether_one_can_come(
    read_at: datetime, outcome: OrderOutcome, *, is_begun: bool
) -> None:
    assert an_order(is_begun=is_begun, read_at=read_at).outcome is outcome


def test_the_reference_of_the_payment_is_made_with_the_order() -> None:
    assert an_order().reference == order_reference(UUID(int=7)) == f"agent:{7:032x}"


@pytest.mark.parametrize(
    ("opening", "taken", "handed_back", "expected"), [(500, 300, 100, 700), (0, 0, 100, -100)]
)
def test_a_drawer_holds_its_float_and_what_came_and_stayed(
    opening: int, taken: int, handed_back: int, expected: int
) -> None:
    assert expected_cash(Money(opening), Money(taken), Money(handed_back)) == Money(expected)


def a_drawer(opened_at: datetime, expected: int | None = None, counted: int | None = None) -> CashDrawer:
    return CashDrawer(
        UUID(int=8),
        UUID(int=9),
        "Rahim",
        opened_at,
        Money(0),
        expected=None if expected is None else Money(expected),
        counted=None if counted is None else Money(counted),
    )


@pytest.mark.parametrize(("hour", "is_of_it"), [(17, True), (18, False)])
def test_a_drawer_is_of_the_dhaka_date_on_which_it_was_opened(hour: int, *, is_of_it: bool) -> None:
    opened_at = datetime(2026, 7, 15, hour, 59, tzinfo=UTC)
    assert a_drawer(opened_at).is_of(date(2026, 7, 15)) is is_of_it


@pytest.mark.parametrize(
    ("expected", "counted", "difference"),
    [(None, None, None), (700, 700, Money(0)), (700, 650, Money(-50)), (700, 710, Money(10))],
)
def test_the_difference_is_what_was_counted_beyond_what_was_expected(
    expected: int | None, counted: int | None, difference: Money | None
) -> None:
    assert a_drawer(NOON, expected, counted).difference == difference
