"""The checkout over a small world, and a browser without script that walks through its pages."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

from fastapi import FastAPI

from ekpay_switch.api import payer_pages
from ekpay_switch.api.limits import LimitRequests, Message, RequestLimits
from ekpay_switch.api.payer_pages import PayerPages
from ekpay_switch.api.problems import install_error_handlers
from ekpay_switch.edge_kit.login_watch import LoginWatch
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.security.form_tokens import FormTokens
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.web.brand_marks import BrandMark
from ekpay_switch.web.checkout import routes
from ekpay_switch.web.checkout.routes import Checkout
from tests.fakes.world import FakeFailedLogins
from tests.scenarios.checkout import CHECKOUT, Shopper

HOME = f"/pay/checkout/{CHECKOUT}"
ORIGIN = "https://pay.example"
INLINE = {"a", "bdi", "strong"}
FORM = "application/x-www-form-urlencoded"


class Markup(HTMLParser):
    """What a browser makes of a page: texts, links, fields and ids."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in INLINE:
            self.texts.append(" ")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.texts).split())

    def all(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        return [found for name, found in self.tags if name == tag and wanted.items() <= found.items()]

    def fields(self) -> dict[str, str]:
        """Every hidden field."""
        return {one["name"]: one["value"] for one in self.all("input", type="hidden")}

    def links(self) -> list[str]:
        return [one["href"] for one in self.all("a")]


@dataclass
class Seen:
    """An answer as a browser sees it."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: list[str] = field(default_factory=list)

    @property
    def html(self) -> Markup:
        return Markup(self.body.decode())

    @property
    def text(self) -> str:
        return self.html.text

    @property
    def place(self) -> str:
        return self.headers.get("location", "")


class Counter:
    """The application over fakes; `shopper` is the payer with the world behind."""

    def __init__(
        self,
        *,
        calls: int = 1_000,
        public_url: str = ORIGIN,
        answer_seconds: float = 20.0,
        has_receipts: bool = True,
        marks: Mapping[str, BrandMark] | None = None,
    ) -> None:
        self.shopper = Shopper(public_url=public_url)
        clock = self.shopper.small.clock
        self.tokens = FormTokens(KeyRing(bytes(32)))
        self.checkout = Checkout(
            world=self.shopper.world,
            tokens=self.tokens,
            visits=RateLimit(clock, 1, calls),
            visitors=RateLimit(clock, 1, calls),
            logins=LoginWatch(FakeFailedLogins(), "checkout"),
            receipt_path=_receipt_path if has_receipts else None,
            answer_seconds=answer_seconds,
            marks=marks or {},
        )
        self.app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
        install_error_handlers(self.app, (OSError,))
        routes.mount(self.app, self.checkout)
        limits = RateLimit(clock, 1, calls), RateLimit(clock, 1, calls)
        payer_pages.mount(
            self.app, PayerPages(self.shopper.world, *limits, self.checkout.logins, self.checkout.tasks)
        )
        self.app.add_middleware(LimitRequests, limits=RequestLimits(64 * 1024))

    async def request(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Seen:
        """One request as it is, with nothing added."""
        place = urlsplit(url)
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": place.path,
            "raw_path": place.path.encode(),
            "query_string": place.query.encode(),
            "root_path": "",
            "scheme": "http",
            "headers": [(n.lower().encode(), v.encode("latin-1")) for n, v in (headers or {}).items()],
            "server": ("switch", 80),
            "client": ("198.51.100.7", 1),
        }
        arriving: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            return arriving.pop() if arriving else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        start, *rest = sent
        pairs = [(name.decode(), value.decode("latin-1")) for name, value in start["headers"]]
        cookies = [value for name, value in pairs if name == "set-cookie"]
        return Seen(start["status"], dict(pairs), b"".join(one.get("body", b"") for one in rest), cookies)


@dataclass
class Browser:
    """A payer's browser: it keeps cookies and says where it comes from; it runs no script."""

    counter: Counter
    language: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, url: str = HOME) -> Seen:
        if self.language and "lang=" not in url:
            url = f"{url}{'&' if '?' in url else '?'}lang={self.language}"
        return self.keep(await self.counter.request("GET", url, headers=self._headers()))

    async def post(
        self, url: str, fields: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> Seen:
        own = {"Content-Type": FORM, "Origin": "null", "Sec-Fetch-Site": "same-origin"}
        sent = {**self._headers(), **own, **(headers or {})}
        return self.keep(await self.counter.request("POST", url, urlencode(fields).encode(), sent))

    async def follow(self, seen: Seen) -> Seen:
        """What a redirect leads to."""
        assert seen.status == 303, seen.text
        return await self.get(seen.place)

    async def choose(self, instrument: str, page: Seen | None = None) -> Seen:
        """Choose on a page, by default a fresh one, and send its form."""
        page = page or await self.get()
        return await self.post(f"{HOME}/try", {**page.html.fields(), "instrument": instrument})

    async def pay(self, instrument: str = "bkash") -> None:
        """All the way: choose, agree over there, come back."""
        await self.choose(instrument)
        self.counter.shopper.page(instrument).is_agreed = True
        await self.come_back(instrument)

    async def come_back(self, connector_id: str = "bkash") -> Seen:
        """Back from the provider's page, with the provider's word in the address."""
        order = self.counter.shopper.page(connector_id).order
        query = urlencode({"paymentID": order.provider_reference, "status": "success"})
        return await self.get(f"/pay/return/{order.reference}?{query}")

    def _headers(self) -> dict[str, str]:
        kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": kept} if kept else {}

    def keep(self, seen: Seen) -> Seen:
        for one in seen.cookies:
            name, _, value = one.partition(";")[0].partition("=")
            self.cookies[name] = value
        return seen


def _receipt_path(payment_id: UUID) -> str:
    return f"/receipt/{payment_id.hex}"


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))
