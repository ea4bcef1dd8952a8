"""A citizen registers in a real browser, pays, and finds the bill again without typing its number."""

from playwright.sync_api import expect

from ekpay_switch.web.wording import Language, wording_of
from tests.browser.conftest import OpenWindow
from tests.browser.installation import Street
from tests.browser.portal.desco_accounts import account_of
from tests.browser.portal.steps import WINDOWS, is_good, pay_and_save, put_into_cart, reads_reminder, register
from tests.browser.state_windows import NARROW

# Whoever registers.
REGISTERED = {"bn": "01712340041", "en": "01712340042"}
NICKNAME = "মায়ের ফ্ল্যাট"
SAVED = ".ekpay-tiles--saved a"


@WINDOWS
def test_who_registers_and_pays_finds_the_bill_again(
    street: Street, window: OpenWindow, language: str, *, has_script: bool
) -> None:
    mobile, account = REGISTERED[language], account_of("SAVED", language)
    shopper = window(language, width=NARROW, has_script=has_script)
    page, words = shopper.page, wording_of(Language(language))
    page.goto(f"{street.switch}/?lang={language}")
    inbox = window(language, width=NARROW).page
    register(page, inbox, mobile, has_script=has_script)
    expect(page.get_by_text(str(words("account.no_payments")))).to_be_visible()

    put_into_cart(page, street, language, account)
    pay_and_save(shopper, street, NICKNAME, has_script=has_script)
    expect(page.locator("h3").first).to_have_text(NICKNAME)
    is_good(page, has_script=has_script)
    page.get_by_role("button", name=str(words("remind.switch_on"))).click()
    reads_reminder(inbox, NICKNAME)
    page.reload()
    expect(page.locator('a[href^="/account/reminders.ics"]')).to_be_visible()
    is_good(page, has_script=has_script)

    page.goto(f"{street.switch}/?lang={language}")
    expect(page.locator(SAVED)).to_contain_text(NICKNAME)
    is_good(page, has_script=has_script)
    page.locator(SAVED).click()
    expect(page.locator("#group-B")).to_be_checked()
    expect(page.locator("#B-account_no")).to_have_value(account)
    is_good(page, has_script=has_script)

    page.goto(f"{street.switch}/account?lang={language}")
    page.get_by_role("button", name=str(words("account.sign_out"))).click()
    page.goto(f"{street.switch}/?lang={language}")
    expect(page.locator(SAVED)).to_have_count(0)
