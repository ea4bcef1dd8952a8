"""The envelope and codes of this family."""

from collections.abc import Mapping

from sandbox.kit.institution.replies import Errors, Reply, json_reply

_SUCCESS = "0"


def success(data: Mapping[str, object]) -> Reply:
    """Return a success reply."""
    return json_reply({"resultcode": _SUCCESS, "resultdesc": "success", "data": data}, code=_SUCCESS)


def refusal(code: str, text: str) -> Reply:
    """Return an answer under HTTP 200 that brings nothing but its code."""
    return json_reply({"resultcode": code, "resultdesc": text, "data": None}, code=code)


def _error(status: int, message: str) -> Reply:
    answer = {"resultcode": str(status), "resultdesc": message, "data": None}
    return json_reply(answer, code=status, status=status)


ERRORS = Errors(_error)
"""The HTTP status is repeated as code."""

UNKNOWN = refusal("10001", "not found")
NOTHING_VENDED = refusal("10009", "nothing was vended")
NOTHING_VENDED_AND_EXPIRED = refusal("10011", "nothing was vended, and the quote has expired")
QUOTE_EXPIRED = refusal("10020", "the quote has expired")
REFUSED = refusal("10021", "refused")
LIMIT_REACHED = refusal("10022", "the vend limit of this meter is reached")
DEPOSIT_TOO_LOW = refusal("10023", "the deposit is too low")
OUT_OF_BOUNDS = refusal("10024", "the amount is out of bounds")
