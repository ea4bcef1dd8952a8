"""A bare socket to the switch, for what no well-behaved client would send."""

import asyncio
from typing import Self

from sandbox.callers.partner.client import BASE_PATH

_CALL_SECONDS = 30.0


class RawLine:
    """One connection; leaving the context cuts it, whatever is still on its way."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def send(self, piece: bytes) -> None:
        """Send some bytes; a line that was cut already takes none, which is an answer as well."""
        try:
            self._writer.write(piece)
            await self._writer.drain()
        except ConnectionError:
            return

    async def status(self) -> int | None:
        """The HTTP status of what comes back, or None where the line is cut instead."""
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                first = await self._reader.readline()
        except ConnectionError:
            return None
        return int(first.split()[1]) if first else None


def post(path: str, body: bytes, token: str, *headers: str) -> bytes:
    """A whole request."""
    lines = [
        f"POST {BASE_PATH}/{path} HTTP/1.1",
        "Host: switch",
        f"Authorization: Bearer {token}",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join((*lines, "", "")).encode() + body
