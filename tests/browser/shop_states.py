"""ekShop before a stand-in for the switch, walked through as a shopper does."""

from collections.abc import Iterator

from playwright.sync_api import Page

from tests.sandbox.callers.ekshop.stub_merchant_api import StubMerchantApi

FIELDS = {"name": "Rahima Khatun", "mobile": "01712345678", "address": "Fulbari, Bogura"}


def shop_pages(page: Page, shop: str, switch: StubMerchantApi, language: str) -> Iterator[str]:
    """Bring the window to one page after the other; the name of each is given while it is shown."""
    page.goto(f"{shop}/?lang={language}")
    yield "shop_goods"
    page.locator('button[value="add"]').first.click()
    page.goto(f"{shop}/cart")
    yield "shop_cart"
    page.goto(f"{shop}/checkout")
    yield "shop_checkout"
    page.fill("#mobile", "0171")
    page.locator('button[value="place"]').click()
    yield "shop_checkout_with_errors"
    for name, value in FIELDS.items():
        page.fill(f"#{name}", value)
    page.route(f"{switch.origin}/**", lambda route: route.fulfill(body="the switch"))
    page.locator('button[value="place"]').click()
    page.wait_for_url(f"{switch.origin}/**")
    trnx_id = list(switch.orders)[-1]
    yield from _results(page, shop, switch, trnx_id)


def _results(page: Page, shop: str, switch: StubMerchantApi, trnx_id: str) -> Iterator[str]:
    page.goto(f"{shop}/back/s?shop=ekshop&transId={trnx_id}")
    yield "shop_order_that_waits"
    switch.codes[trnx_id] = "1020"
    page.locator('button[value="check"]').click()
    yield "shop_order_that_is_paid"
    page.goto(f"{shop}/nothing")
    yield "shop_without_such_page"
