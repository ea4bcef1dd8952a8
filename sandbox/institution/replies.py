"""Answers, encoded once where they never change.

A reply is the two ASGI messages ready to send: the path of a payment must not encode anything
that could have been encoded before.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

Message = dict[str, Any]


class Reply(NamedTuple):
    """An answer ready for the wire.

    `code` is what the statistics count it under. A lost reply closes the connection instead of
    sending; a delayed one waits `delay_seconds` first, after everything was done.
    """

    code: str
    start: Message
    body: Message
    delay_seconds: float = 0.0
    is_lost: bool = False


def _reply(code: str, status: int, content_type: bytes, body: bytes) -> Reply:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
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
    return _reply("html", 200, b"text/html; charset=utf-8", page.encode())


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
