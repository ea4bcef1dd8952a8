"""No page and no error state has a barrier that axe-core finds, and all fit a narrow or a magnified window.

The states that only time brings are shown by the small world of the checkout's own tests: Chromium gets them
through the same application, without a network.
"""

import asyncio
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.browser.accessibility import barriers, overflow_pixels
from tests.browser.checkout_states import STATES
from tests.browser.conftest import OpenWindow
from tests.browser.installation import Street
from tests.browser.provider_states import PROVIDERS
from tests.browser.receipt_states import RECEIPTS
from tests.browser.state_windows import ALL_STATES, LANGUAGES, NARROW, WIDE, shown_state

FIRST_VIEW_BYTES_MAX = 60 * 1024
RECEIPT_PIXELS_MAX = 1_600
SEEN_WIDE = {"choose_of_many", "at_provider", "paid_and_told", "kit_light", "kit_dark", "reference_v1"}
# The pages of providers are looked at in test_provider_pages.py.
OURS = [name for name in ALL_STATES if name not in PROVIDERS]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", OURS)
def test_no_barrier_in_any_state(
    chromium: Browser, loop: asyncio.AbstractEventLoop, name: str, language: str
) -> None:
    with shown_state(chromium, loop, ALL_STATES[name], language) as page:
        assert barriers(page) == []
        assert overflow_pixels(page) == 0
        assert page.locator("html").get_attribute("lang") == language
        if name in SEEN_WIDE:
            page.set_viewport_size({"width": WIDE, "height": 800})
            assert barriers(page) == []
            assert overflow_pixels(page) == 0
        # A theme changes colours and nothing else.
        page.emulate_media(color_scheme="dark")
        assert barriers(page, "color-contrast") == []


def test_a_receipt_on_a_phone_is_no_longer_than_two_screens(
    chromium: Browser, loop: asyncio.AbstractEventLoop
) -> None:
    with shown_state(chromium, loop, RECEIPTS["receipt_valid"], "bn") as page:
        page.set_viewport_size({"width": 360, "height": 740})
        assert page.evaluate("() => document.documentElement.scrollHeight") < RECEIPT_PIXELS_MAX


def test_the_sum_follows_the_choice_without_script_and_the_filter_finds_by_name(
    chromium: Browser, loop: asyncio.AbstractEventLoop
) -> None:
    with shown_state(chromium, loop, STATES["choose_of_many"], "en") as page:
        button, bar = page.locator(".ekpay-sum button"), page.locator(".ekpay-sum")
        assert button.inner_text() == "Go on to pay"
        page.locator('input[value="agrani"]').check()
        assert button.inner_text() == "Pay 1,010.75 taka"
        page.locator('input[value="bkash"]').check()
        assert (button.inner_text(), "1,020.75 taka" in bar.inner_text()) == ("Pay 1,020.75 taka", True)
        page.locator("details.ekpay-more > summary").click()
        page.locator("#filter").fill("pub")
        assert page.locator(".ekpay-more .ekpay-closed__item:visible").count() == 0
        shown = page.locator(".ekpay-more .ekpay-tile:visible .ekpay-tile__text")
        assert shown.all_inner_texts() == ["Pubali Bank\n1,020.75 taka"]
        page.locator("#filter").fill("nothing like it")
        assert page.locator(".ekpay-filter [role=status]").inner_text()


def test_an_open_order_has_no_barrier_and_its_amounts_stand_on_one_line(
    chromium: Browser, loop: asyncio.AbstractEventLoop
) -> None:
    with shown_state(chromium, loop, STATES["choose_with_a_cart"], "bn") as page:
        page.locator(".ekpay-order > summary").click()
        assert barriers(page) == []
        assert overflow_pixels(page) == 0
        amounts = page.locator(".ekpay-lines--order li > :last-child")
        assert amounts.count() == 6
        heights = amounts.evaluate_all("all => all.map(one => one.getClientRects().length)")
        assert set(heights) == {1}


@pytest.mark.parametrize("has_script", [True, False])
def test_a_changed_language_keeps_the_form_and_enter_sends_the_choice(
    chromium: Browser, loop: asyncio.AbstractEventLoop, *, has_script: bool
) -> None:
    state = STATES["choose_of_many"]
    with shown_state(chromium, loop, state, "bn", has_script=has_script) as page:
        page.locator("details.ekpay-more > summary").click()
        chosen = page.locator('input[value="pubali_bank"]')
        chosen.check()
        if has_script:
            page.locator("#filter").fill("pub")
        page.locator('header button[name="language"]').click()
        page.wait_for_selector('html[lang="en"]')
        assert chosen.is_checked()
        assert chosen.is_visible()
        if has_script:
            assert page.locator("#filter").input_value() == "pub"
            assert page.locator(".ekpay-more .ekpay-tile:visible").count() == 1
        assert "pub" not in page.url
        chosen.press("Enter")
        page.wait_for_url("**/go?lang=en")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_barrier_on_the_way_from_the_shop_to_the_receipt(
    street: Street, window: OpenWindow, language: str
) -> None:
    shopper = window(language, width=NARROW)
    seen: list[str] = []

    def looked() -> None:
        found = barriers(shopper.page)
        if overflow_pixels(shopper.page):
            found.append("wider than the window")
        seen.extend(f"{shopper.page.url}: {one}" for one in found)

    shopper.page.goto(f"{street.shop}/?lang={language}")
    looked()
    shopper.order({"honey": 1})
    looked()
    shopper.submit()  # nothing chosen
    looked()
    shopper.choose("bkash")
    looked()
    shopper.go_on()
    shopper.pay_there()
    shopper.page.goto(f"{shopper.checkout}?stay=1")
    shopper.sees_end(f"{shopper.checkout}?stay=1")
    looked()
    shopper.page.locator('a[href^="/receipt/"]').first.click()
    shopper.page.wait_for_url(lambda url: "/receipt/" in url)
    looked()
    for lost in (
        "/pay/checkout/AAAAAAAAAAAAAAAAAAAAAAAAAA",
        "/receipt/nothing",
        "/ekpaypg/v1?sToken=&trnsID=1",
    ):
        shopper.page.goto(f"{street.switch}{lost}")
        looked()
    assert seen == []


def test_the_first_view_is_light(street: Street, window: OpenWindow) -> None:
    shopper = window("bn")
    weights: dict[str, int] = {}
    shopper.order({"honey": 1})
    shopper.page.on(
        "response", lambda answer: weights.update({answer.url: len(answer.body())}) if answer.ok else None
    )
    shopper.page.goto(shopper.checkout, wait_until="networkidle")
    without_font = {url: size for url, size in weights.items() if ".woff2" not in url}
    assert without_font
    assert sum(without_font.values()) < FIRST_VIEW_BYTES_MAX, without_font
    assert sum(url.endswith(".css") for url in weights) == 1
    assert sum(url.endswith(".js") for url in weights) <= 1
    assert {urlsplit(url).netloc for url in weights} == {urlsplit(street.switch).netloc}
