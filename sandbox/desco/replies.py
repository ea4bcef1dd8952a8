"""Answers of the simulator, encoded once where they never change.

A reply is the two ASGI messages ready to send: the save path must not encode anything.
"""

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


def json_reply(payload: object, *, code: int = 200, status: int = 200) -> Reply:
    """Return a JSON answer under an HTTP status, counted under `code`."""
    return _reply(str(code), status, b"application/json", orjson.dumps(payload))


def error_reply(status: int, message: str) -> Reply:
    """Return an answer whose HTTP status and statusCode are the same: nothing was done."""
    return json_reply({"statusCode": status, "message": message}, code=status, status=status)


def data_reply(code: int, message: str, data: object) -> Reply:
    """Return the envelope of the asking calls: HTTP 200, statusCode, message and data."""
    return json_reply({"statusCode": code, "message": message, "data": data}, code=code)


def _save_reply(code: int, status: str, message: str) -> Reply:
    return json_reply({"status": status, "statusCode": code, "message": message}, code=code)


SAVED = _save_reply(323, "SUCCESS", "payment saved")
PAID_ALREADY = _save_reply(324, "FAILED", "bill already paid")
AMOUNT_DIFFERS = _save_reply(325, "FAILED", "amount differs from the bill")
TOKEN_REFUSED = _save_reply(326, "FAILED", "bill token unknown or expired")
SCROLL_REFUSED = _save_reply(327, "FAILED", "scroll number malformed or used")
REFUSED = _save_reply(328, "FAILED", "refused by the utility")
UNKNOWN_BILL = _save_reply(404, "FAILED", "no such bill")
SAVED_BUT_SAYS_500 = _save_reply(500, "FAILED", "internal error")

UNAUTHORISED = error_reply(401, "token missing, expired or unknown")
NO_SUCH_PATH = error_reply(404, "no such path")
WRONG_METHOD = error_reply(405, "method not allowed here")
TOO_LARGE = error_reply(413, "body too large")
HTTP_500 = error_reply(500, "internal error")
HTTP_503 = error_reply(503, "out of service")
HTML_PAGE = _reply(
    "html",
    200,
    b"text/html; charset=utf-8",
    b"<!doctype html><title>DESCO</title><p>Please try again later.</p>",
)
LOST = Reply("lost", {}, {}, is_lost=True)
