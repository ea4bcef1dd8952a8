"""The payer's language: from the address, a choice at this payment, the shop's order, the browser."""

from dataclasses import replace

import pytest

from tests.scenarios.checkout import an_order_text
from tests.web.checkout.checkout_setup import HOME, Browser, Counter, Seen


class Reader:
    """A payer of an order that names a language, or none, with a browser that asks for some."""

    def __init__(self, order: str = "", accepts: str = "") -> None:
        self.counter = Counter()
        payments = self.counter.shopper.payments
        text = an_order_text()
        payments.text = replace(text, order={**text.order, "lang": order or None})
        self.accepts = accepts
        self.browser = Browser(self.counter)

    async def language(self, url: str = HOME) -> str:
        return (await self.seen(url)).headers["content-language"]

    async def seen(self, url: str = HOME) -> Seen:
        cookies = "; ".join(f"{name}={value}" for name, value in self.browser.cookies.items())
        headers = {"Accept-Language": self.accepts, "Cookie": cookies}
        return self.browser.keep(await self.counter.request("GET", url, headers=headers))


@pytest.mark.parametrize(
    ("order", "accepts", "language"),
    [
        ("", "", "bn"),
        ("en", "", "en"),
        ("en", "bn-BD,bn;q=0.9", "en"),
        ("bn", "en-US", "bn"),
        ("", "en-US,en;q=0.9", "en"),
        ("", "fr,en;q=0.5,bn;q=0.8", "bn"),
        ("", "en;q=0", "bn"),
        ("", "en;q=nan,bn;q=x,en;q=-1,;;,q=", "bn"),
        ("", "de, fr", "bn"),
        ("fr", "en", "en"),
    ],
)
async def test_the_language_is_the_orders_then_the_browsers_then_bangla(
    order: str, accepts: str, language: str
) -> None:
    assert await Reader(order, accepts).language() == language


async def test_what_the_payer_chooses_at_a_payment_stands_there_against_the_order() -> None:
    reader = Reader("en", "en")
    assert await reader.language(f"{HOME}?lang=bn") == "bn"
    assert await reader.language() == "bn"


async def test_what_was_chosen_at_another_payment_gives_way_to_the_order_and_not_to_the_browser() -> None:
    reader = Reader("en", "en")
    reader.browser.cookies["__Host-ekpay-language"] = "bn.ZZZZZZZZ"
    assert await reader.language() == "en"
    unnamed = Reader("", "en")
    unnamed.browser.cookies["__Host-ekpay-language"] = "bn.ZZZZZZZZ"
    assert await unnamed.language() == "bn"


async def test_a_browser_without_cookies_keeps_bangla_by_its_links_where_the_order_is_english() -> None:
    reader = Reader("en")
    seen = await reader.seen(f"{HOME}?lang=bn")
    ours = [link for link in seen.html.links() if link.startswith(HOME) and "lang=en" not in link]
    assert ours
    assert all("lang=bn" in link for link in ours)


@pytest.mark.parametrize(
    ("order", "chosen", "told"),
    [("en", "", "en"), ("en", "bn", "bn"), ("", "en", "en"), ("", "", "bn")],
)
async def test_the_provider_is_told_the_language_of_the_page_with_the_button(
    order: str, chosen: str, told: str
) -> None:
    reader = Reader(order)
    if chosen:
        await reader.seen(f"{HOME}?lang={chosen}")
    await reader.browser.choose("bkash")
    page = reader.counter.shopper.page("bkash").order.page
    assert (page.language, page.payee_en, page.payee_bn) == (told, "ekShop", "একশপ")


async def test_who_chose_a_language_at_our_page_finds_it_again_after_the_provider() -> None:
    reader = Reader("en", "en")
    await reader.browser.choose("bkash")
    reader.counter.shopper.page("bkash").is_agreed = True
    await reader.seen(f"{HOME}?lang=bn")
    back = await reader.browser.come_back("bkash")
    assert (await reader.browser.follow(back)).headers["content-language"] == "bn"


async def test_the_language_outlasts_the_way_to_the_provider_and_back() -> None:
    reader = Reader("en")
    await reader.browser.choose("bkash")
    reader.counter.shopper.page("bkash").is_agreed = True
    back = await reader.browser.come_back("bkash")
    assert (await reader.browser.follow(back)).headers["content-language"] == "en"
