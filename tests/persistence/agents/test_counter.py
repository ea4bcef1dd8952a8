"""Drawers and orders in the database: each payer's cash counts once, in a drawer that is open."""

import asyncio
from dataclasses import replace

from ekpay_switch.domain.agents.counter import CashDrawer, OrderOutcome
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined
from ekpay_switch.flows.agents.serve_payer import CounterRefusal, pay_order
from ekpay_switch.persistence.agents.counter import drop_old_orders
from ekpay_switch.security.identifiers import uuid7
from tests.fakes.billers import LOSES_ANSWER, Deed
from tests.persistence.agents.counter_setup import AGENT, CASH, PREFUND, Centre

REFUSES = Deed(Declined("closed_account"))


async def test_a_bill_is_paid_from_the_prefund_and_its_cash_is_in_the_drawer(centre: Centre) -> None:
    operator = await centre.operator()
    drawer = await centre.opened(operator)
    order = await centre.paid(operator, drawer)
    assert (order.outcome, order.bill.amount.minor) == (OrderOutcome.PAID, CASH)
    assert await centre.books.balance(AGENT) == PREFUND - CASH
    (line,) = await centre.counter.orders(drawer.drawer_id)
    assert replace(line, read_at=order.read_at) == order
    closed = await centre.counter.close_drawer(drawer.drawer_id, Money(50_000 + CASH - 100))
    assert (closed.expected, closed.difference) == (Money(50_000 + CASH), Money(-100))
    assert await centre.counter.drawers(operator, 5) == [closed]


async def test_pressed_twenty_times_at_once_a_bill_is_paid_once(centre: Centre) -> None:
    operator = await centre.operator()
    drawer = await centre.opened(operator)
    order = await centre.fetched(operator, drawer)
    await asyncio.gather(*(pay_order(operator, drawer, order, centre.ports) for _ in range(20)))
    assert len(centre.portal.billers["desco_postpaid"].orders) == 1
    assert await centre.books.balance(AGENT) == PREFUND - CASH


async def test_opened_twice_at_once_there_is_one_drawer(centre: Centre) -> None:
    operator = await centre.operator()
    opened = await asyncio.gather(*(centre.opened(operator, opening) for opening in (0, 100)))
    assert opened[0] == opened[1] == await centre.counter.open_drawer_of(operator)


async def test_a_drawer_is_closed_once_and_stays_as_it_was_counted(centre: Centre) -> None:
    operator = await centre.operator()
    drawer = await centre.opened(operator)
    closed = await centre.counter.close_drawer(drawer.drawer_id, Money(50_000))
    assert await centre.counter.close_drawer(drawer.drawer_id, Money(1), "alice") == closed
    assert await centre.counter.open_drawer_of(operator) is None


async def test_the_staff_closes_a_drawer_for_an_operator_who_is_gone(centre: Centre) -> None:
    operator = await centre.operator()
    drawer = await centre.opened(operator)
    await centre.operators.remove(operator.operator_id, "bob")
    assert await centre.counter.all_drawers(is_open=True) == [drawer]
    closed = await centre.counter.close_drawer(drawer.drawer_id, Money(50_000), "alice")
    assert closed.closed_by == "alice"
    assert await centre.counter.all_drawers(is_open=True) == []
    assert await centre.counter.all_drawers(is_open=False) == [closed]


async def test_nothing_is_confirmed_at_a_closed_drawer(centre: Centre) -> None:
    operator = await centre.operator()
    drawer = await centre.opened(operator)
    order = await centre.fetched(operator, drawer)
    await centre.counter.close_drawer(drawer.drawer_id, Money(50_000))
    assert await pay_order(operator, drawer, order, centre.ports) is CounterRefusal.DRAWER_CLOSED
    assert await pay_order(operator, await centre.opened(operator), order, centre.ports) is (
        CounterRefusal.DRAWER_CLOSED
    )
    assert await centre.books.count("payments") == 0


