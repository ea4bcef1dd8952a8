"""Texts that attack whoever shows them, and a window that counts what came of it.

Each of them reports itself to `hit`, a function that the window puts into every page, and opens a dialog.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, Route

from ekpay_switch.domain.collections.connector_calls import PageCreated
from tests.browser.checkout_states import Shown
from tests.scenarios.checkout import an_order_text

WAIT_SECONDS = 120.0
LED_ON_MAX = 5
REDIRECTS = {301, 302, 303, 307, 308}
POLICY = "content-security-policy"
SCRIPTS = (
    "<script>hit('script');alert(1)</script>",
    "</title><script>hit('title');alert(1)</script>",
    '"><img src=x onerror="hit(\'img\');alert(1)">',
    "'><svg/onload='hit(1);alert(1)'>",
    "</bdi></dd></p></main><iframe srcdoc=\"<script>parent.hit('frame');alert(1)</script>\"></iframe>",
    "<input autofocus onfocus=hit('focus');alert(1)>",
    "<details open ontoggle=hit('toggle');alert(1)>",
    "<style>@import 'https://evil.example/x.css';*{background:url(https://evil.example/x.png)}</style>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<base href=https://evil.example/><form action=https://evil.example/><button>Pay</button></form>",
    "&lt;script&gt;hit('twice')&lt;/script&gt;<!--",
    '{{ 7*7 }}{% include "x" %}${7*7}',
)
ADDRESSES = (
    "javascript:hit('address');alert(1)",
    "data:text/html,<script>parent.hit('data');alert(1)</script>",
    "//evil.example/",
    "https://shop.example\\@evil.example/",
    "\tjavascript:hit('tab');alert(1)",
)
# A message that its payer sends: the text is one value, so that no text of others names who gets it.
_MESSAGE = re.compile(r"(?:sms|mailto):\?body=[A-Za-z0-9%._~/-]+")
# Those that run by themselves where neither escaping nor a policy stops them.
RUNNING = "".join(SCRIPTS[:7])
# What a hostile page could try on the reader's eye, and never does here.
LOOKED_AT = """() => ({
  active: document.querySelectorAll(
    'script:not([src^="/static/checkout."]:empty), iframe, object, embed, base, meta[http-equiv]' +
    ', form:not([action^="/pay/"], [action^="/orders/"])'
  ).length,
  handlers: [...document.querySelectorAll('*')].flatMap(one => [...one.attributes])
    .filter(one => one.name.startsWith('on') || one.name === 'srcdoc' || one.name.startsWith('hx-')).length,
  places: [...document.querySelectorAll('[href], [action], [src]')]
    .map(one => one.href?.baseVal ?? one.href ?? one.action ?? one.src).map(String),
  text: document.body.innerText,
})"""


class Answer(Protocol):
    """What an application answers to a browser."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> dict[str, str]: ...

    @property
    def body(self) -> bytes: ...


Answering = Callable[[str, str, bytes, Mapping[str, str]], Awaitable[Answer]]


@dataclass
class Window:
    """One page, and everything on it that ran, opened or called out."""

    page: Page
    origin: str
    hits: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    asked_elsewhere: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    def harm(self) -> list[str]:
        """Every sign that a text was obeyed; none is what is wanted."""
        self.page.wait_for_timeout(30)  # what an image or a frame starts comes after the page
        found = self.page.evaluate(LOOKED_AT)
        places = [place for place in found["places"] if not self._is_ours(place)]
        counted = [f"{name}: {found[name]}" for name in ("active", "handlers") if found[name]]
        return [*self.hits, *self.dialogs, *self.asked_elsewhere, *self.violations, *places, *counted]

    def text(self) -> str:
        said: str = self.page.evaluate(LOOKED_AT)["text"]
        return said

    def _is_ours(self, place: str) -> bool:
        if _MESSAGE.fullmatch(place):
            return True
        known = ("shop.example", "bkash.example", "nagad.example", urlsplit(self.origin).netloc)
        return place.startswith(("https://", self.origin)) and urlsplit(place).netloc in known


