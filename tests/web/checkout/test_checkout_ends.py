"""How a payment ends on the checkout: paid and back to the shop, other ends, pages about no payment."""

from datetime import timedelta

import pytest

from ekpay_switch.domain.carts.bill_cart import PORTAL
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.merchants.checkout import cancel_by_payer
from tests.fakes.world import NOON
from tests.scenarios.checkout import LIFE_SECONDS
from tests.web.checkout.checkout_setup import HOME, Browser, Counter
from tests.web.checkout.language_setup import TOLD, Stand

# ---- paid, and back to the shop


async def test_what_was_paid_is_shown_in_full_with_its_receipt(stand: Stand) -> None:
    await stand.browser.pay()
    stand.put(**TOLD)
    seen = await stand.browser.get()
    assert stand.says(seen, "paid.title")
    for amount in (100_000, 1_500, 575, 102_075):
        assert stand.t.amount(Money(amount)) in seen.text
    assert stand.name("bkash") in seen.text
    assert "TRX1-P1" in seen.text
    assert any(link.startswith("/receipt/") for link in seen.html.links())


async def test_the_way_back_opens_once_the_shop_was_told(stand: Stand) -> None:
    await stand.browser.pay()
    before = await stand.browser.get()
    assert before.headers["refresh"] == "2"
    assert not any("shop.example" in link for link in before.html.links())
    stand.put(**TOLD)
    after = await stand.browser.get()
    back = "https://shop.example/done?order=1001&transId=ORDER-0001"
    assert after.headers["refresh"] == f"6; url={back}"
    assert back in after.html.links()


@pytest.mark.parametrize(
    ("told", "seconds", "is_open"),
    [({}, 7.0, False), ({}, 8.0, True), ({"ipn_tries": 1}, 0.0, True), ({"is_told": True}, 0.0, True)],
)
async def test_who_cannot_be_told_is_waited_for_eight_seconds_and_no_longer(
    told: dict[str, object], seconds: float, *, is_open: bool
) -> None:
    stand = Stand()
    await stand.browser.pay()
    stand.shopper.small.clock.pass_by(seconds)
    stand.put(**told)
    seen = await stand.browser.get()
    assert any("shop.example" in link for link in seen.html.links()) is is_open
    assert stand.says(seen, "paid.told", merchant="ekShop") is ("is_told" in told)


async def test_a_payer_who_comes_back_later_is_not_sent_away(stand: Stand) -> None:
    await stand.browser.pay()
    stand.put(**TOLD)
    stand.shopper.small.clock.pass_by(600)
    seen = await stand.browser.get()
    assert "refresh" not in seen.headers
    assert any("shop.example" in link for link in seen.html.links())


async def test_a_payer_can_stay(stand: Stand) -> None:
    await stand.browser.pay()
    stand.put(**TOLD)
    assert "refresh" not in (await stand.browser.get(f"{HOME}?stay=1")).headers


async def test_once_money_was_given_back_nobody_is_sent_to_the_success_page(stand: Stand) -> None:
    await stand.browser.pay()
    stand.put(**TOLD, refunded=Money(40_000))
    seen = await stand.browser.get()
    assert stand.says(seen, "paid.refunded", amount=stand.t.amount(Money(40_000)))
    assert not any("shop.example" in link for link in seen.html.links())
    assert "refresh" not in seen.headers


@pytest.mark.parametrize(
    "put",
    [
        {"refunded": Money(40_000)},
        {"state": State.REFUNDING},
        {"state": State.REFUNDED},
        {"state": State.IN_REVIEW},
    ],
)
async def test_bills_of_the_portal_are_led_back_to_whatever_was_given_back(
    stand: Stand, put: dict[str, object]
) -> None:
    """The page of a cart tells each bill's outcome; without this a payer who looks late was left here."""
    await stand.browser.pay()
    stand.put(**put, partner_id=PORTAL, **TOLD)
    seen = await stand.browser.get()
    back = "https://shop.example/done?order=1001&transId=ORDER-0001"
    assert seen.headers["refresh"] == f"6; url={back}"
    assert back in seen.html.links()


NEVER_TO_SUCCESS = [
    State.CREATED, State.COLLECTING, State.FUNDED, State.DELIVERING, State.DECLINED, State.EXPIRED,
    State.REFUNDING, State.REFUNDED, State.IN_REVIEW,
]  # fmt: skip


@pytest.mark.parametrize("state", NEVER_TO_SUCCESS)
async def test_nothing_but_a_completed_payment_leads_to_the_success_page(state: State) -> None:
    stand = Stand()
    stand.put(state=state, is_told=True, ipn_tries=1)
    for query in ("", "?other=1", "?stay=1", "?looked=1", "?status=success&transId=ORDER-0001"):
        seen = await stand.browser.get(HOME + query)
        assert "/done" not in seen.body.decode()
        assert "/done" not in seen.headers.get("refresh", "")


def test_no_state_is_forgotten() -> None:
    assert {*NEVER_TO_SUCCESS, State.COMPLETED} == set(State)


# ---- other ends


FAILED = "https://shop.example/failed?transId=ORDER-0001#/order"


