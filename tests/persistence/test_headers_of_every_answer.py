"""T56, T57: whatever the whole application answers, to whomever and in whatever trouble, has our headers."""

import base64
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ekpay_switch.api.limits import Message
from ekpay_switch.api.v1.problems import HELP_PATH
from ekpay_switch.composition.http_app import build_app
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.receipt_keys import ReceiptKeys
from ekpay_switch.settings import Settings
from ekpay_switch.web.static_files import static_path
from tests.persistence.books import Books
from tests.persistence.collections.merchant_money_setup import Stall

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="  # 32 bytes that open nothing
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
HSTS = "strict-transport-security"
ALWAYS = {
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
# Nothing here is about anybody: styles and fonts, public keys, what error codes mean.
PUBLIC = re.compile(rf"/static/|/receipt/keys$|{HELP_PATH}$|/openapi[./]|/\.well-known/")
PLACE = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True)
class Answered:
    method: str
    path: str
    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def lacks(self) -> list[str]:
        """Every header that is missing or says something else than it must."""
        policy = self.headers.get("content-security-policy", "")
        found = [name for name, value in ALWAYS.items() if self.headers.get(name) != value]
        if not {"default-src 'none'", "frame-ancestors 'none'"} <= set(policy.split("; ")):
            found.append("content-security-policy")
        if "unsafe" in policy:
            found.append("a policy that allows what is unsafe")
        kept = self.headers.get("cache-control")
        if kept != "no-store" and not (self.status == 200 and PUBLIC.match(self.path)):
            found.append(f"no-store, not {kept}")
        return found


@dataclass
class Whole:
    """The whole application over real books."""

    app: FastAPI

    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: Iterable[tuple[bytes, bytes]] = ()
    ) -> Answered:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
            "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http",
            "headers": list(headers), "server": ("switch", 80), "client": ("198.51.100.7", 1),
        }  # fmt: skip
        arriving: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            return arriving.pop() if arriving else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        try:
            await self.app(scope, receive, send)
        except Exception:
            # A bug is answered 500 and raised once more, for the server's own log.
            if not sent:
                raise
        start, *rest = sent
        names = [name.decode() for name, _ in start["headers"]]
        assert len(set(names) - {"set-cookie"}) == len([one for one in names if one != "set-cookie"]), names
        told = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
        return Answered(method, path, start["status"], told, b"".join(one.get("body", b"") for one in rest))


@asynccontextmanager
async def the_whole(books: Books, home: Path, public_url: str) -> AsyncIterator[Whole]:
    app = build_app(
        Settings(home=home, master_key=KEY, public_url=public_url, operations_port=0), books.database
    )
    async with app.router.lifespan_context(app):
        yield Whole(app)


async def every_route(whole: Whole) -> list[Answered]:
    """Each route by each method, with a name in it that is nobody's."""
    paths = sorted({PLACE.sub("x", one.path) for one in whole.app.routes if isinstance(one, Route)})
    assert {
        "/health/ready",
        "/ekpaypg/v1",
        "/receipt/x",
        "/pay/checkout/x/try",
        "/echallan/api/authenticate",
    } <= {*paths}
    return [await whole.ask(method, path) for path in paths for method in METHODS]


async def refusals(whole: Whole) -> list[Answered]:
    """What is answered before or outside of every route, on each side of the house."""
    bases = (
        "/",
        "/ekpaypg/v1/get-status",
        "/v1/payments",
        "/pay/checkout/x",
        "/receipt/x",
        "/echallan/api/x",
    )
    found = [await whole.ask("GET", f"{base}/../nothing") for base in bases]
    found += [await whole.ask("POST", base, bytes(2_000_000)) for base in bases]
    found += [await whole.ask("GET", base, headers=[(b"x", b"y" * 20_000)]) for base in bases]
    return found


async def bugs(whole: Whole) -> list[Answered]:
    """A route of each side that breaks."""

    async def broken(_: Request) -> Response:
        raise ZeroDivisionError

    paths = ("/bug", "/ekpaypg/v1/bug", "/v1/bug")
    for path in paths:
        whole.app.router.routes.insert(0, Route(path, broken))
    return [await whole.ask("GET", path) for path in paths]


async def test_every_answer_of_the_whole_application_has_our_headers(
    books: Books, stall: Stall, tmp_path: Path
) -> None:
    sold = await stall.sold()
    async with the_whole(books, tmp_path, "https://pay.example") as whole:
        receipt = ReceiptKeys(KeyRing(base64.b64decode(KEY))).path(sold.payment_id)
        payment = await stall.shop.seen(sold.payment_id)
        personal = [receipt, f"{receipt}.pdf", f"/pay/checkout/{payment.checkout_reference}"]
        shown = [await whole.ask("GET", path) for path in (*personal, static_path("checkout.css"))]
        assert [one.status for one in shown] == [200] * 4
        assert shown[1].body.startswith(b"%PDF-")
        assert [one.headers["cache-control"] for one in shown[:3]] == ["no-store"] * 3
        back = await whole.ask("GET", f"{personal[2]}/go")
        found = [*shown, back, *await every_route(whole), *await refusals(whole), *await bugs(whole)]
    assert {200, 303, 400, 401, 404, 405, 413, 431, 500} <= {one.status for one in found}
    assert [(one, one.lacks()) for one in found if one.lacks()] == []
    hsts = {one.headers.get(HSTS) for one in found}
    assert hsts == {"max-age=31536000; includeSubDomains"}


async def test_over_http_no_answer_tells_a_browser_to_use_https_alone(
    books: Books, stall: Stall, tmp_path: Path
) -> None:
    """A demonstration on a loopback address would shut every other service of that host out."""
    await stall.sold()
    async with the_whole(books, tmp_path, "http://127.0.0.1:8180") as whole:
        found = [*await every_route(whole), *await refusals(whole), *await bugs(whole)]
    assert [one for one in found if HSTS in one.headers or one.lacks()] == []
