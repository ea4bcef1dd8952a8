"""A payer at a checkout of forms, links and pages that lead on by themselves."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from sandbox.callers.payer.browser import Browser, LostPayerError, PageView
from sandbox.callers.payer.checkout import InstrumentChoice, NotOfferedError, check_out, instruments_of
from sandbox.callers.payer.forms import forms_of, links_of, refresh_of
from sandbox.callers.payer.payer import Payer, PayerDecision

PAYER = Payer("01700000000")
CHOOSE = """
<p><a class="out" href="/pay/1/cancel?lang=en&amp;x=1">leave</a></p>
<form action="/pay/1/try" method="post">
<input type="hidden" name="csrf" value="c7"><input type="hidden" name="nth" value="{nth}">
<input type="radio" name="instrument" value="nagad" id="a"><input type="hidden" name="total-nagad" value="1">
<input type="radio" name="instrument" value="bkash" id="b"><input type="hidden" name="total-bkash" value="2">
<button>go</button></form>
"""
LEAVE = '<form action="/pay/1/cancel" method="post"><input type="hidden" name="csrf" value="c7"></form>'
PROVIDER = (
    '<form method="post"><input name="wallet"><button name="do" value="confirm">ok</button>'
    '<button name="do" value="cancel">no</button></form>'
)


@dataclass
class Stage:
    """A checkout, a provider and a shop; each try of `verdicts` is paid, refused, or left open."""

    verdicts: list[str] = field(default_factory=list)
    tries: list[dict[str, str]] = field(default_factory=list)
    opening: int = 0
    waits: int = 0
    is_cancelled: bool = False
    checkout: str = ""
    provider: str = ""

    async def page(self, _request: web.Request) -> web.Response:
        if self.is_cancelled or "paid" in self.verdicts[: len(self.tries)]:
            if self.waits:
                self.waits -= 1
                return _page("<p>we do not know yet</p>", Refresh="0")
            return _page("<p>done</p>", Refresh=f"1; url={self.provider}/shop")
        if self.tries and self.verdicts[len(self.tries) - 1] == "open":
            return _page('<a href="/pay/1/go">go on</a>')
        return _page(CHOOSE.format(nth=len(self.tries) + 1))

    async def choose(self, request: web.Request) -> web.Response:
        self.tries.append({name: str(value) for name, value in (await request.post()).items()})
        return web.Response(status=303, headers={"Location": "/pay/1/go"})

    async def go(self, _request: web.Request) -> web.Response:
        if self.opening:
            self.opening -= 1
            return _page("<p>opening</p>", Refresh="0")
        if self.verdicts[len(self.tries) - 1] == "no page":
            return _page(CHOOSE.format(nth=9))
        return _page("<p>off you go</p>", Refresh=f"0; url={self.provider}/wallet")

    async def cancel(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            return _page(LEAVE)
        self.is_cancelled = (await request.post())["csrf"] == "c7"
        return web.Response(status=303, headers={"Location": "/pay/1"})

    async def wallet(self, request: web.Request) -> web.Response:
        if request.method == "GET":
            return _page(PROVIDER)
        if self.verdicts[len(self.tries) - 1] == "open":
            self.verdicts[len(self.tries) - 1] = "paid"
        return web.Response(status=303, headers={"Location": f"{self.checkout}/pay/1?back=1"})

    async def shop(self, _request: web.Request) -> web.Response:
        return _page("<p>thank you</p>")


def _page(text: str, **headers: str) -> web.Response:
    return web.Response(text=text, content_type="text/html", headers=headers)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    runners = []
    for routes in (
        {
            "/pay/1": stage.page,
            "/pay/1/try": stage.choose,
            "/pay/1/go": stage.go,
            "/pay/1/cancel": stage.cancel,
        },
        {"/wallet": stage.wallet, "/shop": stage.shop},
    ):
        app = web.Application()
        for path, handler in routes.items():
            app.router.add_route("*", path, handler)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
    stage.checkout, stage.provider = (f"http://127.0.0.1:{one.addresses[0][1]}" for one in runners)
    yield stage
    for runner in runners:
        await runner.cleanup()


def choices(
    *instruments: str, does: PayerDecision = PayerDecision.APPROVE, is_followed: bool = True
) -> list[InstrumentChoice]:
    return [InstrumentChoice(name, PAYER, does, is_followed) for name in instruments]


async def test_a_payer_chooses_pays_waits_and_is_led_to_the_shop(stage: Stage) -> None:
    stage.verdicts, stage.opening, stage.waits = ["paid"], 2, 2
    async with Browser(hurries=True) as browser:
        done = await check_out(browser, f"{stage.checkout}/pay/1", choices("bkash"))
    assert (done.page.text, done.tries, done.is_left) == ("<p>thank you</p>", ["bkash"], False)
    # The fields that nobody sees are kept, and of the radio buttons the chosen one alone is sent.
    assert stage.tries == [
        {"csrf": "c7", "nth": "1", "total-nagad": "1", "total-bkash": "2", "instrument": "bkash"}
    ]


async def test_after_a_refusal_another_instrument_is_chosen(stage: Stage) -> None:
    stage.verdicts = ["refused", "paid"]
    async with Browser(hurries=True) as browser:
        done = await check_out(browser, f"{stage.checkout}/pay/1", choices("bkash", "nagad"))
    assert [one["nth"] for one in stage.tries] == ["1", "2"]
    assert done.page.url == f"{stage.provider}/shop"


async def test_who_has_no_patience_is_left_at_the_page_that_waits(stage: Stage) -> None:
    stage.verdicts, stage.waits = ["paid"], 9
    async with Browser() as browser:
        done = await check_out(browser, f"{stage.checkout}/pay/1", choices("bkash"), patience_seconds=1.0)
    assert done.page.text == "<p>we do not know yet</p>"


async def test_a_payer_cancels_by_the_link_and_the_form_behind_it(stage: Stage) -> None:
    stage.verdicts = ["refused"]
    async with Browser(hurries=True) as browser:
        done = await check_out(browser, f"{stage.checkout}/pay/1", choices("nagad"), cancels=True)
    assert (stage.is_cancelled, done.page.text) == (True, "<p>thank you</p>")


async def test_who_left_comes_back_to_the_page_that_is_open_already(stage: Stage) -> None:
    stage.verdicts = ["open"]
    async with Browser(hurries=True) as browser:
        left = await check_out(browser, f"{stage.checkout}/pay/1", choices("bkash", does=PayerDecision.LEAVE))
        assert (left.is_left, left.page.text) == (True, PROVIDER)
        done = await check_out(browser, f"{stage.checkout}/pay/1", choices("bkash"))
    assert (len(stage.tries), done.page.text) == (1, "<p>thank you</p>")


async def test_a_tab_that_is_closed_after_paying_is_followed_nowhere(stage: Stage) -> None:
    stage.verdicts = ["paid"]
    async with Browser() as browser:
        done = await check_out(browser, f"{stage.checkout}/pay/1", choices("bkash", is_followed=False))
    assert (done.is_left, done.page.sent_to) == (True, f"{stage.checkout}/pay/1?back=1")


async def test_what_cannot_be_had_is_said_with_what_can(stage: Stage) -> None:
    stage.verdicts = ["no page"]
    async with Browser() as browser:
        for instrument in ("rocket", "bkash"):
            with pytest.raises(NotOfferedError) as missing:
                await check_out(browser, f"{stage.checkout}/pay/1", choices(instrument))
            assert missing.value.offered == ["nagad", "bkash"]
        stage.verdicts = ["paid"]
        with pytest.raises(LostPayerError, match="no way out"):
            await check_out(browser, f"{stage.provider}/shop", [], cancels=True)


def test_choices_of_a_form_are_read_as_a_browser_has_them() -> None:
    page = (
        '<form method="post"><select name="d"><option value="a">A</option>'
        '<option value="b" selected>B</option>'
        '</select><select name="e"><option value="x">X</option><option value="y">Y</option></select>'
        '<input type="radio" name="r" value="1"><input type="radio" name="r" value="2" checked>'
        '<input type="checkbox" name="c"></form>'
    )
    form = forms_of(page)[0]
    assert form.fields == {"d": "b", "e": "x", "r": "2"}
    assert form.choices == {"d": ["a", "b"], "e": ["x", "y"], "r": ["1", "2"], "c": ["on"]}
    assert form.visible_fields == {"d", "e", "r", "c"}


def test_a_header_that_leads_on_comes_before_what_the_page_says() -> None:
    page = '<meta http-equiv="refresh" content="9">'
    assert refresh_of(page, "3; url=/x") == (3, "/x")
    assert (refresh_of(page, "soon"), refresh_of(page)) == (None, (9, ""))
    assert links_of('<a href="/a?b=1&amp;c=2">x</a><a id="n">y</a><A HREF="/z">') == ["/a?b=1&c=2", "/z"]


def test_instruments_that_are_buttons_or_forms_of_their_own_are_found_as_well() -> None:
    page = (
        '<form method="post" action="/try"><button name="instrument" value="a">A</button></form>'
        '<form method="post" action="/try"><input type="hidden" name="instrument" value="b"></form>'
        '<form method="post" action="/other"><button name="instrument" value="c">C</button></form>'
    )
    assert instruments_of(PageView("http://x.example/", 200, page)) == ["a", "b"]
