"""A caller's connection, the connection to the far side, and the bytes between them.

Without a fault, bytes pass from one socket to the other as they come. A caller's half-close is passed on,
because it may still wait for the answer; a far side that closes ends both.
"""

import asyncio
import socket
import struct
from typing import Protocol, cast

from typing_extensions import override

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Captor(Protocol):
    """Receives a link's bytes for one exchange."""

    def caller_says(self, data: bytes) -> None:
        """The caller has sent something."""

    def far_side_says(self, data: bytes) -> None:
        """The far side has sent something."""

    def caller_ends(self) -> None:
        """The caller has closed its end, or its connection is lost; may be called twice."""

    def far_side_ends(self) -> None:
        """The far side has closed its end, or its connection is lost; may be called twice."""


class Owner(Protocol):
    """The owner of a link."""

    def welcome(self, link: "Link") -> None:
        """A caller has connected: connect the link to the far side."""

    def begin(self, link: "Link", opening: bytes) -> None:
        """An exchange begins with these bytes: forward them, or capture the link."""

    def forget(self, link: "Link") -> None:
        """Both connections are gone."""


class _End(asyncio.Protocol):
    """One of the two connections of a link."""

    def __init__(self, link: "Link") -> None:
        self._link = link
        self._transport: asyncio.Transport | None = None
        self.peer: _End
        self.is_lost = False

    @property
    def is_open(self) -> bool:
        """Whether something can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the interface of asyncio's, and are not derived from them.
        self._transport = cast("asyncio.Transport", transport)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._link.lose(self, was_reset=exc is not None)

    @override
    def pause_writing(self) -> None:
        self.peer.set_reading(go_on=False)

    @override
    def resume_writing(self) -> None:
        self.peer.set_reading(go_on=True)

    def send(self, data: bytes) -> None:
        """Send bytes unless the connection is closing or closed."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def send_end(self) -> None:
        """Half-close the connection: no more will be sent."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def set_reading(self, *, go_on: bool) -> None:
        """Resume or pause reading; while paused, bytes wait in the kernel and so at their sender."""
        if self._transport is not None and not self._transport.is_closing():
            if go_on:
                self._transport.resume_reading()
            else:
                self._transport.pause_reading()

    def close(self) -> None:
        """Close gracefully, after all sent bytes have left."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Close at once with a TCP reset."""
        if self._transport is not None and not self._transport.is_closing():
            connection: socket.socket = self._transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self._transport.abort()

    def drop(self) -> None:
        """Close at once, without a graceful end."""
        if self._transport is not None:
            self._transport.abort()


class _CallerEnd(_End):
    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._link.owner.welcome(self._link)

    @override
    def data_received(self, data: bytes) -> None:
        link = self._link
        if link.captor is not None:
            link.captor.caller_says(data)
        elif not link.is_joined:
            link.early += data
        elif link.is_at_rest:
            link.is_at_rest = False
            link.owner.begin(link, data)
        else:
            self.peer.send(data)

    @override
    def eof_received(self) -> bool:
        link = self._link
        link.caller_has_ended = True
        if link.captor is not None:
            link.captor.caller_ends()
        elif link.is_joined:
            self.peer.send_end()
        return True


class _FarEnd(_End):
    @override
    def data_received(self, data: bytes) -> None:
        link = self._link
        link.answered_at = link.loop.time()
        if link.captor is not None:
            link.captor.far_side_says(data)
        else:
            link.is_at_rest = True
            self.peer.send(data)


class Link:
    """A caller's connection, and the far side's once the link is joined.

    It is at rest if the caller's next byte begins an exchange.
    """

    def __init__(self, owner: Owner) -> None:
        self.loop = asyncio.get_running_loop()
        self.owner = owner
        self.caller = _CallerEnd(self)
        self.far_side = _FarEnd(self)
        self.caller.peer, self.far_side.peer = self.far_side, self.caller
        self.captor: Captor | None = None
        self.early = bytearray()
        self.is_joined = False
        self.is_at_rest = True
        self.caller_has_ended = False
        self.answered_at = self.loop.time()
        self.closed: asyncio.Future[None] = self.loop.create_future()

    def join(self) -> None:
        """The far side is connected: forward what the caller has sent meanwhile."""
        self.is_joined = True
        if self.caller.is_lost:
            self.far_side.close()
        elif self.early:
            opening, self.early = bytes(self.early), bytearray()
            self.caller.data_received(opening)
        if self.caller_has_ended:
            self.caller.eof_received()

    def give_up(self) -> None:
        """There is no far side: the caller's connection is reset."""
        self.far_side.is_lost = True
        self._lose_both(was_reset=True)

    def lose(self, end: _End, *, was_reset: bool) -> None:
        """One connection is lost; the other is closed too, unless the exchange is captured."""
        if self.captor is None:
            self._lose_both(was_reset=was_reset)
        elif end is self.caller:
            self.captor.caller_ends()
        else:
            self.captor.far_side_ends()

    def release(self, request: bytes, answer: bytes) -> None:
        """End a captured exchange; `request` and `answer` are received bytes that it did not use."""
        self.captor = None
        if self.caller_has_ended or not (self.caller.is_open and self.far_side.is_open):
            self.close()
            return
        self.is_at_rest = True
        self.caller.send(answer)
        if request:
            self.caller.data_received(request)

    def close(self) -> None:
        """Close both connections gracefully."""
        self._lose_both(was_reset=False)

    def drop(self) -> None:
        """Close both connections at once."""
        self.caller.drop()
        self.far_side.drop()

    def _lose_both(self, *, was_reset: bool) -> None:
        for end in (self.caller, self.far_side):
            if was_reset:
                end.reset()
            else:
                end.close()
        if self.caller.is_lost and self.far_side.is_lost and not self.closed.done():
            self.closed.set_result(None)
            self.owner.forget(self)
