"""The rsp_cd of every answer and the text for its payer (ekpay-syndicate-api.md, "Response codes")."""

from collections.abc import Mapping

import orjson
from starlette.responses import Response

from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal

BASE = "/syndicate/api"
DONE = "0000"
IN_PROGRESS = "0102"
TOKEN_MISSING = "2002"  # noqa: S105 - a reply code
TOO_MANY = "2004"

REFUSALS = {
    Refusal.UNKNOWN_BILLER: "1001",
    Refusal.NO_SUCH_BILL: "1002",
    Refusal.ALREADY_PAID: "1003",
    Refusal.AMOUNT_DIFFERS: "1004",
    Refusal.QUOTE_EXPIRED: "1005",
    Refusal.PREFUND_TOO_LOW: "1006",
    Refusal.DAILY_LIMIT_REACHED: "1006",
    Refusal.BILLER_UNAVAILABLE: "1007",
    # Only what we collect can be cancelled or refused by an instrument, and nothing of that is answered here.
    Refusal.CANCELLED: "1007",
    Refusal.INSTRUMENT_REFUSED: "1007",
    Refusal.BILLER_REFUSED: "1008",
    Refusal.OTHER_CONTENT: "1009",
    Refusal.BILL_TAKEN: "1010",
    Refusal.MALFORMED: "2001",
    Refusal.NOT_ALLOWED: "2003",
}

MESSAGES = {
    DONE: "success",
    IN_PROGRESS: "in progress; ask CHCK_BLL_STTS_REQ; do not pay again, do not refund yet",
    "1001": "unknown biller",
    "1002": "no such bill or account",
    "1003": "this bill is already paid",
    "1004": "amount, fee or biller differs from the fetched bill",
    "1005": "the fetched bill has expired or is not known; fetch again",
    "1006": "prefund too low, or daily limit reached",
    "1007": "biller unavailable, nothing was paid",
    "1008": "biller refused, prefund given back",
    "1009": "this reference was used with other content",
    "1010": "this bill is being paid or was paid under another reference",
    "2001": "malformed message",
    TOKEN_MISSING: "token missing or expired",
    "2003": "not allowed",
    TOO_MANY: "too many requests",
}

# What a partner's program does about it, for the reference; docs/syndicate-api.md has the same table.
ADVICE = {
    DONE: "In a fetch, look at is_bll_pd: Y is paid already.",
    IN_PROGRESS: "Ask CHCK_BLL_STTS_REQ; do not pay again and do not refund yet.",
    "1001": "Fetch the master data again.",
    "1002": "Tell the payer.",
    "1003": "Tell the payer.",
    "1004": "Fetch again.",
    "1005": "Fetch again.",
    "1006": "Top up; a daily limit ends with the day in Dhaka.",
    "1007": "Try later.",
    "1008": "Tell the payer.",
    "1009": "Correct the client: one reference is one payment.",
    "1010": "Tell the payer.",
    "2001": "Correct the client; the text names the member and what it must be.",
    TOKEN_MISSING: "Take a new token.",
    "2003": "Correct the client: the ids are not those of the token, or the pass key is wrong.",
    TOO_MANY: "Send the same again after Retry-After.",
}


def code_of(state: State, refusal: Refusal | None) -> str:
    """The rsp_cd of a payment in this state.

    While money is held and the outcome is unknown, it is "in progress". What was refused once
    stays refused, even while two persons look at what the biller says of it now (law 14).
    """
    match state:
        case State.IN_REVIEW if refusal is not None:
            return REFUSALS[refusal]
        case State.COMPLETED:
            return DONE
        case State.DECLINED | State.REFUNDED | State.EXPIRED:
            return REFUSALS[refusal or Refusal.BILLER_UNAVAILABLE]
        case _:
            return IN_PROGRESS


def is_under_syndicate(path: str) -> bool:
    """Whether callers of this path read the codes of this API."""
    return path.startswith(f"{BASE}/")


def busy_answer(headers: Mapping[str, str] | None = None) -> Response:
    """503 before or after the envelope was opened, when we can do nothing: plain, like every HTTP error."""
    body = orjson.dumps({"resp_cd": TOO_MANY, "resp_msg": MESSAGES[TOO_MANY]})
    return Response(body, 503, dict(headers or {}), media_type="application/json")
