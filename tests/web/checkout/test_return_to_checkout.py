"""A payer of a merchant comes back from the provider: always to our own checkout, whatever came of it."""

import pytest

from ekpay_switch.domain.payment import State
from tests.web.checkout.checkout_setup import HOME, Browser, Counter


@pytest.mark.parametrize("agrees", [True, False])
async def test_whoever_comes_back_is_led_to_the_checkout(*, agrees: bool) -> None:
    counter = Counter()
    browser = Browser(counter)
    await browser.choose("bkash")
    counter.shopper.page().is_agreed = agrees
    seen = await browser.come_back()
    assert (seen.status, seen.place) == (303, HOME)
    state = (await counter.shopper.now()).state
    assert state is (State.COMPLETED if agrees else State.COLLECTING)


async def test_a_closed_tab_loses_nothing() -> None:
    counter = Counter()
    await Browser(counter).choose("bkash")
    counter.shopper.page().is_agreed = True
    await counter.shopper.wait(200)
    seen = await Browser(counter).get()
    assert (await counter.shopper.now()).state is State.COMPLETED
    assert "TRX1-P1" in seen.text


async def test_the_success_that_an_address_claims_is_not_believed() -> None:
    counter = Counter()
    browser = Browser(counter)
    await browser.choose("nagad")
    await browser.come_back("nagad")
    assert (await counter.shopper.now()).state is State.COLLECTING
    assert not any("/done" in link for link in (await browser.get()).html.links())
