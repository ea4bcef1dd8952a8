"""Security headers of every answer of this origin: pages, JSON, refusals and internal errors (T56, T57).

A header that an answer sets itself is kept. Pure ASGI and outermost, since other layers answer too long
bodies and internal errors; on the hot path, so nothing is parsed.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# For answers that are no page: they load nothing, are shown nowhere, and no cache keeps them.
_ALWAYS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)
_OVER_HTTPS = ((b"strict-transport-security", b"max-age=31536000; includeSubDomains"),)


class SafeHeaders:
    """Adds the headers that an answer does not set itself; `public_url` is where the public reaches us."""

    def __init__(self, app: App, public_url: str) -> None:
        self._app = app
        self._always = _ALWAYS + (_OVER_HTTPS if public_url.startswith("https://") else ())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as the application does, with the headers that are missing."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                names = {name for name, _ in headers}
                message["headers"] = [*headers, *(pair for pair in self._always if pair[0] not in names)]
            await send(message)

        await self._app(scope, receive, send_safely)
