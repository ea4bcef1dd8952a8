"""The page that a shop's payers come back to: it thanks them, and remembers who came for which payment.

What a browser brings proves nothing, so nothing here says whether anybody has paid.
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
    """Who came back: how often for each order of ours and payment of the switch, and who came without one."""

    place: str
    visits: Counter[tuple[str, str]] = field(default_factory=Counter)
    unknown_visits: int = 0

    def url(self, order: str) -> str:
        """Where the payer of one order is to be sent."""
        return f"http://{self.place}{PATH}?order={order}"

    async def show(self, request: web.Request) -> web.Response:
        """Thank a payer who names both an order and a payment."""
        order, payment_id = request.query.get("order", ""), request.query.get("payment_id", "")
        if not order or not payment_id:
            self.unknown_visits += 1
            return web.Response(status=_HTTP_400, text="No order of ours.")
        self.visits[order, payment_id] += 1
        return web.Response(text=THANKS, content_type="text/html")


@asynccontextmanager
async def opened(port: int = 0) -> AsyncIterator[ReturnPage]:
    """A page on loopback until it is left; port 0 takes a free one.

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
        page.place = f"{_HOST}:{runner.addresses[0][1]}"
        yield page
    finally:
        await runner.cleanup()
