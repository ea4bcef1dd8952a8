"""Framed TCP towards far sides: each message with its length before it, and never a second sending.

What may surprise: asyncio's streams keep what a socket does not take at once and send it at any later time.
Here a message goes from the last look at the clock straight into the system call, and where the system does
not take all of it the line is cut: the far side drops a message without its rest.
"""

import asyncio
import contextlib
import socket
from dataclasses import dataclass

from ekpay_switch.ports.host_links import FramedConnection
from ekpay_switch.ports.world import Clock, NotSent, NoUsableAnswer

LENGTH_BYTES = 2
_READ_BYTES = 65_536
_LATE = "the deadline to send passed"
_ENDED = "the line has ended"


@dataclass(frozen=True, slots=True)
class TcpSettings:
    """The limits of a line; times in seconds, sizes in bytes.

    A peer that takes nothing for `stall_seconds` is not waited for any longer.
    """

    message_bytes_max: int = 1_000
    stall_seconds: float = 5.0


class TcpLines:
    """The port `FramedConnections` over sockets of the event loop."""

    def __init__(self, clock: Clock, settings: TcpSettings | None = None) -> None:
        self._clock = clock
        self._settings = settings or TcpSettings()

    async def open(self, address: str, connect_seconds: float) -> FramedConnection | NotSent:
        """See `ports.host_links.Lines`; a malformed address is not reached either."""
        try:
            async with asyncio.timeout(connect_seconds):
                return TcpLine(await _connect(address), self._clock, self._settings)
        except (OSError, ValueError, OverflowError) as failure:
            return NotSent(_why(failure))


async def _connect(address: str) -> socket.socket:
    """A connection to the first address that the name stands for."""
    loop = asyncio.get_running_loop()
    host, _, port = address.rpartition(":")
    addresses = await loop.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    family, kind, protocol, _, place = addresses[0]
    connection = socket.socket(family, kind, protocol)
    try:
        connection.setblocking(False)  # noqa: FBT003 - the standard library's way
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await loop.sock_connect(connection, place)
    except BaseException:
        connection.close()
        raise
    return connection


class TcpLine:
    """One connection; implements the port `FramedConnection`."""

    def __init__(self, connection: socket.socket, clock: Clock, settings: TcpSettings) -> None:
        self._connection = connection
        self._clock = clock
        self._settings = settings
        self._received = bytearray()
        self._reading, self._writing = asyncio.Lock(), asyncio.Lock()
        self._has_ended = False

    async def send(self, message: bytes, send_before: float) -> NotSent | NoUsableAnswer | None:
        """See `ports.host_links.JournalLine`."""
        if not 0 < len(message) <= self._settings.message_bytes_max:
            return NotSent("a message of a length that is not sent")
        framed = len(message).to_bytes(LENGTH_BYTES, "big") + message
        give_up_at = min(send_before, self._clock.monotonic() + self._settings.stall_seconds)
        async with self._writing:
            sent = None
            while sent is None:
                if self._has_ended:
                    return NotSent(_ENDED)
                if self._clock.monotonic() >= send_before:
                    return NotSent(_LATE)
                sent = await self._write_some(framed, give_up_at)
        if isinstance(sent, NotSent) or sent == len(framed):
            return sent if isinstance(sent, NotSent) else None
        self._cut()
        return NoUsableAnswer("the far side took a part of a message")

    async def receive(self) -> bytes | NoUsableAnswer:
        """See `ports.host_links`. An impossible length ends the line: what follows cannot be read."""
        async with self._reading:
            length = await self._read(LENGTH_BYTES)
            if isinstance(length, NoUsableAnswer):
                return length
            size = int.from_bytes(length, "big")
            if not 0 < size <= self._settings.message_bytes_max:
                self._cut()
                self._received.clear()
                return NoUsableAnswer("a length that no message has")
            return await self._read(size)

    async def close(self) -> None:
        """See `ports.host_links.JournalLine`; a pending `receive` returns that the line has ended."""
        self._cut()
        async with self._reading, self._writing:
            self._connection.close()

    async def _read(self, size: int) -> bytes | NoUsableAnswer:
        """Exactly so many bytes, in however many pieces they come."""
        while len(self._received) < size:
            if self._has_ended:
                return NoUsableAnswer(_ENDED)
            try:
                piece = await asyncio.get_running_loop().sock_recv(self._connection, _READ_BYTES)
            except OSError as failure:
                self._cut()
                return NoUsableAnswer(_why(failure))
            if not piece:
                self._cut()
            self._received += piece
        content = bytes(self._received[:size])
        del self._received[:size]
        return content

    async def _write_some(self, framed: bytes, give_up_at: float) -> int | NotSent | None:
        """How many bytes the system took; None once it takes bytes again, where it took none."""
        try:
            return self._connection.send(framed)
        except BlockingIOError:
            if await self._await_writable(give_up_at):
                return None
            failure = "the far side takes nothing"
        except OSError as error:
            failure = _why(error)
        self._cut()
        return NotSent(failure)

    async def _await_writable(self, give_up_at: float) -> bool:
        """Whether the system takes bytes again before that moment."""
        loop, is_free = asyncio.get_running_loop(), asyncio.Event()
        loop.add_writer(self._connection, is_free.set)
        try:
            async with asyncio.timeout(give_up_at - self._clock.monotonic()):
                return await is_free.wait()
        except TimeoutError:
            return False
        finally:
            loop.remove_writer(self._connection)

    def _cut(self) -> None:
        """Stop all writing, and wake a pending read."""
        self._has_ended = True
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)


def _why(failure: Exception) -> str:
    """The class and the system's own words only."""
    if isinstance(failure, OSError) and failure.strerror:
        return f"{type(failure).__name__}: {failure.strerror}"
    return type(failure).__name__
