"""A script of payers holds every course, and the same seed writes the same one."""

from collections import Counter

import pytest

from sandbox.bkash.wallets import WalletKind, World
from sandbox.demo.breb_desk import BrebDesk
from sandbox.demo.desco_desk import DescoDesk
from sandbox.demo.desks import Payable
from sandbox.demo.nesco_desk import NescoDesk
from sandbox.demo.wallet_script import (
    WALLET_PAYMENTS_MIN,
    Course,
    WalletOrder,
    WalletPlan,
    write_wallet_script,
)

BILLERS = (DescoDesk.biller, BrebDesk.biller, NescoDesk.biller)


def script(plan: WalletPlan) -> list[WalletOrder]:
    payables = {
        biller: [
            Payable(biller, f"{biller}-{number}", ({"bllr_accno": f"{number}"},), 50_000)
            for number in range(plan.wanted(biller))
        ]
        for biller in BILLERS
    }
    return write_wallet_script(plan, payables)


def test_the_same_seed_writes_the_same_script() -> None:
    assert script(WalletPlan(4, 200)) == script(WalletPlan(4, 200))
    assert script(WalletPlan(4, 200)) != script(WalletPlan(5, 200))


@pytest.mark.parametrize("payments", [WALLET_PAYMENTS_MIN, 37, 200, 1_000])
def test_every_course_is_taken_and_every_bill_is_used_once(payments: int) -> None:
    orders = script(WalletPlan(1, payments))
    assert len(orders) == payments == sum(WalletPlan(1, payments).wanted(biller) for biller in BILLERS)
    assert {order.course for order in orders} == set(Course)
    assert len({order.bill.target for order in orders}) == payments


def test_most_payers_of_a_day_have_no_trouble() -> None:
    counts = Counter(order.course for order in script(WalletPlan(1, 200)))
    assert counts[Course.PLAIN] >= 120
    assert min(counts.values()) >= 2


def test_whoever_is_to_be_too_late_comes_first_and_buys_what_is_quoted_for_minutes() -> None:
    orders = script(WalletPlan(1, 200))
    lapsing = [order for order in orders if order.course is Course.LAPSED]
    assert orders[: len(lapsing)] == lapsing
    assert {order.bill.biller for order in lapsing} == {NescoDesk.biller}


def test_every_biller_is_paid_from_wallets() -> None:
    paid = Counter(order.bill.biller for order in script(WalletPlan(1, 200)) if order.course is Course.PLAIN)
    assert all(paid[biller] >= 20 for biller in BILLERS)


def test_every_wallet_behaves_as_its_course_wants_and_pays_once() -> None:
    world = World(10_000)
    orders = script(WalletPlan(1, 200))
    assert len({order.wallet for order in orders}) == len(orders)
    for order in orders:
        assert world.kind(order.wallet) is order.conduct.wallet
        assert world.kind(order.other_wallet) is WalletKind.NORMAL


def test_some_plain_orders_are_sent_twice() -> None:
    twice = [order.course for order in script(WalletPlan(1, 200)) if order.is_sent_twice]
    assert set(twice) == {Course.PLAIN}
    assert len(twice) >= 5
