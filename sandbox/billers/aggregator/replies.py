"""The envelope and codes of the aggregator: 111, 777 and 700 are from billers.md 2.7, the others ours."""

from collections.abc import Mapping

from sandbox.kit.institution.replies import Errors, Reply, json_reply

_SUCCESS = "111"


def success(message: str, more: Mapping[str, object]) -> Reply:
    """Return a success reply with its members beside status and message."""
    return json_reply({"status": _SUCCESS, "message": message, **more}, code=_SUCCESS)


def refusal(status: str, message: str) -> Reply:
    """Return an answer under HTTP 200 that brings nothing but its code."""
    return json_reply({"status": status, "message": message}, code=status)


def _error(status: int, message: str) -> Reply:
    return json_reply({"status": str(status), "message": message}, code=status, status=status)


ERRORS = Errors(_error)
"""The HTTP status is repeated as status."""

IN_PROCESS = refusal("777", "in process")
"""The utility has it and has not finished; 700 would say the same."""
REFUSED = refusal("900", "failed")
UNKNOWN = refusal("901", "no such bill or customer")
PAID_ALREADY = refusal("902", "already paid")
OTHER_AMOUNT = refusal("903", "amount differs")
NO_SUCH_INFO = refusal("904", "no bill-info under this transaction")
CHALLAN_USED = refusal("905", "challan was used for another bill")
NO_PAYMENT = refusal("906", "nothing was paid under this transaction")
TOO_LATE = refusal("907", "the day of this payment is closed")
MALFORMED = refusal("908", "a parameter is missing or malformed")
TRANSACTION_IN_USE = refusal("909", "this transaction or reference is another one's")
CANCELLED = refusal("910", "taken back")
