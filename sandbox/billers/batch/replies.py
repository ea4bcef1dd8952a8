"""The envelope and codes of this family."""

from collections.abc import Mapping

from sandbox.kit.institution.replies import Errors, Reply, json_reply

_SUCCESS = "200"


def success(message: str, more: Mapping[str, object]) -> Reply:
    """Return a success reply with its members beside code and message."""
    return json_reply({"code": _SUCCESS, "message": message, **more}, code=_SUCCESS)


def refusal(code: str, message: str) -> Reply:
    """Return an answer under HTTP 200 that brings nothing but its code; nothing was posted."""
    return json_reply({"code": code, "message": message}, code=code)


def _error(status: int, message: str) -> Reply:
    return json_reply({"code": str(status), "message": message}, code=status, status=status)


ERRORS = Errors(_error)
"""The HTTP status is repeated as code."""

TAKEN_BEFORE = "409"
OUT_OF_TURN = "410"
UNREADABLE = "422"
WRONG_TOTALS = "423"
SEQUENCE_BROKEN = "424"
