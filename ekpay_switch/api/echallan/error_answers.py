"""Errors under `/echallan/` that no endpoint has answered: STATUS and MESSAGE, as in every answer.

A body that is too long, an unknown path, a database that is away: the HTTP status says so, and STATUS repeats
it for clients that read the body alone (docs/adr/0051).
"""

from collections.abc import Mapping

import orjson
from starlette.responses import Response

from ekpay_switch.api.echallan import answers

_BASE = "/echallan/"
_UNKNOWN = "No such call"
_BROKEN = "Internal error, send the same again"
_SERVER_ERROR = 500


def is_under_echallan(path: str) -> bool:
    """Whether a path belongs to this API, whether or not there is such a call."""
    return path.startswith(_BASE)


def answer_with(status: int, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with this HTTP status and nothing of the caller's in it."""
    message = answers.MESSAGES.get(str(status)) if status == int(answers.BUSY) else None
    message = message or (
        _BROKEN if status >= _SERVER_ERROR else _UNKNOWN if status in _NOT_FOUND_STATUSES else None
    )
    content = {"STATUS": str(status), "MESSAGE": message or answers.MESSAGES[answers.MALFORMED]}
    all_headers = {"Cache-Control": "no-store", **(headers or {})}
    return Response(orjson.dumps(content), status, all_headers, media_type="application/json")


_NOT_FOUND_STATUSES = frozenset({404, 405})
