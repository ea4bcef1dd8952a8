"""Finds the end of a request and of its answer.

HTTP/1.1 states the end of a message. Of other protocols nothing is known, so a message is over when its
sender has been quiet for a while; only exchanges that a fault may strike are parsed.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, HttpResponseParser
from typing_extensions import override

QUIET_SECONDS = 0.1
"""A message that is no HTTP is over when nothing followed for so long."""

_FIRST_FINAL_STATUS = 200


class Framing(ABC):
    """Follows the messages of one direction of an exchange; the parser calls its `on_` methods."""

    def __init__(self) -> None:
        self.is_opaque = False
        self._parser = self._new_parser()

    @property
    @abstractmethod
    def is_whole(self) -> bool:
        """Whether the HTTP message is complete; never true of an opaque one."""

    @property
    def waits_for_leave(self) -> bool:
        """Whether the sender waits for an answer before it sends more."""
        return self.is_whole

    def feed(self, data: bytes) -> None:
        """Parse some more bytes; after anything but HTTP the message is opaque."""
        if self.is_opaque:
            return
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self.is_opaque = True

    @abstractmethod
    def _new_parser(self) -> HttpRequestParser | HttpResponseParser: ...


class RequestFraming(Framing):
    """The requests of an exchange: one, or several that are pipelined."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.is_head = False
        self._begun = 0
        self._expects = False

    @override
    def _new_parser(self) -> HttpRequestParser:
        self._requests = HttpRequestParser(self)
        return self._requests

    @property
    @override
    def is_whole(self) -> bool:
        return not self.is_opaque and 0 < self._begun == self.count

    @property
    @override
    def waits_for_leave(self) -> bool:
        return self.is_whole or self._expects

    def on_message_begin(self) -> None:
        """One more has begun."""
        self._begun += 1

    def on_header(self, name: bytes, _value: bytes) -> None:
        """A sender that expects 100 Continue sends no body before it."""
        self._expects |= name.lower() == b"expect"

    def on_message_complete(self) -> None:
        """One more is complete."""
        self.count += 1
        self.is_head = self._requests.get_method() == b"HEAD"


class AnswerFraming(Framing):
    """The answers of an exchange, one for each request."""

    def __init__(self) -> None:
        super().__init__()
        self.body_pieces: list[bytes] = []
        self._expected = 1
        self._is_to_head = False
        self._count = 0

    @override
    def _new_parser(self) -> HttpResponseParser:
        self._answers = HttpResponseParser(self)
        return self._answers

    @property
    @override
    def is_whole(self) -> bool:
        return not self.is_opaque and self._count >= self._expected

    def expect_answers_to(self, request: RequestFraming) -> None:
        """Set the request; call it before the first byte of the answer."""
        self._expected = max(1, request.count)
        self._is_to_head = request.is_head

    def on_headers_complete(self) -> None:
        """An answer to HEAD ends here, whatever its headers say of a body."""
        if self._is_to_head:
            self._count_one()

    def on_body(self, body: bytes) -> None:
        """One more piece of a body, without the frame around it."""
        self.body_pieces.append(body)

    def on_message_complete(self) -> None:
        """One more is complete."""
        if not self._is_to_head:
            self._count_one()

    def _count_one(self) -> None:
        # 100 Continue and other 1xx are no final answers.
        self._count += self._answers.get_status_code() >= _FIRST_FINAL_STATUS


class MessageBytes:
    """The bytes of one direction of an exchange, collected as they come."""

    def __init__(self, framing: Framing) -> None:
        self._framing = framing
        self._bytes = bytearray()
        self._changed = asyncio.Event()
        self.is_ended = False

    def feed(self, data: bytes) -> None:
        """Take some more bytes."""
        self._bytes += data
        self._framing.feed(data)
        self._changed.set()

    def end(self) -> None:
        """The sender has closed its end."""
        self.is_ended = True
        self._changed.set()

    async def first(self, length: int) -> bytes:
        """The first bytes, or all that the sender sends before it waits; none are removed."""
        await self._until(lambda: len(self._bytes) >= length or self._framing.waits_for_leave)
        return bytes(self._bytes[:length])

    async def whole(self) -> bytes:
        """Wait until the message is over or its sender has closed, and remove the bytes."""
        await self._until(lambda: self._framing.is_whole)
        return self.take()

    async def ended(self) -> None:
        """Wait until the sender has closed; bytes until then are dropped."""
        while not self.is_ended:
            self._changed.clear()
            await self._changed.wait()
            self._bytes.clear()

    def take(self) -> bytes:
        """Remove and return the bytes so far."""
        content = bytes(self._bytes)
        self._bytes.clear()
        return content

    async def _until(self, is_enough: Callable[[], bool]) -> None:
        while not (is_enough() or self.is_ended):
            self._changed.clear()
            try:
                async with asyncio.timeout(QUIET_SECONDS if self._framing.is_opaque else None):
                    await self._changed.wait()
            except TimeoutError:
                return


def body_of(answer: bytes) -> range:
    """The range of the longest piece of the answer's body; the whole answer if it is no HTTP."""
    framing = AnswerFraming()
    framing.feed(answer)
    if framing.is_opaque:
        return range(len(answer))
    longest = max(framing.body_pieces, key=len, default=b"")
    # Searched from the end, where the body is: a header may hold the same bytes.
    first = answer.rindex(longest)
    return range(first, first + len(longest))
