"""A citizen sets a standing order, is offered what it prepared, pays with one press, pauses and ends it."""

import asyncio
from dataclasses import replace

import pytest

from ekpay_switch.domain.bill import BillerSilent, BillFound, BillMissing, FetchReply
from ekpay_switch.domain.citizens.reminders import Reminder, StandingOrder
from ekpay_switch.domain.citizens.saved_bills import SavedBill
from ekpay_switch.domain.money import Money
from ekpay_switch.security.identifiers import uuid7
from tests.factories import a_bill
from tests.web.checkout.checkout_setup import Seen
from tests.web.checkout.language_setup import LANGUAGES
from tests.web.portal.portal_setup import PortalStand
from tests.web.portal.test_account_pages import accounts_of, entered, stand_of
from tests.web.portal.test_reminder_pages import DUE_ON, kept, reminders_of
from tests.web.portal.test_saved_bills import citizen_of

CAP = Money(300_000)


def path_of(bill: SavedBill) -> str:
    return f"/account/standing/{bill.saved_id.hex}"


async def sent(stand: PortalStand, path: str, **fields: str) -> Seen:
    return await stand.press(await stand.browser.get("/account/close"), path, **fields)


async def prepared(stand: PortalStand, owed: int = 121_000) -> SavedBill:
    """A standing order with a bill that it prepared."""
    bill = await kept(stand)
    await sent(stand, path_of(bill), cap="3000")
    now = stand.scene.small.clock.now()
    reminders_of(stand).on[bill.saved_id] = Reminder(DUE_ON, Money(owed), now, StandingOrder(CAP))
    return bill


def offers(page: Seen, bill: SavedBill, name: str) -> bool:
    return any(one["value"] == bill.saved_id.hex for one in page.html.all("input", name=name))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("typed", ["3000", "\u09e9,\u09e6\u09e6\u09e6", "3,000.00"])
async def test_a_standing_order_is_set_and_the_account_says_so(language: str, typed: str) -> None:
    stand = stand_of(language)
    await entered(stand)
    bill = await kept(stand)
    page = await stand.browser.get("/account")
    assert any(link.partition("?")[0] == path_of(bill) for link in page.html.links())
    assert stand.says(await stand.browser.get(path_of(bill)), "standing.confirm")
    answer = await sent(stand, path_of(bill), cap=typed)
    assert (answer.status, answer.place.partition("?")[0]) == (303, "/account")
    assert reminders_of(stand).on[bill.saved_id].order == StandingOrder(CAP)
    page = await stand.browser.get("/account")
    assert stand.says(page, "standing.is_on", cap=stand.t.amount(CAP), days=stand.t.number(3))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("typed", ["", "0", "-5", "much", "1.005", "9" * 30, "1e3"])
async def test_a_sum_that_is_none_comes_back_and_changes_nothing(language: str, typed: str) -> None:
    stand = stand_of(language)
    await entered(stand)
    bill = await kept(stand)
    seen = await sent(stand, path_of(bill), cap=typed)
    assert seen.status == 422
    assert stand.says(seen, "standing.fault.amount")
    assert [one["value"] for one in seen.html.all("input", name="cap")] == [typed]
    assert reminders_of(stand).on == {}


async def test_the_page_is_shown_in_the_other_language_with_what_was_typed() -> None:
    stand = stand_of("en")
    await entered(stand)
    bill = await kept(stand)
    seen = await sent(stand, path_of(bill), cap="x", language="bn")
    assert (seen.status, reminders_of(stand).on) == (200, {})
    assert [one["value"] for one in seen.html.all("input", name="cap")] == ["x"]


async def test_of_a_prepaid_meter_or_of_another_citizen_nothing_is_prepared() -> None:
    stand = stand_of()
    await entered(stand)
    meter = await kept(stand, "nesco_prepaid", "customer_no")
    foreign = await kept(stand, citizen_id=uuid7())
    for path in (path_of(meter), path_of(foreign), "/account/standing/x"):
        assert (await stand.browser.get(path)).place.partition("?")[0] == "/account"
        assert (await sent(stand, path, cap="3000")).place.partition("?")[0] == "/account"
    assert reminders_of(stand).on == {}
    assert (await sent(stand, "/account/pay", saved=foreign.saved_id.hex)).place.partition("?")[
        0
    ] == "/account"
    assert stand.counter.carts == []


