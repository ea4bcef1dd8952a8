"""An exchange that a fault may strike: its link is captured, and the fault decides about the bytes.

A request is forwarded over the link's own connection or over a new one for this request alone: late
forwarding must not depend on a connection that may be closed by then.
"""

import asyncio
from dataclasses import dataclass

from typing_extensions import override

from sandbox.network.proxy.connection import Link
from sandbox.network.proxy.framing import AnswerFraming, MessageBytes, RequestFraming


class CallerGoneError(Exception):
    """The caller closed before its request was complete: there is nothing to forward."""


class FarSideGoneError(Exception):
    """The far side closed or could not be reached before a byte of an answer."""


@dataclass(frozen=True, slots=True)
class FarSideAddress:
    """Where a far side listens."""

    host: str
    port: int


class Exchange:
    """One captured exchange; the captor of its link until it is over."""

    def __init__(self, link: Link, address: FarSideAddress, opening: bytes) -> None:
        self._link = link
        self._address = address
        self._request_framing = RequestFraming()
        self._answer_framing = AnswerFraming()
        self._request = MessageBytes(self._request_framing)
        self._answer = MessageBytes(self._answer_framing)
        self._request.feed(opening)

    def caller_says(self, data: bytes) -> None:
        """Store the caller's bytes until they are needed."""
        self._request.feed(data)

    def far_side_says(self, data: bytes) -> None:
        """Store the far side's bytes until they are needed."""
        self._answer.feed(data)

    def caller_ends(self) -> None:
        """The caller sends no more."""
        self._request.end()

    def far_side_ends(self) -> None:
        """The far side sends no more."""
        self._answer.end()

    async def opening(self, length: int) -> bytes:
        """The first bytes of the request, fewer if it is shorter."""
        return await self._request.first(length)

    async def request(self) -> bytes:
        """The whole request.

        Raises:
            CallerGoneError: the caller closed in the middle of it.
        """
        request = await self._request.whole()
        if not (self._request_framing.is_whole or self._request_framing.is_opaque):
            raise CallerGoneError
        return request

    async def answer_to(self, request: bytes, *, closing: bool = False) -> bytes:
        """Forward the request over the link and return the far side's answer, which may be incomplete.

        With `closing` our end of the connection is closed after the request, as after a half-close of the
        caller.

        Raises:
            FarSideGoneError: there was not a byte of an answer.
        """
        self._answer_framing.expect_answers_to(self._request_framing)
        self._link.far_side.send(request)
        if closing or self._is_closed_request:
            self._link.far_side.send_end()
        return _require_answer(await self._answer.whole())

    async def answer_over_new_connection_to(self, request: bytes) -> bytes:
        """The same over a connection of its own.

        Raises:
            FarSideGoneError: there was not a byte of an answer.
        """
        framing = AnswerFraming()
        framing.expect_answers_to(self._request_framing)
        answer = MessageBytes(framing)
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_connection(
                lambda: _AnswerCollector(answer), self._address.host, self._address.port
            )
        except OSError as error:
            raise FarSideGoneError from error
        try:
            transport.write(request)
            if self._is_closed_request:
                transport.write_eof()
            return _require_answer(await answer.whole())
        finally:
            transport.close()

    @property
    def _is_closed_request(self) -> bool:
        # An HTTP request states its end; any other far side may wait for the caller's half-close.
        return self._request_framing.is_opaque and self._request.is_ended

    @property
    def can_reply(self) -> bool:
        """Whether the caller's connection is open."""
        return self._link.caller.is_open

    def reply(self, answer: bytes) -> None:
        """Send bytes to the caller, if its connection is open."""
        self._link.caller.send(answer)

    async def wait_until_caller_gone(self) -> None:
        """Wait until the caller has closed; bytes until then are dropped."""
        await self._request.ended()

    def reset(self) -> None:
        """Reset the caller's connection."""
        self._link.caller.reset()

    def close(self) -> None:
        """Close the caller's connection gracefully, after all sent bytes have left."""
        self._link.caller.close()

    def forward_unchanged(self) -> None:
        """No fault strikes: forward the stored bytes, and let further bytes pass."""
        link = self._link
        link.captor = None
        link.caller.send(self._answer.take())
        link.far_side.send(self._request.take())
        if not (link.caller.is_open and link.far_side.is_open):
            link.close()
        elif self._request.is_ended:
            link.far_side.send_end()

    def end(self) -> None:
        """Release the link; it is closed if either side has closed."""
        self._link.release(self._request.take(), self._answer.take())


class _AnswerCollector(asyncio.Protocol):
    """Collects the far side's answer on a connection of its own."""

    def __init__(self, answer: MessageBytes) -> None:
        self._answer = answer

    @override
    def data_received(self, data: bytes) -> None:
        self._answer.feed(data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._answer.end()


def _require_answer(answer: bytes) -> bytes:
    if not answer:
        raise FarSideGoneError
    return answer
