"""The TCP side of a host: connections, messages cut out of them, and answers sent in every manner."""

import asyncio
import socket
from collections.abc import Sequence
from typing import cast

from typing_extensions import override

from sandbox.kit.institution.server import listen
from sandbox.providers.iso8583.codec import MESSAGE_LENGTH_MAX, frame
from sandbox.providers.iso8583.host import Host, LinkState
from sandbox.providers.iso8583.responses import HostAnswer, SendingManner

_LENGTH_BYTES = 2
_BYTE_SECONDS = 0.001
_RETRY_SECONDS = 0.1


class HostConnection(asyncio.Protocol):
    """One connection of the switch."""

    def __init__(self, host: Host, connections: set["HostConnection"]) -> None:
        self.line = LinkState()
        self._host = host
        self._connections = connections
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None
        self._sending: set[asyncio.Task[None]] = set()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # That of uvloop is no subclass of asyncio's.
        self._transport = cast("asyncio.WriteTransport", transport)
        self._connections.add(self)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._connections.discard(self)
        for task in self._sending:
            task.cancel()

    @override
    def data_received(self, data: bytes) -> None:
        self._received += data
        while self._transport is not None and len(self._received) >= _LENGTH_BYTES:
            length = int.from_bytes(self._received[:_LENGTH_BYTES])
            if length > MESSAGE_LENGTH_MAX:
                self._host.counted["unreadable"] += 1
                self.close()
                return
            end = _LENGTH_BYTES + length
            if len(self._received) < end:
                return
            content, self._received = self._received[_LENGTH_BYTES:end], self._received[end:]
            self._answer(self._host.receive(self.line, content))

    def close(self) -> None:
        """End the connection once what was written is sent."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _answer(self, answers: Sequence[HostAnswer] | None) -> None:
        if answers is None:
            self.close()
            return
        for answer in answers:
            if answer.manner is SendingManner.BYTE_BY_BYTE or answer.delay_seconds:
                task = asyncio.get_running_loop().create_task(self._send_later(answer))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)
            else:
                self._send(answer)

    def _send(self, answer: HostAnswer) -> None:
        content = frame(answer.content)
        match answer.manner:
            case SendingManner.HALF:
                self._write(content[: len(content) // 2])
                self.close()
            case SendingManner.TWICE:
                self._write(content * 2)
            case _:
                self._write(content)

    async def _send_later(self, answer: HostAnswer) -> None:
        await asyncio.sleep(answer.delay_seconds)
        if answer.manner is not SendingManner.BYTE_BY_BYTE:
            self._send(answer)
            return
        for byte in frame(answer.content):
            self._write(bytes([byte]))
            # Bytes that are written at once leave in one segment.
            await asyncio.sleep(_BYTE_SECONDS)

    def _write(self, content: bytes) -> None:
        if self._transport is not None:
            self._transport.write(content)


class HostListener:
    """Where one host listens; open from the beginning, and answered once it is served."""

    def __init__(self, host: Host, address: str, port: int) -> None:
        """Take the port; 0 takes a free one.

        Raises:
            OSError: it is taken.
        """
        self.host = host
        self._address = address
        self._socket: socket.socket | None = listen(address, port)
        self.port: int = self._socket.getsockname()[1]
        self._connections: set[HostConnection] = set()
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reopening: asyncio.Task[None] | None = None

    @property
    def place(self) -> str:
        """Host and port that the switch connects to."""
        return f"{self._address}:{self.port}"

    @property
    def connection_count(self) -> int:
        """How many connections there are."""
        return len(self._connections)

    @property
    def signed_on_count(self) -> int:
        """How many connections are signed on."""
        return sum(connection.line.is_signed_on for connection in self._connections)

    @property
    def is_open(self) -> bool:
        """Whether a connection can be had."""
        return self._socket is not None

    async def serve(self) -> None:
        """Answer whoever connects, until closed."""
        if self._socket is not None:
            self._server = await asyncio.get_running_loop().create_server(self._connected, sock=self._socket)

    def drop(self) -> None:
        """Close every connection."""
        for connection in list(self._connections):
            connection.close()

    def refuse(self, seconds: float) -> None:
        """Close every connection, and refuse every other for so long."""
        self.close()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._reopen)

    def close(self) -> None:
        """Close every connection and give the port back."""
        if self._timer is not None:
            self._timer.cancel()
        if self._server is not None:
            self._server.close()
        if self._socket is not None:
            self._socket.close()
        self._server = self._socket = None
        self.drop()

    def _connected(self) -> HostConnection:
        return HostConnection(self.host, self._connections)

    def _reopen(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self._socket = listen(self._address, self.port)
        except OSError:
            # Whoever took the port meanwhile will give it back.
            self._timer = loop.call_later(_RETRY_SECONDS, self._reopen)
            return
        self._reopening = loop.create_task(self.serve())
