"""The gateway's envelope and codes; the codes are taken from public integrators' documentation."""

from collections.abc import Mapping
from enum import IntEnum

from sandbox.kit.institution.replies import Errors, Reply, html_page, json_reply
from sandbox.messaging.book import SmsMessage

SUCCESS = 200
_NOT_FOUND, _OUR_FAULT = 404, 500


class Refusal(IntEnum):
    """Why a message is not taken; nothing is delivered then."""

    UNAUTHORISED = 4001
    SID_NOT_PERMITTED = 4002
    IP_BLACKLISTED = 4003
    NO_SUCH_PATH = 4004
    INVALID_REQUEST = 4005
    INVALID_CSMS_ID = 4020
    PARAMETER_MISSING = 4022
    DUPLICATE_CSMS_ID = 4023
    INVALID_MSISDN = 4025
    BLOCKED_MSISDN = 4026
    TOO_LONG = 4027
    TOO_MANY_REQUESTS = 4029
    TPS_EXCEEDED = 4031
    UNKNOWN_ERROR = 5000


_TEXTS: Mapping[Refusal, str] = {
    Refusal.UNAUTHORISED: "Unauthorized",
    Refusal.SID_NOT_PERMITTED: "SID is not permitted",
    Refusal.IP_BLACKLISTED: "IP is blacklisted",
    Refusal.NO_SUCH_PATH: "API not found",
    Refusal.INVALID_REQUEST: "No JSON, or an invalid request",
    Refusal.INVALID_CSMS_ID: "Invalid CSMS ID",
    Refusal.PARAMETER_MISSING: "Required parameter is missing",
    Refusal.DUPLICATE_CSMS_ID: "Duplicate CSMS ID of the same day",
    Refusal.INVALID_MSISDN: "Invalid MSISDN",
    Refusal.BLOCKED_MSISDN: "Blocked MSISDN",
    Refusal.TOO_LONG: "SMS is too long",
    Refusal.TOO_MANY_REQUESTS: "Too many requests",
    Refusal.TPS_EXCEEDED: "TPS exceeded",
    Refusal.UNKNOWN_ERROR: "Unknown error",
}


def refuse(refusal: Refusal, *, status: int = 200, detail: str = "") -> Reply:
    """Return a refusal, under HTTP 200 as the gateway's own are."""
    text = f"{_TEXTS[refusal]}: {detail}" if detail else _TEXTS[refusal]
    answer = {"status": "FAILED", "status_code": refusal, "error_message": text, "smsinfo": []}
    return json_reply(answer, code=refusal, status=status)


def accept(message: SmsMessage) -> Reply:
    """Return the answer to a message that was taken."""
    info = {
        "sms_status": "SUCCESS",
        "status_message": "Success",
        "msisdn": message.msisdn,
        "sms_type": message.sms_type,
        "sms_body": message.body,
        "csms_id": message.csms_id,
        "reference_id": message.reference_id,
    }
    answer = {"status": "SUCCESS", "status_code": SUCCESS, "error_message": "", "smsinfo": [info]}
    return json_reply(answer, code=SUCCESS)


def _error(status: int, message: str) -> Reply:
    if status == _NOT_FOUND:
        return refuse(Refusal.NO_SUCH_PATH)
    refusal = Refusal.UNKNOWN_ERROR if status >= _OUR_FAULT else Refusal.INVALID_REQUEST
    return refuse(refusal, status=status, detail=message)


ERRORS = Errors(_error)
"""What no call of the gateway answers keeps its HTTP status, but for an unknown path."""

HTML_PAGE = html_page("SMS")
