"""Where the checkout says that a payer goes back to: the shop, or the bills of the portal."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.carts.bill_cart import PORTAL
from ekpay_switch.web.checkout.models import back_of, order_values
from ekpay_switch.web.wording import Language, wording_of
from tests.scenarios.checkout import Shopper


async def test_a_cart_of_bills_leads_back_to_the_bills_and_an_order_to_the_shop() -> None:
    order = await Shopper().now()
    assert back_of(order) == "shop"
    cart = replace(order, partner_id=PORTAL)
    assert (back_of(cart), order_values(cart)["back"]) == ("bills", "bills")


@pytest.mark.parametrize("key", ["choose.leave", "ended.leaves", "ended.go_back", "leave.text"])
@pytest.mark.parametrize("language", list(Language))
def test_no_sentence_about_bills_knows_a_shop(key: str, language: Language) -> None:
    word = "shop" if language is Language.ENGLISH else "দোকান"
    t = wording_of(language)
    assert word in t(f"{key}.shop", seconds="6")
    assert word not in t(f"{key}.bills", seconds="6")
