"""HTTP as uvicorn speaks it, with an end to requests whose head never comes, and to too many connections."""

import asyncio
import weakref
from collections import OrderedDict
from functools import cache
from typing import ClassVar

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ekpay_switch import trouble
from ekpay_switch.composition.descriptors import connections_max

HEAD_SECONDS = 10.0
_OPERATORS_MAX = 32
_NO_PLACE = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)


class PromptHttp(HttpToolsProtocol):
    """Cuts a connection whose request line and headers have not come in `HEAD_SECONDS`.

    uvicorn limits only the wait between two requests, so that a caller who sends a byte now and then keeps a
    connection for ever, and ten thousand of them keep everybody out. How long a body may take is limited by
    `api.limits`.

    Connections are bounded below the limit of descriptors, so that the database and the billers keep theirs.
    Once all places are taken, the one that has waited longest for a request gives up its place; where every
    one is at work, the new one is answered 503.
    """

    # Those that wait for the head of a request, the longest waiting first; none is kept alive by it.
    _waiting: ClassVar["OrderedDict[weakref.ref[PromptHttp], None]"] = OrderedDict()

    _head_due: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._itself = weakref.ref(self)
        if len(self.connections) > self.places() and not self._cut_longest_waiting():
            trouble.count_cut_connection("new")
            transport.write(_NO_PLACE)
            transport.close()
            return
        self._waiting[self._itself] = None
        self._await_head()

    @classmethod
    def places(cls) -> int:
        """How many connections there may be."""
        return _places()

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    @override
    def on_headers_complete(self) -> None:
        self._stop_waiting()
        self._waiting.pop(self._itself, None)
        super().on_headers_complete()

    @override
    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and self.cycle.response_complete:
            self._waiting[self._itself] = None

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._waiting.pop(self._itself, None)
        super().connection_lost(exc)

    def _await_head(self) -> None:
        if self._head_due is None:
            self._head_due = self.loop.call_later(HEAD_SECONDS, self._cut)

    def _stop_waiting(self) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
            self._head_due = None

    def _cut(self) -> None:
        self._head_due = None
        if not self.transport.is_closing():
            self.transport.close()

    def _cut_longest_waiting(self) -> bool:
        """Give the place of a connection at which nothing happens to a new one; False where there is none."""
        while self._waiting:
            longest = self._waiting.popitem(last=False)[0]()
            if longest is not None and not longest.transport.is_closing():
                trouble.count_cut_connection("waiting")
                longest.transport.abort()
                return True
        return False


class OperatorsHttp(PromptHttp):
    """The same for operators, whose few places are their own."""

    _waiting: ClassVar["OrderedDict[weakref.ref[PromptHttp], None]"] = OrderedDict()

    @override
    @classmethod
    def places(cls) -> int:
        return _OPERATORS_MAX


@cache
def _places() -> int:
    return connections_max()
