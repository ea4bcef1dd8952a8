"""A citizen in a real browser: finds two bills, pays both by one payment, and sees each of them paid."""

import asyncio
import re

import pytest
from playwright.sync_api import Browser, Page, expect

from ekpay_switch.domain.bangla import in_bangla_digits
from ekpay_switch.web.wording import Language, wording_of
from tests.browser.conftest import OpenWindow
from tests.browser.installation import Street
from tests.browser.portal.desco_accounts import account_of
from tests.browser.portal.portal_states import PORTAL
from tests.browser.portal.steps import CART, LOOKS, RESULT, WINDOWS, is_good, put_into_cart, texted_code
from tests.browser.state_windows import LANGUAGES, NARROW, shown_state

# Who follows a payment.
FOLLOWED = {"bn": "01712340031", "en": "01712340032"}
UNDER_WAY = ".ekpay-outcome--on_its_way"
TARGET_MIN = 48
# A tile is pressed by the label that fills it; the kit's button to copy is beside a text that can be marked.
TARGETS = """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), select, summary')]
  .filter(one => one.checkVisibility() && !one.matches('.govuk-skip-link, .ekpay-tile__input, .ekpay-copy'))
  .map(one => [one.outerHTML.slice(0, 120), one.getBoundingClientRect().height])"""


def add_bill(page: Page, language: str, typed: str, account: str, *, has_script: bool) -> None:
    """Search for the biller, make a mistake, and put a bill into the cart."""
    page.locator("#q").fill(typed)
    page.locator("#q").press("Enter")
    is_good(page, has_script=has_script)
    page.locator('a[href^="/bills/desco_postpaid"]').first.click()
    is_good(page, has_script=has_script)
    page.locator("#group-B").check()
    page.locator("#B-account_no").fill("12")
    page.locator('#bill button[type="submit"]').click()
    expect(page.locator(".govuk-error-summary a")).to_have_attribute("href", "#B-account_no")
    expect(page.locator("#B-account_no")).to_have_value("12")
    is_good(page, has_script=has_script)
    assert page.locator("html").get_attribute("lang") == language
    page.locator("#B-account_no").fill(account)
    page.locator("#B-account_no").press("Enter")
    page.wait_for_url(CART)
    is_good(page, has_script=has_script)


@WINDOWS
def test_from_the_first_page_to_two_paid_bills(
    street: Street, window: OpenWindow, language: str, *, has_script: bool
) -> None:
    shopper = window(language, width=NARROW, has_script=has_script)
    page, words = shopper.page, wording_of(Language(language))
    page.goto(f"{street.switch}/?lang={language}")
    is_good(page, has_script=has_script)
    first, second = account_of("TWO_BILLS_FIRST", language), account_of("TWO_BILLS_SECOND", language)
    add_bill(
        page,
        language,
        "ডেসকো" if language == "bn" else "desco",
        in_bangla_digits(first) if language == "bn" else first,
        has_script=has_script,
    )
    page.get_by_role("link", name=str(words("cart.another"))).click()
    add_bill(page, language, "current bill", second, has_script=has_script)
    expect(page.locator("section.ekpay-card")).to_have_count(2)
    page.locator('form.ekpay-sum button[type="submit"]').click()
    page.wait_for_url(re.compile("/pay/checkout/"))
    shopper.pay("bkash")
    page.wait_for_url(RESULT)
    for _ in range(LOOKS):
        if page.locator(".ekpay-outcome--paid").count() == 2:
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(page.locator("h1")).to_have_text(str(words("result.cart.all_paid.title")))
    is_good(page, has_script=has_script)


