"""The page that a shop's payers return to: it thanks them, and counts visits by payment.

A browser's parameters prove nothing, so nothing here says whether a payment is paid.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

PATH = "/done"
THANKS = "<!doctype html><title>Thank you</title><p>Thank you. We are asking what became of your payment.</p>"

_HOST = "127.0.0.1"
_HTTP_400 = 400


@dataclass(slots=True)
class ReturnPage:
    """Counts of visits by our order and the switch's payment, and of visits without them."""

    address: str
    visits: Counter[tuple[str, str]] = field(default_factory=Counter)
    unknown_visits: int = 0

    def url(self, order: str) -> str:
        """The return URL of an order."""
        return f"http://{self.address}{PATH}?order={order}"

    async def show(self, request: web.Request) -> web.Response:
        """Thank a payer who names both an order and a payment."""
        order, payment_id = request.query.get("order", ""), request.query.get("payment_id", "")
        if not order or not payment_id:
            self.unknown_visits += 1
            return web.Response(status=_HTTP_400, text="No order of ours.")
        self.visits[order, payment_id] += 1
        return web.Response(text=THANKS, content_type="text/html")


@asynccontextmanager
async def open_return_page(port: int = 0) -> AsyncIterator[ReturnPage]:
    """Serve a page on loopback until the block ends; port 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """
    page = ReturnPage(f"{_HOST}:{port}")
    app = web.Application()
    app.router.add_get(PATH, page.show)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, _HOST, port).start()
        page.address = f"{_HOST}:{runner.addresses[0][1]}"
        yield page
    finally:
        await runner.cleanup()
