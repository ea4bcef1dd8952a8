"""bKash's four envelopes, and its codes.

1. HTTP 200 with statusCode and statusMessage: the result of a call. 2. HTTP 200 with errorCode and
errorMessage: here for 2003 and for maintenance, where the platform rather than the call is in trouble, and
for every refusal of the product whose page stands in a frame.
3. Refund v2: HTTP 400 with internalCode, externalCode and a message in two languages. 4. The gateway before
it all: 400, 401, 403 or 500 with a single message.
"""

from collections.abc import Callable

from sandbox.kit.institution.replies import Errors, Reply, html_page, json_reply

SUCCESS = "0000"
RefusalReply = Callable[[str], Reply]
"""Wraps a code as one version of the interface does it."""

MESSAGES = {
    "503": "System is undergoing maintenance. Please try again later",
    "2001": "Invalid App Key",
    "2002": "Invalid Payment ID",
    "2003": "Process failed",
    "2006": "Invalid amount",
    "2007": "Invalid currency",
    "2008": "Invalid intent",
    "2014": "Wrong PIN",
    "2015": "Wrong PIN count exceeded",
    "2017": "Wrong verification limit exceeded",
    "2023": "Insufficient Balance",
    "2026": "The reversal amount cannot be greater than the original transaction amount",
    "2029": "Duplicate for all transactions",
    "2031": "Invalid Merchant Invoice Number",
    "2033": "Transaction not found",
    "2034": "The transaction has been reversed already",
    "2037": "The state of the debit party does not allow this service",
    "2047": "TLV data format error",
    "2048": "Invalid Payer Reference",
    "2049": "Invalid Merchant Callback URL",
    "2050": "Agreement already exists between payer and merchant",
    "2051": "Invalid Agreement ID",
    "2053": "Agreement has already been cancelled",
    "2054": "Agreement execution pre-requisite hasn't been met",
    "2055": "Invalid Agreement State",
    "2056": "Invalid Payment State",
    "2060": "Execute pre-requisite has not run or expired",
    "2062": "The payment has already been completed",
    "2063": "Mode is not valid as per request data",
    "2065": "Mandatory field missing",
    "2067": "Not permitted",
    "2069": "The payment has already been cancelled",
    "2071": "Refund time exceeded",
    "2072": "Refund amount not valid",
    "2074": "The transaction is not reversible",
    "2075": "A field is longer than allowed",
    "2076": "Invalid transaction ID",
    "2116": "The agreement execution has already been completed",
    "2117": "Payment execution already been called before",
    "2119": "The authorized payment has already been processed",
    "2127": "Payment has not been completed",
}

_INTERNAL = {
    "2002": "invalid_payment_id",
    "2003": "process_failed",
    "2034": "transaction_already_reversed",
    "2071": "refund_time_exceeded",
    "2072": "refund_amount_exceed_payment_amount",
    "2074": "transaction_not_reversible",
    "2075": "field_too_long",
    "2076": "invalid_trx_id",
    "2127": "payment_not_completed",
}
_BANGLA = {
    "2002": "পেমেন্ট আইডি সঠিক নয়",
    "2003": "প্রক্রিয়াটি ব্যর্থ হয়েছে",
    "2034": "লেনদেনটি আগেই ফেরত দেওয়া হয়েছে",
    "2071": "ফেরতের সময় পার হয়েছে",
    "2072": "ফেরতের পরিমাণ সঠিক নয়",
    "2074": "লেনদেনটি ফেরতযোগ্য নয়",
    "2075": "একটি ঘর অনুমোদিত দৈর্ঘ্যের চেয়ে বড়",
    "2076": "লেনদেন আইডি সঠিক নয়",
    "2127": "পেমেন্ট সম্পন্ন হয়নি",
}
_GATEWAY = {
    400: (400, "Invalid request body"),
    401: (401, "Unauthorized"),
    # The gateway has one answer for whatever it has no route for.
    404: (403, "Missing Authentication Token"),
    405: (403, "Missing Authentication Token"),
    413: (413, "Request Too Long"),
    500: (500, "Internal server error"),
}


def success(**fields: object) -> Reply:
    """Return a success reply; fields without a value are left out."""
    present = {name: value for name, value in fields.items() if value is not None}
    return json_reply({"statusCode": SUCCESS, "statusMessage": "Successful", **present}, code=SUCCESS)


def success_in_frame(**fields: object) -> Reply:
    """Return the same of the product with a frame, which has no code for it."""
    return json_reply({name: value for name, value in fields.items() if value is not None}, code=SUCCESS)


def success_v2(**fields: object) -> Reply:
    """Return the same in the second version, which has no code for it."""
    return json_reply(fields, code=SUCCESS)


def refusal_reply(code: str) -> Reply:
    """Return a refusal in the first envelope."""
    return json_reply({"statusCode": code, "statusMessage": MESSAGES[code]}, code=code)


def trouble_reply(code: str) -> Reply:
    """Return an error in the second envelope."""
    return json_reply({"errorCode": code, "errorMessage": MESSAGES[code]}, code=code)


def refusal_reply_v2(code: str) -> Reply:
    """Return a refusal in the third envelope."""
    body = {
        "internalCode": _INTERNAL[code],
        "externalCode": code,
        "errorMessageEn": MESSAGES[code],
        "errorMessageBn": _BANGLA[code],
    }
    return json_reply(body, code=code, status=400)


def gateway_error(status: int, message: str) -> Reply:
    """Return an error of the gateway, in the fourth envelope."""
    return json_reply({"message": message}, code=status, status=status)


def _error(status: int, _message: str) -> Reply:
    if status not in _GATEWAY:
        return json_reply({"errorCode": "503", "errorMessage": MESSAGES["503"]}, code=503, status=503)
    http_status, message = _GATEWAY[status]
    return gateway_error(http_status, message)


ERRORS = Errors(_error)
TOKEN_EXPIRED = gateway_error(401, "The incoming token has expired")
APP_BLOCKED = gateway_error(401, "Unauthorized: too many token requests, the app is blocked")
WRONG_APP = gateway_error(403, "Forbidden")
HTML_PAGE = html_page("bKash")
STRANGE = json_reply({"statusCode": "2999", "statusMessage": "Please see the manual"}, code="2999")
