"""Texts and addresses that attack the reader of a page, before a real browser (T53 to T56).

Escaping and the policy are two locks: each is tried alone with the other one open, and both open shows that
what is counted would be counted.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, Route

from sandbox.callers.ekshop.app import build_app
from sandbox.callers.ekshop.pricing import Purchase
from sandbox.callers.ekshop.shop import Shop, ShopSettings
from sandbox.callers.ekshop.wire import Merchant, ShopCustomer
from sandbox.kit.institution.clock import Clock
from tests.api.merchant.merchant_api_setup import Stall
from tests.browser.attack_texts import (
    ADDRESSES,
    SCRIPTS,
    Answer,
    Answering,
    a_window,
    poison,
    with_script,
    with_script_and_without_policy,
    without_policy,
)
from tests.browser.checkout_states import STATES, Shown
from tests.fakes.receipts import a_merchants_payment, a_paid_order
from tests.scenarios.checkout import CHECKOUT
from tests.web.checkout.checkout_setup import HOME, ORIGIN, Counter, Seen
from tests.web.receipts.receipt_setup import Stage

Loop = asyncio.AbstractEventLoop
PATIENCE_SECONDS = 120.0
SHOP = "http://127.0.0.1:8199"


def shown_state(loop: Loop, name: str, language: str = "en") -> Shown:
    return asyncio.run_coroutine_threadsafe(STATES[name](language), loop).result(PATIENCE_SECONDS)


# ---- T54: stored


@pytest.mark.parametrize("name", list(STATES))
def test_no_text_of_others_runs_on_any_page_of_the_checkout(chromium: Browser, loop: Loop, name: str) -> None:
    shown = shown_state(loop, name)
    with a_window(chromium, loop, ORIGIN, shown.answer, without_policy) as window:
        for number, text in enumerate(SCRIPTS):
            poison(shown, text, ADDRESSES[number % len(ADDRESSES)])
            window.page.goto(f"{ORIGIN}{shown.path}")
            assert window.harm() == [], text


@pytest.mark.parametrize("name", list(STATES))
def test_no_page_of_the_checkout_breaks_its_own_policy(chromium: Browser, loop: Loop, name: str) -> None:
    shown = shown_state(loop, name, "bn")
    poison(shown, SCRIPTS[0], "https://shop.example/done")
    with a_window(chromium, loop, ORIGIN, shown.answer) as window:
        window.page.goto(f"{ORIGIN}{shown.path}")
        assert window.harm() == []


def test_a_text_is_shown_as_it_was_written(chromium: Browser, loop: Loop) -> None:
    shown = shown_state(loop, "choose")
    with a_window(chromium, loop, ORIGIN, shown.answer) as window:
        for text in SCRIPTS:
            poison(shown, text, "https://shop.example/done")
            window.page.goto(f"{ORIGIN}{shown.path}")
            assert window.text().count(text) >= 2, text


def test_where_escaping_fails_the_policy_holds(chromium: Browser, loop: Loop) -> None:
    shown = shown_state(loop, "choose")
    with a_window(chromium, loop, ORIGIN, shown.answer, with_script) as window:
        window.page.goto(f"{ORIGIN}{shown.path}")
        window.page.wait_for_timeout(200)
        assert (window.hits, window.dialogs) == ([], [])
        assert window.violations


def test_where_both_fail_the_window_counts_it(chromium: Browser, loop: Loop) -> None:
    shown = shown_state(loop, "choose")
    with a_window(chromium, loop, ORIGIN, shown.answer, with_script_and_without_policy) as window:
        window.page.goto(f"{ORIGIN}{shown.path}")
        window.page.wait_for_timeout(500)
        assert {"hit: script", "hit: title", "hit: img", "hit: frame"} <= set(window.hits)
        assert "dialog: 1" in window.dialogs
        assert window.harm()


async def _receipt(stage: Stage, url: str) -> Answer:
    path, _, query = url.partition("?")
    reply = await stage.get(path, query=query)
    return Seen(reply.status, reply.headers, reply.body)


def test_no_text_of_others_runs_on_a_receipt(chromium: Browser, loop: Loop) -> None:
    stage = Stage()

    async def answer(_: str, url: str, __: bytes, ___: Mapping[str, str]) -> Answer:
        return await _receipt(stage, url)

    with a_window(chromium, loop, ORIGIN, answer, without_policy) as window:
        for text in SCRIPTS:
            names = ("merchant_en", "merchant_bn", "trnx_id", "order_id", "details", "customer", "mobile")
            stage.change(order=a_paid_order(**dict.fromkeys(names, text)), provider_transaction=text)
            window.page.goto(f"{ORIGIN}{stage.path}?lang=en")
            assert text in window.text()
            assert window.harm() == [], text


def test_no_text_of_others_runs_at_the_shop(chromium: Browser, loop: Loop, tmp_path: Path) -> None:
    """What the customer wrote, and the words in which the switch refuses."""

    async def opened() -> Shop:
        return Shop(ShopSettings(tmp_path, SHOP, Merchant(ORIGIN, "ekshop_test", "a-pass-key")), Clock())

    shop = asyncio.run_coroutine_threadsafe(opened(), loop).result(PATIENCE_SECONDS)
    counter = Counter()
    counter.app = build_app(shop)  # type: ignore[assignment]
    with a_window(chromium, loop, SHOP, counter_answer(counter), without_policy) as window:
        for number, text in enumerate(SCRIPTS):
            purchase = Purchase({"doi": 1}, "bogura", None)
            order = shop.place(purchase, ShopCustomer(text, "01700000000", text, text))
            shop.book.record_token_request(order, f"EKS-{number}{text}", f"secret-{number}")
            shop.book.record_refusal(f"EKS-{number}{text}", text, is_heard=True)
            window.page.goto(f"{SHOP}/orders/{order.id}?lang=en")
            assert text in window.text()
            assert window.harm() == [], text
            window.page.goto(f"{SHOP}/orders/{quote(text, safe='')}?lang={quote(text, safe='')}")
            assert window.harm() == [], text
    shop.close()


def counter_answer(counter: Counter) -> Answering:
    async def answer(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return await counter.request(method, url, body, headers)

    return answer


# ---- T55: reflected


PLACES = (
    "{home}?x={text}",
    "{home}?lang={text}",
    "{home}?other={text}&stay={text}&looked={text}",
    "{home}/go?lang=en{text}",
    "{home}/cancel?{text}={text}",
    "{home}/{text}",
    "/pay/checkout/{text}",
    "/pay/return/{text}?paymentID={text}&status={text}",
    "/pay/{text}",
    "/{text}",
)


@pytest.mark.parametrize("place", PLACES)
def test_nothing_of_an_address_runs(chromium: Browser, loop: Loop, place: str) -> None:
    shown = shown_state(loop, "choose")
    with a_window(chromium, loop, ORIGIN, shown.answer, without_policy) as window:
        for text in SCRIPTS:
            window.page.set_extra_http_headers(
                {"Accept-Language": quote(text), "X-Forwarded-Host": quote(text)}
            )
            window.page.goto(f"{ORIGIN}{place.format(home=HOME, text=quote(text, safe=''))}")
            assert window.harm() == [], text
            assert text not in window.text()


@pytest.mark.parametrize(
    "query", ["sToken={text}&trnsID=1", "sToken=a.b.c&trnsID={text}", "{text}", "lang={text}"]
)
def test_nothing_of_the_address_that_merchants_make_runs(chromium: Browser, loop: Loop, query: str) -> None:
    stall = Stall()

    async def answer(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        path, _, asked = url.partition("?")
        told = [(name, value) for name, value in headers.items() if not name.startswith(":")]
        reply = await stall.request(method, path, body, query=asked.encode(), headers=told)
        return Seen(reply.status, reply.headers, reply.body)

    with a_window(chromium, loop, ORIGIN, answer, without_policy) as window:
        for text in SCRIPTS:
            window.page.goto(f"{ORIGIN}/ekpaypg/v1?{query.format(text=quote(text, safe=''))}")
            assert window.harm() == [], text
            assert text not in window.text()


@pytest.mark.parametrize(
    "path", ["/receipt/{text}", "/receipt/{text}.pdf", "/receipt/EKP1.{text}.x?lang={text}"]
)
def test_nothing_of_a_receipts_address_runs(chromium: Browser, loop: Loop, path: str) -> None:
    stage = Stage(a_merchants_payment())

    async def answer(_: str, url: str, __: bytes, ___: Mapping[str, str]) -> Answer:
        return await _receipt(stage, url)

    with a_window(chromium, loop, ORIGIN, answer, without_policy) as window:
        for text in SCRIPTS:
            window.page.goto(f"{ORIGIN}{path.format(text=quote(text, safe=''))}")
            assert window.harm() == [], text
            assert text not in window.text()


# ---- T53, T56: a page of somebody else's around ours, and before it


EVIL = "https://evil.example"
FRAME = f'<!DOCTYPE html><iframe src="{ORIGIN}{HOME}"></iframe>'
OPENER = f"<!DOCTYPE html><script>window.w = window.open('{ORIGIN}{HOME}')</script>"
FORGED = """<!DOCTYPE html><form method="post" action="{action}" enctype="{kind}">
<input name="csrf" value="{token}"><input name="nth" value="1"><input name="instrument" value="bkash"></form>
<script>document.forms[0].submit()</script>"""


@contextmanager
def beside_evil(
    chromium: Browser, loop: Loop, counter: Counter, evil: str
) -> Iterator[tuple[Page, list[int]]]:
    """A page elsewhere with this content, and the statuses of what our application answered to it."""
    context = chromium.new_context()
    statuses: list[int] = []

    def answer(route: Route) -> None:
        asked = route.request
        if asked.url.startswith(EVIL):
            route.fulfill(content_type="text/html", body=evil)
            return
        place = asked.url.removeprefix(ORIGIN)
        work = counter.request(asked.method, place, asked.post_data_buffer or b"", asked.all_headers())
        seen = asyncio.run_coroutine_threadsafe(work, loop).result(PATIENCE_SECONDS)
        statuses.append(seen.status)
        route.fulfill(status=seen.status, headers=seen.headers, body=seen.body)

    context.route("**/*", answer)
    page = context.new_page()
    try:
        yield page, statuses
    finally:
        context.close()


def test_no_page_of_ours_is_shown_in_a_frame(chromium: Browser, loop: Loop) -> None:
    with beside_evil(chromium, loop, Counter(), FRAME) as (page, statuses):
        page.goto(f"{EVIL}/")
        page.wait_for_timeout(300)
        framed = page.frames[1]
        assert statuses == [200]
        assert framed.url.startswith("chrome-error:")


def test_whoever_opens_our_page_has_no_hold_on_it(chromium: Browser, loop: Loop) -> None:
    with beside_evil(chromium, loop, Counter(), OPENER) as (page, _):
        with page.context.expect_page() as opened:
            page.goto(f"{EVIL}/")
        opened.value.wait_for_load_state()
        assert opened.value.evaluate("() => window.opener") is None
        assert page.evaluate("() => window.w.closed") is True


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data"])
@pytest.mark.parametrize("below", ["/try", "/look", "/cancel"])
def test_a_form_elsewhere_that_knows_even_the_token_does_nothing(
    chromium: Browser, loop: Loop, kind: str, below: str
) -> None:
    counter = Counter()
    action = f"{ORIGIN}{HOME}{below}"
    evil = FORGED.format(action=action, kind=kind, token=counter.tokens.of(CHECKOUT))
    with beside_evil(chromium, loop, counter, evil) as (page, statuses):
        page.goto(f"{EVIL}/")
        page.wait_for_url(action)
        assert statuses[0] == 403
    assert counter.shopper.tries() == []
