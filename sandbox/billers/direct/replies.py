"""The envelope and codes of this family."""

from collections.abc import Mapping

from sandbox.kit.institution.replies import Errors, Reply, json_reply

_SUCCESS = "200"


def success(message: str, more: Mapping[str, object]) -> Reply:
    """Return a success reply with its members beside code and message."""
    return json_reply({"code": _SUCCESS, "message": message, **more}, code=_SUCCESS)


def refusal(code: str, message: str) -> Reply:
    """Return an answer under HTTP 200 that brings nothing but its code."""
    return json_reply({"code": code, "message": message}, code=code)


def _error(status: int, message: str) -> Reply:
    return json_reply({"code": str(status), "message": message}, code=status, status=status)


ERRORS = Errors(_error)
"""The HTTP status is repeated as code."""

NO_PAYMENT = refusal("204", "nothing under this transaction")
UNKNOWN = refusal("404", "no such bill")
MALFORMED = refusal("405", "a parameter is missing or malformed")
PAID_ALREADY = refusal("410", "bill already paid")
OTHER_AMOUNT = refusal("411", "amount differs from the bill")
REFUSED = refusal("412", "refused")
