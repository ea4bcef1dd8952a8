"""Orders for a card over real books, by two processes: routed, failed over, held back by one breaker."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import count

import pytest

from ekpay_switch.domain.bill import Bill
from ekpay_switch.domain.outcome import InDoubt, Unreached
from ekpay_switch.domain.routing.breaker import BreakerState
from ekpay_switch.flows.collections.collect import CollectionAnswer, CollectRefusal, collect
from ekpay_switch.ports.collections import PaymentView
from ekpay_switch.ports.world import World
from ekpay_switch.system_clock import SystemClock
from tests.factories import BILL_NO, a_bill, a_world
from tests.fakes.connectors import FakeConnector
from tests.persistence.collections.collection_setup import Till
from tests.persistence.routing.routing_setup import Desk, open_desk
from tests.scenarios.collections import a_collect_order
from tests.scenarios.routing import ACQUIRER, CARDS, card_rules

DECISIONS = """
SELECT instrument, chosen, approach, document #>> '{verdicts,0,why}' AS why_not_the_first
FROM routing_decisions ORDER BY attempt_id
"""


@dataclass
class Shop:
    """A shop whose orders reach one process or the other."""

    desk: Desk
    of: dict[str, FakeConnector]
    worlds: tuple[World, World]
    bills: dict[str, Bill]
    numbers: "count[int]"

    async def sells(self, process: int = 0, instrument: str = "card") -> PaymentView | CollectRefusal:
        number = next(self.numbers)
        self.bills[BILL_NO] = a_bill(f"{number:012d}")
        order = replace(a_collect_order(f"v1:{number:020d}"), instrument=instrument)
        answer = await collect(order, self.worlds[process])
        assert isinstance(answer, CollectionAnswer | CollectRefusal), answer
        return answer if isinstance(answer, CollectRefusal) else answer.view


@pytest.fixture
async def shop(till: Till) -> AsyncIterator[Shop]:
    rules = card_rules()
    async with open_desk(till, replace(rules, record=replace(rules.record, exploration_ppm=0))) as desk:
        small = a_world(prefund=1)
        small.clock.instant = SystemClock().now()
        of = {name: FakeConnector(small.clock, small.steps, replace(ACQUIRER, id=name)) for name in CARDS}
        small.connectors.known += of.values()
        both = (desk.here, desk.there)
        here, there = (replace(small.world, collections=till.collections, routing=one) for one in both)
        yield Shop(desk, of, (here, there), small.biller.bills, count(1))


async def test_a_card_is_routed_and_failed_over_with_a_decision_for_each_try(shop: Shop) -> None:
    shop.of["ebl"].creates.append(Unreached("connect refused"))
    view = await shop.sells()
    assert isinstance(view, PaymentView)
    assert (view.connector_id, bool(view.page_url)) == ("brac_bank", True)
    rows = [tuple(row) for row in await shop.desk.books.rows(DECISIONS)]
    assert rows == [("card", "ebl", "scored", None), ("card", "brac_bank", "scored", "tried")]
    assert await shop.desk.outcomes() == ["unreached"]
    assert await shop.desk.outcomes("brac_bank") == ["page"]


async def test_both_processes_learn_from_the_same_outcomes(shop: Shop) -> None:
    shop.of["ebl"].creates.append(InDoubt("cut off"))
    await shop.sells(0)
    shop.desk.look_again()
    view = await shop.sells(1)
    assert isinstance(view, PaymentView)
    assert view.connector_id == "brac_bank"


async def test_doubts_of_both_processes_open_one_breaker_for_both(shop: Shop) -> None:
    shop.of["ebl"].creates.extend([InDoubt("cut off")] * 5)
    for number in range(5):
        await shop.sells(number % 2, "ebl")
    assert await shop.desk.state() is BreakerState.OPEN
    shop.desk.look_again()
    assert [await shop.sells(one, "ebl") for one in (0, 1)] == [CollectRefusal.INSTRUMENT_UNAVAILABLE] * 2
    assert await shop.desk.books.count("payments") == 5
    view = await shop.sells(1)
    assert isinstance(view, PaymentView)
    assert view.connector_id == "brac_bank"


async def test_books_with_routed_payments_are_clean(shop: Shop) -> None:
    await shop.sells()
    assert await shop.desk.books.audit() is None
