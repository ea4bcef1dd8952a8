"""The plan of a day follows from its seed, and holds everything that befalls orders."""

from collections import Counter
from itertools import chain

import pytest

from sandbox.callers.ekshop.listener_conduct import Conduct
from sandbox.callers.ekshop.orders import Standing
from sandbox.kit.provider.payer_numbers import PayerKind
from sandbox.rehearsals.demo.collecting.provider_scenarios import DemoProvider
from sandbox.rehearsals.ekshop.day.plan import (
    ENDS,
    ORDERS_MIN,
    WALLETS,
    CustomerOrder,
    OrderCourse,
    TooFewProvidersError,
    write_day,
)

PROVIDERS = [
    DemoProvider(
        id=name,
        family={"bkash": "bkash", "nagad": "nagad"}.get(name, "token_init_status"),
        kind=PayerKind.WALLET,
        parts_max=1 if name in {"nagad", "upay"} else 10,
        takes_money_on_order=name == "bkash",
        kept_basis_points=150,
    )
    for name in WALLETS
]


def test_the_same_seed_gives_the_same_day_and_another_one_another() -> None:
    assert write_day(7, 300, PROVIDERS) == write_day(7, 300, PROVIDERS)
    assert write_day(7, 300, PROVIDERS) != write_day(8, 300, PROVIDERS)


@pytest.mark.parametrize("orders", [ORDERS_MIN, 300, 3_500])
def test_every_course_is_taken_and_most_orders_are_plainly_paid(orders: int) -> None:
    courses = Counter(order.course for order in write_day(1, orders, PROVIDERS))
    assert courses.total() == orders
    assert set(courses) == set(OrderCourse)
    assert courses.most_common(1)[0][0] is OrderCourse.PAID


def test_a_day_has_orders_of_one_to_six_sellers_some_by_agents_and_each_can_be_bought() -> None:
    day = write_day(1, 1_000, PROVIDERS)
    bills = [order.purchase.bill() for order in day]
    assert {len(bill.goods_paisa) for bill in bills} == {1, 2, 3, 4, 5, 6}
    assert 200 < sum(order.purchase.agent is not None for order in day) < 400
    # No wallet of the day takes more.
    assert max(bill.total_paisa for bill in bills) < 20_000_00
    assert {order.purchase.district for order in day if order.purchase.agent} == {
        "bogura",
        "tangail",
        "khulna",
    }


def test_who_must_pay_has_an_instrument_that_pays_and_who_must_not_has_none() -> None:
    for order in write_day(3, 1_000, PROVIDERS):
        assert len(order.choices) == _wanted(order)
        assert [spare.instrument for spare in order.spares] == list(WALLETS)


def _wanted(order: CustomerOrder) -> int:
    counts = {OrderCourse.CANCELLED: 0, OrderCourse.OTHER_INSTRUMENT: 2}
    return counts.get(order.course, 1)


def test_refunds_are_asked_of_paid_orders_alone_and_in_parts_where_the_wallet_gives_parts() -> None:
    day = write_day(1, 3_500, PROVIDERS)
    refunded = [order for order in day if order.refund_percents]
    assert len(refunded) > 40
    assert {ENDS[order.course] for order in refunded} == {Standing.PAID}
    assert max(sum(order.refund_percents) for order in refunded) == 100
    parts = dict.fromkeys(("nagad", "upay"), 1)
    assert all(
        len(order.refund_percents) <= parts.get(order.choices[-1].instrument, 10) for order in refunded
    )
    assert set(chain.from_iterable(order.refund_percents for order in refunded)) >= {15, 20, 25, 35, 100}


def test_some_first_ipns_meet_an_odd_shop() -> None:
    conducts = Counter(order.first_ipn for order in write_day(1, 3_500, PROVIDERS))
    assert conducts[Conduct.HONEST] > 3_300
    odd = {Conduct.HTTP_500, Conduct.HTTP_401, Conduct.EMPTY, Conduct.TRUE, Conduct.HTML, Conduct.ASKING}
    assert set(conducts) == odd | {Conduct.HONEST}


def test_without_its_wallets_there_is_no_day() -> None:
    with pytest.raises(TooFewProvidersError):
        write_day(1, 100, PROVIDERS[:-1])
