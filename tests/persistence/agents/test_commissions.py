"""Commission in the database: each paid order earns once, whoever books and however often."""

import asyncio
from datetime import date
from uuid import UUID

import pytest

from ekpay_switch.domain.agents.commission import EVERY_AGENT, CommissionRate, CommissionTerms
from ekpay_switch.domain.agents.counter import AgentOrder
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined
from ekpay_switch.persistence.agents import commissions
from ekpay_switch.persistence.agents.commissions import book_commissions, read_commissions
from tests.fakes.billers import LOSES_ANSWER, Deed
from tests.persistence.agents.counter_setup import AGENT, FEE, Centre

EARNED = FEE * 4_000 // 10_000
EXPENSE, OWED = "agent_commission", f"commission_payable:agent:{AGENT}"
BALANCES = """
SELECT account, sum(amount)::bigint FROM postings WHERE account ~ '^agent_commission$|:agent:'
GROUP BY account
"""
REFUSES = Deed(Declined("closed_account"))


def terms(basis_points: int = 4_000, agent: str = EVERY_AGENT) -> CommissionTerms:
    return CommissionTerms((CommissionRate(agent, basis_points, date(2020, 1, 1)),))


async def paid(centre: Centre, *names: str) -> list[AgentOrder]:
    """Bills that an operator has paid, each for our fee."""
    centre.take_fee()
    operator = await centre.operator()
    drawer = await centre.opened(operator)
    return [await centre.paid(operator, drawer, name) for name in names]


async def balances(centre: Centre) -> dict[str, int]:
    return {row[0]: row[1] for row in await centre.books.rows(BALANCES)}


async def test_paid_orders_of_an_agent_earn_in_one_entry(centre: Centre) -> None:
    orders = await paid(centre, "desco_postpaid", "titas")
    assert [order.commission for order in orders] == [None, None]
    assert await book_commissions(centre.transactions, terms()) == 2
    assert await balances(centre) == {EXPENSE: 2 * EARNED, OWED: -2 * EARNED}
    (booked,) = await read_commissions(centre.transactions)
    assert (booked.agent, booked.amount, booked.order_count) == (AGENT, Money(2 * EARNED), 2)
    lines = await centre.counter.orders(orders[0].drawer_id)
    assert [line.commission for line in lines] == [Money(EARNED), Money(EARNED)]
    assert await book_commissions(centre.transactions, terms(9_000)) == 0, "once, by the rate of then"


async def test_two_workers_at_once_book_an_order_once(centre: Centre) -> None:
    await paid(centre, "desco_postpaid", "titas")
    booked = await asyncio.gather(*(book_commissions(centre.transactions, terms()) for _ in range(8)))
    assert sum(booked) == 2
    assert (await balances(centre))[OWED] == -2 * EARNED


async def test_each_agent_earns_by_its_own_rate_in_an_entry_of_its_own(centre: Centre) -> None:
    await paid(centre, "desco_postpaid")
    await centre.books.partner("udc2", prefund=10_000_000)
    await centre.linked("01812345678", agent="udc2")
    other = await centre.counter.operator_of(await centre.citizen("01812345678"))
    assert other is not None
    await centre.paid(other, await centre.opened(other), "titas")
    own = CommissionTerms((*terms().rates, CommissionRate("udc2", 10_000, date(2020, 1, 1))))
    assert await book_commissions(centre.transactions, own) == 2
    by_agent = {item.agent: item.amount.minor for item in await read_commissions(centre.transactions)}
    assert by_agent == {AGENT: EARNED, "udc2": FEE}


async def test_what_is_refused_in_doubt_or_only_shown_earns_nothing(centre: Centre) -> None:
    centre.take_fee()
    operator = await centre.operator()
    drawer = await centre.opened(operator)
    centre.portal.billers["desco_postpaid"].deeds.append(REFUSES)
    refused = await centre.paid(operator, drawer)
    centre.portal.billers["titas"].deeds.append(LOSES_ANSWER)
    doubted = await centre.paid(operator, drawer, "titas")
    await centre.fetched(operator, drawer)
    assert await book_commissions(centre.transactions, terms()) == 0
    assert await centre.counter.hand_back(AGENT, refused.order_id, drawer.drawer_id)
    await centre.portal.worker_round()
    assert await book_commissions(centre.transactions, terms()) == 1
    standing = await centre.standing(operator, doubted.order_id)
    assert standing.commission == Money(EARNED), "the doubt has ended as paid"


async def test_without_a_rate_an_order_earns_nothing_for_good(centre: Centre) -> None:
    (order,) = await paid(centre, "desco_postpaid")
    assert await book_commissions(centre.transactions, CommissionTerms()) == 1
    assert await book_commissions(centre.transactions, terms()) == 0
    assert await balances(centre) == {}
    (line,) = await centre.counter.orders(order.drawer_id)
    assert line.commission == Money(0)


async def test_more_orders_than_one_round_takes_are_booked_in_the_next(
    centre: Centre, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commissions, "ORDERS_MAX", 1)
    await paid(centre, "desco_postpaid", "titas")
    rounds = [await book_commissions(centre.transactions, terms()) for _ in range(3)]
    assert rounds == [1, 1, 0]
    booked: list[UUID] = [item.commission_id for item in await read_commissions(centre.transactions)]
    assert len(set(booked)) == 2
