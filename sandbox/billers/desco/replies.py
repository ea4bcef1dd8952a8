"""DESCO's envelopes, and its answers encoded once where they never change."""

from sandbox.kit.institution.replies import Errors, Reply, error_reply, html_page, json_reply


def data_reply(code: int, message: str, data: object) -> Reply:
    """Return the envelope of the query calls: HTTP 200, statusCode, message and data."""
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

ERRORS = Errors(error_reply)
"""DESCO repeats the HTTP status as statusCode."""
HTML_PAGE = html_page("DESCO")
