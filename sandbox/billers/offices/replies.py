"""The envelope and codes of the offices."""

from collections.abc import Mapping

from sandbox.kit.institution.replies import Errors, Reply, json_reply

_SUCCESS = "0"


def success(more: Mapping[str, object]) -> Reply:
    """Return a success reply with its members beside the code."""
    return json_reply({"code": _SUCCESS, **more}, code=_SUCCESS)


def _refusal(code: str, message: str) -> Reply:
    return json_reply({"code": code, "message": message}, code=code)


def _error(status: int, message: str) -> Reply:
    return json_reply({"code": str(status), "message": message}, code=status, status=status)


ERRORS = Errors(_error)
"""The HTTP status is repeated as code."""

UNKNOWN = _refusal("11", "no such reference")
PAID_ALREADY = _refusal("12", "paid already")
NOT_OPEN = _refusal("13", "an earlier step is unpaid")
EXPIRED = _refusal("14", "no longer payable")
OTHER_AMOUNT = _refusal("15", "the amount differs")
REFUSED = _refusal("16", "refused")
MALFORMED = _refusal("20", "a parameter is missing or malformed")
NO_PAYMENT = _refusal("21", "nothing under this transaction")
