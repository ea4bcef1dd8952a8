"""A customer without hands at the shop's pages, with the shop's own forms and redirects."""

import pytest

from sandbox.callers.ekshop.customer import (
    Basket,
    check_payment,
    order_at_once,
    order_by_pages,
    pay_again,
    trnx_id_of,
)
from sandbox.callers.ekshop.wire import ShopCustomer as Buyer
from sandbox.callers.payer.browser import Browser, LostPayerError
from tests.sandbox.callers.ekshop.conftest import Customer
from tests.sandbox.callers.ekshop.stub_merchant_api import StubMerchantApi

BUYER = Buyer("Champa Majhi", "01700000000", "", "House 7, Sandbox Road")
BASKET = Basket({"kantha": 1, "lamp": 3}, BUYER, "tangail", "udc-shimultoli")


async def test_both_ways_of_ordering_come_to_the_same_order(
    customer: Customer, switch: StubMerchantApi
) -> None:
    async with Browser() as browser:
        by_pages = await order_by_pages(browser, customer.origin, BASKET)
        at_once = await order_at_once(browser, customer.origin, BASKET)
    first, second = customer.shop.book.orders()
    assert (first.quantities, first.district, first.agent) == (
        second.quantities, second.district, second.agent,
    ) == (BASKET.quantities, "tangail", "udc-shimultoli")  # fmt: skip
    assert first.customer == second.customer == BUYER
    assert [by_pages, at_once] == [first.attempts[0].url, second.attempts[0].url]
    assert list(switch.orders) == [trnx_id_of(by_pages), trnx_id_of(at_once)]


async def test_the_buttons_of_an_order_page_ask_and_pay_once_more(
    customer: Customer, switch: StubMerchantApi
) -> None:
    async with Browser() as browser:
        trnx_id = trnx_id_of(await order_at_once(browser, customer.origin, BASKET))
        switch.codes[trnx_id] = "1022"
        back = f"{customer.origin}/back/c?shop=ekshop&transId={trnx_id}"
        shown = await check_payment(browser, await browser.visit(back))
        assert 'class="standing cancelled"' in shown.text
        again = await pay_again(browser, shown)
    assert trnx_id_of(again) not in {"", trnx_id}


async def test_who_is_sent_nowhere_says_so(customer: Customer, switch: StubMerchantApi) -> None:
    switch.refusal = (400, {"responseCode": "1024", "responseMessage": "Validation error"})
    async with Browser() as browser:
        with pytest.raises(LostPayerError, match="nobody to a pay page"):
            await order_at_once(browser, customer.origin, BASKET)
        shown = await browser.visit(f"{customer.origin}/cart")
        with pytest.raises(LostPayerError, match="lacks its form"):
            await pay_again(browser, shown)