@contextmanager
def a_window(
    chromium: Browser,
    loop: asyncio.AbstractEventLoop,
    origin: str,
    answering: Answering,
    change: Callable[[dict[str, str], bytes], bytes] = lambda _, body: body,
) -> Iterator[Window]:
    """A window whose every request goes to the application; `change` may spoil the answer on its way.

    The header that leads on is left out: what is looked at is the page as it is.
    """
    context = chromium.new_context()
    window = Window(context.new_page(), origin)

    def answer(route: Route) -> None:
        asked = route.request
        place = urlsplit(asked.url)
        if f"{place.scheme}://{place.netloc}" != origin:
            window.asked_elsewhere.append(asked.url)
            route.abort()
            return
        seen = _answered(window, answering, loop, route)
        headers = {name: value for name, value in seen.headers.items() if name != "refresh"}
        body = change(headers, seen.body) if "text/html" in headers.get("content-type", "") else seen.body
        route.fulfill(status=seen.status, headers=headers, body=body)

    def dialog(one: Dialog) -> None:
        window.dialogs.append(f"dialog: {one.message}")
        one.dismiss()

    def told(one: ConsoleMessage) -> None:
        if "Content Security Policy" in one.text:
            window.violations.append(one.text)

    window.page.on("dialog", dialog)
    window.page.on("console", told)
    window.page.expose_function("hit", lambda what: window.hits.append(f"hit: {what}"))
    window.page.route("**/*", answer)
    try:
        yield window
    finally:
        context.close()


def _answered(window: Window, answering: Answering, loop: asyncio.AbstractEventLoop, route: Route) -> Answer:
    """What the application answers in the end: a browser that is led on here would leave for the network."""
    asked = route.request
    method, url, body = asked.method, asked.url, asked.post_data_buffer or b""
    for _ in range(LED_ON_MAX):
        place = urlsplit(urljoin(window.origin, url))
        path = f"{place.path}?{place.query}" if place.query else place.path
        work = _awaited(answering(method, path, body, asked.headers))
        seen = asyncio.run_coroutine_threadsafe(work, loop).result(WAIT_SECONDS)
        if seen.status not in REDIRECTS:
            return seen
        method, url, body = "GET", seen.headers["location"], b""
        if not urljoin(window.origin, url).startswith(f"{window.origin}/"):
            window.asked_elsewhere.append(url)
            break
    raise AssertionError(url)


async def _awaited(answered: Awaitable[Answer]) -> Answer:
    return await answered


def without_policy(headers: dict[str, str], body: bytes) -> bytes:
    """The browser is told nothing, so that escaping alone has to hold."""
    headers.pop(POLICY, None)
    return body


def with_script(_: dict[str, str], body: bytes) -> bytes:
    """As if our escaping had failed once, so that the policy alone has to hold."""
    return body.replace(b"</main>", f"{RUNNING}</main>".encode())


def with_script_and_without_policy(headers: dict[str, str], body: bytes) -> bytes:
    """As if both had failed: what is counted is counted."""
    return with_script(headers, without_policy(headers, body))


def poison(shown: Shown, text: str, address: str) -> None:
    """Every text of others on the pages of this payment says `text`, and every address is `address`."""
    shopper = shown.stand.shopper
    order = {"ord_id": text, "ord_det": text, "cust_name": text, "cust_id": text, "cust_mail_addr": text}
    uris = {"s_uri": address, "f_uri": address, "c_uri": address, "ipn_uri": address}
    shopper.payments.text = an_order_text(order=order, trnx_id=text, **uris)
    shopper.payments.merchant = replace(shopper.merchant, name_en=text, name_bn=text, mer_reg_id=text)
    for far in shopper.far.values():
        far.profile = replace(far.profile, name_en=text, name_bn=text)
        far.creates.append(PageCreated(text, "https://bkash.example/pay/1"))
