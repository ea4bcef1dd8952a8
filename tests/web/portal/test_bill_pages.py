# ruff: noqa: RUF001 - Bangla digits
"""`/bills/<biller>`: a form that keeps what was typed, says what is wrong, and fills the cart."""

import asyncio

import pytest

from ekpay_switch.domain.bill import AmountRefused, BillerSilent, BillFound, FetchReply
from ekpay_switch.domain.carts.bill_cart import CartRefusal
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.web.portal.bill_pages import refusal_text
from ekpay_switch.web.portal.cart_cookie import COOKIE
from ekpay_switch.web.wording import Language, read_texts
from tests.factories import a_bill
from tests.web.checkout.checkout_setup import ORIGIN, Seen
from tests.web.checkout.language_setup import LANGUAGES
from tests.web.portal.portal_setup import BILL_NO, DESCO, PortalStand, real_profiles

ACCOUNT = "12345678"
RIGHT = {"group": "A", "A-bill_no": BILL_NO}


def typed(seen: Seen, field: str) -> str:
    return seen.html.all("input", id=field)[0]["value"]


@pytest.mark.parametrize("profile", real_profiles(), ids=lambda one: one.id)
@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_form_of_every_biller_labels_each_of_its_fields(
    profile: BillerProfile, language: str
) -> None:
    seen = await PortalStand(language).browser.get(f"/bills/{profile.id}")
    assert (seen.status, len(seen.html.all("h1"))) == (200, 1)
    labelled = {one["for"] for one in seen.html.all("label")}
    fields = [*seen.html.all("input"), *seen.html.all("select")]
    assert {one["id"] for one in fields if one.get("type") != "hidden"} == labelled
    ids = [values["id"] for _, values in seen.html.tags if "id" in values]
    assert len(ids) == len(set(ids))
    described = " ".join(values.get("aria-describedby", "") for _, values in seen.html.tags).split()
    assert set(described) <= set(ids)


async def test_a_bill_that_is_found_goes_into_the_cart_of_this_browser() -> None:
    stand = PortalStand()
    seen = await stand.send({"group": "A", "A-bill_no": "০৯২৫ ১২৩৪৫৬৭৮"})
    assert (seen.status, seen.place) == (303, "/cart?lang=en")
    (cart,) = stand.counter.carts
    assert stand.browser.cookies[f"__Host-{COOKIE}"] == cart.reference
    assert [(one.bill.biller_id, dict(one.bill.fields)) for one in cart.bills] == [
        ("desco_postpaid", {"bill_no": BILL_NO})
    ]


@pytest.mark.parametrize("public_url", [ORIGIN, "http://127.0.0.1:8180"])
async def test_the_cart_is_kept_in_a_cookie_of_this_host_alone(public_url: str) -> None:
    stand = PortalStand(public_url=public_url)
    seen = await stand.browser.get(DESCO)
    (cookie,) = [one for one in seen.cookies if COOKIE in one]
    is_https = public_url.startswith("https")
    assert cookie.startswith("__Host-") == ("Secure" in cookie) == is_https
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert stand.counter.carts == []
    again = await stand.browser.get(DESCO)
    assert [one for one in again.cookies if COOKIE in one] == []


async def test_a_second_bill_goes_into_the_same_cart() -> None:
    stand = PortalStand()
    stand.desco.bills["102512345678"] = a_bill("102512345678")
    await stand.send(RIGHT)
    await stand.send({"group": "A", "A-bill_no": "102512345678"})
    (cart,) = stand.counter.carts
    assert [one.seq for one in cart.bills] == [1, 2]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_an_error_stands_at_its_field_and_in_the_summary(language: str) -> None:
    stand = PortalStand(language)
    seen = await stand.send({"group": "A", "A-bill_no": "12", "B-account_no": "7"})
    assert seen.status == 422
    assert "#A-bill_no" in seen.html.links()
    (field,) = seen.html.all("input", id="A-bill_no")
    assert (field["value"], field["aria-invalid"]) == ("12", "true")
    assert "A-bill_no-error" in field["aria-describedby"].split()
    assert seen.html.all("p", id="A-bill_no-error")
    assert "#B-account_no" not in seen.html.links()
    assert typed(seen, "B-account_no") == "7"
    assert [one["value"] for one in seen.html.all("input", type="radio", checked="")] == ["A"]
    assert stand.counter.carts == []


async def test_nothing_typed_asks_which_number_there_is() -> None:
    stand = PortalStand()
    seen = await stand.send({})
    assert (seen.status, stand.says(seen, "bill.fault.group")) == (422, True)
    assert "#group" in seen.html.links()
    assert seen.html.all("input", id="group", type="radio")


