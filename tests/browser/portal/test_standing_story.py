"""A standing order in a real browser: it prepares a bill, is paid with one press, paused and gone on with."""

import re

from playwright.sync_api import expect

from ekpay_switch.web.wording import Language, wording_of
from tests.browser.conftest import OpenWindow
from tests.browser.installation import Street
from tests.browser.portal.desco_accounts import account_of
from tests.browser.portal.steps import (
    ACCOUNT,
    RESULT,
    WINDOWS,
    is_good,
    pay_and_save,
    put_into_cart,
    reads_outcome,
    reads_reminder,
    register,
)
from tests.browser.state_windows import NARROW

CITIZENS = {"bn": "01712340071", "en": "01712340072"}
NICKNAME = "মায়ের ফ্ল্যাট"
PAY = 'form[action^="/account/pay"] button'


@WINDOWS
def test_a_standing_order_prepares_is_paid_and_paused(
    street: Street, window: OpenWindow, language: str, *, has_script: bool
) -> None:
    mobile, account = CITIZENS[language], account_of("STANDING", language)
    shopper = window(language, width=NARROW, has_script=has_script)
    page, words = shopper.page, wording_of(Language(language))
    page.goto(f"{street.switch}/?lang={language}")
    inbox = window(language, width=NARROW).page
    register(page, inbox, mobile, has_script=has_script)
    put_into_cart(page, street, language, account)
    pay_and_save(shopper, street, NICKNAME, has_script=has_script)

    page.locator('a[href^="/account/standing/"]').click()
    page.locator("#cap").fill("999999")
    is_good(page, has_script=has_script)
    page.locator("#cap").press("Enter")
    page.wait_for_url(ACCOUNT)
    reads_reminder(inbox, NICKNAME)
    page.reload()
    expect(page.locator(PAY)).to_be_visible()
    is_good(page, has_script=has_script)

    page.locator(PAY).click()
    page.wait_for_url(re.compile("/pay/checkout/"))
    shopper.pay("bkash")
    page.wait_for_url(RESULT)
    reads_outcome(page, words, "paid")

    page.goto(f"{street.switch}/account")
    expect(page.locator(PAY)).to_have_count(0)
    page.get_by_role("button", name=str(words("standing.pause"))).click()
    expect(page.get_by_text(str(words("standing.is_paused")))).to_be_visible()
    is_good(page, has_script=has_script)
    page.get_by_role("button", name=str(words("standing.go_on"))).click()
    expect(page.get_by_role("button", name=str(words("standing.pause")))).to_be_visible()
