"""Answers, encoded once where they never change.

A reply is the two ASGI messages ready to send: the path of a payment must not encode anything
that could have been encoded before.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

import orjson

Message = dict[str, Any]
Header = tuple[bytes, bytes]

_HTML = b"text/html; charset=utf-8"


class Reply(NamedTuple):
    """An answer ready for the wire.

    `code` is what the statistics count it under. A lost reply closes the connection instead of
    sending; a delayed one waits `delay_seconds` first, after everything was done, and one that
    `waits_for` something is held until that has happened.
    """

    code: str
    start: Message
    body: Message
    delay_seconds: float = 0.0
    is_lost: bool = False
    waits_for: Callable[[], Awaitable[object]] | None = None


def _reply(code: str, status: int, content_type: bytes, body: bytes, more: Iterable[Header] = ()) -> Reply:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode()), *more]
    return Reply(
        code,
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": body},
    )


def json_reply(payload: object, *, code: int | str = 200, status: int = 200) -> Reply:
    """Return a JSON answer under an HTTP status, counted under `code`."""
    return _reply(str(code), status, b"application/json", orjson.dumps(payload))


def html_page(title: str) -> Reply:
    """Return a web page under HTTP 200, as a load balancer shows it in place of an answer."""
    page = f"<!doctype html><title>{title}</title><p>Please try again later.</p>"
    return _reply("html", 200, _HTML, page.encode())


def page_reply(page: str, *, status: int = 200, headers: Iterable[Header] = ()) -> Reply:
    """Return a web page for a person, counted under its HTTP status."""
    return _reply(str(status), status, _HTML, page.encode(), headers)


def redirect(location: str, *, headers: Iterable[Header] = ()) -> Reply:
    """Send a browser to an address, to be fetched with GET."""
    return _reply("303", 303, _HTML, b"", [(b"location", location.encode("ascii")), *headers])


def text_reply(content_type: str, text: str) -> Reply:
    """Return a document that is no JSON, such as a certificate or a table."""
    return _reply("200", 200, content_type.encode(), text.encode())


def bytes_reply(
    content_type: str, content: bytes, *, status: int = 200, headers: Iterable[Header] = ()
) -> Reply:
    """Return content that is already encoded, counted under its HTTP status."""
    return _reply(str(status), status, content_type.encode(), content, headers)


LOST = Reply("lost", {}, {}, is_lost=True)

Envelope = Callable[[int, str], Reply]
"""Wraps an HTTP status and a message as one institution does it."""


class Errors:
    """The answers every institution has for what it never did, each in its own envelope."""

    def __init__(self, envelope: Envelope) -> None:
        self.envelope = envelope
        self.unauthorised = envelope(401, "token missing, expired or unknown")
        self.no_such_path = envelope(404, "no such path")
        self.wrong_method = envelope(405, "method not allowed here")
        self.too_large = envelope(413, "body too large")
        self.http_500 = envelope(500, "internal error")
        self.http_503 = envelope(503, "out of service")

    def malformed(self, message: str) -> Reply:
        """Return HTTP 400: the call could not be read, so nothing was done."""
        return self.envelope(400, message)


def error_reply(status: int, message: str) -> Reply:
    """Return an error whose HTTP status is repeated as statusCode."""
    return json_reply({"statusCode": status, "message": message}, code=status, status=status)
