"""A payer at pages of several kinds, and at bKash's."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from sandbox.callers.payer.browser import Browser, LostPayerError
from sandbox.callers.payer.forms import forms_of, refresh_of
from sandbox.callers.payer.payer import Payer, PayerDecision, pay
from tests.sandbox.providers.bkash.caller import WALLET, BkashCaller

PAYER = Payer(WALLET)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
FORM = '<form method="post"><input name="wallet"><button name="do" value="confirm">ok</button></form>'

SENDING = (
    '<form method="post" action="ACTION"><input type="hidden" name="id" value="7">'
    '<input type="hidden" name="status" value="success"><button>on</button></form>'
)


@asynccontextmanager
async def pages(**handlers: Handler) -> AsyncIterator[str]:
    app = web.Application()
    for name, handler in handlers.items():
        app.router.add_route("*", f"/{name}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def showing(text: str) -> Handler:
    async def show(_request: web.Request) -> web.Response:
        return web.Response(text=text, content_type="text/html")

    return show


def leading(location: str) -> Handler:
    async def lead(_request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": location})

    return lead


@pytest.mark.parametrize(
    ("does", "status", "verification"),
    [
        (PayerDecision.APPROVE, "success", "Complete"),
        (PayerDecision.CANCEL, "cancel", "Incomplete"),
        (PayerDecision.WRONG_PIN, "failure", "Incomplete"),
        (PayerDecision.LEAVE, None, "Incomplete"),
        (PayerDecision.LEAVE_AT_PIN, None, "Incomplete"),
        (PayerDecision.RETURN, "success", "Complete"),
    ],
)
async def test_each_behaviour_comes_to_what_it_says(
    bkash: BkashCaller, does: PayerDecision, status: str | None, verification: str
) -> None:
    created = await bkash.create()
    visit = await pay(created["bkashURL"], PAYER, does)
    assert (visit.status, visit.merchant_status) == (status, None)
    assert (visit.sent_to is None) is (status is None)
    assert (await bkash.status(created["paymentID"]))["verificationStatus"] == verification


async def test_a_payer_who_waits_is_late_but_comes(bkash: BkashCaller) -> None:
    created = await bkash.create()
    visit = await pay(created["bkashURL"], PAYER, PayerDecision.APPROVE, wait_seconds=0.01)
    assert visit.status == "success"


async def test_a_payer_follows_to_the_merchant_and_through_its_redirects(bkash: BkashCaller) -> None:
    seen = []

    async def returned(request: web.Request) -> web.Response:
        seen.append(dict(request.query))
        return web.Response(status=303, headers={"Location": "/receipt"})

    async with pages(**{"return": returned, "receipt": showing("thank you")}) as merchant:
        created = await bkash.create(callbackURL=f"{merchant}/return?order=9")
        visit = await pay(created["bkashURL"], PAYER, follow=True)
    assert (visit.merchant_status, visit.page) == (200, "thank you")
    assert visit.sent_to is not None
    assert visit.sent_to.startswith(f"{merchant}/return?order=9&paymentID=")
    assert [(one["order"], one["status"], one["paymentID"]) for one in seen] == [
        ("9", "success", created["paymentID"])
    ]


@pytest.mark.parametrize(
    ("patience", "looks", "page"), [(5.0, 2, "thank you"), (1.0, 1, "wait"), (0.0, 0, "wait")]
)
async def test_a_payer_with_patience_stays_at_a_page_that_looks_again_by_itself(
    patience: float, looks: int, page: str
) -> None:
    seen: list[str] = []

    async def waiting(request: web.Request) -> web.Response:
        seen.append(request.query_string)
        if len(seen) > 2:
            return web.Response(status=303, headers={"Location": "/receipt"})
        again = '<meta http-equiv="refresh" content="0; url=waiting"><p>wait</p>'
        return web.Response(text=again, content_type="text/html")

    async with pages(waiting=waiting, receipt=showing("thank you")) as merchant, Browser() as browser:
        shown = await browser.visit(f"{merchant}/waiting?status=success", patience)
    assert shown.looks == looks
    assert page in shown.text
    assert seen == ["status=success", *[""] * looks]


@pytest.mark.parametrize(
    ("content", "seconds", "url"),
    [("5; url=ABC", 5, "ABC"), ("5", 5, ""), ("0;URL='/x'", 0, "/x"), ("7, url=y", 7, "y")],
)
def test_what_a_page_does_by_itself_is_read(content: str, seconds: float, url: str) -> None:
    assert refresh_of(f'<META HTTP-EQUIV="Refresh" CONTENT="{content}">') == (seconds, url)


@pytest.mark.parametrize("page", ["", "<meta charset=utf-8>", '<meta http-equiv="refresh" content="soon">'])
def test_other_pages_do_nothing_by_themselves(page: str) -> None:
    assert refresh_of(page) is None


async def test_a_page_that_cannot_be_used_is_said_to_be_so() -> None:
    async with pages(
        same=showing(FORM),
        buttonless=showing('<form><input name="pin"></form>'),
        plain=showing("<p>Closed for today</p>"),
        round=leading("/round"),
        there=leading("/back"),
        back=leading("/there"),
    ) as origin:
        for path, why in (("same", "does not take"), ("buttonless", "no button"), ("round", "without end")):
            with pytest.raises(LostPayerError, match=why):
                await pay(f"{origin}/{path}", PAYER)
        assert (await pay(f"{origin}/plain", PAYER)).page == "<p>Closed for today</p>"
        with pytest.raises(LostPayerError, match="without end"):
            await pay(f"{origin}/there", PAYER, follow=True)
    for url in (f"{origin}/plain", "nonsense", "http://"):
        with pytest.raises(LostPayerError, match="nobody answers"):
            await pay(url, PAYER)


async def test_a_wrong_number_is_not_tried_for_ever(bkash: BkashCaller) -> None:
    created = await bkash.create()
    with pytest.raises(LostPayerError, match="does not take wallet"):
        await pay(created["bkashURL"], Payer("01999999999"))
    with pytest.raises(LostPayerError, match="does not take the PIN"):
        await pay(created["bkashURL"], Payer(WALLET, pin="1"))


async def test_a_page_that_sends_its_payer_on_with_a_form_is_followed() -> None:
    brought: list[dict[str, object]] = []

    async def returned(request: web.Request) -> web.Response:
        brought.append(dict(await request.post()))
        return web.Response(text=SENDING.replace("ACTION", "/elsewhere"), content_type="text/html")

    async with pages(back=returned) as merchant:
        text = SENDING.replace("ACTION", f"{merchant}/back?order=9")
        async with pages(page=showing(text), stays=showing(SENDING.replace("ACTION", ""))) as provider:
            visit = await pay(f"{provider}/page", PAYER, follow=True)
            assert (await pay(f"{provider}/stays", PAYER, PayerDecision.LEAVE)).sent_to is None
    assert (visit.sent_to, visit.carries) == (f"{merchant}/back?order=9", {"id": "7", "status": "success"})
    assert (visit.status, visit.merchant_status) == ("success", 200)
    # What the merchant shows is its own: nobody presses anything there.
    assert brought == [{"id": "7", "status": "success"}]


def test_hidden_fields_are_kept_and_what_is_outside_a_form_is_not() -> None:
    page = (
        '<input name="outside"><form action="/go" method="POST"><input type="hidden" name="id" value="7">'
        '<input name="pin"><input type="submit" name="do" value="confirm"><input></form><input name="after">'
    )
    form = forms_of(page)[0]
    assert (form.action, form.method) == ("/go", "post")
    assert (form.fields, form.visible_fields) == ({"id": "7", "pin": ""}, {"pin"})
    assert form.buttons == [("do", "confirm")]
