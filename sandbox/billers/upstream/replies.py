"""The codes of this switch, and what it says in the clear before anything is opened."""

from sandbox.kit.institution.replies import Errors, Reply, json_reply

SUCCESS = "0000"
UNKNOWN_BILLER = "1001"
UNKNOWN_BILL = "1002"
PAID_ALREADY = "1003"
OTHER_AMOUNT = "1004"
FETCH_EXPIRED = "1005"
PREFUND_TOO_LOW = "1006"
REFUSED = "1008"
OTHER_CONTENT = "1009"
BILL_PAID_ELSEWHERE = "1010"
MALFORMED = "2001"
NOT_ALLOWED = "2003"

MESSAGES = {
    SUCCESS: "success",
    UNKNOWN_BILLER: "unknown biller",
    UNKNOWN_BILL: "no such bill or account",
    PAID_ALREADY: "bill already paid",
    OTHER_AMOUNT: "amount differs from the fetched bill",
    FETCH_EXPIRED: "fetch expired, fetch again",
    PREFUND_TOO_LOW: "prefund too low",
    REFUSED: "biller refused",
    OTHER_CONTENT: "same reference, other content",
    BILL_PAID_ELSEWHERE: "bill paid under another reference",
    MALFORMED: "malformed",
    NOT_ALLOWED: "not allowed",
}

# HTTP 500 says nothing about what was done, so it is never a no.
_BY_STATUS = {401: "2002", 500: "0102", 503: "2004"}


def plain(status: int, code: str, message: str) -> Reply:
    """Return an answer in the clear."""
    return json_reply({"resp_cd": code, "resp_msg": message}, code=code, status=status)


ERRORS = Errors(lambda status, message: plain(status, _BY_STATUS.get(status, MALFORMED), message))
"""A body that was not opened is malformed, except for a missing token and errors of our own."""

LOGIN_REFUSED = plain(401, NOT_ALLOWED, "not allowed")
