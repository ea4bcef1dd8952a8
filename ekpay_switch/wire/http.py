"""HTTP towards far sides: one pool and one breaker each, one deadline a call, and never a second sending.

What may surprise: an answer that was there before our request was written is not ours. A far side that
answers twice leaves the second answer on a kept-alive connection, and the next payment would read it.
"""

import asyncio
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from ekpay_switch.ports.world import Clock, NotSent, NoUsableAnswer, WireAnswer, WireReply, WireRequest
from ekpay_switch.wire.breaker import Breaker, BreakerSettings
from ekpay_switch.wire.client_certificates import ClientCertificates, UnusableCertificateError
from ekpay_switch.wire.single_write import SingleWriteBody

_URLS_MAX = 256
# What aiohttp raises for a far side, the network, a malformed address (ValueError) or our own closing
# (RuntimeError); TimeoutError is an OSError. Which outcome it is, the write gate alone decides.
_FAILURES = (aiohttp.ClientError, OSError, ValueError, RuntimeError)


@dataclass(frozen=True, slots=True)
class WireSettings:
    """The limits of one far side's pool; times in seconds.

    `waiting_max` requests may wait up to `wait_seconds` for one of `connections_max` connections; whoever
    does not get one was not sent.
    """

    connections_max: int = 64
    waiting_max: int = 1_024
    wait_seconds: float = 2.0
    connect_seconds: float = 5.0
    keep_alive_seconds: float = 15.0
    answer_bytes_max: int = 1_048_576
    breaker: BreakerSettings = field(default_factory=BreakerSettings)


class HttpWire:
    """The port `Wire` over aiohttp; one object for the whole process, closed with it.

    Outcomes (law 4): everything before the first byte of the request is `NotSent`; a deadline, a dropped
    connection (a kept-alive one too), half an answer, an answer over the limit or an encoded one is
    `NoUsableAnswer`. Redirects are answers. Cookies, proxies of the environment and netrc are not used. The
    far side's certificate is always verified; a client certificate that cannot be used is `NotSent`.
    """

    def __init__(self, clock: Clock, settings: WireSettings | None = None) -> None:
        self._clock = clock
        self._settings = settings or WireSettings()
        self._sides: dict[str, _FarSidePool] = {}
        self._is_closed = False

    async def send(self, far_side: str, request: WireRequest) -> WireReply:
        """Send one request over the far side's own pool; raises nothing for what the far side does."""
        side = self._sides.get(far_side)
        if side is None:
            if self._is_closed:
                return NotSent("the wire is closed")
            side = self._sides[far_side] = _FarSidePool(self._clock, self._settings)
        return await side.send(request)

    async def close(self) -> None:
        """Close all connections; calls still running come back as what they are by then."""
        self._is_closed = True
        sides, self._sides = self._sides, {}
        for side in sides.values():
            await side.close()


class _FarSidePool:
    """One pool: aiohttp keeps the connections, the slots here count who may use one."""

    def __init__(self, clock: Clock, settings: WireSettings) -> None:
        self._clock = clock
        self._settings = settings
        self._breaker = Breaker(settings.breaker)
        self._slots = asyncio.Semaphore(settings.connections_max)
        self._waiting = 0
        self._urls: dict[str, URL] = {}
        self._certificates = ClientCertificates()
        self._session = _open_session(settings)

    async def close(self) -> None:
        await self._session.close()

    async def send(self, request: WireRequest) -> WireReply:
        why = await self._take_slot()
        if why:
            return NotSent(why)
        try:
            moves_money = request.send_before is not None
            if not self._breaker.admits(self._clock.monotonic(), moves_money=moves_money):
                return NotSent("breaker open")
            return await self._exchange(request)
        finally:
            self._slots.release()

    async def _take_slot(self) -> str:
        """Take a slot of the pool; returns empty, or why there was none."""
        # Checked in this order, since a semaphore walks through all its waiters to say whether it is free.
        if not self._waiting and not self._slots.locked():
            await self._slots.acquire()
            return ""
        if self._breaker.is_open:
            return "breaker open"
        if self._waiting >= self._settings.waiting_max:
            return "pool queue full"
        self._waiting += 1
        try:
            async with asyncio.timeout(self._settings.wait_seconds):
                await self._slots.acquire()
        except TimeoutError:
            return "pool queue timeout"
        finally:
            self._waiting -= 1
        return ""

    async def _exchange(self, request: WireRequest) -> WireReply:
        if any(name.lower() == "expect" for name in request.headers):
            return NotSent("the header Expect would let the head leave before the gate")
        try:
            tls = await self._certificates.context_for(request)
        except UnusableCertificateError as error:
            return NotSent(str(error))
        body = SingleWriteBody(request.body, self._clock, request.send_before)
        try:
            async with (
                asyncio.timeout(request.timeout_seconds),
                self._session.request(
                    request.method,
                    self._url(request.url),
                    data=body,
                    headers=request.headers,
                    allow_redirects=False,
                    ssl=tls or True,
                ) as response,
            ):
                reply = await self._read(response, body)
        except _FAILURES as failure:
            reply = _failed_reply(body, failure)
            if isinstance(reply, NoUsableAnswer) or not body.refusal:
                self._breaker.record_failure(self._clock.monotonic())
            return reply
        finally:
            # Cancelled or not: whatever task of aiohttp still runs, nothing more may leave.
            body.close_gate()
        self._record_outcome(reply)
        return reply

    async def _read(self, response: aiohttp.ClientResponse, body: SingleWriteBody) -> WireReply:
        if not body.is_written:
            body.close_gate()
            response.close()
            return NotSent("the connection held an answer before anything was asked")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            response.close()
            return NoUsableAnswer("an encoded answer, which nobody asked for")
        pieces: list[bytes] = []
        size = 0
        async for piece in response.content.iter_any():
            size += len(piece)
            if size > self._settings.answer_bytes_max:
                response.close()
                return NoUsableAnswer("answer over the size limit")
            pieces.append(piece)
        return WireAnswer(response.status, response.headers, b"".join(pieces))

    def _record_outcome(self, reply: WireReply) -> None:
        match reply:
            case WireAnswer():
                self._breaker.record_success()
            case NoUsableAnswer():
                self._breaker.record_failure(self._clock.monotonic())
            case NotSent():
                pass  # our own doing; it says nothing about the far side

    def _url(self, text: str) -> URL:
        url = self._urls.get(text)
        if url is None:
            url = URL(text)
            if len(self._urls) < _URLS_MAX:
                self._urls[text] = url
        return url


def _open_session(settings: WireSettings) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=0,  # the slots are the limit, so that waiting for one is never taken for a slow connect
            keepalive_timeout=settings.keep_alive_seconds,
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity", "User-Agent": "ekpay-switch"},
        timeout=aiohttp.ClientTimeout(total=None, connect=settings.connect_seconds),
        auto_decompress=False,
        trust_env=False,
    )


def _failed_reply(body: SingleWriteBody, failure: Exception) -> NotSent | NoUsableAnswer:
    # Class names and the system's own words only: an exception's text may quote what the far side sent.
    why = type(failure).__name__
    if isinstance(failure, OSError) and failure.strerror:
        why = f"{why}: {failure.strerror}"
    if body.is_written:
        return NoUsableAnswer(why)
    return NotSent(body.refusal or why)
