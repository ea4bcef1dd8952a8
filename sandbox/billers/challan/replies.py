"""The envelope and codes of the treasury; 0 is [P:C1]'s (billers.md 2.9), the others are the sandbox's."""

from collections.abc import Mapping

from sandbox.kit.institution.replies import Errors, Reply, json_reply

_SUCCESS = "0"


def success(more: Mapping[str, object]) -> Reply:
    """Return a success reply."""
    return json_reply({"responsecode": _SUCCESS, "responsemessage": "OK", **more}, code=_SUCCESS)


def _refusal(code: str, message: str) -> Reply:
    return json_reply({"responsecode": code, "responsemessage": message}, code=code)


def _error(status: int, message: str) -> Reply:
    return json_reply({"responsecode": str(status), "responsemessage": message}, code=status, status=status)


ERRORS = Errors(_error)
"""The HTTP status is repeated as responsecode."""

UNKNOWN = _refusal("101", "no such demand or payer")
PAID_ALREADY = _refusal("102", "paid already")
OTHER_AMOUNT = _refusal("103", "amount differs")
REFUSED = _refusal("104", "refused")
OTHER_PAYMENT = _refusal("105", "paymentid belongs to another payment")
NOT_INITIATED = _refusal("106", "nothing was initiated under this paymentid")
NO_PAYMENT = _refusal("201", "no such payment")
NOT_CONFIRMED = _refusal("202", "initiated, not confirmed")
NO_CHALLAN = _refusal("301", "no such challan of this office")
USED_ALREADY = _refusal("302", "challan used already")
