"""Closing a connection without a single byte of answer, which ASGI itself cannot say.

An ASGI application that returns or raises before answering is turned into HTTP 500 by uvicorn,
and a caller that reads 500 was answered. So the protocol hands its request cycle to the
application, which marks it as disconnected, as if the caller had gone, and closes the transport.
"""

from typing import Any

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_EXTENSION = "ekpay.sandbox.cycle"


class HangUpProtocol(HttpToolsProtocol):
    """uvicorn's httptools protocol whose requests can be hung up on."""

    @override
    def on_headers_complete(self) -> None:
        # The task of the request is created inside, but cannot run before this returns.
        super().on_headers_complete()
        self.scope["extensions"] = {_EXTENSION: {"cycle": self.cycle}}


def hang_up(scope: dict[str, Any]) -> None:
    """Close the connection this request came by; the caller reads an end without an answer.

    Raises:
        RuntimeError: the server does not run with `HangUpProtocol`.
    """
    cycle = scope.get("extensions", {}).get(_EXTENSION, {}).get("cycle")
    if not isinstance(cycle, RequestResponseCycle):
        raise RuntimeError("hanging up needs HangUpProtocol")  # noqa: TRY004 - wiring, not a wrong argument
    cycle.disconnected = True
    cycle.transport.close()
