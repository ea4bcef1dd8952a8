"""A bill is paid while its biller is down: accepted, then delivered, or given back (ADR 0129)."""

from playwright.sync_api import expect

from ekpay_switch.web.wording import Language, wording_of
from tests.browser.conftest import OpenWindow
from tests.browser.installation import Street
from tests.browser.portal.desco_accounts import DescoAccount, account_of
from tests.browser.portal.steps import WINDOWS, is_good, pay_cart, put_into_cart, reads_outcome
from tests.browser.state_windows import NARROW


@WINDOWS
def test_a_bill_is_accepted_while_its_biller_is_down_and_delivered_later(
    street: Street, window: OpenWindow, language: str, *, has_script: bool
) -> None:
    shopper = window(language, width=NARROW, has_script=has_script)
    words = wording_of(Language(language))
    account = account_of("STAND_IN", language)
    put_into_cart(shopper.page, street, language, account)
    is_good(shopper.page, has_script=has_script)
    with street.struck("desco"):
        pay_cart(shopper)
        reads_outcome(shopper.page, words, "accepted")
        is_good(shopper.page, has_script=has_script)
        expect(shopper.page.get_by_text(str(words("result.do_not_pay_again")))).to_be_visible()
    reads_outcome(shopper.page, words, "paid")


def test_what_never_arrives_is_given_back(street: Street, window: OpenWindow) -> None:
    shopper, words = window("bn", width=NARROW), wording_of(Language.BANGLA)
    put_into_cart(shopper.page, street, "bn", DescoAccount.STAND_IN_NEVER)
    with street.struck("desco"):
        pay_cart(shopper)
        reads_outcome(shopper.page, words, "accepted")
        reads_outcome(shopper.page, words, "given_back")
        is_good(shopper.page, has_script=True)
        way = [step.get_attribute("datetime") for step in shopper.page.locator("ol time").all()]
        assert len(way) == 3, "requested, sent to bKash and confirmed by it"
        assert way == sorted(map(str, way))
