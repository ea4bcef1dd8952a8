"""HTTP as uvicorn speaks it, with an end to requests whose head never comes."""

import asyncio

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0


class PromptHttp(HttpToolsProtocol):
    """Cuts a connection whose request line and headers have not come in `HEAD_SECONDS`.

    uvicorn limits only the wait between two requests, so that a caller who sends a byte now and then keeps a
    connection for ever, and ten thousand of them keep everybody out. How long a body may take is limited by
    `api.limits`.
    """

    _head_due: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._await_head()

    @override
    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
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