@pytest.mark.parametrize("language", LANGUAGES)
def test_of_three_bills_the_refused_one_is_given_back_alone(
    street: Street, window: OpenWindow, language: str
) -> None:
    shopper = window(language, width=NARROW, has_script=language == "bn")
    page = shopper.page
    for story in ("BESIDE_REFUSED_FIRST", "BESIDE_REFUSED_SECOND", "REFUSED"):
        put_into_cart(page, street, language, account_of(story, language))
    page.locator('form.ekpay-sum button[type="submit"]').click()
    page.wait_for_url(re.compile("/pay/checkout/"))
    expect(page.get_by_text(str(wording_of(Language(language))("choose.leave.bills")))).to_be_visible()
    shopper.pay("bkash")
    page.wait_for_url(RESULT)
    for _ in range(LOOKS):
        if page.locator(".ekpay-outcome").count() == 3 and not page.locator(UNDER_WAY).count():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(page.locator(".ekpay-outcome--paid")).to_have_count(2)
    words = wording_of(Language(language))
    expect(page.locator("h1")).to_have_text(str(words("result.cart.some_paid.title")))
    refused = page.locator("section.ekpay-card").nth(2)
    biller = refused.locator("h2").inner_text()
    assert words("result.bill.given_back.text", biller=biller).striptags() in refused.inner_text()
    is_good(page, has_script=language == "bn")


@WINDOWS
def test_a_payment_is_followed_with_another_phone(
    street: Street, window: OpenWindow, language: str, *, has_script: bool
) -> None:
    mobile, account = FOLLOWED[language], account_of("FOLLOWED", language)
    shopper = window(language, width=NARROW, has_script=has_script)
    page = shopper.page
    put_into_cart(page, street, language, account)
    page.locator("#mobile").fill(mobile)
    page.locator("#mobile").press("Enter")
    page.wait_for_url(re.compile("/pay/checkout/"))
    shopper.pay("bkash")
    page.wait_for_url(RESULT)
    number = page.locator("#our-number").inner_text()

    page = window(language, width=NARROW, has_script=has_script).page
    page.goto(f"{street.switch}/?lang={language}")
    page.locator('a[href^="/track"]').click()
    page.locator("#payment").fill(number)
    page.locator("#mobile").fill(mobile)
    page.locator("#mobile").press("Enter")
    page.wait_for_url(re.compile("/track/code"))
    is_good(page, has_script=has_script)
    code = texted_code(window(language, width=NARROW).page, page, mobile)
    page.locator("#code").fill(f"{(int(code) + 1) % 10**6:06}")
    page.locator("#code").press("Enter")
    expect(page.locator(".govuk-error-summary a")).to_have_attribute("href", "#code")
    is_good(page, has_script=has_script)
    page.locator("#code").fill(f"{code[:3]} {code[3:]}")
    page.locator("#code").press("Enter")
    page.wait_for_url(RESULT)
    assert page.locator("#our-number").inner_text() == number
    is_good(page, has_script=has_script)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PORTAL)
def test_every_target_is_large_enough_for_a_finger(
    chromium: Browser, loop: asyncio.AbstractEventLoop, name: str, language: str
) -> None:
    with shown_state(chromium, loop, PORTAL[name], language) as page:
        sizes = page.evaluate(TARGETS)
        small = [html for html, height in sizes if height < TARGET_MIN]
        # The links of a summary of errors stand in a list of text.
        assert [html for html in small if 'href="#' not in html] == []


@pytest.mark.parametrize("has_script", [True, False])
def test_a_changed_language_keeps_what_was_typed_and_a_choice_puts_the_others_away(
    chromium: Browser, loop: asyncio.AbstractEventLoop, *, has_script: bool
) -> None:
    with shown_state(chromium, loop, PORTAL["portal_bill"], "bn", has_script=has_script) as page:
        assert page.locator("#A-bill_no").is_visible()
        page.locator("#group-B").check()
        assert not page.locator("#A-bill_no").is_visible()
        page.locator("#B-account_no").fill("১২৩৪")
        page.locator('header button[name="language"]').click()
        page.wait_for_selector('html[lang="en"]')
        assert page.locator("#group-B").is_checked()
        expect(page.locator("#B-account_no")).to_have_value("১২৩৪")
        assert "১২৩৪" not in page.url