@pytest.mark.parametrize(
    ("put", "end", "back"),
    [
        ({"state": State.DECLINED}, "failed", FAILED),
        ({"state": State.EXPIRED}, "expired", FAILED),
        ({"state": State.REFUNDED}, "given_back", FAILED),
        (
            {"state": State.DECLINED, "refusal": Refusal.CANCELLED},
            "cancelled",
            "https://shop.example/left?transId=ORDER-0001",
        ),
    ],
)
async def test_a_payment_that_came_to_nothing_leads_back_where_the_shop_wants_it(
    stand: Stand, put: dict[str, object], end: str, back: str
) -> None:
    stand.put(**put)
    before = await stand.browser.get()
    assert not any("shop.example" in link for link in before.html.links())
    stand.put(**put, **TOLD)
    seen = await stand.browser.get()
    assert stand.says(seen, f"ended.{end}.title")
    assert stand.says(seen, f"ended.{end}.text")
    assert back in seen.html.links()
    assert seen.headers["refresh"] == f"6; url={back}"


@pytest.mark.parametrize(
    ("put", "end"), [({"state": State.IN_REVIEW}, "review"), ({"state": State.REFUNDING}, "goes_back")]
)
async def test_what_has_not_ended_leads_nowhere_and_looks_again(
    stand: Stand, put: dict[str, object], end: str
) -> None:
    stand.put(**put, **TOLD)
    seen = await stand.browser.get()
    assert stand.says(seen, f"ended.{end}.title")
    assert not any("shop.example" in link for link in seen.html.links())
    assert seen.headers["refresh"] == "20"


@pytest.mark.parametrize("state", [State.FUNDED, State.DELIVERING, State.IN_REVIEW, State.REFUNDING])
async def test_no_receipt_yet_is_not_failed_page(stand: Stand, state: State) -> None:
    """Money came and nothing proves the end yet: the page says neither failed nor that nothing was taken."""
    stand.put(state=state, **TOLD)
    seen = await stand.browser.get()
    for end in ("failed", "expired", "cancelled", "given_back"):
        assert not stand.says(seen, f"ended.{end}.title")
    assert not stand.says(seen, "refused.nothing_taken")
    assert seen.html.all("input") == []
    assert "refresh" in seen.headers


async def test_after_the_time_to_pay_nothing_can_be_chosen(stand: Stand) -> None:
    stand.shopper.small.clock.pass_by(LIFE_SECONDS)
    seen = await stand.browser.get()
    assert stand.says(seen, "ended.over.title")
    assert seen.html.all("form") == []


async def test_a_payer_who_left_an_open_page_is_not_told_that_nothing_was_taken() -> None:
    stand = Stand("en")
    await stand.browser.choose("nagad")
    await cancel_by_payer(await stand.shopper.now(), stand.shopper.world)
    seen = await stand.browser.get()
    assert stand.says(seen, "ended.unsure")
    assert not stand.says(seen, "ended.cancelled.text")
    until = stand.t.moment(NOON + timedelta(seconds=900), NOON)
    assert stand.says(seen, "earlier.open", name=stand.name("nagad"), until=until)


# ---- pages about no payment


@pytest.mark.parametrize("reference", ["nothing", "D" * 26, "C" * 25 + "ä", "C" * 26 + "/more", "%00", ""])
async def test_an_unknown_address_is_a_clear_page(stand: Stand, reference: str) -> None:
    seen = await stand.browser.get(f"/pay/checkout/{reference}")
    assert seen.status == 404
    assert stand.says(seen, "notice_page.unknown.title")


async def test_too_many_calls_of_a_page_are_asked_to_wait(language: str) -> None:
    stand = Stand(language, calls=3)
    for _ in range(3):
        assert (await stand.browser.get()).status == 200
    seen = await stand.browser.get()
    assert (seen.status, seen.headers["retry-after"]) == (429, "10")
    assert stand.says(seen, "notice_page.busy.title")
    assert stand.says(seen, "notice_page.do_not_pay_again")


async def test_an_address_that_asks_for_many_pages_is_asked_to_wait() -> None:
    stand = Stand(calls=3)
    seen = [await stand.browser.get(f"/pay/checkout/{letter * 26}") for letter in "ABDE"]
    assert [one.status for one in seen] == [404, 404, 404, 429]


async def test_a_database_that_is_away_gives_a_page_that_looks_again(stand: Stand) -> None:
    stand.shopper.payments.fails_with = OSError("connection refused")
    seen = await stand.browser.get()
    assert (seen.status, seen.headers["refresh"]) == (503, f"10; url={HOME}")
    assert stand.says(seen, "notice_page.away.title")
    assert "connection refused" not in seen.text
    posted = await stand.browser.post(f"{HOME}/try", {"instrument": "bkash"})
    assert (posted.status, "refresh" in posted.headers) == (503, False)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_change_nothing_and_get_a_page(method: str) -> None:
    counter = Counter()
    seen = await counter.request(method, HOME)
    assert seen.status == 405
    assert seen.html.all("html")


async def test_a_page_without_receipts_shows_no_link_to_one() -> None:
    counter = Counter(has_receipts=False)
    browser = Browser(counter)
    await browser.pay()
    assert not any("receipt" in link for link in (await browser.get()).html.links())
