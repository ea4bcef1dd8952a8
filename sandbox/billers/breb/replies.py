"""BREB's envelope and codes, encoded once where they never change."""

from sandbox.kit.institution.replies import Errors, Reply, html_page, json_reply


def result(code: str, message: str, **fields: object) -> Reply:
    """Return an answer under HTTP 200: RESULT_CODE, RESULT_MSG and further fields."""
    return json_reply({"RESULT_CODE": code, "RESULT_MSG": message, **fields}, code=code)


def _error(status: int, message: str) -> Reply:
    # Four digits like every other code, and none of those that mean something.
    code = f"1{status}"
    return json_reply({"RESULT_CODE": code, "RESULT_MSG": message}, code=code, status=status)


ERRORS = Errors(_error)
WRONG_CONTENT_TYPE = _error(415, "send application/x-www-form-urlencoded")

WRONG_CREDENTIALS = result("1259", "user, password or channel is wrong")
REFRESH_EXPIRED = result("1258", "refresh token expired")
REFRESH_USED = result("1273", "refresh token used already")
TOKEN_EXPIRED = result("1265", "access token expired")
TOKEN_UNKNOWN = result("1271", "token unknown")
TOKEN_OF_ANOTHER = result("1275", "access token of another channel")

DONE = result("1200", "success")
BEGUN_HERE = result("1252", "a payment was already begun")
CUT_OFF = result("1261", "an earlier payment is not acknowledged")
BEGUN_ELSEWHERE = result("1274", "a payment was already begun by another channel")
NO_DUE_BILL = result("1278", "no due bill")
AMOUNT_DIFFERS = result("1280", "amount differs from the due amount")
NOT_LOCKED = result("1281", "the bill is not locked for this channel")
REFUSED = result("1282", "refused")
NOTHING_TO_ACKNOWLEDGE = result("1283", "nothing saved under this transaction")
UNKNOWN_ACCOUNT = result("1290", "account number not valid")
STRANGE = result("1999", "please see the manual")

STATUS_NOTHING = result("1266", "nothing was saved")
STATUS_SAVED = result("1267", "saved, not acknowledged")
STATUS_COMPLETE = result("1268", "complete")

HTML_PAGE = html_page("BREB")

CARRIED_OUT = frozenset({"1200", "1266", "1267", "1268"})
"""The codes of calls that were carried out; every other code is a refusal."""
