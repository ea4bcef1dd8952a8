"""A far side on a local port that does to each connection and request exactly what a test says."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from ekpay_switch.ports.world import WireRequest

Manners = Callable[["Caller"], Awaitable[None]]


@dataclass(frozen=True)
class Heard:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Caller:
    """One request and the connection that it came over."""

    heard: Heard
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def say(self, raw: bytes) -> None:
        self.writer.write(raw)
        await self.writer.drain()

    async def answer(self, body: bytes, status: int = 200, extra: str = "") -> None:
        await self.say(http_answer(body, status, extra))

    async def hang_up(self) -> None:
        self.writer.close()

    async def stay_silent(self) -> None:
        """Until the other side goes away."""
        await self.reader.read()


def http_answer(body: bytes, status: int = 200, extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


@dataclass
class RudePeer:
    """Hears requests one after the other; `manners` decides about each."""

    manners: Manners
    scheme: str = "http"
    port: int = 0
    heard: list[Heard] = field(default_factory=list)
    connections: int = 0
    serving: list[asyncio.Task[None]] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    def url(self, path: str = "/pay") -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # At once: a task that is cancelled before it begins closes nothing.
        self.connections += 1
        self.writers.append(writer)
        self.serving.append(asyncio.get_running_loop().create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled means that the test is over; a server task that says so makes asyncio log an error.
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await self._converse(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                caller = Caller(await _hear(reader), reader, writer)
                self.heard.append(caller.heard)
                await self.manners(caller)


async def _hear(reader: asyncio.StreamReader) -> Heard:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(":") for line in head[1:] if line)
    }
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Heard(method, path, headers, body)


@contextlib.asynccontextmanager
async def rude_peer(manners: Manners, tls: ssl.SSLContext | None = None) -> AsyncIterator[RudePeer]:
    peer = RudePeer(manners, "http" if tls is None else "https")
    server = await asyncio.start_server(peer._accept, "127.0.0.1", 0, ssl=tls)  # noqa: SLF001 - its own module
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
        await asyncio.sleep(0)
        for task in peer.serving:
            task.cancel()
        await asyncio.gather(*peer.serving, return_exceptions=True)
        for writer in peer.writers:
            writer.close()
        await server.wait_closed()


def a_request(
    url: str,
    *,
    method: str = "POST",
    timeout_seconds: float = 5.0,
    send_before: float | None = None,
    headers: dict[str, str] | None = None,
) -> WireRequest:
    return WireRequest(method, url, headers or {}, b'{"pay": 1}', timeout_seconds, send_before)


async def eventually(is_so: Callable[[], bool]) -> None:
    """Wait for a condition; at most a minute."""
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110 - what is waited for is a socket's doing, not an event's
            await asyncio.sleep(0.002)
