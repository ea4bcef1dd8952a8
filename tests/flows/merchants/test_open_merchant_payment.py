"""A merchant's order taken on: its shares, its page, the second time it comes."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.merchants.merchant import PayeeKind, Share
from ekpay_switch.domain.money import Money
from ekpay_switch.flows.merchants.open_merchant_payment import (
    AMOUNT_MAX,
    LINES_MAX,
    MerchantOrder,
    OpenedOrder,
    OrderRefusal,
    SplitLine,
    open_merchant_payment,
)
from ekpay_switch.ports.merchants import Payee
from tests.fakes.world import NOON
from tests.scenarios.merchant_orders import A_TEXT, Market

ORDER = MerchantOrder(A_TEXT, Money(10_000), b"the order")


def split(*lines: tuple[str, int]) -> MerchantOrder:
    """The order of 100 taka, shared like this."""
    return replace(ORDER, split=tuple(SplitLine(payee, Money(minor)) for payee, minor in lines))


async def taken(market: Market, order: MerchantOrder = ORDER) -> OpenedOrder:
    answer = await open_merchant_payment(market.shop, order, market.world)
    assert isinstance(answer, OpenedOrder), answer
    return answer


async def test_an_order_becomes_a_payment_that_waits_on_its_page() -> None:
    market = Market()
    answer = await taken(market)
    (new,) = market.book.news
    assert (answer.payment.payment_id, answer.is_repeat, answer.token_left_seconds) == (
        new.payment_id,
        False,
        30_000,
    )
    assert (new.partner_id, new.lane, new.text, new.amount) == ("shop", 3, A_TEXT, Money(10_000))
    assert new.fingerprint == b"the order"
    assert new.token_expires_at == NOON + timedelta(seconds=30_000)
    assert re.fullmatch("[A-Z0-9]{26}", new.checkout_reference)
    assert new.return_url == f"https://pay.example/pay/checkout/{new.checkout_reference}"
    assert new.shares == (Share("", None, Money(10_000)),)


async def test_our_name_of_it_is_written_as_ekpay_writes_its_own() -> None:
    market = Market()
    await taken(market)
    assert re.fullmatch("260301120000[0-9a-f]{5}", market.book.news[0].ekpay_trnx_id)


async def test_a_token_lives_whole_seconds_and_is_never_said_to_live_less() -> None:
    market = Market()
    market.small.clock.pass_by(0.75)
    answer = await taken(market)
    assert answer.payment.token_expires_at == NOON + timedelta(seconds=30_000)
    assert answer.token_left_seconds == 30_000


async def test_a_repeat_finds_the_payment_and_the_rest_of_its_life() -> None:
    market = Market()
    first = await taken(market)
    market.small.clock.pass_by(100.5)
    again = await taken(market)
    assert again == OpenedOrder(first.payment, 29_900, is_repeat=True)
    assert len(market.book.news) == 1


async def test_a_repeat_after_the_end_of_the_token_has_none() -> None:
    market = Market()
    await taken(market)
    market.small.clock.pass_by(30_000)
    assert await open_merchant_payment(market.shop, ORDER, market.world) is OrderRefusal.TOKEN_ENDED


async def test_another_order_under_the_same_trnx_id_is_refused() -> None:
    market = Market()
    await taken(market)
    other = replace(ORDER, fingerprint=b"another order")
    assert await open_merchant_payment(market.shop, other, market.world) is OrderRefusal.OTHER_CONTENT
    assert len(market.book.news) == 1


async def test_another_merchant_may_use_the_same_trnx_id() -> None:
    market = Market()
    first = await taken(market)
    second = await open_merchant_payment(market.other, ORDER, market.world)
    assert isinstance(second, OpenedOrder)
    assert second.payment.payment_id != first.payment.payment_id


@pytest.mark.parametrize("minor", [0, -1, AMOUNT_MAX.minor + 1])
async def test_an_amount_out_of_range_is_refused(minor: int) -> None:
    market = Market()
    order = replace(ORDER, amount=Money(minor))
    assert await open_merchant_payment(market.shop, order, market.world) is OrderRefusal.AMOUNT_OUT_OF_RANGE


@pytest.mark.parametrize("minor", [1, AMOUNT_MAX.minor])
async def test_the_ends_of_the_range_are_taken(minor: int) -> None:
    market = Market()
    await taken(market, replace(ORDER, amount=Money(minor)))
    assert sum(share.amount.minor for share in market.book.news[0].shares) == minor


async def test_shares_stand_in_the_order_in_which_they_were_named() -> None:
    market = Market()
    await taken(market, split(("UDC-0042", 500), ("", 1_500), ("SELLER-1", 8_000)))
    assert market.book.news[0].shares == (
        Share("UDC-0042", PayeeKind.AGENT, Money(500)),
        Share("", None, Money(1_500)),
        Share("SELLER-1", PayeeKind.SELLER, Money(8_000)),
    )


@pytest.mark.parametrize(
    "order",
    [
        split(),
        split(("SELLER-1", 9_999)),
        split(("SELLER-1", 9_999), ("", 2)),
        split(("SELLER-1", 5_000), ("SELLER-1", 5_000)),
        split(("", 5_000), ("", 5_000)),
        split(("SELLER-1", 10_000), ("", 0)),
        split(("SELLER-1", 10_001), ("", -1)),
        split(*[(f"S{number}", 100) for number in range(LINES_MAX + 1)]),
    ],
)
async def test_shares_that_do_not_add_up_are_refused(order: MerchantOrder) -> None:
    market = Market()
    assert await open_merchant_payment(market.shop, order, market.world) is OrderRefusal.SPLIT_DOES_NOT_ADD_UP
    assert market.book.news == []


async def test_shares_of_strangers_are_refused() -> None:
    market = Market()
    order = split(("SELLER-2", 9_000), ("", 1_000))
    assert await open_merchant_payment(market.shop, order, market.world) is OrderRefusal.UNKNOWN_PAYEE
    other = split(("SELLER-1", 10_000))
    assert await open_merchant_payment(market.other, other, market.world) is OrderRefusal.UNKNOWN_PAYEE


async def test_what_was_taken_once_stays_taken_though_a_payee_has_gone() -> None:
    market = Market()
    order = split(("SELLER-1", 10_000))
    first = await taken(market, order)
    del market.small.merchants.registered["shop"]["SELLER-1"]
    assert await taken(market, order) == OpenedOrder(first.payment, 30_000, is_repeat=True)
    other = replace(order, fingerprint=b"another order")
    assert await open_merchant_payment(market.shop, other, market.world) is OrderRefusal.UNKNOWN_PAYEE


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=LINES_MAX), st.integers(-2, 2))
async def test_shares_are_taken_if_and_only_if_they_are_the_amount(parts: list[int], off: int) -> None:
    market = Market()
    codes = [f"S{number}" for number in range(len(parts))]
    market.small.merchants.registered["shop"] = {code: Payee(code, PayeeKind.SELLER, code) for code in codes}
    order = replace(split(*zip(codes, parts, strict=True)), amount=Money(max(sum(parts) + off, 1)))
    answer = await open_merchant_payment(market.shop, order, market.world)
    if order.amount == Money(sum(parts)):
        assert [share.amount.minor for share in market.book.news[0].shares] == parts
    else:
        assert answer is OrderRefusal.SPLIT_DOES_NOT_ADD_UP
