"""`/costs`: the page shows the prices of the checkout, in both languages, whatever is typed."""

import re
from html import escape
from urllib.parse import quote

import pytest

from ekpay_switch.domain.carts.bill_cart import PORTAL
from ekpay_switch.domain.money import Money
from ekpay_switch.flows.merchants.offers import bill_offers
from ekpay_switch.web.portal.costs_page import read_amount
from tests.web.checkout.checkout_setup import Seen
from tests.web.portal.portal_setup import PortalStand


@pytest.mark.parametrize(
    ("typed", "paisa"),
    [
        ("1000", 100_000),
        ("১,১১১.৫", 111_150),
        (" 1 000 ", 100_000),
        ("৳1,00,000", 10_000_000),
        ("0", None),
        ("-5", None),
        ("1e3", None),
        ("1.005", None),
        ("٣٣", None),
        ("many", None),
        ("9" * 14, None),
    ],
)
def test_a_typed_amount_is_taka_above_zero_or_nothing(typed: str, paisa: int | None) -> None:
    assert read_amount(typed) == (None if paisa is None else Money(paisa))


@pytest.mark.parametrize("language", ["bn", "en"])
async def test_every_way_to_pay_has_the_price_of_the_checkout(language: str) -> None:
    stand = PortalStand(language)
    shown = await stand.browser.get("/costs?biller=desco_postpaid&amount=1200.50")
    world = stand.scene.world
    merchant = await world.merchants.by_partner(PORTAL)
    assert merchant is not None
    offers = await bill_offers(stand.desco.profile, Money(120_050), merchant, world)
    open_offers = [offer for offer in offers if offer.why_not is None]
    assert open_offers
    assert prices(shown) == [stand.t.amount(offer.total) for offer in open_offers]


async def test_without_anything_typed_the_most_used_bill_is_the_example() -> None:
    stand = PortalStand("en")
    shown = await stand.browser.get("/costs")
    most_used = stand.counter.portal.catalogue.most_used[0].profile
    assert shown.status == 200
    assert prices(shown)
    assert f'<option value="{most_used.id}" selected>' in shown.body.decode()
    assert stand.t.amount(Money(100_000)) in shown.text


async def test_a_biller_that_is_not_offered_cannot_be_chosen() -> None:
    stand = PortalStand("en", suspended=["desco_postpaid"])
    shown = await stand.browser.get("/costs?biller=desco_postpaid&amount=500")
    assert shown.status == 200
    assert 'value="desco_postpaid"' not in shown.body.decode()


@pytest.mark.parametrize("typed", ["many", "-5", "0", "<script>alert(1)</script>"])
async def test_what_is_no_amount_is_said_beside_its_field(typed: str) -> None:
    stand = PortalStand("en")
    shown = await stand.browser.get(f"/costs?biller=desco_prepaid&amount={quote(typed)}")
    assert shown.status == 422
    assert stand.says(shown, "costs.wrong")
    assert prices(shown) == []
    assert f'name="amount" type="text" value="{escape(typed[:20])}"' in shown.body.decode()
    assert '<option value="desco_prepaid" selected>' in shown.body.decode()
    assert "<script>alert" not in shown.body.decode()


async def test_what_takes_no_such_amount_is_shown_with_its_limits() -> None:
    stand = PortalStand("en")
    shown = await stand.browser.get("/costs?biller=desco_postpaid&amount=9999999")
    assert prices(shown) == []
    assert stand.says(shown, "costs.none")
    limits = stand.scene.world.connectors.all()[0].profile
    words = stand.t("closed.limits", least=stand.t.amount(limits.amount_min), most="")
    assert words.striptags().split()[1] in shown.text
    assert stand.t.amount(limits.amount_max) in shown.text


async def test_the_other_language_keeps_what_was_typed() -> None:
    shown = await PortalStand("en").browser.get("/costs?biller=titas_nonmetered&amount=1%2C000")
    assert 'href="/costs?lang=bn&amp;biller=titas_nonmetered&amp;amount=1%2C000"' in shown.body.decode()


def prices(seen: Seen) -> list[str]:
    return re.findall(r'<span class="ekpay-money">([^<]*)</span>', seen.body.decode())
