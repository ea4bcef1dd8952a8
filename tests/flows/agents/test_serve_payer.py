"""Serving a payer at a counter: once from the prefund, whatever is pressed twice or lost."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from ekpay_switch.domain.agents.counter import AgentOrder, CashDrawer, OrderOutcome
from ekpay_switch.domain.bill import Bill, BillerSilent, BillFound
from ekpay_switch.domain.carts.bill_cart import CartRefusal
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.agents.serve_payer import CounterRefusal, fetch_for_payer, find_order, pay_order
from ekpay_switch.flows.bills.fetch_bill import ParameterFault
from tests.factories import a_bill
from tests.fakes.agents import AGENT, BILL_NO, CounterScene
from tests.fakes.billers import LOSES_ORDER, Deed
from tests.fakes.sends import FakeLostSends

TOTAL = 105_000 + 500 + 75


async def paid(scene: CounterScene, drawer: CashDrawer, order: AgentOrder) -> object:
    return await pay_order(scene.operator, drawer, order, scene.ports)


def lose_everything(scene: CounterScene) -> None:
    """A restore of the database loses the payments whose sends stand in the journal."""
    scene.small.lost_sends.rows.update(FakeLostSends.of(scene.small.sends.lines).rows)
    scene.small.books.payments.clear()


async def test_a_payer_is_served_from_the_prefund_for_cash_that_covers_bill_and_charges() -> None:
    scene = CounterScene()
    drawer = await scene.opened()
    order = await scene.fetched(drawer)
    assert (order.outcome, order.bill.amount, order.charges) == (
        OrderOutcome.QUOTED,
        Money(TOTAL),
        Money(575),
    )
    assert await paid(scene, drawer, order) is None
    after = await scene.standing(order.order_id)
    assert after.outcome is OrderOutcome.PAID
    assert after.payment_id is not None
    assert scene.prefund == 1_000_000 - TOTAL
    closed = await scene.counter.close_drawer(drawer.drawer_id, Money(50_000 + TOTAL))
    assert closed.difference == Money(0)


async def test_pressing_twice_pays_once() -> None:
    scene = CounterScene()
    drawer = await scene.opened()
    order = await scene.fetched(drawer)
    await paid(scene, drawer, order)
    # The second press brings the order as its page showed it.
    assert await paid(scene, drawer, order) is None
    assert await paid(scene, drawer, await scene.standing(order.order_id)) is None
    assert len(scene.biller.orders) == 1
    assert scene.prefund == 1_000_000 - TOTAL


async def test_an_old_quote_is_not_paid_and_leaves_no_trace() -> None:
    scene = CounterScene()
    drawer = await scene.opened()
    order = await scene.fetched(drawer)
    scene.small.clock.pass_by((order.bill.quote_expires_at - order.read_at).total_seconds())
    old = await scene.standing(order.order_id)
    assert await paid(scene, drawer, old) is CounterRefusal.OLD
    assert (await scene.standing(order.order_id)).begun_at is None
    assert scene.small.books.payments == {}


async def test_nothing_is_paid_at_a_closed_drawer_or_for_another_one() -> None:
    scene = CounterScene()
    drawer = await scene.opened()
    order = await scene.fetched(drawer)
    await scene.counter.close_drawer(drawer.drawer_id, Money(50_000))
    assert await paid(scene, drawer, order) is CounterRefusal.DRAWER_CLOSED
    assert await paid(scene, await scene.opened(), order) is CounterRefusal.DRAWER_CLOSED
    assert scene.small.books.payments == {}


async def test_a_prefund_that_is_too_low_owes_the_cash_to_the_payer() -> None:
    scene = CounterScene()
    scene.small.books.top_up(AGENT, "postpaid", -999_000)
    drawer = await scene.opened()
    order = await scene.fetched(drawer)
    assert await paid(scene, drawer, order) is None
    after = await scene.standing(order.order_id)
    assert (after.outcome, after.refusal) == (OrderOutcome.TO_HAND_BACK, Refusal.PREFUND_TOO_LOW)
    assert await scene.counter.hand_back(AGENT, order.order_id, drawer.drawer_id)
    assert (await scene.standing(order.order_id)).outcome is OrderOutcome.HANDED_BACK
    assert (await scene.counter.close_drawer(drawer.drawer_id, Money(0))).expected == Money(50_000)


async def test_a_bill_that_its_biller_refuses_is_handed_back_from_the_drawer_of_another_day() -> None:
    scene = CounterScene()
    scene.biller.deeds.append(Deed(Declined("closed account")))
    first = await scene.opened()
    order = await scene.fetched(first)
    await paid(scene, first, order)
    assert scene.prefund == 1_000_000
    assert (await scene.counter.close_drawer(first.drawer_id, Money(0))).expected == Money(50_000 + TOTAL)
    assert not await scene.counter.hand_back(AGENT, order.order_id, first.drawer_id)
    second = await scene.opened(200_000)
    assert await scene.counter.hand_back(AGENT, order.order_id, second.drawer_id)
    assert (await scene.counter.close_drawer(second.drawer_id, Money(0))).expected == Money(200_000 - TOTAL)


async def test_a_payment_in_doubt_keeps_its_cash_in_the_drawer() -> None:
    scene = CounterScene()
    scene.biller.deeds.append(LOSES_ORDER)
    drawer = await scene.opened()
    order = await scene.fetched(drawer)
    assert await paid(scene, drawer, order) is None
    assert (await scene.standing(order.order_id)).outcome is OrderOutcome.UNDER_WAY
    assert not await scene.counter.hand_back(AGENT, order.order_id, drawer.drawer_id)
    assert (await scene.counter.close_drawer(drawer.drawer_id, Money(0))).expected == Money(50_000 + TOTAL)


async def test_another_agent_neither_sees_nor_pays_an_order() -> None:
    scene = CounterScene()
    order = await scene.fetched(await scene.opened())
    stranger = scene.counter.link(UUID(int=2), "Karim", "udc2")
    assert await find_order(stranger, order.order_id, scene.ports) is None
    assert await find_order(scene.operator, UUID(int=3), scene.ports) is None


async def test_a_payment_that_a_restore_lost_is_under_way() -> None:
    scene = CounterScene()
    drawer = await scene.opened()
    order = await scene.fetched(drawer)
    await paid(scene, drawer, order)
    lose_everything(scene)
    scene.small.clock.pass_by(timedelta(days=1).total_seconds())
    assert (await scene.standing(order.order_id)).outcome is OrderOutcome.UNDER_WAY


@pytest.mark.parametrize(
    ("biller_id", "fields", "answer"),
    [
        ("nobody", {"bill_no": BILL_NO}, Refusal.UNKNOWN_BILLER),
        ("desco_postpaid", {"bill_no": "099999999999"}, Refusal.NO_SUCH_BILL),
        ("desco_postpaid", {"colour": "red"}, ParameterFault("", "is no parameter of this biller")),
    ],
)
async def test_what_is_not_found_is_no_order(biller_id: str, fields: dict[str, str], answer: object) -> None:
    scene = CounterScene()
    drawer = await scene.opened()
    assert await fetch_for_payer(scene.operator, drawer, biller_id, fields, scene.ports) == answer
    assert scene.counter.orders_by_id == {}


async def test_a_biller_that_is_suspended_is_not_asked() -> None:
    scene = CounterScene()
    scene.biller.profile = replace(scene.biller.profile, status="suspended")
    fields = {"bill_no": BILL_NO}
    drawer = await scene.opened()
    answer = await fetch_for_payer(scene.operator, drawer, "desco_postpaid", fields, scene.ports)
    assert answer is Refusal.UNKNOWN_BILLER


@pytest.mark.parametrize("bill", [replace(a_bill(BILL_NO), is_paid=True), a_bill(BILL_NO, 0)])
async def test_what_is_paid_already_is_no_order(bill: Bill) -> None:
    scene = CounterScene()
    scene.biller.replies.append(BillFound(bill))
    fields = {"bill_no": BILL_NO}
    drawer = await scene.opened()
    answer = await fetch_for_payer(scene.operator, drawer, "desco_postpaid", fields, scene.ports)
    assert answer is CartRefusal.ALREADY_PAID
    assert scene.small.books.quotes == {}


async def test_a_silent_biller_is_unavailable() -> None:
    scene = CounterScene()
    scene.biller.replies.append(BillerSilent("timeout"))
    fields = {"bill_no": BILL_NO}
    drawer = await scene.opened()
    answer = await fetch_for_payer(scene.operator, drawer, "desco_postpaid", fields, scene.ports)
    assert answer is Refusal.BILLER_UNAVAILABLE


async def test_a_biller_that_was_taken_out_meanwhile_is_not_paid() -> None:
    scene = CounterScene()
    drawer = await scene.opened()
    order = await scene.fetched(drawer)
    scene.small.billers.known.clear()
    assert await paid(scene, drawer, order) is Refusal.UNKNOWN_BILLER
    assert scene.small.books.payments == {}


async def test_a_refusal_without_a_payment_may_be_tried_again() -> None:
    """What an earlier payment of the bill came to is not known after a restore, so this one waits."""
    scene = CounterScene()
    drawer = await scene.opened()
    earlier, order = await scene.fetched(drawer), await scene.fetched(drawer)
    await paid(scene, drawer, earlier)
    lose_everything(scene)
    assert await paid(scene, drawer, order) is Refusal.BILLER_UNAVAILABLE
    begun = await scene.standing(order.order_id)
    assert begun.outcome is OrderOutcome.BEGUN
    scene.small.lost_sends.rows.clear()
    assert await paid(scene, drawer, begun) is None
    assert (await scene.standing(order.order_id)).outcome is OrderOutcome.PAID
