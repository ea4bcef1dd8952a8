"""From the cart to the goods, by the page of each family, in both languages."""

import pytest

from tests.browser.conftest import OpenWindow
from tests.browser.installation import Street
from tests.browser.order_status import attempt_of, ipns_of, payment_of
from tests.browser.shopper import CHECKOUT

SMALL = {"honey": 1, "tea": 2}
# Some 22,000 and 51,000 taka: more than what the rules of this street give to sslcommerz and to shurjoPay.
LARGE = {"kantha": 9}
LARGEST = {"kantha": 9, "saree": 9, "pinon": 9}
# One way to pay of each protocol family, and both languages on the way.
WAYS = [
    ("bkash", "bn", SMALL, "bkash"),
    ("nagad", "en", SMALL, "nagad"),
    ("upay", "bn", SMALL, "upay"),
    ("rocket", "en", SMALL, "rocket"),
    ("sonali_spg", "bn", SMALL, "sonali_spg"),
    ("pubali", "en", SMALL, "pubali"),
    ("card", "bn", SMALL, "ebl"),
    ("card", "en", LARGE, "sslcommerz"),
    ("card", "bn", LARGEST, "shurjopay"),
]


@pytest.mark.parametrize(
    ("instrument", "language", "goods", "connector"), WAYS, ids=[f"{one[3]}-{one[1]}" for one in WAYS]
)
def test_cart_checkout_provider_shop_shows_paid(
    street: Street, window: OpenWindow, instrument: str, language: str, goods: dict[str, int], connector: str
) -> None:
    shopper = window(language)
    shopper.order(goods)
    shopper.pay(instrument)
    shopper.back_at_shop()
    shopper.sees_standing("paid")
    attempt = attempt_of(street, shopper)
    payment = payment_of(street, attempt["trnx_id"])
    assert (payment["msg_code"], payment["pi_det_info"]["pi_type"]) == ("1020", connector)
    assert ipns_of(street, attempt["trnx_id"]) == ["1020"]


@pytest.mark.parametrize("instrument", ["bkash", "nagad", "card"])
def test_without_script(street: Street, window: OpenWindow, instrument: str) -> None:
    shopper = window("bn", has_script=False)
    shopper.order(SMALL, agent="udc-fulbari")
    shopper.pay(instrument)
    shopper.back_at_shop()
    shopper.sees_standing("paid")
    assert ipns_of(street, attempt_of(street, shopper)["trnx_id"]) == ["1020"]


def test_whoever_has_paid_may_read_the_receipt_before_going_back(window: OpenWindow) -> None:
    shopper = window("en")
    shopper.order(SMALL)
    shopper.pay("bkash")
    shopper.page.wait_for_url(CHECKOUT)
    shopper.page.locator('a[href^="/receipt/"]').first.click()
    shopper.page.wait_for_url(lambda url: "/receipt/" in url)
    assert "ekShop" in shopper.page.inner_text("main")
