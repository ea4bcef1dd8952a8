"""A connection to a provider that can be made to hang: it passes bytes on, or takes them and says nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

_CHUNK = 65_536


@dataclass
class Relay:
    """Where the provider is reached now, and whether it hangs; `port` of the loopback."""

    far_port: int
    port: int = 0
    hangs: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the switch, until either side is through with it."""
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.far_port)
        try:
            with suppress(ConnectionError, asyncio.CancelledError):
                await asyncio.gather(self._there(reader, far_writer), self._back(far_reader, writer))
        finally:
            far_writer.close()
            writer.close()

    async def _there(self, reader: asyncio.StreamReader, far: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(_CHUNK):
            if not self.hangs:
                far.write(chunk)
                await far.drain()
        far.close()

    async def _back(self, far: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await far.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def open_relay(far_port: int) -> AsyncIterator[Relay]:
    """A relay before the provider at this port of the loopback."""
    relay = Relay(far_port)
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
