"""Limits on the size of a request and on the time it may take to arrive, enforced before anything reads it.

A proxy with the same limits stands before a real installation (api-conventions-and-security.md, finding 7);
these are the last ones, and in a demo the only ones. Pure ASGI, since it is on the hot path.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from ekpay_switch.api.problems import api_error

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

Headers = Sequence[tuple[bytes, bytes]]

HEADERS_MAX = 64
_LENGTH_DIGITS_MAX = 18
_ONCE = frozenset({b"host", b"authorization", b"content-length", b"content-type"})
HEADER_BYTES_MAX = 16 * 1024
_CLOSE_HEADERS = {"Connection": "close"}
_REFUSAL = b'{"resp_cd":"2001","resp_msg":"request too large, too slow or ambiguous"}'


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """The longest body in bytes and the longest wait for it in seconds."""

    body_max_bytes: int
    body_seconds: float = 10.0


class LimitRequests:
    """Answers 431, 413, 408 or 400 itself; the application only ever sees a whole body of bounded size."""

    def __init__(self, app: App, limits: RequestLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read the body within its limits, then hand it on in one piece."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if refusal := _refusal_of(scope["headers"]):
            await _refuse(scope, receive, send, refusal)
            return
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                body = await self._whole_body(scope, receive)
        except TimeoutError:
            await _refuse(scope, receive, send, 408)
            return
        except ClientDisconnect:
            return  # half a message is dropped, and no caller is left to answer
        if body is None:
            await _refuse(scope, receive, send, 413)
            return
        await self._app(scope, _Replay(body, receive), send)

    async def _whole_body(self, scope: Scope, receive: Receive) -> bytes | None:
        """The body, or None once it is known to be too long; reads no further than that."""
        for name, value in scope["headers"]:
            if name == b"content-length" and _is_above(value, self._limits.body_max_bytes):
                return None
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            if len(body) > self._limits.body_max_bytes:
                return None
            if not message.get("more_body", False):
                return bytes(body)


def _refusal_of(headers: Headers) -> int:
    """The status that refuses these headers, or 0.

    Of a header that stands there twice, a proxy and we might believe different ones.
    """
    if len(headers) > HEADERS_MAX or sum(len(k) + len(v) for k, v in headers) > HEADER_BYTES_MAX:
        return 431
    names = [name for name, _ in headers if name in _ONCE]
    return 400 if len(names) != len(set(names)) else 0


def _is_above(length: bytes, bytes_max: int) -> bool:
    """Whether a body is longer than this; digits without end are no number that Python reads."""
    digits = length.strip().lstrip(b"0")
    return len(digits) > _LENGTH_DIGITS_MAX or int(digits or b"0") > bytes_max


class _Replay:
    """A `receive` that returns the body once, then the further messages of the connection."""

    __slots__ = ("_body", "_receive")

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        return await self._receive()


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int) -> None:
    """Answer in the format of the API of this path and close the connection: the rest is not read."""
    answer = api_error(scope["method"], scope["path"], status, _CLOSE_HEADERS)
    await (answer or Response(_REFUSAL, status, _CLOSE_HEADERS, media_type="application/json"))(
        scope, receive, send
    )
