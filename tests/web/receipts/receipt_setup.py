"""The pages of receipts over a small world, and whoever looks at them."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from fastapi import FastAPI

from ekpay_switch.api.limits import Message
from ekpay_switch.edge_kit.login_watch import LoginWatch
from ekpay_switch.edge_kit.rates import RateLimit
from ekpay_switch.ports.receipts import PaidPayment
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.receipt_keys import ReceiptKeys
from ekpay_switch.web.pages import Pages
from ekpay_switch.web.receipts.issuer import Issuer
from ekpay_switch.web.receipts.routes import ReceiptPages, mount
from ekpay_switch.web.receipts.typesetter import TypesetLimits, Typesetter
from tests.api.api_setup import Reply
from tests.fakes.receipts import FakeReceipts, a_merchants_payment
from tests.fakes.world import FakeFailedLogins, SmallWorld

PUBLIC_URL = "https://pay.example"
KEYS = ReceiptKeys(KeyRing(bytes(range(32))))
VOID = {"meta", "br", "link", "path"}


class Reader(HTMLParser):
    """Reads a page strictly: every element is closed in order, and what matters is kept."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs)
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.seen if name == tag]

    @property
    def words(self) -> str:
        """The text with single spaces."""
        return " ".join(self.text.split())


class Stage:
    """One payment, its receipt's pages, and the addresses that they are looked at from."""

    def __init__(
        self,
        paid: PaidPayment | None = None,
        *,
        visits: int = 1_000,
        refusals: int = 1_000,
        command: Sequence[str] | None = None,
        limits: TypesetLimits | None = None,
        issuer: Issuer | None = None,
    ) -> None:
        self.small, self.receipts = SmallWorld(), FakeReceipts()
        self.paid = self.receipts.put(paid or a_merchants_payment())
        clock = self.small.clock
        typed = {"command": command} if command else {}
        self.desk = ReceiptPages(
            receipts=self.receipts,
            billers=self.small.world.billers,
            connectors=self.small.world.connectors,
            keys=KEYS,
            clock=clock,
            public_url=PUBLIC_URL,
            pages=Pages(PUBLIC_URL),
            visits=RateLimit(clock, 1, visits),
            pdfs=RateLimit(clock, 1, visits),
            refusals=RateLimit(clock, 1, refusals),
            logins=LoginWatch(FakeFailedLogins(), "receipts"),
            typesetter=Typesetter(limits, **typed),
            issuer=issuer,
        )
        self.app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
        mount(self.app, self.desk)

    @property
    def path(self) -> str:
        return KEYS.path(self.paid.payment_id)

    def change(self, **changes: Any) -> None:  # noqa: ANN401 - fields of PaidPayment
        """The books say something else of the payment now."""
        self.paid = self.receipts.put(replace(self.paid, **changes))

    async def get(self, path: str, *, query: str = "", address: str = "198.51.100.7") -> Reply:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "scheme": "http",
            "headers": [(b"host", b"forged.example")],
            "server": ("switch", 80),
            "client": (address, 1) if address else None,
        }
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        start, *rest = sent
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], told, b"".join(message.get("body", b"") for message in rest))

    async def page(self, path: str = "", status: int = 200, **how: str) -> Reader:
        """The page, once it is known to be safe for any browser."""
        reply = await self.get(path or self.path, **how)
        return read_page(reply, status)


def read_page(reply: Reply, status: int = 200) -> Reader:
    assert reply.status == status
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["x-robots-tag"] == "noindex"
    policy = reply.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(policy)
    assert "unsafe" not in reply.headers["content-security-policy"]
    html = reply.body.decode()
    assert html.startswith("<!DOCTYPE html>\n")
    assert "forged.example" not in html
    page = Reader(html)
    assert not page.all("script")
    assert not page.all("style")
    assert not [
        name for _, attributes in page.seen for name in attributes if name.startswith("on") or name == "style"
    ]
    assert len(page.all("h1")) == 1
    assert len(page.all("title")) == 1
    return page


def python(program: str) -> tuple[str, ...]:
    """A child that does this instead of setting a receipt."""
    return (sys.executable, "-c", program)
