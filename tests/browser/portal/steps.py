"""What a citizen does in several stories of the portal."""

import re

import pytest
from playwright.sync_api import Page, expect

from ekpay_switch.web.wording import Wording
from tests.browser.accessibility import barriers, overflow_pixels
from tests.browser.installation import Street
from tests.browser.shopper import Shopper

CART, RESULT = re.compile(r"/cart(\?|$)"), re.compile(r"/cart/[A-Z0-9]{26}")
ACCOUNT = re.compile(r"/account(\?|$)")
LOOKS, OUTCOME_LOOKS = 40, 100

# Both languages, with script and without, in two windows: a story takes up to a minute in each. Every state
# of every page is looked at in all windows by tests/browser/test_accessibility.py.
WINDOWS = pytest.mark.parametrize(
    ("language", "has_script"), [("bn", True), ("en", False)], ids=["bn", "en-no-script"]
)


def is_good(page: Page, *, has_script: bool) -> None:
    """Nothing stands in the way of anybody, and nothing is wider than the window."""
    # A page that was just opened may have its address already and its heading not yet.
    expect(page.locator("h1")).to_have_count(1)
    if has_script:
        assert barriers(page) == []
        assert overflow_pixels(page) == 0


def put_into_cart(page: Page, street: Street, language: str, account: str) -> None:
    """Put the bill of an account of DESCO into the cart of this browser."""
    page.goto(f"{street.switch}/bills/desco_postpaid?lang={language}")
    page.locator("#group-B").check()
    page.locator("#B-account_no").fill(account)
    page.locator("#B-account_no").press("Enter")
    page.wait_for_url(CART)


def texted_code(inbox: Page, page: Page, mobile: str) -> str:
    """The newest code that this number was sent, from the inbox that `page`, which asks for it, links to."""
    address = str(page.locator('a[href*="/inbox"]').get_attribute("href"))
    for _ in range(LOOKS):
        inbox.goto(f"{address}&to={mobile}")
        if inbox.locator(".code").count():
            break
        inbox.wait_for_timeout(500)
    return inbox.locator(".code").first.inner_text()


def pay_cart(shopper: Shopper) -> None:
    """Order the cart, pay it by bKash, and arrive at the page of its result."""
    shopper.page.locator('form.ekpay-sum button[type="submit"]').click()
    shopper.page.wait_for_url(re.compile("/pay/checkout/"))
    shopper.pay("bkash")
    shopper.page.wait_for_url(RESULT)


def reads_outcome(page: Page, words: Wording, outcome: str) -> None:
    """The payer looks at the page of the payment until a bill stands so."""
    title = page.get_by_text(str(words(f"result.bill.{outcome}.title")), exact=True).first
    for _ in range(OUTCOME_LOOKS):
        if title.count():
            break
        page.wait_for_timeout(1_000)
        page.reload()
    expect(title).to_be_visible()


def reads_reminder(inbox: Page, name: str) -> None:
    """The inbox that is open shows a message that names a saved bill, once its biller was asked."""
    message = inbox.get_by_text(f"({name})")
    for _ in range(OUTCOME_LOOKS):
        inbox.reload()
        if message.count():
            break
        inbox.wait_for_timeout(500)
    expect(message.first).to_be_visible()


def register(page: Page, inbox: Page, mobile: str, *, has_script: bool) -> None:
    """Sign in, from the first page, with a number that is new here."""
    page.locator('a[href^="/account"]').click()
    page.locator("#mobile").fill(mobile)
    page.locator("#mobile").press("Enter")
    page.wait_for_url(re.compile("/account/code"))
    is_good(page, has_script=has_script)
    page.locator("#code").fill(texted_code(inbox, page, mobile))
    page.locator("#code").press("Enter")
    page.wait_for_url(ACCOUNT)
    is_good(page, has_script=has_script)


def pay_and_save(shopper: Shopper, street: Street, nickname: str, *, has_script: bool) -> None:
    """Pay the cart as whoever is signed in, and save its bill; the account is open then."""
    page = shopper.page
    page.locator('form.ekpay-sum button[type="submit"]').click()
    page.wait_for_url(re.compile("/pay/checkout/"))
    shopper.pay("bkash")
    page.wait_for_url(RESULT)
    page.goto(f"{street.switch}/account")
    page.locator('a[href^="/account/save/"]').click()
    page.wait_for_url(re.compile("/account/save/"))
    is_good(page, has_script=has_script)
    page.locator("#nickname").fill(nickname)
    page.locator("#nickname").press("Enter")
    page.wait_for_url(ACCOUNT)
    is_good(page, has_script=has_script)
