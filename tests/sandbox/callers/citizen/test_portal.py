"""A citizen at a portal of forms: what is typed where, what waits, and what is read of a cart."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from sandbox.callers.citizen import portal
from sandbox.callers.citizen.portal import CartView, Citizen, PortalError
from sandbox.callers.payer.browser import Browser

HOME = (
    '<a href="/bills/desco_postpaid?lang=bn">1</a><a href="/track">2</a><a href="/bills/desco_postpaid">3</a>'
)
ONE_WAY = """
<button form="bill" name="language" formaction="/bills/nesco_prepaid?lang=en">en</button>
<form id="bill" action="/bills/nesco_prepaid" method="post"><input type="hidden" name="csrf" value="c7">
<input name="A-customer_no"><input name="A-amount"></form>
"""
# What both ways ask for stands under the letter of the first.
TWO_WAYS = """
<form id="bill" action="/bills/desco_postpaid" method="post"><input type="hidden" name="csrf" value="c7">
<input type="radio" name="group" value="A"><input name="A-bill_no">
<input type="radio" name="group" value="B"><input name="B-account_no"><input name="A-mobile"></form>
"""
CART = """
<input name="mobile" form="pay">
<form id="remove" action="/cart/remove" method="post"><input type="hidden" name="csrf" value="c7"></form>
<form id="pay" action="/cart/pay" method="post"><input type="hidden" name="csrf" value="c7">
<input type="hidden" name="total" value="855693"><button>pay</button></form>
"""
RESULT = """
<div class="ekpay-state ekpay-state--notice"><h1>some</h1></div>
<strong class="ekpay-outcome ekpay-outcome--paid">paid</strong>
<p>Token: <strong class="ekpay-mono" id="token-1-1">0828 3925 8213</strong></p>
<strong class="ekpay-outcome ekpay-outcome--given_back">back</strong>
<p>Number: <strong class="ekpay-mono" id="our-number"><bdi>261202144316bf0ed</bdi></strong></p>
"""
TRACK = '<form action="/" method="get"><input name="q"></form><form id="track" action="/track" method="post">'
TRACK += '<input name="payment"><input name="mobile"></form>'
CODE = '<form id="code" action="/track/code" method="post"><input name="code"></form>'
VIEW = CartView("", "notice", ("paid", "given_back"), "261202144316bf0ed", ("082839258213",))


@dataclass
class Stage:
    """A portal; `busy` pages are answered with 429 first."""

    sent: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    busy: int = 0
    is_ordered: bool = False
    goes_to: str = "/cart"

    async def page(self, request: web.Request) -> web.Response:
        if self.busy:
            self.busy -= 1
            return web.Response(status=429, text="busy", content_type="text/html")
        if request.method == "POST":
            self.sent.append(
                (request.path, {name: str(text) for name, text in (await request.post()).items()})
            )
            return web.Response(status=303, headers={"Location": self._next(request.path)})
        return web.Response(text=self._shown(request.path), content_type="text/html")

    def _next(self, path: str) -> str:
        places = {"/cart/pay": "/pay/checkout/K1", "/track": "/track/code", "/track/code": "/cart/REF1"}
        return places.get(path, self.goes_to)

    def _shown(self, path: str) -> str:
        if path == "/cart" and self.is_ordered:
            return RESULT
        pages = {
            "/": HOME, "/bills/nesco_prepaid": ONE_WAY, "/bills/desco_postpaid": TWO_WAYS, "/cart": CART,
            "/cart/REF1": RESULT, "/track": TRACK, "/track/code": CODE,
        }  # fmt: skip
        return pages.get(path, "<p>nothing</p>")


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
async def citizen(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Citizen]:
    monkeypatch.setattr(portal, "_PAUSE_SECONDS", 0.01)
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", stage.page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with Browser() as browser:
        yield Citizen(browser, f"http://127.0.0.1:{runner.addresses[0][1]}")
    await runner.cleanup()


async def test_the_search_names_each_biller_once(citizen: Citizen) -> None:
    assert await citizen.find_billers("ডেসকো") == ["desco_postpaid"]


async def test_numbers_are_typed_into_the_fields_of_their_names(citizen: Citizen, stage: Stage) -> None:
    assert await citizen.add_bill("nesco_prepaid", {"customer_no": "84000031", "amount": "200"})
    typed = {"csrf": "c7", "A-customer_no": "84000031", "A-amount": "200"}
    assert stage.sent == [("/bills/nesco_prepaid", typed)]


async def test_of_several_ways_the_one_that_asks_for_the_numbers_is_chosen(
    citizen: Citizen, stage: Stage
) -> None:
    assert await citizen.add_bill("desco_postpaid", {"account_no": "10000031", "mobile": "01712345678"})
    ((_, typed),) = stage.sent
    assert (typed["group"], typed["B-account_no"], typed["A-mobile"]) == ("B", "10000031", "01712345678")
    assert typed["A-bill_no"] == ""


async def test_a_bill_that_did_not_get_into_the_cart_is_said(citizen: Citizen, stage: Stage) -> None:
    stage.goes_to = "/bills/nesco_prepaid"
    assert not await citizen.add_bill("nesco_prepaid", {"customer_no": "?", "amount": "?"})


async def test_a_form_without_the_wanted_fields_is_no_way_on(citizen: Citizen, stage: Stage) -> None:
    with pytest.raises(PortalError, match="asks for none of meter_no"):
        await citizen.add_bill("nesco_prepaid", {"meter_no": "1"})
    with pytest.raises(PortalError, match="has no form"):
        await citizen.add_bill("unknown", {"meter_no": "1"})
    assert stage.sent == []


async def test_the_cart_is_ordered_with_the_sum_that_it_shows_and_a_mobile_number(
    citizen: Citizen, stage: Stage
) -> None:
    assert await citizen.cart_paisa() == 855_693
    assert (await citizen.order("01712345678")).endswith("/pay/checkout/K1")
    assert stage.sent == [("/cart/pay", {"csrf": "c7", "total": "855693", "mobile": "01712345678"})]


async def test_a_busy_portal_is_asked_again(citizen: Citizen, stage: Stage) -> None:
    stage.busy = 3
    assert await citizen.add_bill("nesco_prepaid", {"customer_no": "84000031", "amount": "200"})
    assert len(stage.sent) == 1


async def test_an_ordered_cart_is_read_bill_by_bill(citizen: Citizen, stage: Stage) -> None:
    with pytest.raises(PortalError, match="shows no ordered cart"):
        await citizen.read_result()
    stage.is_ordered = True
    view = await citizen.read_result()
    assert (view.state, view.bills, view.number, view.tokens) == (
        VIEW.state, VIEW.bills, VIEW.number, VIEW.tokens,
    )  # fmt: skip
    assert not view.is_open


async def test_a_payment_is_followed_by_its_number_and_a_code(citizen: Citizen, stage: Stage) -> None:
    async def code() -> str:
        assert stage.sent[-1] == ("/track", {"payment": "261202144316bf0ed", "mobile": "01712345678"})
        return "885924"

    view = await citizen.track("261202144316bf0ed", "01712345678", code)
    assert stage.sent[-1] == ("/track/code", {"code": "885924"})
    assert (view.reference, view.bills) == ("REF1", VIEW.bills)