async def test_cash_whose_bill_was_refused_counts_until_it_is_handed_back(centre: Centre) -> None:
    operator = await centre.operator()
    centre.portal.billers["desco_postpaid"].deeds.append(REFUSES)
    first = await centre.opened(operator)
    order = await centre.paid(operator, first)
    assert order.outcome is OrderOutcome.TO_HAND_BACK
    assert await centre.books.balance(AGENT) == PREFUND
    assert (await closed(centre, first)).expected == Money(50_000 + CASH)
    second = await centre.opened(operator, 200_000)
    back = [await hand_back(centre, order.order_id, second) for _ in range(2)]
    assert back == [True, True]
    assert (await centre.standing(operator, order.order_id)).outcome is OrderOutcome.HANDED_BACK
    assert (await closed(centre, second)).expected == Money(200_000 - CASH)


async def test_nothing_is_handed_back_while_the_bill_may_be_paid_or_is(centre: Centre) -> None:
    operator = await centre.operator()
    centre.portal.billers["desco_postpaid"].deeds.append(LOSES_ANSWER)
    drawer = await centre.opened(operator)
    in_doubt = await centre.paid(operator, drawer)
    assert in_doubt.outcome is OrderOutcome.UNDER_WAY
    assert not await hand_back(centre, in_doubt.order_id, drawer)
    await centre.portal.worker_round()
    assert (await centre.standing(operator, in_doubt.order_id)).outcome is OrderOutcome.PAID
    assert not await hand_back(centre, in_doubt.order_id, drawer)
    unpaid = await centre.fetched(operator, drawer, "titas")
    assert not await hand_back(centre, unpaid.order_id, drawer)
    assert not await hand_back(centre, uuid7(), drawer)


async def test_nothing_is_handed_back_from_a_closed_drawer_or_by_another_agent(centre: Centre) -> None:
    operator = await centre.operator()
    centre.portal.billers["desco_postpaid"].deeds.append(REFUSES)
    drawer = await centre.opened(operator)
    order = await centre.paid(operator, drawer)
    assert not await centre.counter.hand_back("bank1", order.order_id, drawer.drawer_id)
    await closed(centre, drawer)
    assert not await hand_back(centre, order.order_id, drawer)


async def test_a_payment_that_comes_into_the_books_late_counts_in_the_next_drawer(centre: Centre) -> None:
    """It was confirmed before the drawer was closed, and claimed after."""
    operator = await centre.operator()
    first = await centre.opened(operator)
    order = await centre.fetched(operator, first)
    assert await centre.counter.confirm(order.order_id, first.drawer_id)
    begun = await centre.standing(operator, order.order_id)
    assert (await closed(centre, first)).expected == Money(50_000)
    await centre.books.tell("UPDATE cash_drawers SET closed_at = NULL, expected = NULL, counted = NULL")
    assert await pay_order(operator, first, begun, centre.ports) is None
    await centre.books.tell("UPDATE cash_drawers SET closed_at = now(), expected = 50000, counted = 50000")
    second = await centre.opened(operator, 0)
    assert (await closed(centre, second)).expected == Money(CASH)


async def test_what_nobody_confirmed_is_dropped_and_nothing_else(centre: Centre) -> None:
    operator = await centre.operator()
    drawer = await centre.opened(operator)
    kept = await centre.paid(operator, drawer)
    dropped = await centre.fetched(operator, drawer, "titas")
    await drop_old_orders(centre.transactions, 1)
    assert await centre.counter.order(AGENT, dropped.order_id) is not None
    await centre.books.tell("UPDATE agent_orders SET fetched_at = now() - interval '2 hours'")
    await drop_old_orders(centre.transactions, 1)
    assert await centre.counter.order(AGENT, dropped.order_id) is None
    assert await centre.counter.order(AGENT, kept.order_id) is not None


async def test_another_agent_sees_neither_order_nor_drawer(centre: Centre) -> None:
    operator = await centre.operator()
    drawer = await centre.opened(operator)
    order = await centre.paid(operator, drawer)
    assert await centre.counter.order("bank1", order.order_id) is None
    assert await centre.counter.drawer("bank1", drawer.drawer_id) is None
    assert await centre.counter.drawer(AGENT, drawer.drawer_id) == drawer


async def closed(centre: Centre, drawer: CashDrawer) -> CashDrawer:
    return await centre.counter.close_drawer(drawer.drawer_id, Money(0))


async def hand_back(centre: Centre, order_id: object, drawer: CashDrawer) -> bool:
    return await centre.counter.hand_back(AGENT, order_id, drawer.drawer_id)  # type: ignore[arg-type]
