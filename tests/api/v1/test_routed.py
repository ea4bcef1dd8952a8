"""An instrument that we route, as a shop sees it."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.outcome import Unreached
from ekpay_switch.domain.routing.breaker import Breaker, BreakerState
from tests.api.v1.v1_setup import PAYMENTS, Shop, Till, an_order, as_bytes, code_of
from tests.fakes.connectors import FakeConnector
from tests.scenarios.routing import ACQUIRER, CARDS, card_rules


@pytest.fixture
def acquirers(till: Till) -> dict[str, FakeConnector]:
    """Three acquirers beside the wallet; an attempt's luck decides nothing."""
    small = till.small
    found = {name: FakeConnector(small.clock, small.steps, replace(ACQUIRER, id=name)) for name in CARDS}
    small.connectors.known += found.values()
    rules = card_rules()
    small.routing.rules = replace(rules, record=replace(rules.record, exploration_ppm=0))
    return found


async def test_a_card_says_who_collects_and_what_that_costs(
    shop: Shop, acquirers: dict[str, FakeConnector]
) -> None:
    made = await shop.made(an_order(instrument="card"))
    assert (made["instrument"], made["charge"]) == ("ebl", 1_575)
    assert acquirers["ebl"].asked["create"] == 1
    assert made["next_action"]["type"] == "redirect"


async def test_a_shop_does_not_see_that_another_one_had_to_be_asked(
    shop: Shop, acquirers: dict[str, FakeConnector]
) -> None:
    acquirers["ebl"].creates.append(Unreached("connect refused"))
    made = await shop.made(an_order(instrument="card"))
    assert (made["status"], made["instrument"]) == ("pending", "brac_bank")


async def test_where_nobody_takes_payments_nothing_is_done_and_the_key_stays_free(
    till: Till, shop: Shop, acquirers: dict[str, FakeConnector]
) -> None:
    till.small.routing.breakers["ebl"] = Breaker(BreakerState.OPEN, till.small.clock.now(), "told so")
    key = "key-of-a-shop-0000001"
    refused = await shop.create(an_order(instrument="ebl"), key)
    assert (refused.status, code_of(refused)) == (503, "instrument_unavailable")
    assert refused.headers["retry-after"] == "30"
    assert acquirers["ebl"].asked["create"] == 0
    del till.small.routing.breakers["ebl"]
    assert (await shop.create(an_order(instrument="ebl"), key)).status == 201


async def test_another_try_may_be_routed(till: Till, shop: Shop, acquirers: dict[str, FakeConnector]) -> None:
    till.wallet.creates.append(Unreached("connect refused"))
    made = await shop.made(an_order())
    assert made["next_action"] is None
    reply = await shop.post(f"{PAYMENTS}/{made['id']}/tries", as_bytes({"instrument": "card"}))
    assert (reply.status, reply.plain["instrument"]) == (201, "ebl")
    assert acquirers["ebl"].asked["create"] == 1


async def test_an_instrument_that_is_not_routed_here_is_unknown(shop: Shop) -> None:
    assert code_of(await shop.create(an_order(instrument="card"))) == "unknown_instrument"
