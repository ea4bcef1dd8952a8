"""A bill is paid while its biller is down: accepted, then delivered, or given back (ADR 0129)."""

import re

import pytest
from playwright.sync_api import Page, expect

from ekpay_switch.web.wording import Language, Wording, wording_of
from tests.browser.conftest import OpenWindow
from tests.browser.installation import Street
from tests.browser.portal.steps import RESULT, is_good, put_into_cart
from tests.browser.shopper import Shopper
from tests.browser.state_windows import NARROW

ACCOUNTS = {"bn": "10000061", "en": "10000062", "no script": "10000063"}
NEVER = "10000064"
LOOKS = 100


@pytest.mark.parametrize(
    ("language", "has_script"), [("bn", True), ("en", True), ("bn", False)], ids=["bn", "en", "bn-no-script"]
)
def test_a_bill_is_accepted_while_its_biller_is_down_and_delivered_later(
    street: Street, window: OpenWindow, language: str, *, has_script: bool
) -> None:
    shopper = window(language, width=NARROW, has_script=has_script)
    words = wording_of(Language(language))
    account = ACCOUNTS[language if has_script else "no script"]
    put_into_cart(shopper.page, street, language, account)
    is_good(shopper.page, has_script=has_script)
    with street.unreachable("desco"):
        _pay(shopper)
        _reads(shopper.page, words, "accepted")
        is_good(shopper.page, has_script=has_script)
        expect(shopper.page.get_by_text(str(words("result.do_not_pay_again")))).to_be_visible()
    _reads(shopper.page, words, "paid")


def test_what_never_arrives_is_given_back(street: Street, window: OpenWindow) -> None:
    shopper, words = window("bn", width=NARROW), wording_of(Language.BANGLA)
    put_into_cart(shopper.page, street, "bn", NEVER)
    with street.unreachable("desco"):
        _pay(shopper)
        _reads(shopper.page, words, "accepted")
        _reads(shopper.page, words, "given_back")
        is_good(shopper.page, has_script=True)
        way = [step.get_attribute("datetime") for step in shopper.page.locator("ol time").all()]
        assert len(way) == 3, "requested, sent to bKash and confirmed by it"
        assert way == sorted(map(str, way))


def _pay(shopper: Shopper) -> None:
    shopper.page.locator('form.ekpay-sum button[type="submit"]').click()
    shopper.page.wait_for_url(re.compile("/pay/checkout/"))
    shopper.pay("bkash")
    shopper.page.wait_for_url(RESULT)


def _reads(page: Page, words: Wording, outcome: str) -> None:
    """The payer looks at the page of the payment until its bill stands so."""
    title = page.get_by_text(str(words(f"result.bill.{outcome}.title")), exact=True)
    for _ in range(LOOKS):
        if title.count():
            break
        page.wait_for_timeout(1_000)
        page.reload()
    expect(title).to_be_visible()
