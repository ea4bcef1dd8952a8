"""What goes wrong at the pay page ends right: refused, cancelled, slow, lost, closed, pressed twice."""

import re

import pytest
from playwright.sync_api import expect

from sandbox.providers.bkash.wallets import WalletKind, magic_wallet
from tests.browser.conftest import OpenWindow
from tests.browser.installation import Street
from tests.browser.order_status import attempt_of, ipns_of, order_of, payment_of
from tests.browser.shopper import CHECKOUT, Shopper

GOODS = {"lamp": 2, "plate": 1}
LANGUAGES = ["bn", "en"]


def _ordered(window: OpenWindow, language: str, *, has_script: bool = True) -> Shopper:
    shopper = window(language, has_script=has_script)
    shopper.order(GOODS)
    return shopper


def _trnx_id(street: Street) -> str:
    """The payment that the shop began last."""
    return str(street.book()["orders"][-1]["attempts"][-1]["trnx_id"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_refused_offers_another_instrument_which_pays(
    street: Street, window: OpenWindow, language: str
) -> None:
    shopper = _ordered(window, language)
    shopper.pay("bkash", magic_wallet(WalletKind.INSUFFICIENT_BALANCE))
    shopper.page.wait_for_url(CHECKOUT)
    expect(shopper.page.locator(".govuk-error-summary")).to_be_visible()
    shopper.pay("nagad")
    shopper.back_at_shop()
    shopper.sees_standing("paid")
    trnx_id = attempt_of(street, shopper)["trnx_id"]
    assert payment_of(street, trnx_id)["pi_det_info"]["pi_type"] == "nagad"
    assert ipns_of(street, trnx_id) == ["1020"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_cancelled_at_the_provider_and_then_at_the_checkout(
    street: Street, window: OpenWindow, language: str
) -> None:
    shopper = _ordered(window, language)
    shopper.choose("bkash")
    shopper.go_on()
    shopper.pay_there(button="cancel")
    shopper.page.wait_for_url(CHECKOUT)
    shopper.leave()
    shopper.back_at_shop()
    # After a refusal at the instrument giving up is a failure, to the shop and at its page.
    shopper.sees_standing("failed")
    trnx_id = attempt_of(street, shopper)["trnx_id"]
    assert payment_of(street, trnx_id)["msg_code"] == "1021"
    assert ipns_of(street, trnx_id) == ["1021"]


def test_left_before_any_instrument_was_tried(street: Street, window: OpenWindow) -> None:
    shopper = _ordered(window, "bn")
    shopper.leave()
    shopper.back_at_shop()
    shopper.sees_standing("cancelled")
    trnx_id = attempt_of(street, shopper)["trnx_id"]
    assert payment_of(street, trnx_id)["msg_code"] == "1022"
    assert ipns_of(street, trnx_id) == ["1022"]


def test_a_slow_provider_is_waited_for_and_nobody_is_asked_to_pay_again(
    street: Street, window: OpenWindow
) -> None:
    shopper = _ordered(window, "en")
    shopper.pay("bkash", magic_wallet(WalletKind.EXECUTE_LOST_DONE, 7))
    shopper.page.wait_for_url(CHECKOUT)
    words = shopper.page.inner_text("main")
    assert "not pay again" in words
    assert re.search(r"\b\d{1,2}:\d{2}\b", words), "says when it looks again"
    assert shopper.page.locator('input[name="instrument"]').count() == 0
    shopper.back_at_shop()
    shopper.sees_standing("paid")
    assert ipns_of(street, attempt_of(street, shopper)["trnx_id"]) == ["1020"]


def test_a_tab_closed_after_agreeing_is_found_out_about(street: Street, window: OpenWindow) -> None:
    shopper = _ordered(window, "bn")
    trnx_id = _trnx_id(street)
    shopper.choose("nagad")
    shopper.go_on()
    shopper.pay_there(stop_before="pin")
    checkout = shopper.checkout
    # The provider is told the PIN, and the way back never loads.
    shopper.page.route(re.compile(r"/pay/return/"), lambda route: route.abort())
    shopper.pay_there_and_vanish()
    again = window("bn")
    again.page.goto(checkout)
    again.sees_end(checkout)
    assert payment_of(street, trnx_id)["msg_code"] == "1020"
    assert ipns_of(street, trnx_id) == ["1020"]


def test_a_tab_closed_at_the_checkout_is_opened_again_by_the_shop(street: Street, window: OpenWindow) -> None:
    shopper = _ordered(window, "bn")
    pay_page = shopper.checkout
    shopper.choose("bkash")
    shopper.page.goto(f"{shopper.shop}/")
    shopper.page.goto(pay_page)
    # The page at the provider is still open: it is led to, and no second one is begun.
    expect(shopper.page.locator('a[href*="/go"]')).to_be_visible()
    shopper.page.locator('a[href*="/go"]').first.click()
    shopper.go_on()
    shopper.pay_there()
    shopper.back_at_shop()
    shopper.sees_standing("paid")
    assert ipns_of(street, attempt_of(street, shopper)["trnx_id"]) == ["1020"]


@pytest.mark.parametrize("has_script", [True, False])
def test_a_double_click_begins_one_try(street: Street, window: OpenWindow, *, has_script: bool) -> None:
    first = _ordered(window, "en", has_script=has_script)
    trnx_id = _trnx_id(street)
    second = window("en", has_script=has_script)
    second.page.goto(first.checkout)
    first.pick("bkash")
    second.pick("nagad")
    first.submit()
    second.submit()
    second.page.wait_for_url(re.compile(r"/pay/checkout/"))
    assert street.tries(trnx_id) == [("bkash", "open")]


def test_the_back_button_shows_the_truth(street: Street, window: OpenWindow) -> None:
    shopper = _ordered(window, "en")
    shopper.pay("bkash")
    shopper.back_at_shop()
    shopper.sees_standing("paid")
    trnx_id = attempt_of(street, shopper)["trnx_id"]
    checkout = shopper.checkout
    shopper.page.goto(f"{checkout}?stay=1")
    expect(shopper.page.locator(".ekpay-state--paid")).to_be_visible()
    shopper.page.go_back()
    assert order_of(street, shopper)["standing"] == "paid"
    assert street.tries(trnx_id) == [("bkash", "closed")]


def test_an_empty_and_a_foreign_token_get_a_clear_page(street: Street, window: OpenWindow) -> None:
    shopper = _ordered(window, "bn")
    trnx_id = _trnx_id(street)
    for token in ("", "rubbish", "a.b.c"):
        answer = shopper.page.goto(f"{street.switch}/ekpaypg/v1?sToken={token}&trnsID={trnx_id}")
        assert answer is not None
        assert 400 <= answer.status < 500
        assert "pay/checkout" not in shopper.page.url
        assert shopper.page.locator("h1").count() >= 1