@pytest.mark.parametrize(
    ("reply", "problem", "status"),
    [
        (None, "no_such_bill", 422),
        (BillFound(a_bill(is_paid=True)), "already_paid", 409),
        (AmountRefused(), "amount", 422),
        (BillerSilent("no answer"), "unavailable", 503),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_refusal_is_said_in_words_and_keeps_the_form(
    reply: FetchReply | None, problem: str, status: int, language: str
) -> None:
    stand = PortalStand(language)
    stand.desco.bills.clear()
    if reply is not None:
        stand.desco.replies.append(reply)
    seen = await stand.send(RIGHT)
    assert seen.status == status
    assert stand.says(seen, f"bill.problem.{problem}.title")
    assert typed(seen, "A-bill_no") == BILL_NO
    assert stand.counter.carts == []


async def test_a_cart_that_is_full_says_so_and_leads_to_it() -> None:
    stand = PortalStand()
    numbers = [f"{month:02d}2512345678" for month in range(1, 5)]
    stand.desco.bills.update({number: a_bill(number) for number in numbers})
    seen = [await stand.send({"group": "A", "A-bill_no": number}) for number in numbers][-1]
    assert stand.says(seen, "bill.problem.too_many_bills.title")
    assert "/cart?lang=en" in seen.html.links()


async def test_a_biller_that_takes_too_long_is_waited_for_no_longer() -> None:
    stand = PortalStand(answer_seconds=0.01)
    stand.desco.gate = asyncio.Event()
    seen = await stand.send(RIGHT)
    assert (seen.status, stand.says(seen, "bill.problem.unavailable.title")) == (503, True)
    stand.desco.gate.set()
    await stand.counter.portal.tasks.drain(5)


@pytest.mark.parametrize("refusal", [*Refusal, *CartRefusal])
def test_every_refusal_has_words(refusal: Refusal | CartRefusal) -> None:
    keys = {f"bill.problem.{refusal_text(refusal)}.{part}" for part in ("title", "text")}
    assert keys <= read_texts(Language.BANGLA).keys()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_other_language_keeps_everything_that_was_typed(language: str) -> None:
    stand = PortalStand(language)
    page = await stand.browser.get(DESCO)
    (button,) = page.html.all("button", name="language", form="bill")
    sent = {**page.html.fields(), "group": "B", "A-bill_no": "09", "B-account_no": "৭ <b>", "language": ""}
    other = await stand.browser.post(button["formaction"], sent)
    assert (other.status, other.headers["content-language"]) == (200, stand.t.language.opposite)
    assert (typed(other, "A-bill_no"), typed(other, "B-account_no")) == ("09", "৭ <b>")
    assert [one["value"] for one in other.html.all("input", type="radio", checked="")] == ["B"]
    assert "#A-bill_no" not in other.html.links()
    assert b"<b>" not in other.body
    assert (await stand.browser.get(button["formaction"])).status == 200


async def test_enter_presses_the_button_that_looks_for_the_bill() -> None:
    page = await PortalStand().browser.get(DESCO)
    first = next(one for one in page.html.all("button") if one.get("form") == "bill")
    assert "name" not in first
    assert "formaction" not in first


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Content-Type": "text/plain"},
    ],
)
async def test_a_form_of_another_page_does_nothing(headers: dict[str, str]) -> None:
    stand = PortalStand()
    page = await stand.browser.get(DESCO)
    seen = await stand.browser.post(DESCO, {**page.html.fields(), **RIGHT}, headers)
    assert seen.status == 403
    assert stand.counter.carts == []


async def test_a_token_is_good_for_the_browser_that_got_it_alone() -> None:
    stand, other = PortalStand(), PortalStand()
    page = await other.browser.get(DESCO)
    await stand.browser.get(DESCO)
    assert (await stand.browser.post(DESCO, {**page.html.fields(), **RIGHT})).status == 403
    stand.browser.cookies.clear()
    seen = await stand.browser.post(f"{DESCO}?lang=en", {**page.html.fields(), **RIGHT})
    assert (seen.status, stand.says(seen, "portal_notice.foreign.title")) == (403, True)
    assert f"{DESCO}?lang=en" in seen.html.links()


@pytest.mark.parametrize("cookie", ["", "x", "a" * 26, "A" * 25, "A" * 27, "Ａ" * 26])
async def test_a_cookie_that_no_cart_can_have_is_replaced(cookie: str) -> None:
    stand = PortalStand()
    stand.browser.cookies[f"__Host-{COOKIE}"] = cookie.encode().decode("latin-1")
    seen = await stand.browser.get(DESCO)
    assert len([one for one in seen.cookies if COOKIE in one]) == 1


async def test_a_database_that_is_away_is_said_and_nothing_is_lost_by_it() -> None:
    stand = PortalStand()
    page = await stand.browser.get(DESCO)
    stand.scene.small.books.trouble.append(ConnectionRefusedError("postgres at /secret/place"))
    seen = await stand.send(RIGHT, page=page)
    assert (seen.status, seen.headers["retry-after"]) == (503, "10")
    assert stand.says(seen, "portal_notice.away.title")
    assert "secret" not in seen.text