async def test_whoever_is_not_signed_in_is_led_to_the_form_that_signs_in() -> None:
    stand = stand_of()
    answer = await stand.browser.get(f"/account/standing/{uuid7().hex}")
    assert (answer.status, answer.place.partition("?")[0]) == (303, "/account")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_it_is_paused_with_one_press_gone_on_with_and_ended(language: str) -> None:
    stand = stand_of(language)
    await entered(stand)
    bill = await prepared(stand)
    page = await stand.browser.get("/account")
    assert (offers(page, bill, "pause"), offers(page, bill, "saved")) == (True, True)
    assert stand.says(page, "standing.pay", amount=stand.t.amount(Money(121_000)))
    await sent(stand, "/account/standing", pause=bill.saved_id.hex)
    page = await stand.browser.get("/account")
    assert stand.says(page, "standing.is_paused")
    assert (offers(page, bill, "pause"), offers(page, bill, "go_on")) == (False, True)
    assert not any(form["action"].startswith("/account/pay") for form in page.html.all("form"))
    await sent(stand, "/account/standing", go_on=bill.saved_id.hex)
    assert reminders_of(stand).on[bill.saved_id].order == StandingOrder(CAP)
    await sent(stand, "/account/standing", end=bill.saved_id.hex)
    assert reminders_of(stand).on[bill.saved_id].order is None
    await sent(stand, "/account/standing", pause="x", end="y")


async def test_what_was_prepared_is_paid_with_one_press_and_is_the_citizens_payment() -> None:
    stand = stand_of()
    await entered(stand)
    bill = await prepared(stand)
    await stand.fill()
    (open_cart,) = stand.counter.carts
    stand.desco.replies.append(BillFound(a_bill(total=121_000)))
    answer = await sent(stand, "/account/pay", saved=bill.saved_id.hex)
    assert (answer.status, "/pay/checkout/" in answer.place) == (303, True)
    assert reminders_of(stand).on[bill.saved_id].prepared_sum is None, "it is not offered twice"
    paid = next(cart for cart in stand.counter.carts if cart.cart_id != open_cart.cart_id)
    assert [stored.bill.amount for stored in paid.bills] == [Money(121_000)]
    assert accounts_of(stand).carts[paid.cart_id] == citizen_of(stand)
    assert stand.contacts.kept[paid.cart_id].number == "01712345678"
    assert "/pay/checkout/" not in (await stand.browser.get("/cart")).place, "the open cart is as it was"


@pytest.mark.parametrize(
    ("reply", "about", "status"),
    [
        (BillFound(a_bill(total=300_001)), "prepared_above_cap", 409),
        (BillFound(a_bill(is_paid=True)), "prepared_gone", 409),
        (BillMissing(), "prepared_gone", 409),
        (BillerSilent("down"), "prepared_unavailable", 503),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_is_another_bill_by_now_is_said_and_not_ordered(
    language: str, reply: FetchReply, about: str, status: int
) -> None:
    stand = stand_of(language)
    await entered(stand)
    bill = await prepared(stand)
    stand.desco.replies.append(reply)
    seen = await sent(stand, "/account/pay", saved=bill.saved_id.hex)
    assert seen.status == status
    assert stand.says(seen, f"portal_notice.{about}.title")
    leads_to_form = any(f"saved={bill.saved_id.hex}" in link for link in seen.html.links())
    assert leads_to_form == (about == "prepared_above_cap")
    assert all(cart.payment is None for cart in stand.counter.carts)


async def test_a_paused_order_pays_nothing() -> None:
    stand = stand_of()
    await entered(stand)
    bill = await prepared(stand)
    paused = replace(reminders_of(stand).on[bill.saved_id], order=StandingOrder(CAP, is_paused=True))
    reminders_of(stand).on[bill.saved_id] = paused
    seen = await sent(stand, "/account/pay", saved=bill.saved_id.hex)
    assert (seen.status, stand.counter.carts) == (409, [])
    assert stand.says(seen, "portal_notice.prepared_paused.title")


async def test_a_biller_that_hangs_keeps_nobody_waiting() -> None:
    stand = PortalStand("en", has_gateway=True, answer_seconds=0.05)
    await entered(stand)
    bill = await prepared(stand)
    stand.desco.gate = asyncio.Event()
    seen = await sent(stand, "/account/pay", saved=bill.saved_id.hex)
    stand.desco.gate.set()
    assert seen.status == 503
    assert stand.says(seen, "portal_notice.prepared_unavailable.title")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_bill_above_the_cap_is_said_and_not_offered(language: str) -> None:
    stand = stand_of(language)
    await entered(stand)
    bill = await prepared(stand, owed=300_001)
    page = await stand.browser.get("/account")
    assert stand.says(page, "standing.above_cap", amount=stand.t.amount(Money(300_001)))
    assert not any(form["action"].startswith("/account/pay") for form in page.html.all("form"))
    assert offers(page, bill, "pause")
