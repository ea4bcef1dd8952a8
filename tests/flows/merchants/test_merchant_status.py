"""Which payment a status call means, by trnx_id, user name, address and day."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from ekpay_switch.domain.payment import State
from ekpay_switch.flows.merchants.merchant_status import (
    CANDIDATES_MAX,
    StatusFound,
    StatusQuestion,
    find_status,
)
from tests.fakes.world import NOON
from tests.scenarios.merchant_orders import A_TEXT, BY_BKASH, ELSEWHERE, SERVER, Market, a_merchant, a_payment

DAY, OTHER_DAY = date(2026, 3, 1), date(2026, 2, 28)
OTHER_SERVER = "203.0.113.5"
QUESTION = StatusQuestion("1709272800", "", DAY, SERVER)
FROM_ELSEWHERE = replace(QUESTION, address=ELSEWHERE)


def a_market() -> Market:
    market = Market()
    market.stands(a_payment())
    return market


@pytest.mark.parametrize("day", [DAY, OTHER_DAY, None])
async def test_a_merchants_own_server_finds_its_payment_whatever_day_it_names(day: date | None) -> None:
    market = a_market()
    found = await find_status(replace(QUESTION, day=day), market.world)
    assert found == StatusFound(a_payment(), is_own=True)


async def test_somebody_else_has_to_name_the_day() -> None:
    market = a_market()
    assert await find_status(FROM_ELSEWHERE, market.world) == StatusFound(a_payment(), is_own=False)
    for day in (OTHER_DAY, None):
        assert await find_status(replace(FROM_ELSEWHERE, day=day), market.world) is None


async def test_the_day_of_the_money_is_as_good_as_the_day_of_the_order() -> None:
    market = Market()
    funding = replace(BY_BKASH, collected_at=NOON + timedelta(hours=12))
    market.stands(a_payment(state=State.COMPLETED, funding=funding))
    for day in (DAY, date(2026, 3, 2)):
        assert await find_status(replace(FROM_ELSEWHERE, day=day), market.world) is not None
    assert await find_status(replace(FROM_ELSEWHERE, day=date(2026, 3, 3)), market.world) is None


async def test_days_are_counted_in_dhaka() -> None:
    market = Market()
    market.stands(a_payment(created_at=NOON.replace(hour=18)))
    assert await find_status(replace(FROM_ELSEWHERE, day=date(2026, 3, 2)), market.world) is not None
    assert await find_status(FROM_ELSEWHERE, market.world) is None


async def test_what_is_not_there_is_not_found() -> None:
    market = a_market()
    assert await find_status(replace(QUESTION, trnx_id="1709272801"), market.world) is None
    assert await find_status(replace(QUESTION, username="other_test"), market.world) is None


async def test_a_user_name_says_which_merchant_is_meant() -> None:
    market = a_market()
    other = market.stands(a_payment(2, partner_id="other", mer_reg_id="other_test"))
    question = replace(FROM_ELSEWHERE, username="other_test")
    assert await find_status(question, market.world) == StatusFound(other, is_own=False)
    by_itself = replace(question, address=OTHER_SERVER)
    assert await find_status(by_itself, market.world) == StatusFound(other, is_own=True)


@pytest.mark.parametrize("username", ["shop-test", "", "ekpaycore"])
async def test_a_user_name_that_is_nobodys_is_not_looked_at(username: str) -> None:
    found = await find_status(replace(QUESTION, username=username), a_market().world)
    assert found == StatusFound(a_payment(), is_own=True)


async def test_without_a_user_name_the_address_says_which_merchant_is_meant() -> None:
    market = a_market()
    other = market.stands(a_payment(2, partner_id="other", mer_reg_id="other_test"))
    assert await find_status(QUESTION, market.world) == StatusFound(a_payment(), is_own=True)
    by_other = replace(QUESTION, address=OTHER_SERVER, day=OTHER_DAY)
    assert await find_status(by_other, market.world) == StatusFound(other, is_own=True)


async def test_where_two_are_meant_nobody_is_told_of_either() -> None:
    market = a_market()
    market.stands(a_payment(2, partner_id="other", mer_reg_id="other_test"))
    assert await find_status(FROM_ELSEWHERE, market.world) is None


async def test_a_server_of_two_merchants_tells_their_payments_apart_by_the_day() -> None:
    market = a_market()
    market.add(a_merchant("union"))
    yesterday = market.stands(
        a_payment(2, partner_id="union", mer_reg_id="union_test", created_at=NOON - timedelta(days=1))
    )
    assert await find_status(QUESTION, market.world) == StatusFound(a_payment(), is_own=True)
    assert await find_status(replace(QUESTION, day=OTHER_DAY), market.world) == StatusFound(
        yesterday, is_own=True
    )
    assert await find_status(replace(QUESTION, day=None), market.world) is None


async def test_a_merchant_that_was_shut_off_still_sees_what_became_of_its_payments() -> None:
    market = a_market()
    market.add(replace(market.shop, is_active=False))
    assert await find_status(QUESTION, market.world) == StatusFound(a_payment(), is_own=True)


async def test_a_payment_whose_merchant_is_gone_is_nobodys_own() -> None:
    market = a_market()
    del market.small.merchants.merchants["shop"]
    assert await find_status(QUESTION, market.world) == StatusFound(a_payment(), is_own=False)


async def test_one_name_used_by_many_needs_a_user_name() -> None:
    market = Market()
    for number in range(CANDIDATES_MAX + 1):
        created_at = NOON + timedelta(seconds=number)
        market.stands(a_payment(number, partner_id=f"m{number}", text=A_TEXT, created_at=created_at))
    market.stands(a_payment(999, created_at=NOON - timedelta(seconds=1)))
    assert await find_status(QUESTION, market.world) is None
    found = await find_status(replace(QUESTION, username="shop_test"), market.world)
    assert found is not None
    assert found.payment.payment_id.int == 999
