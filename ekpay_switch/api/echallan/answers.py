"""What the e-challan API answers: STATUS and MESSAGE, then what stands of the request.

200 is ekPay's code for done (ekpay-merchant-api.md 5.2). Every other status is ours (docs/adr/0051), like the
members beside the two, and is the HTTP status of the closest meaning. Clients read an answer only where its
HTTP status is 200, so a refused request has that one too.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, assert_never

from ekpay_switch.domain.challans import (
    ChallanRefusal,
    LineEnd,
    Progress,
    StoredChallan,
    StoredLine,
)
from ekpay_switch.domain.money import format_taka

Answer = dict[str, Any]

DONE, IN_PROGRESS, PARTLY_DONE, NOTHING_RAISED = "200", "202", "206", "424"
MALFORMED, NOT_ALLOWED, NOT_FOUND, TOO_MANY, BUSY = "400", "401", "404", "429", "503"
MESSAGES: Mapping[str, str] = MappingProxyType(
    {
        DONE: "Challan created successfully",
        IN_PROGRESS: "In progress; search, or send the same again; do not send another REQUEST_ID",
        PARTLY_DONE: "The treasury did not take every line; the others are owed to the merchant again",
        NOTHING_RAISED: "The treasury took nothing; the amount is owed to the merchant again",
        MALFORMED: "Validation error",
        NOT_ALLOWED: "Token missing or expired",
        NOT_FOUND: "No challan under this REQUEST_ID and TRAN_DATE",
        TOO_MANY: "Too many requests",
        BUSY: "Busy, send the same again",
    }
)
REFUSALS: Mapping[ChallanRefusal, tuple[str, str]] = MappingProxyType(
    {
        ChallanRefusal.OTHER_CONTENT: ("409", "This REQUEST_ID was used with other content"),
        ChallanRefusal.SUM_DIFFERS: ("422", "TRANAMOUNT is not the sum of the AMOUNTs"),
        ChallanRefusal.UNKNOWN_ACCOUNT: ("422", "A CREDIT_ACCOUNT is not known"),
        ChallanRefusal.NOT_TAKEN: ("422", "The treasury takes no such amount, or not from this payer"),
        ChallanRefusal.UNAVAILABLE: ("503", "The treasury is not available, nothing was paid"),
        ChallanRefusal.UNKNOWN_PAYMENT: ("404", "PAY_TRXID names no payment of this merchant"),
        ChallanRefusal.NOT_COMPLETED: ("412", "The payment is not completed"),
        ChallanRefusal.EXCEEDS_PAYMENT: ("402", "More than the payment has left for challans"),
        ChallanRefusal.EXCEEDS_OWED: ("402", "More than the merchant is owed"),
    }
)
# msg_code of `authenticate`, as the merchant API has them.
ISSUED, LOGIN_FAILED, LOGIN_MALFORMED, LOGIN_TOO_MANY = "1000", "1004", "1024", "1029"
LOGIN_MESSAGES: Mapping[str, str] = MappingProxyType(
    {
        ISSUED: "Secure token generated successfully",
        LOGIN_FAILED: "Merchant authentication failed",
        LOGIN_MALFORMED: "Validation error",
        LOGIN_TOO_MANY: "Too many requests",
    }
)


def login_answer(code: str, token: str | None = None) -> Answer:
    """The three members of `authenticate`."""
    return {"jwt_token": token, "msg_code": code, "msg_details": LOGIN_MESSAGES[code]}


def status_answer(status: str, fault: str = "") -> Answer:
    """STATUS and MESSAGE alone; the message ends with the member that is wrong, if one is."""
    return {"STATUS": status, "MESSAGE": f"{MESSAGES[status]}: {fault}" if fault else MESSAGES[status]}


def refusal_answer(refusal: ChallanRefusal) -> Answer:
    """The answer to a request that was refused: nothing was set aside or written."""
    status, message = REFUSALS[refusal]
    return {"STATUS": status, "MESSAGE": message}


def challan_answer(challan: StoredChallan) -> Answer:
    """The state of a request, line by line."""
    return status_answer(_status_of(challan.progress)) | {
        "REQUEST_ID": challan.request_id,
        "REF_NO": challan.written["REF_NO"],
        "TRAN_DATE": challan.tran_date.isoformat(),
        "PAY_TRXID": challan.written["PAY_TRXID"],
        "TRANAMOUNT": format_taka(challan.total.minor),
        "CREDIT_INFO": [_line(line) for line in challan.lines],
    }


def _line(standing: StoredLine) -> Answer:
    line = standing.line
    return {
        "SLNO": line.slno,
        "CREDIT_ACCOUNT": line.credit_account,
        "AMOUNT": format_taka(line.amount.minor),
        "STATUS": _line_status(standing.end),
        "CHALLAN_NO": standing.challan_no or None,
    }


def _status_of(progress: Progress) -> str:
    match progress:
        case Progress.DONE:
            return DONE
        case Progress.IN_PROGRESS:
            return IN_PROGRESS
        case Progress.PARTLY_DONE:
            return PARTLY_DONE
        case Progress.NOTHING_RAISED:
            return NOTHING_RAISED
        case _:
            assert_never(progress)


def _line_status(end: LineEnd | None) -> str:
    if end is None:
        return IN_PROGRESS
    return DONE if end is LineEnd.PAID else NOTHING_RAISED
