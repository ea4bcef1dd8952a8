"""What a payer may choose: instruments with their prices, who is away and until when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ekpay_switch.domain.errors import NoFeeError
from ekpay_switch.domain.fees import FeeRow, FeeTable
from ekpay_switch.domain.merchants.cart import Cart, CartLine
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.breaker import Breaker, BreakerState
from ekpay_switch.domain.routing.rules import Action, Condition, DatedWindow, Rule, WeeklyWindow, Window
from ekpay_switch.flows.merchants.offers import (
    Offer,
    UnavailableReason,
    bill_offers,
    down_until,
    instruments_of,
    offers,
)
from tests.fakes.world import FIVE_TAKA, NOON
from tests.scenarios.checkout import CARDS, PRICE, Shopper, a_merchant

SUNDAY, MONDAY = 6, 0


async def offered(shopper: Shopper) -> dict[str, Offer]:
    found = await offers(await shopper.now(), shopper.merchant, shopper.world)
    return {one.instrument: one for one in found}


async def test_every_instrument_is_offered_with_its_own_price() -> None:
    found = await offered(Shopper())
    wallet, account = found["bkash"], found["agrani"]
    assert wallet.kind == "wallet"
    assert wallet.profile is not None
    assert (wallet.profile.name_bn, wallet.why_not, wallet.is_shaky) == ("বিকাশ", None, False)
    assert (wallet.charges.charge, wallet.charges.fee, wallet.charges.vat) == (
        Money(1_500),
        Money(500),
        Money(75),
    )
    assert wallet.total == Money(PRICE + 1_500 + 575)
    assert account.total == Money(PRICE + 500 + 575)


async def test_cards_are_one_offer_and_a_card_of_its_own_is_another() -> None:
    found = await offered(Shopper())
    assert found.keys() == {"bkash", "nagad", "card", "nexus", "agrani"}
    assert (found["card"].profile, found["card"].kind) == (None, "card")


async def test_a_routed_offer_costs_what_the_chosen_connector_charges() -> None:
    shopper = Shopper()
    rule = Rule("banks first", Condition(), Action.PREFER, frozenset({"ebl", "city_bank"}))
    shopper.small.routing.rules = replace(shopper.small.routing.rules, rules=(rule,))
    assert (await offered(shopper))["card"].charges.charge == Money(1_500)
    for name in ("ebl", "city_bank"):
        shopper.small.routing.breakers[name] = Breaker(BreakerState.OPEN, NOON, "5 in doubt in a row")
    assert (await offered(shopper))["card"].charges.charge == Money(2_500)


async def test_what_can_be_had_comes_first_and_the_cheaper_before_the_dearer() -> None:
    shopper = Shopper()
    shopper.small.routing.breakers["agrani"] = Breaker(BreakerState.OPEN, NOON, "away")
    found = await offers(await shopper.now(), shopper.merchant, shopper.world)
    assert [one.instrument for one in found] == ["bkash", "nagad", "nexus", "card", "agrani"]


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ({"wallet"}, {"bkash", "nagad"}),
        ({"nagad", "account"}, {"nagad", "agrani"}),
        ({"card"}, {"card", "nexus"}),
        ({"ebl"}, {"ebl"}),
        ({"nobody"}, set()),
    ],
)
async def test_only_what_the_merchant_takes_is_offered(taken: set[str], expected: set[str]) -> None:
    shopper = Shopper()
    shopper.takes(*taken)
    assert (await offered(shopper)).keys() == expected


def test_a_merchant_that_is_not_active_offers_nothing() -> None:
    assert instruments_of(a_merchant(is_active=False), Shopper().world) == {}


def test_a_connector_that_is_not_active_is_no_instrument() -> None:
    shopper = Shopper()
    for name in ("nagad", *CARDS):
        shopper.far[name].profile = replace(shopper.far[name].profile, status="planned")
    assert instruments_of(shopper.merchant, shopper.world).keys() == {"bkash", "nexus", "agrani"}


async def test_the_fee_is_that_of_the_plan_of_the_merchant() -> None:
    shopper = Shopper()
    free = replace(FIVE_TAKA, payee="ekshop_plan", instrument="wallet", fixed=0)
    shopper.world = replace(shopper.world, fees=FeeTable("test", (free, FIVE_TAKA)))
    found = await offered(shopper)
    assert (found["bkash"].charges.fee, found["card"].charges.fee) == (Money(0), Money(500))


async def test_a_bill_costs_by_itself_what_it_costs_in_a_cart() -> None:
    shopper = Shopper()
    line = CartLine("a bill", "1", Money(PRICE), "desco_postpaid")
    shopper.payments.put = {"text": replace((await shopper.now()).text, cart=Cart((line,)))}
    electricity = replace(FIVE_TAKA, payee="electricity", fixed=1_000)
    shopper.world = replace(shopper.world, fees=FeeTable("test", (electricity, FIVE_TAKA)))
    shopper.small.routing.breakers["agrani"] = Breaker(BreakerState.OPEN, NOON, "away")
    biller = shopper.world.billers.by_id("desco_postpaid")
    assert biller is not None
    alone = await bill_offers(biller.profile, Money(PRICE), shopper.merchant, shopper.world)
    assert alone == await offers(await shopper.now(), shopper.merchant, shopper.world)
    assert {one.charges.fee for one in alone} == {Money(1_000)}


async def test_the_fee_of_a_cart_of_bills_is_the_sum_of_the_fees_of_its_bills() -> None:
    shopper = Shopper()
    bills = (("desco_postpaid", 60_000), ("titas_gone", 40_000), ("", 5_000))
    lines = tuple(CartLine(biller or "a pen", "1", Money(minor), biller) for biller, minor in bills)
    shopper.payments.put = {"text": replace((await shopper.now()).text, cart=Cart(lines))}
    electricity = replace(FIVE_TAKA, payee="electricity", fixed=1_000)
    by_name = replace(FIVE_TAKA, payee="titas_gone", fixed=200)
    shopper.world = replace(shopper.world, fees=FeeTable("test", (electricity, by_name, FIVE_TAKA)))
    wallet = (await offered(shopper))["bkash"].charges
    assert (wallet.fee, wallet.vat) == (Money(1_200), Money(180))


async def test_a_missing_price_is_never_taken_for_free() -> None:
    shopper = Shopper()
    rows: tuple[FeeRow, ...] = (replace(FIVE_TAKA, instrument="wallet"),)
    shopper.world = replace(shopper.world, fees=FeeTable("test", rows))
    with pytest.raises(NoFeeError):
        await offered(shopper)


async def test_an_amount_beyond_the_limits_is_not_offered() -> None:
    shopper = Shopper()
    small = replace(shopper.far["nagad"].profile, amount_max=Money(PRICE))
    shopper.far["nagad"].profile = small
    found = await offered(shopper)
    assert (found["nagad"].why_not, found["nagad"].amount_max) == (UnavailableReason.LIMITS, Money(PRICE))
    assert found["bkash"].why_not is None


async def test_an_announced_downtime_says_when_it_ends() -> None:
    shopper = Shopper()
    until = NOON + timedelta(hours=2)
    calendar: dict[str, tuple[Window, ...]] = {"nagad": (DatedWindow(NOON - timedelta(hours=1), until),)}
    shopper.small.routing.rules = replace(shopper.small.routing.rules, calendar=calendar)
    found = await offered(shopper)
    assert (found["nagad"].why_not, found["nagad"].until) == (UnavailableReason.MAINTENANCE, until)
    assert found["bkash"].until is None


async def test_of_several_that_are_down_the_first_one_back_counts() -> None:
    shopper = Shopper()
    ends = (NOON + timedelta(hours=3), NOON + timedelta(hours=1), NOON + timedelta(hours=2))
    calendar: dict[str, tuple[Window, ...]] = {
        name: (DatedWindow(NOON, end),) for name, end in zip(CARDS, ends, strict=True)
    }
    shopper.small.routing.rules = replace(shopper.small.routing.rules, calendar=calendar)
    card = (await offered(shopper))["card"]
    assert (card.why_not, card.until) == (UnavailableReason.MAINTENANCE, ends[1])


async def test_whose_breaker_is_open_is_shown_as_away_and_half_open_as_shaky() -> None:
    shopper = Shopper()
    shopper.small.routing.breakers["bkash"] = Breaker(BreakerState.OPEN, NOON, "away")
    shopper.small.routing.breakers["nagad"] = Breaker(BreakerState.HALF_OPEN, NOON, "answered")
    found = await offered(shopper)
    assert (found["bkash"].why_not, found["bkash"].is_shaky) == (UnavailableReason.UNAVAILABLE, False)
    assert (found["nagad"].why_not, found["nagad"].is_shaky) == (None, True)


# ---- when a downtime ends


def test_a_window_of_each_week_ends_on_a_dhaka_clock() -> None:
    sunday_one_am = datetime(2026, 2, 28, 19, 0, tzinfo=UTC)
    window = WeeklyWindow(SUNDAY, 0, 120)
    assert down_until([window], sunday_one_am) == datetime(2026, 2, 28, 20, 0, tzinfo=UTC)


def test_windows_that_touch_are_one() -> None:
    late = datetime(2026, 3, 1, 17, 30, tzinfo=UTC)  # Sunday, 23:30 in Dhaka
    windows = [WeeklyWindow(SUNDAY, 23 * 60, 1_440), WeeklyWindow(MONDAY, 0, 60)]
    assert down_until(windows, late) == datetime(2026, 3, 1, 19, 0, tzinfo=UTC)


def test_nobody_is_down_outside_the_windows() -> None:
    assert down_until([], NOON) is None
    assert down_until([DatedWindow(NOON - timedelta(hours=2), NOON)], NOON) is None


def test_one_that_is_down_all_week_says_so_much() -> None:
    windows = [WeeklyWindow(day, 0, 1_440) for day in range(7)]
    until = down_until(windows, NOON)
    assert until is not None
    assert until - NOON > timedelta(days=6)
