"""A connector that answers nothing is asked for no more payments, and comes back by an answered question."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.collections.connector_calls import NeverPaid
from ekpay_switch.domain.collections.funding import TryEnd
from ekpay_switch.domain.outcome import InDoubt, NoAnswer
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.routing.breaker import Breaker, BreakerState
from ekpay_switch.domain.routing.rules import Action
from ekpay_switch.flows.collections.collect import CollectRefusal
from ekpay_switch.ports.collections import PaymentView
from tests.factories import BILL_NO, a_bill
from tests.fakes.crash_points import CrashError
from tests.scenarios.routing import Acquirers, a_rule, left_out

LOST_PAGE = InDoubt("the answer was cut off")
DARK = NoAnswer("the answer was cut off")


class Shop(Acquirers):
    """Many payments of one shop, each of a bill of its own."""

    async def sells(self, instrument: str = "ebl") -> PaymentView | CollectRefusal:
        number = f"{len(self.small.books.payments):012d}"
        self.small.biller.bills[BILL_NO] = a_bill(number)
        return await self.pays_by(instrument, f"v1:{number}")

    def breaker(self, name: str = "ebl") -> Breaker:
        return self.small.routing.breaker(name)

    async def opened(self, name: str = "ebl") -> None:
        """Five pages are lost in a row."""
        self.of[name].creates.extend([LOST_PAGE] * 5)
        for _ in range(5):
            assert isinstance(await self.sells(name), PaymentView)
        assert self.breaker(name).state is BreakerState.OPEN

    async def half_opened(self) -> None:
        await self.sells()
        self.page_of("ebl").is_gone = True
        await self.opened()
        await self.wait(180)
        assert self.breaker().state is BreakerState.HALF_OPEN


async def test_five_in_doubt_in_a_row_and_nobody_is_asked_any_more() -> None:
    shop = Shop()
    await shop.opened()
    assert shop.breaker().reason == "5 in doubt in a row"
    asked = len(shop.asked())
    assert await shop.sells() is CollectRefusal.INSTRUMENT_UNAVAILABLE
    assert len(shop.asked()) == asked


async def test_routed_payments_go_elsewhere_meanwhile() -> None:
    shop = Shop(a_rule(Action.PREFER, "ebl"))
    await shop.opened()
    view = await shop.sells("card")
    assert isinstance(view, PaymentView)
    assert view.connector_id == "brac_bank"
    assert left_out(shop.decisions()[-1])["ebl"] == "breaker"


async def test_pages_that_open_between_keep_it_closed() -> None:
    shop = Shop()
    for _ in range(8):
        await shop.sells()
        shop.of["ebl"].creates.append(LOST_PAGE)
        await shop.sells()
    assert shop.breaker().state is BreakerState.CLOSED


async def test_half_of_twenty_in_doubt_open_it() -> None:
    shop = Shop()
    for _ in range(10):
        await shop.sells()
        shop.of["ebl"].creates.append(LOST_PAGE)
        await shop.sells()
    assert shop.breaker().reason == "10 of the last 20 in doubt"


async def test_an_answered_question_half_opens_it_after_the_hold() -> None:
    shop = Shop()
    await shop.sells()
    shop.small.clock.pass_by(170)
    await shop.opened()
    await shop.wait(11)
    assert (shop.of["ebl"].asked["inquire"], shop.breaker().state) == (1, BreakerState.OPEN)
    await shop.wait(180)
    assert (shop.of["ebl"].asked["inquire"], shop.breaker().state) == (2, BreakerState.HALF_OPEN)


async def test_a_question_without_an_answer_leaves_it_open() -> None:
    shop = Shop()
    await shop.sells()
    await shop.opened()
    shop.of["ebl"].inquiries.extend([DARK] * 10)
    await shop.wait(180)
    assert shop.of["ebl"].asked["inquire"] == 1
    assert shop.breaker().state is BreakerState.OPEN


async def test_one_whose_payments_have_all_ended_is_asked_about_the_newest_of_them() -> None:
    """Nobody else would ask it ever again."""
    shop = Shop()
    await shop.sells()
    shop.page_of("ebl").is_gone = True
    await shop.wait(180)
    await shop.opened()
    shop.small.clock.pass_by(29)
    await shop.wait(0)
    assert (shop.of["ebl"].asked["inquire"], shop.breaker().state) == (1, BreakerState.OPEN)
    await shop.wait(1)
    assert (shop.of["ebl"].asked["inquire"], shop.breaker().state) == (2, BreakerState.HALF_OPEN)
    assert shop.of["ebl"].asked["execute"] == 0


async def test_one_that_nobody_can_ask_half_opens_by_itself() -> None:
    """No payment of it ever had a name over there."""
    shop = Shop()
    await shop.opened()
    await shop.wait(599)
    assert shop.breaker().state is BreakerState.OPEN
    await shop.wait(1)
    assert shop.breaker().state is BreakerState.HALF_OPEN


async def test_a_half_open_one_lets_one_payment_through_at_a_time() -> None:
    shop = Shop()
    await shop.half_opened()
    ebl = shop.of["ebl"]
    others: list[PaymentView | CollectRefusal] = []

    async def and_meanwhile(_: object) -> object:
        others.append(await shop.sells())
        return LOST_PAGE

    ebl.create = and_meanwhile  # type: ignore[method-assign,assignment]
    await shop.sells()
    assert others == [CollectRefusal.INSTRUMENT_UNAVAILABLE]
    assert shop.breaker().reason == "no_page while half open"


async def test_a_page_makes_room_for_the_next_one_and_money_closes_it() -> None:
    shop = Shop()
    await shop.half_opened()
    for _ in range(3):
        view = await shop.sells()
        assert isinstance(view, PaymentView)
        assert view.page_url
    assert shop.breaker().state is BreakerState.HALF_OPEN
    shop.of["ebl"].take(shop.page_of("ebl"))
    for seconds in (180, 1, 1, 1):  # one question at a time within the budget
        await shop.wait(seconds)
    assert (shop.state, shop.breaker().state) == (State.COMPLETED, BreakerState.CLOSED)


async def test_once_closed_what_was_before_does_not_count() -> None:
    shop = Shop()
    await shop.half_opened()
    await shop.sells()
    shop.of["ebl"].take(shop.page_of("ebl"))
    await shop.wait(180)
    shop.of["ebl"].creates.extend([LOST_PAGE] * 4)
    for _ in range(4):
        await shop.sells()
    assert shop.breaker().state is BreakerState.CLOSED


async def test_a_place_that_nobody_gives_back_is_free_again_after_a_while() -> None:
    """The process that held it was killed."""
    shop = Shop()
    await shop.half_opened()
    lease_seconds = shop.of["ebl"].profile.timing.lease_seconds
    attempt = shop.tries()[0].new.attempt_id
    assert await shop.small.routing.reserve_probe("ebl", attempt, lease_seconds)
    assert await shop.sells() is CollectRefusal.INSTRUMENT_UNAVAILABLE
    shop.small.clock.pass_by(lease_seconds)
    assert isinstance(await shop.sells(), PaymentView)


async def test_where_another_payment_was_quicker_the_rest_decides() -> None:
    shop = Shop(a_rule(Action.PREFER, "ebl"))
    await shop.half_opened()

    async def is_taken(connector_id: str, *_: object) -> bool:
        return connector_id != "ebl"

    shop.small.routing.reserve_probe = is_taken  # type: ignore[method-assign,assignment]
    view = await shop.sells("card")
    assert isinstance(view, PaymentView)
    assert view.connector_id == "brac_bank"
    assert left_out(shop.decisions()[-1])["ebl"] == "probed"
    assert await shop.sells("ebl") is CollectRefusal.INSTRUMENT_UNAVAILABLE


@pytest.mark.parametrize("is_answered", [True, False])
async def test_a_breaker_holds_back_no_question_and_no_money_that_was_agreed_to(*, is_answered: bool) -> None:
    shop = Shop()
    await shop.order()
    shop.small.routing.breakers["bkash"] = replace(Breaker(), state=BreakerState.OPEN, since=None)
    if not is_answered:
        shop.small.connector.inquiries.append(NeverPaid("cancelled"))
    await shop.pay()
    assert shop.state is State.COMPLETED


async def test_a_process_that_dies_says_nothing_about_the_connector() -> None:
    """Its tries have no page because nobody was left to hear of one."""
    shop = Shop()
    for _ in range(6):
        shop.small.steps.crash_at = "after create"
        with pytest.raises(CrashError):
            await shop.sells()
    await shop.wait(60)
    assert {one.end for one in shop.small.tables.tries} == {TryEnd.NO_PAGE}
    assert shop.breaker().state is BreakerState.CLOSED
    assert isinstance(await shop.sells(), PaymentView)
