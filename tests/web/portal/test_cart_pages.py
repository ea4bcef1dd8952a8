"""`/cart`: the bills with their parts, one sum, and one button that leads to the checkout once."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ekpay_switch.domain.bill import BillerSilent, BillFound, ChargeLine
from ekpay_switch.domain.carts.bill_cart import PORTAL
from ekpay_switch.domain.money import Money
from tests.factories import BILL_NO, a_bill
from tests.web.checkout.language_setup import LANGUAGES
from tests.web.portal.portal_setup import PortalStand

OTHER_NO = "102512345678"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_bill_is_shown_with_its_parts_its_due_date_and_the_age_of_the_answer(language: str) -> None:
    stand = PortalStand(language)
    today = stand.scene.small.clock.now().date()
    await stand.fill(replace(a_bill(), late_fee=Money(5_250), total=Money(110_250), due_on=today))
    seen = await stand.browser.get("/cart")
    assert (seen.status, len(seen.html.all("h1"))) == (200, 1)
    for key, minor in (("amount", 100_000), ("vat", 5_000), ("late_fee", 5_250)):
        assert f"{stand.t(f'cart.part.{key}')} {stand.t.amount(Money(minor))}" in seen.text
    assert BILL_NO in seen.text
    assert stand.t.day(today) in seen.text
    now = stand.scene.small.clock.now()
    assert stand.says(seen, "cart.fetched_at", at=stand.t.moment(now, now))
    assert stand.says(seen, "choose.pay", total=stand.t.amount(Money(110_250)))
    assert stand.says(seen, "cart.charges")


@pytest.mark.parametrize("days", [0, 1])
async def test_only_a_day_that_is_over_is_called_so(days: int) -> None:
    stand = PortalStand()
    due_on = stand.scene.small.clock.now().date() - timedelta(days=days)
    await stand.fill(replace(a_bill(), due_on=due_on))
    seen = await stand.browser.get("/cart")
    assert stand.says(seen, "cart.overdue", day=stand.t.day(due_on)) == (days == 1)


@pytest.mark.parametrize(
    ("label", "is_shown"), [("Gas of September", True), ("vat_2", False), ("1141101", False)]
)
async def test_a_billers_own_line_is_shown_in_words_and_never_as_a_code(label: str, is_shown: bool) -> None:  # noqa: FBT001 - from the table
    stand = PortalStand()
    await stand.fill(replace(a_bill(), charges=(ChargeLine(label, Money(700)),)))
    assert (label in (await stand.browser.get("/cart")).text) == is_shown


async def test_what_a_biller_writes_is_text_and_no_markup() -> None:
    stand = PortalStand()
    await stand.fill(replace(a_bill(), charges=(ChargeLine("<b>Gas</b> \u202ebill", Money(700)),)))
    seen = await stand.browser.get("/cart")
    assert b"<b>Gas" not in seen.body
    assert "\u202e" not in seen.body.decode()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_without_bills_the_page_leads_to_them(language: str) -> None:
    stand = PortalStand(language)
    seen = await stand.browser.get("/cart")
    assert (seen.status, stand.says(seen, "cart.empty")) == (200, True)
    assert f"/?lang={language}" in seen.html.links()
    assert "ekpay-cart" not in "".join(stand.browser.cookies)


async def test_a_bill_is_removed_and_the_sum_follows() -> None:
    stand = PortalStand()
    await stand.fill(a_bill(), a_bill(OTHER_NO, 50_000))
    page = await stand.browser.get("/cart")
    assert [one["value"] for one in page.html.all("button", name="seq", form="remove")] == ["1", "2"]
    after = await stand.browser.follow(await stand.press(page, "/cart/remove", seq="1"))
    assert stand.says(after, "choose.pay", total=stand.t.amount(Money(50_000)))
    assert BILL_NO not in after.text
    again = await stand.press(page, "/cart/remove", seq="1")
    assert again.status == 303


@pytest.mark.parametrize("seq", ["", "x", "-1", "9" * 30, "७"])
async def test_a_number_of_no_bill_removes_nothing(seq: str) -> None:
    stand = PortalStand()
    await stand.fill()
    page = await stand.browser.get("/cart")
    assert (await stand.press(page, "/cart/remove", seq=seq)).status == 303
    assert len(stand.counter.carts[-1].bills) == 1


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_button_leads_to_the_checkout_and_twice_to_the_same(language: str) -> None:
    stand = PortalStand(language)
    await stand.fill()
    page = await stand.browser.get("/cart")
    first = await stand.press(page, "/cart/pay")
    assert (first.status, first.place.startswith("/pay/checkout/")) == (303, True)
    assert (await stand.press(page, "/cart/pay")).place == first.place
    assert len(stand.scene.small.merchant_payments.payments) == 1


async def test_an_ordered_cart_is_shown_as_it_stands_and_the_next_bill_begins_another() -> None:
    stand = PortalStand()
    await stand.fill()
    cart = await stand.order()
    assert (await stand.browser.get("/cart")).place == f"/cart/{cart.reference}?lang=en"
    another = await stand.fill(a_bill(OTHER_NO))
    assert another.reference != cart.reference
    assert (await stand.browser.get("/cart")).status == 200


async def test_a_cart_that_changed_in_another_tab_is_not_ordered_unseen() -> None:
    stand = PortalStand()
    await stand.fill()
    page = await stand.browser.get("/cart")
    await stand.fill(a_bill(OTHER_NO))
    seen = await stand.press(page, "/cart/pay")
    assert (seen.status, stand.says(seen, "cart.problem.amount_changed.title")) == (409, True)
    assert stand.counter.carts[-1].is_ordered is False


@pytest.mark.parametrize(
    ("reply", "problem", "status"),
    [
        (BillFound(a_bill(total=99_000)), "amount_changed", 409),
        (BillFound(a_bill(is_paid=True)), "bill_gone", 409),
        (BillerSilent("no answer"), "unavailable", 503),
    ],
)
async def test_an_old_quote_is_asked_for_again_and_what_changed_is_shown_first(
    reply: BillFound | BillerSilent, problem: str, status: int
) -> None:
    stand = PortalStand()
    await stand.fill(a_bill(), a_bill(OTHER_NO))
    page = await stand.browser.get("/cart")
    stand.scene.small.clock.pass_by(24 * 3_600)
    stand.desco.replies.append(reply)
    seen = await stand.press(page, "/cart/pay")
    assert (seen.status, stand.says(seen, f"cart.problem.{problem}.title")) == (status, True)
    assert stand.counter.carts[-1].is_ordered is False


async def test_a_closed_portal_says_so_and_keeps_the_bills() -> None:
    stand = PortalStand()
    await stand.fill()
    merchants = stand.scene.small.merchants.merchants
    merchants[PORTAL] = replace(merchants[PORTAL], is_active=False)
    seen = await stand.press(await stand.browser.get("/cart"), "/cart/pay")
    assert (seen.status, stand.says(seen, "cart.problem.closed.title")) == (503, True)
    assert BILL_NO in seen.text


async def test_a_biller_that_takes_too_long_is_waited_for_no_longer() -> None:
    stand = PortalStand(answer_seconds=0.05)
    await stand.fill()
    page = await stand.browser.get("/cart")
    stand.scene.small.clock.pass_by(24 * 3_600)
    stand.desco.gate = asyncio.Event()
    seen = await stand.press(page, "/cart/pay")
    assert stand.says(seen, "cart.problem.unavailable.title")
    stand.desco.gate.set()
    await stand.counter.portal.tasks.drain(5)


async def test_a_form_of_another_page_changes_nothing() -> None:
    stand = PortalStand()
    await stand.fill()
    page = await stand.browser.get("/cart")
    for path in ("/cart/pay", "/cart/remove"):
        sent = {**page.html.fields(), "seq": "1"}
        foreign = await stand.browser.post(path, sent, {"Sec-Fetch-Site": "cross-site"})
        forged = await stand.browser.post(path, {**sent, "csrf": "0" * 64})
        assert (foreign.status, forged.status) == (403, 403)
    (cart,) = stand.counter.carts
    assert (len(cart.bills), cart.is_ordered) == (1, False)


async def test_nobody_else_sees_a_cart() -> None:
    stand = PortalStand()
    await stand.fill()
    stand.browser.cookies.clear()
    assert BILL_NO not in (await stand.browser.get("/cart")).text


async def test_a_cart_is_kept_by_no_cache_and_its_reference_stands_in_no_page_of_it() -> None:
    stand = PortalStand()
    cart = await stand.fill()
    seen = await stand.browser.get("/cart")
    assert seen.headers["cache-control"] == "no-store"
    assert cart.reference not in seen.body.decode()
