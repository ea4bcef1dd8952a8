"""A TCP relay before a far side that can hang: it forwards bytes, drops them, or delays them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

_CHUNK = 65_536


@dataclass
class FarSideRelay:
    """A relay on loopback `port`; `hangs` says whether it drops what it is sent.

    Bytes sent while it `hangs` are lost. Bytes sent while it is held arrive at the release: a hang that ends
    before the deadline leaves no call in doubt.
    """

    far_port: int
    port: int = 0
    hangs: bool = False
    _is_released: asyncio.Event = field(default_factory=asyncio.Event)
    _pieces_missing: int = 0
    _all_arrived: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.release()

    def hold(self) -> None:
        """Delay all further bytes until the release."""
        self._is_released.clear()

    def release(self) -> None:
        """Forward the delayed bytes, and delay no more."""
        self._is_released.set()

    def expect(self, pieces: int) -> asyncio.Event:
        """An event that is set after so many more pieces from the switch; each call is one piece."""
        self._pieces_missing, self._all_arrived = pieces, asyncio.Event()
        return self._all_arrived

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of the switch until either side closes it."""
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.far_port)
        try:
            with suppress(ConnectionError, asyncio.CancelledError):
                await asyncio.gather(
                    self._forward_requests(reader, far_writer), self._forward_replies(far_reader, writer)
                )
        finally:
            far_writer.close()
            writer.close()

    async def _forward_requests(self, reader: asyncio.StreamReader, far: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(_CHUNK):
            self._pieces_missing -= 1
            if not self._pieces_missing:
                self._all_arrived.set()
            await self._is_released.wait()
            if not self.hangs:
                far.write(chunk)
                await far.drain()
        far.close()

    async def _forward_replies(self, far: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await far.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def open_relay(far_port: int) -> AsyncIterator[FarSideRelay]:
    """A relay before the far side at this loopback port, which may still be set before the first call."""
    relay = FarSideRelay(far_port)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
