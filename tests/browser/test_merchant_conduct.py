"""Two traps of real merchants in every failure: one trusts its success page, one asks in its listener."""

from collections.abc import Callable

import pytest

from sandbox.kit.provider.payer_numbers import PayerKind, number_of
from sandbox.providers.bkash.wallets import WalletKind, magic_wallet
from tests.browser.conftest import OpenWindow
from tests.browser.installation import Street
from tests.browser.order_status import attempt_of, ipns_of, payment_of
from tests.browser.shopper import CHECKOUT, Shopper

GOODS = {"lamp": 1}
# What sandbox/kit/provider/magic_numbers.py calls so.
PENDING_THEN_DECLINED = 15
FAILURES: dict[str, Callable[[Shopper], None]] = {}
# Who gives up after a refusal at the instrument did not cancel: the payment failed.
STANDINGS = {
    "paid": "paid",
    "refused_and_left": "failed",
    "browser_says_success_and_nothing_is_paid": "cancelled",
    "cancelled": "failed",
    "answer_lost_and_paid": "paid",
    "undecided_and_never_paid": "failed",
    "page_left_and_come_back_to": "paid",
}
CODES = {"paid": "1020", "failed": "1021", "cancelled": "1022"}


def failure(play: Callable[[Shopper], None]) -> Callable[[Shopper], None]:
    """One way in which a payment goes, up to the shop's page."""
    FAILURES[play.__name__] = play
    return play


@failure
def paid(shopper: Shopper) -> None:
    shopper.pay("bkash")


@failure
def refused_and_left(shopper: Shopper) -> None:
    shopper.pay("bkash", magic_wallet(WalletKind.BLOCKED))
    shopper.page.wait_for_url(CHECKOUT)
    shopper.leave()


@failure
def browser_says_success_and_nothing_is_paid(shopper: Shopper) -> None:
    shopper.pay("bkash", magic_wallet(WalletKind.SAYS_SUCCESS))
    shopper.page.wait_for_url(CHECKOUT)
    shopper.leave()


@failure
def cancelled(shopper: Shopper) -> None:
    shopper.choose("bkash")
    shopper.go_on()
    shopper.pay_there(button="cancel")
    shopper.page.wait_for_url(CHECKOUT)
    shopper.leave()


@failure
def answer_lost_and_paid(shopper: Shopper) -> None:
    shopper.pay("bkash", magic_wallet(WalletKind.EXECUTE_LOST_DONE, 11))


@failure
def undecided_and_never_paid(shopper: Shopper) -> None:
    shopper.pay("upay", number_of(PayerKind.WALLET, PENDING_THEN_DECLINED))
    shopper.page.wait_for_url(CHECKOUT)
    shopper.waits_for_choice()
    shopper.leave()


@failure
def page_left_and_come_back_to(shopper: Shopper) -> None:
    shopper.choose("nagad")
    shopper.go_on()
    shopper.page.goto(shopper.checkout)
    shopper.page.locator('a[href*="/go"]').first.click()
    shopper.go_on()
    shopper.pay_there()


@pytest.mark.parametrize("conduct", ["trusting", "asking"])
@pytest.mark.parametrize("play", list(FAILURES))
def test_goods_are_handed_out_for_money_alone(
    street: Street, window: OpenWindow, conduct: str, play: str
) -> None:
    street.conduct(conduct)
    shopper = window("bn")
    shopper.order(GOODS)
    FAILURES[play](shopper)
    shopper.back_at_shop()
    attempt = attempt_of(street, shopper)
    trnx_id = attempt["trnx_id"]
    told = payment_of(street, trnx_id)["msg_code"]
    assert told == CODES[STANDINGS[play]]
    shopper.sees_standing(STANDINGS[play])
    assert attempt_of(street, shopper)["handed_out"] == (1 if told == "1020" else 0)
    assert ipns_of(street, trnx_id) == [told]
