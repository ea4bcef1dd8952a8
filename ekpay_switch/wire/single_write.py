"""The one place where the bytes of a request are written, and the gate in front of it.

aiohttp builds the head of a request into a buffer and writes it together with the first piece of the body,
in a task of its own. Everything before that piece (DNS, connect, TLS, queues) is therefore provably
unsent, and a body that guards its own writing sees the last moment before the first byte. It also ends
every repeat that aiohttp would make by itself: a second writing of the same body is refused.
"""

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import BytesPayload

from ekpay_switch.ports.world import Clock


class RefusedWriteError(Exception):
    """The gate was closed, so nothing was written this time."""


class SingleWriteBody(BytesPayload):
    """A request body that is written at most once, and never at or after `send_before` (law 14).

    `is_written` turns true immediately before the first byte, with nothing in between that could suspend;
    `refusal` says why the gate did not open, or is empty.
    """

    def __init__(self, body: bytes, clock: Clock, send_before: float | None) -> None:
        super().__init__(body)
        self._clock = clock
        self._send_before = send_before
        self.is_written = False
        self.refusal = ""

    def close_gate(self) -> bool:
        """Close the gate for good and say whether anything may have left before."""
        self.refusal = self.refusal or "given up before it was written"
        return self.is_written

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the whole body, under the same gate."""
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Write head and body together, if the gate is open.

        Raises:
            RefusedWriteError: it is shut, was used already, or the send deadline has passed.
        """
        if self.is_written:
            self.refusal = "written once already"
        elif self._send_before is not None and self._clock.monotonic() >= self._send_before:
            self.refusal = "the send deadline passed"
        if self.refusal:
            raise RefusedWriteError(self.refusal)
        self.is_written = True
        await super().write_with_length(writer, content_length)
