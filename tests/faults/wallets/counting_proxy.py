"""A witness before bKash: it passes on whatever comes and counts the calls that arrive, by payment.

The simulator's own book knows the calls that it accepted. What was refused, hung or came twice is seen here.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

HOST = "127.0.0.1"
# Longer than a call of the simulator hangs.
CALL_SECONDS = 60
_TIMEOUT = aiohttp.ClientTimeout(total=CALL_SECONDS)
_HOP_BY_HOP = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})
_PREFIX = "/v1.2.0-beta/tokenized/checkout"


class Sent(StrEnum):
    """What can be sent to bKash about one payment."""

    EXECUTE = "execute"
    INQUIRY = "inquiry"
    REFUND = "refund"
    REFUND_INQUIRY = "refund inquiry"


SENT_TO: Mapping[str, Sent] = {
    f"{_PREFIX}/execute": Sent.EXECUTE,
    f"{_PREFIX}/payment/status": Sent.INQUIRY,
    f"{_PREFIX}/payment/refund": Sent.REFUND,
    "/v2/tokenized-checkout/refund/payment/transaction": Sent.REFUND,
    "/v2/tokenized-checkout/refund/payment/status": Sent.REFUND_INQUIRY,
}


@dataclass(slots=True)
class Witness:
    """What has arrived at bKash, by bKash's name of the payment.

    The next execute of a payment in `doubled` is passed on twice, and the second answer is the one that comes
    back, as from a network that repeats by itself.
    """

    target: str
    session: aiohttp.ClientSession
    arrived: Counter[tuple[str, Sent]] = field(default_factory=Counter)
    doubled: set[str] = field(default_factory=set)

    def counted(self, payments: Iterable[str]) -> Mapping[Sent, int]:
        """How often each call came about any of these payments."""
        named = set(payments)
        counts: Counter[Sent] = Counter()
        for (payment, sent), count in self.arrived.items():
            counts[sent] += count if payment in named else 0
        return counts

    async def pass_on(self, request: web.Request) -> web.StreamResponse:
        """Count a call and pass it on; where bKash hangs up, so do we."""
        body = await request.read()
        sent, payment = SENT_TO.get(request.path), _payment_of(body)
        answer = await self._forwarded(request, body, sent, payment)
        if sent is Sent.EXECUTE and payment in self.doubled:
            self.doubled.discard(payment)
            answer = await self._forwarded(request, body, sent, payment)
        if answer is not None:
            return answer
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _forwarded(
        self, request: web.Request, body: bytes, sent: Sent | None, payment: str
    ) -> web.Response | None:
        if sent is not None:
            self.arrived[payment, sent] += 1
        headers = [(name, value) for name, value in request.headers.items() if _is_passed_on(name)]
        url = URL(self.target + request.raw_path, encoded=True)
        try:
            async with self.session.request(
                request.method, url, data=body or None, headers=headers, allow_redirects=False
            ) as answer:
                told = CIMultiDict(
                    (name, value) for name, value in answer.headers.items() if _is_passed_on(name)
                )
                return web.Response(status=answer.status, body=await answer.read(), headers=told)
        except (aiohttp.ClientError, TimeoutError):
            return None


def _is_passed_on(name: str) -> bool:
    return name.lower() not in _HOP_BY_HOP


def _payment_of(body: bytes) -> str:
    """The payment that a call names, or nothing: pages and logins name none."""
    try:
        told = json.loads(body)
    except ValueError:
        return ""
    return str(told.get("paymentID") or told.get("paymentId") or "") if isinstance(told, dict) else ""


@asynccontextmanager
async def standing_before(target: str, port: int) -> AsyncIterator[Witness]:
    """A witness on this port of loopback until it is left.

    Each call has a connection of its own, so that none is repeated by the client below us.
    """
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=jar, timeout=_TIMEOUT) as session:
        witness = Witness(target, session)
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", witness.pass_on)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, HOST, port).start()
            yield witness
        finally:
            await runner.cleanup()
