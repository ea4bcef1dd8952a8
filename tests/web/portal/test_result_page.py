"""`/cart/<reference>`: each bill with its own outcome, for whoever has the reference."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ekpay_switch.domain.bill import BillFound
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.outcome import Approved, Declined, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import RefundEvent, RefundState
from ekpay_switch.domain.vending import TokenKind, TokenLine
from tests.factories import a_bill
from tests.fakes.billers import LOSES_ANSWER, Deed
from tests.fakes.world import NOON
from tests.web.checkout.language_setup import LANGUAGES
from tests.web.portal.portal_setup import PortalStand

OTHER_NO = "102512345678"


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_paid_bill_shows_the_receipt_number_of_its_biller(language: str) -> None:
    stand = PortalStand(language)
    await stand.fill()
    stand.desco.deeds.append(Deed(Approved({"receipt": "D-1701"}), posts=True))
    cart = await stand.scene.worked(await stand.pay())
    seen = await stand.result()
    assert (seen.status, len(seen.html.all("h1"))) == (200, 1)
    assert stand.says(seen, "result.cart.all_paid.title")
    assert stand.says(seen, "result.bill.paid.title")
    assert "D-1701" in seen.text
    assert cart.payment is not None
    assert stand.t.amount(cart.payment.sums.total) in seen.text
    assert f"/receipt/{cart.payment.payment_id.hex}?lang={language}" in seen.html.links()
    assert "refresh" not in seen.headers


async def test_a_token_is_shown_in_groups_of_four() -> None:
    stand = PortalStand()
    recharge = stand.counter.billers["desco_prepaid"]
    recharge.profile = replace(recharge.profile, bucket="postpaid")
    recharge.replies.append(BillFound(replace(a_bill("41234567", 50_000), bill_key="")))
    fields = {"A-account_no": "41234567", "A-mobile": "01712345678", "A-amount": "500"}
    await stand.send(fields, "/bills/desco_prepaid")
    lines = (TokenLine(1, TokenKind.CREDIT, "12345678901234567890"),)
    recharge.deeds.append(Deed(Approved({}, lines), posts=True))
    await stand.scene.worked(await stand.pay())
    assert "1234 5678 9012 3456 7890" in (await stand.result()).text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_bill_in_stand_in_says_by_when_its_biller_has_it(language: str) -> None:
    stand = PortalStand(language)
    stand.desco.profile = replace(stand.desco.profile, stand_in_seconds=86_400.0)
    await stand.fill()
    profile = stand.desco.profile
    biller = stand.t.name(profile.name_bn, profile.name_en)
    hours = stand.t.number(24)
    assert stand.says(await stand.browser.get("/cart"), "cart.stand_in", biller=biller, hours=hours)
    stand.desco.deeds.append(Deed(Unreached("connection refused")))
    cart = await stand.scene.worked(await stand.pay())
    until = cart.bills[0].stand_in_until
    assert until is not None
    seen = await stand.result()
    assert stand.says(seen, "result.bill.accepted.title")
    assert stand.t.moment(until, cart.read_at) in seen.text
    assert stand.says(seen, "result.do_not_pay_again")
    await stand.scene.worked(cart)
    assert stand.says(await stand.result(), "result.bill.paid.title")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_open_bill_is_on_its_way_and_the_page_looks_again(language: str) -> None:
    stand = PortalStand(language)
    await stand.fill(a_bill(), a_bill(OTHER_NO))
    stand.desco.deeds.append(LOSES_ANSWER)
    await stand.scene.worked(await stand.pay())
    seen = await stand.result()
    assert stand.says(seen, "result.bill.on_its_way.title")
    assert stand.says(seen, "result.do_not_pay_again")
    assert seen.headers["refresh"] == "20"
    (stay,) = [link for link in seen.html.links() if "stay=1" in link]
    still = await stand.browser.get(stay)
    assert "refresh" not in still.headers
    assert stand.says(still, "waiting.again_by_itself")


@pytest.mark.parametrize("state", [None, RefundState.DONE, RefundState.BY_HAND])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_bill_that_was_not_taken_says_how_much_goes_back_and_where(
    state: RefundState | None, language: str
) -> None:
    stand = PortalStand(language)
    await stand.fill(a_bill(), a_bill(OTHER_NO, 50_000))
    stand.desco.deeds.append(Deed(Declined("refused")))
    cart = await stand.scene.worked(await stand.pay())
    (refund,) = cart.refunds
    if state is not None:
        stand.scene.carts.refunds[refund.reference] = state
    seen = await stand.result()
    outcome = {None: "goes_back", RefundState.DONE: "given_back", RefundState.BY_HAND: "by_staff"}[state]
    assert stand.says(seen, "result.cart.some_paid.title")
    assert stand.says(seen, f"result.bill.{outcome}.title")
    assert stand.t.amount(refund.amount) in seen.text
    where = stand.scene.small.connector.profile
    assert (stand.t.bare_name(where.name_bn, where.name_en) in seen.text) == (outcome != "by_staff")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_refund_is_told_step_by_step_with_dates(language: str) -> None:
    stand = PortalStand(language)
    await stand.fill(a_bill(), a_bill(OTHER_NO, 50_000))
    stand.desco.deeds.append(Deed(Declined("refused")))
    cart = await stand.scene.worked(await stand.pay())
    (refund,) = cart.refunds
    begun = cart.read_at
    later = [begun + timedelta(days=day) for day in (1, 2, 3)]
    events = (RefundEvent.SENDING, RefundEvent.DOUBTED, RefundEvent.LEFT_TO_FINANCE)
    stand.scene.carts.refunds[refund.reference] = RefundState.BY_HAND
    stand.scene.carts.refund_events[refund.reference] = list(zip(events, later, strict=True))
    seen = await stand.result()
    profile = stand.scene.small.connector.profile
    where = stand.t.name(profile.name_bn, profile.name_en)
    for step in ("requested", "sent", "with_staff"):
        assert stand.says(seen, f"result.refund_step.{step}", where=where)
    assert not stand.says(seen, "result.refund_step.doubted", where=where)
    assert [entry["datetime"] for entry in seen.html.all("time")] == [
        instant.isoformat() for instant in (NOON, later[0], later[2])
    ]
    assert all(stand.t.full_moment(instant) in seen.text for instant in (NOON, later[0], later[2]))


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (State.COLLECTING, "not_paid_yet"),
        (State.COMPLETED, "received"),
        (State.DECLINED, "nothing_taken"),
        (State.EXPIRED, "nothing_taken"),
        (State.REFUNDING, "returning"),
        (State.REFUNDED, "returned"),
        (State.IN_REVIEW, "review"),
    ],
)
async def test_before_its_money_is_there_the_page_says_how_the_payment_stands(
    state: State, outcome: str
) -> None:
    stand = PortalStand()
    await stand.fill()
    cart = await stand.order()
    stand.scene.checkout_says(cart, state)
    seen = await stand.result()
    assert stand.says(seen, f"result.cart.{outcome}.title")
    assert not stand.says(seen, "result.bill.paid.title")
    leads_on = [link for link in seen.html.links() if link.startswith("/pay/checkout/")]
    assert bool(leads_on) == (outcome == "not_paid_yet")
    assert ("refresh" in seen.headers) == (outcome in {"not_paid_yet", "received"})


async def test_whoever_has_the_reference_sees_the_page_without_a_cookie() -> None:
    stand = PortalStand()
    await stand.fill()
    cart = await stand.order()
    stand.browser.cookies.clear()
    assert (await stand.browser.get(f"/cart/{cart.reference}")).status == 200


@pytest.mark.parametrize("reference", ["Z" * 26, "x", "A" * 25, "%F0%9F%92%B8", "..%2f"])
async def test_an_unknown_reference_is_a_page_that_leads_home(reference: str) -> None:
    stand = PortalStand()
    seen = await stand.browser.get(f"/cart/{reference}")
    assert (seen.status, stand.says(seen, "portal_notice.no_cart.title")) == (404, True)
    assert "/?lang=en" in seen.html.links()


async def test_a_cart_that_is_not_ordered_is_seen_by_its_own_browser_alone() -> None:
    stand = PortalStand()
    cart = await stand.fill()
    assert (await stand.browser.get(f"/cart/{cart.reference}")).place == "/cart?lang=en"
    stand.browser.cookies.clear()
    assert (await stand.browser.get(f"/cart/{cart.reference}")).status == 404


async def test_an_amount_is_the_bills_own() -> None:
    stand = PortalStand()
    await stand.fill(a_bill(total=123_400))
    await stand.scene.worked(await stand.pay())
    assert stand.t.amount(Money(123_400)) in (await stand.result()).text


@pytest.mark.parametrize("state", [State.DECLINED, State.EXPIRED, State.REFUNDED])
@pytest.mark.parametrize("language", LANGUAGES)
async def test_bills_of_which_nothing_was_taken_are_in_the_cart_again_by_one_button(
    state: State, language: str
) -> None:
    stand = PortalStand(language)
    await stand.fill(a_bill(), a_bill(OTHER_NO, 50_000))
    cart = await stand.order()
    stand.scene.checkout_says(cart, state)
    seen = await stand.result()
    assert stand.says(seen, "result.again")
    answer = await stand.browser.post(f"/cart/{cart.reference}/again?lang={language}", seen.html.fields())
    assert answer.place == f"/cart?lang={language}"
    shown = await stand.browser.follow(answer)
    assert stand.says(shown, "cart.title")
    assert stand.t.amount(cart.amount) in shown.text
    # What was ordered stays as it is, for whoever has its address.
    assert stand.says(await stand.browser.get(f"/cart/{cart.reference}"), "result.again")


async def test_a_payment_that_is_open_offers_no_second_one() -> None:
    stand = PortalStand()
    await stand.fill()
    cart = await stand.order()
    form = (await stand.browser.get("/bills/desco_postpaid")).html.fields()
    seen = await stand.result()
    assert not stand.says(seen, "result.again")
    answer = await stand.browser.post(f"/cart/{cart.reference}/again", {"csrf": form["csrf"]})
    assert answer.place.startswith(f"/cart/{cart.reference}")


@pytest.mark.parametrize("reference", ["Z" * 26, "x"])
async def test_bills_of_no_cart_are_not_paid_again(reference: str) -> None:
    stand = PortalStand()
    form = (await stand.browser.get("/bills/desco_postpaid")).html.fields()
    path = f"/cart/{reference}/again"
    assert (await stand.browser.post(path, {"csrf": form["csrf"]})).status == 404
    assert (await stand.browser.post(path, {"csrf": "x"})).status == 403
