"""A script of citizens holds every course, uses no bill twice and follows its seed."""

from collections import Counter
from collections.abc import Sequence

import pytest

from sandbox.kit.provider.payer_numbers import PayerKind
from sandbox.rehearsals.demo.admin_clients.admin_client import Payable
from sandbox.rehearsals.demo.citizens.script import (
    CitizenCourse,
    CitizenOrder,
    CitizenPlan,
    write_citizen_script,
)
from sandbox.rehearsals.demo.collecting.provider_scenarios import BKASH, DemoProvider

BILLERS = ("b025", "b9001", "b9002", "b603")
PROVIDERS = (
    DemoProvider(BKASH, BKASH, PayerKind.WALLET, 10, takes_money_on_order=True, kept_basis_points=150),
    DemoProvider("nagad", "nagad", PayerKind.WALLET, 1, takes_money_on_order=False, kept_basis_points=150),
    DemoProvider("ebl", "hosted", PayerKind.CARD, 0, takes_money_on_order=False, kept_basis_points=150),
)


def written(citizens: int, seed: int = 7) -> Sequence[CitizenOrder]:
    plan = CitizenPlan(seed, citizens, BILLERS, PROVIDERS)
    payables = {
        biller: [
            Payable(biller, f"{biller}-{number}", [{"bllr_accno": str(number)}], 100)
            for number in range(plan.payables_needed(biller))
        ]
        for biller in BILLERS
    }
    return write_citizen_script(plan, payables)


@pytest.mark.parametrize("citizens", [1, 8, 60, 200])
def test_every_course_occurs_and_every_bill_once(citizens: int) -> None:
    orders = written(citizens)
    assert len(orders) == max(citizens, len(CitizenCourse))
    assert {order.course for order in orders} == set(CitizenCourse)
    targets = Counter(bill.target for order in orders for bill in order.bills)
    assert set(targets.values()) == {1}
    assert all(len(order.bills) == order.course.bills for order in orders)
    assert len({order.mobile for order in orders}) == len(orders)


def test_all_billers_are_paid_and_three_of_them_by_one_cart() -> None:
    orders = written(200)
    assert {order.bills[0].biller for order in orders if order.course.bills == 1} == set(BILLERS)
    carts = {tuple(bill.biller for bill in order.bills) for order in orders if order.course.bills > 1}
    assert carts == {("b025", "b9001", "b9002")}


def test_a_refused_bill_is_collected_by_a_connector_that_gives_back() -> None:
    for order in written(200):
        if order.course is CitizenCourse.ONE_REFUSED:
            assert order.provider.parts_max > 0
        if order.course is CitizenCourse.ANOTHER_WAY:
            assert order.provider.id != BKASH


def test_the_same_seed_is_the_same_script_and_another_is_another() -> None:
    assert written(60) == written(60)
    assert [order.course for order in written(60)] != [order.course for order in written(60, seed=8)]
