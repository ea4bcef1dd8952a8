"""A payer before the checkout: choosing, choosing twice, looking, leaving."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ekpay_switch.domain.collections.funding import LockedTry, TryEnd, TryFinding, TryState
from ekpay_switch.domain.collections.payer_page import PageContent, PayerLanguage
from ekpay_switch.domain.merchants.merchant import MerchantCode, code_of
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Declined, InDoubt, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.domain.routing.breaker import Breaker, BreakerState
from ekpay_switch.domain.routing.rules import DatedWindow
from ekpay_switch.flows.merchants.checkout import (
    Choice,
    ChoiceRefusal,
    ChosenPage,
    another_try_from,
    cancel_by_payer,
    choose_instrument,
    inquire_now,
    may_cancel,
    next_try,
)
from ekpay_switch.ports.collections import TryRecorded
from tests.fakes.world import NOON
from tests.scenarios.checkout import PRICE, Shopper

WALLET_TOTAL = PRICE + 1_500 + 575


async def test_a_choice_opens_a_page_at_the_price_of_its_instrument() -> None:
    shopper = Shopper()
    assert await shopper.choose("bkash", total=WALLET_TOTAL) == ChosenPage("https://bkash.example/pay/P1")
    (one,) = shopper.tries()
    assert one.new.nth == 1
    assert shopper.page().order.amount == Money(WALLET_TOTAL)
    payment = await shopper.now()
    assert (payment.state, payment.sums.total) == (State.COLLECTING, Money(WALLET_TOTAL))


async def test_every_connector_that_is_asked_is_told_the_shop_and_the_language_of_the_button() -> None:
    shopper = Shopper()
    for name in ("ebl", "city_bank"):
        shopper.refuses(name, Unreached("nobody there"))
    choice = Choice("card", 1, Money(PRICE + 1_500 + 575), PayerLanguage.ENGLISH)
    await choose_instrument(await shopper.now(), choice, shopper.world)
    asked = [order for far in shopper.far.values() for order in far.orders]
    assert {order.connector_id for order in asked} == {"ebl", "city_bank"}
    assert {order.page for order in asked} == {PageContent("ekShop", "একশপ", PayerLanguage.ENGLISH)}


async def test_the_try_is_durable_before_anybody_is_asked() -> None:
    shopper = Shopper()
    await shopper.choose("bkash")
    steps = [one for one in shopper.small.steps.taken if one in {"open_try", "create", "record_try"}]
    assert steps == ["open_try", "create", "record_try"]


async def test_what_is_paid_is_credited_at_the_price_of_its_own_try() -> None:
    shopper = Shopper()
    await shopper.choose("agrani")
    await shopper.choose("bkash", nth=2)
    shopper.page().is_agreed = True
    await inquire_now(await shopper.now(), shopper.world)
    payment = await shopper.now()
    assert (payment.state, payment.sums.total) == (State.COMPLETED, Money(WALLET_TOTAL))


@pytest.mark.parametrize("nth", [0, 2, 99])
async def test_a_choice_that_is_not_the_next_one_begins_nothing(nth: int) -> None:
    shopper = Shopper()
    assert await shopper.choose("bkash", nth) is ChoiceRefusal.MOVED_ON
    assert shopper.tries() == []


async def test_of_two_clicks_at_once_one_opens_a_page() -> None:
    shopper = Shopper()
    answers = await asyncio.gather(*(shopper.choose("bkash") for _ in range(2)))
    assert [type(one) for one in answers].count(ChosenPage) == 1
    assert ChoiceRefusal.MOVED_ON in answers
    assert shopper.far["bkash"].asked["create"] == 1


async def test_of_two_tabs_with_two_choices_one_opens_a_page() -> None:
    """Both looked before either wrote, so that the books decide."""
    shopper = Shopper()
    before = await shopper.now()
    assert isinstance(await shopper.choose("bkash"), ChosenPage)
    shopper.payments.put = {"tries": before.tries, "state": before.state}
    assert await shopper.choose("agrani") is ChoiceRefusal.MOVED_ON
    assert len(shopper.tries()) == 1


async def test_once_it_has_ended_nothing_can_be_chosen() -> None:
    shopper = Shopper()
    await cancel_by_payer(await shopper.now(), shopper.world)
    assert await shopper.choose("bkash") is ChoiceRefusal.MOVED_ON


@pytest.mark.parametrize("instrument", ["", "ebl", "prefund", "../bkash", "dbbl_nexus"])
async def test_what_is_not_offered_cannot_be_chosen(instrument: str) -> None:
    shopper = Shopper()
    assert await shopper.choose(instrument) is ChoiceRefusal.UNKNOWN
    assert shopper.tries() == []


async def test_what_the_merchant_does_not_take_cannot_be_chosen() -> None:
    shopper = Shopper()
    shopper.takes("card")
    assert await shopper.choose("bkash") is ChoiceRefusal.UNKNOWN


async def test_a_payment_of_a_merchant_we_do_not_find_offers_nothing() -> None:
    shopper = Shopper()
    shopper.small.merchants.merchants.clear()
    assert await shopper.choose("bkash") is ChoiceRefusal.UNKNOWN


@pytest.mark.parametrize("shown", [WALLET_TOTAL - 1, WALLET_TOTAL + 1, 0, 1])
async def test_nobody_pays_another_price_than_was_shown(shown: int) -> None:
    shopper = Shopper()
    assert await shopper.choose("bkash", total=shown) is ChoiceRefusal.PRICE_CHANGED
    assert shopper.tries() == []


async def test_a_routed_choice_keeps_to_the_charge_that_was_shown() -> None:
    shopper = Shopper()
    banks = PRICE + 1_500 + 575
    assert isinstance(await shopper.choose("card", total=banks), ChosenPage)
    assert shopper.tries()[0].new.connector_id in {"ebl", "city_bank"}


async def test_where_only_dearer_ones_are_left_the_payer_is_asked_again() -> None:
    shopper = Shopper()
    for name in ("ebl", "city_bank"):
        shopper.small.routing.breakers[name] = Breaker(BreakerState.OPEN, NOON, "away")
    assert await shopper.choose("card", total=PRICE + 1_500 + 575) is ChoiceRefusal.PRICE_CHANGED
    assert isinstance(await shopper.choose("card", total=PRICE + 2_500 + 575), ChosenPage)


async def test_why_nobody_can_be_asked_is_told_apart() -> None:
    shopper = Shopper()
    shopper.far["nagad"].profile = replace(shopper.far["nagad"].profile, amount_max=Money(PRICE))
    shopper.small.routing.breakers["bkash"] = Breaker(BreakerState.OPEN, NOON, "away")
    down = DatedWindow(NOON, NOON + timedelta(hours=1))
    shopper.small.routing.rules = replace(shopper.small.routing.rules, calendar={"agrani": (down,)})
    assert await shopper.choose("nagad") is ChoiceRefusal.LIMITS
    assert await shopper.choose("bkash") is ChoiceRefusal.UNAVAILABLE
    assert await shopper.choose("agrani") is ChoiceRefusal.MAINTENANCE
    assert shopper.tries() == []


# ---- no page


@pytest.mark.parametrize(
    ("outcome", "end"),
    [
        (Declined("insufficient_balance", "2023"), TryEnd.DECLINED),
        (Unreached("the breaker is open"), TryEnd.UNREACHED),
        (InDoubt("the answer was cut off"), TryEnd.NO_PAGE),
    ],
)
async def test_without_a_page_the_payer_chooses_again(
    outcome: Declined | Unreached | InDoubt, end: TryEnd
) -> None:
    shopper = Shopper()
    shopper.refuses("bkash", outcome)
    assert await shopper.choose("bkash") is ChoiceRefusal.NO_PAGE
    (one,) = shopper.tries()
    assert (one.state, one.end, (await shopper.now()).state) == (TryState.CLOSED, end, State.CREATED)
    assert isinstance(await shopper.choose("agrani", nth=2), ChosenPage)


async def test_where_the_switch_chose_it_asks_the_next_one_at_the_same_price() -> None:
    shopper = Shopper()
    for name in ("ebl", "city_bank"):
        shopper.refuses(name, Unreached("nobody there"))
    assert await shopper.choose("card", total=PRICE + 1_500 + 575) is ChoiceRefusal.NO_PAGE
    tries = shopper.tries()
    assert {one.new.connector_id for one in tries} == {"ebl", "city_bank"}
    assert [one.new.nth for one in tries] == [1, 2]
    assert len({one.new.charges for one in tries}) == 1
    assert next_try(await shopper.now()) == 3


async def test_a_payer_who_chooses_meanwhile_is_not_overtaken_by_the_next_connector() -> None:
    shopper = Shopper()
    first = shopper.far["ebl"]
    for name in ("ebl", "city_bank", "gateway"):
        shopper.refuses(name, Unreached("nobody there"))
    record = shopper.world.collections.record

    async def chooses_after(locked_try: LockedTry, finding: TryFinding) -> TryRecorded | None:
        recorded = await record(locked_try, finding)
        if len(shopper.tries()) == 1:
            assert isinstance(await shopper.choose("bkash", nth=2), ChosenPage)
        return recorded

    shopper.world.collections.record = chooses_after  # type: ignore[method-assign]
    await shopper.choose("card")
    assert first.asked["create"] <= 1
    assert [one.new.connector_id for one in shopper.tries()][1:] == ["bkash"]
    assert shopper.tries()[1].state is TryState.OPEN


# ---- another instrument


async def test_another_instrument_is_free_at_once_where_only_our_word_moves_money() -> None:
    shopper = Shopper()
    await shopper.choose("bkash")
    payment = await shopper.now()
    since = another_try_from(payment, shopper.world)
    assert since is not None
    assert since <= payment.read_at
    assert isinstance(await shopper.choose("nagad", nth=2), ChosenPage)
    assert [one.state for one in shopper.tries()] == [TryState.ABANDONED, TryState.OPEN]


async def test_another_instrument_waits_for_a_page_that_may_still_be_paid() -> None:
    shopper = Shopper()
    await shopper.choose("nagad")
    assert another_try_from(await shopper.now(), shopper.world) == NOON + timedelta(seconds=900)
    assert await shopper.choose("bkash", nth=2) is ChoiceRefusal.MOVED_ON
    shopper.small.clock.pass_by(901)
    assert isinstance(await shopper.choose("bkash", nth=2), ChosenPage)


async def test_no_other_instrument_while_the_money_is_asked_for() -> None:
    shopper = Shopper()
    await shopper.choose("bkash")
    shopper.tries()[0].executes_begun = 1
    payment = await shopper.now()
    assert another_try_from(payment, shopper.world) is None
    assert not may_cancel(payment)
    assert await shopper.choose("nagad", nth=2) is ChoiceRefusal.MOVED_ON
    assert not await cancel_by_payer(payment, shopper.world)


async def test_no_other_instrument_and_no_cancel_while_money_is_held_for_its_risk() -> None:
    shopper = Shopper()
    await shopper.choose("bkash")
    shopper.tries()[0].held_at = NOON
    payment = await shopper.now()
    assert another_try_from(payment, shopper.world) is None
    assert not may_cancel(payment)
    assert await shopper.choose("nagad", nth=2) is ChoiceRefusal.MOVED_ON
    assert not await cancel_by_payer(payment, shopper.world)


async def test_before_any_page_everything_is_free() -> None:
    shopper = Shopper()
    payment = await shopper.now()
    assert another_try_from(payment, shopper.world) == payment.created_at
    assert may_cancel(payment)


async def test_a_page_of_a_connector_we_do_not_know_any_more_is_waited_for() -> None:
    shopper = Shopper()
    await shopper.choose("nagad")
    shopper.small.connectors.known = [one for name, one in shopper.far.items() if name != "nagad"]
    assert another_try_from(await shopper.now(), shopper.world) == NOON + timedelta(seconds=900)
    assert await shopper.choose("bkash", nth=2) is ChoiceRefusal.MOVED_ON
    shopper.tries()[0].page_until = None
    assert another_try_from(await shopper.now(), shopper.world) == NOON


# ---- looking


async def test_looking_asks_the_connector_and_believes_its_answer() -> None:
    shopper = Shopper()
    await shopper.choose("nagad")
    page = shopper.page("nagad")
    page.is_agreed = True
    shopper.far["nagad"].take(page)
    await inquire_now(await shopper.now(), shopper.world)
    assert (await shopper.now()).state is State.COMPLETED


async def test_a_try_is_looked_at_once_in_five_seconds_however_often_it_is_wished() -> None:
    shopper = Shopper()
    await shopper.choose("nagad")
    for _ in range(5):
        await inquire_now(await shopper.now(), shopper.world)
    assert shopper.far["nagad"].asked["inquire"] == 1
    shopper.small.clock.pass_by(5.0)
    await inquire_now(await shopper.now(), shopper.world)
    assert shopper.far["nagad"].asked["inquire"] == 2
    assert len(shopper.small.tables.callbacks) == 1


async def test_looking_changes_nothing_where_no_page_is_open() -> None:
    shopper = Shopper()
    await inquire_now(await shopper.now(), shopper.world)
    await shopper.choose("bkash")
    shopper.tries()[0].page_url = ""
    await inquire_now(await shopper.now(), shopper.world)
    assert shopper.small.tables.callbacks == {}


async def test_a_wish_to_look_claims_no_agreement() -> None:
    shopper = Shopper()
    await shopper.choose("bkash")
    await inquire_now(await shopper.now(), shopper.world)
    (one,) = shopper.tries()
    assert (one.is_agreed, one.executes_begun, (await shopper.now()).state) == (False, 0, State.COLLECTING)


# ---- leaving


@pytest.mark.parametrize("instrument", ["", "bkash", "nagad"])
async def test_leaving_ends_the_payment_before_money_was_asked_for(instrument: str) -> None:
    shopper = Shopper()
    if instrument:
        await shopper.choose(instrument)
    assert await cancel_by_payer(await shopper.now(), shopper.world)
    payment = await shopper.now()
    assert (payment.state, payment.refusal) == (State.DECLINED, Refusal.CANCELLED)
    assert await cancel_by_payer(payment, shopper.world), "leaving twice is leaving"


async def refused(shopper: Shopper, nth: int) -> None:
    """The payer chooses a wallet, and is refused there."""
    await shopper.choose("bkash", nth)
    shopper.page("bkash").is_gone = True
    await shopper.wait(200)


async def test_giving_up_after_a_refusal_is_a_failure_and_no_cancellation() -> None:
    shopper = Shopper()
    await refused(shopper, 1)
    assert (await shopper.now()).state is State.CREATED
    assert await cancel_by_payer(await shopper.now(), shopper.world)
    payment = await shopper.now()
    assert (payment.state, payment.refusal) == (State.DECLINED, Refusal.INSTRUMENT_REFUSED)
    assert code_of(payment.state, payment.refusal) is MerchantCode.FAILED


async def test_five_refusals_end_the_order() -> None:
    shopper = Shopper()
    for nth in range(1, 6):
        assert (await shopper.now()).state is State.CREATED
        await refused(shopper, nth)
    payment = await shopper.now()
    assert (payment.state, payment.refusal) == (State.DECLINED, Refusal.INSTRUMENT_REFUSED)


async def test_a_page_that_is_paid_after_its_payer_left_goes_back_to_its_payer() -> None:
    shopper = Shopper()
    await shopper.choose("nagad")
    await cancel_by_payer(await shopper.now(), shopper.world)
    page = shopper.page("nagad")
    page.is_agreed = True
    shopper.far["nagad"].take(page)
    await shopper.wait(200)
    assert (await shopper.now()).state is State.DECLINED
    assert [one.end for one in shopper.tries()] == [TryEnd.SECOND_SUCCESS]
    assert len(shopper.small.tables.refunds) == 1
