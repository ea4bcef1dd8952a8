"""Refusals of the merchant API: two keys, both texts (ekpay-merchant-api.md 2.3).

1024, 1030 and 1052 are ekPay's; the others are ours (docs/adr/0046). The member that is wrong stands behind
ekPay's words. No body has a msg_code beside them, since clients show whichever they find first.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import orjson
from starlette.responses import Response

from ekpay_switch.api.page_parts import Page, render_page
from ekpay_switch.edge_kit.bilingual_text import Text

BASE = "/ekpaypg/v1"
NO_COPIES = MappingProxyType({"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})
_JSON = "application/json"
_PAGE_METHODS = frozenset({"GET", "HEAD"})
_SERVER_ERROR, _BUSY = 500, 503


class ResponseCode(StrEnum):
    """The responseCode of a refusal."""

    NOT_AUTHENTICATED = "1004"
    MALFORMED = "1024"
    BUSY = "1028"
    TOO_MANY = "1029"
    NO_MOBILE_NUMBER = "1030"
    NO_VALID_URL = "1052"
    INTERNAL_ERROR = "1099"


MESSAGES: Mapping[ResponseCode, str] = MappingProxyType(
    {
        ResponseCode.NOT_AUTHENTICATED: "Merchant authentication failed",
        ResponseCode.MALFORMED: "Validation error",
        ResponseCode.BUSY: "Busy, send the same again",
        ResponseCode.TOO_MANY: "Too many requests",
        ResponseCode.NO_MOBILE_NUMBER: "Not a BD mobile number",
        ResponseCode.NO_VALID_URL: "must be a valid URL",
        ResponseCode.INTERNAL_ERROR: "Internal error, send the same again",
    }
)
# What a merchant's program does about it, for the reference.
ADVICE: Mapping[ResponseCode, str] = MappingProxyType(
    {
        ResponseCode.NOT_AUTHENTICATED: "Check mer_reg_id, pass key and the address you call from: one "
        "answer for all three.",
        ResponseCode.MALFORMED: "Correct the member that stands behind the words.",
        ResponseCode.BUSY: "Send the same again: the order may stand, and then its token is the answer.",
        ResponseCode.TOO_MANY: "Wait a second and send the same again.",
        ResponseCode.NO_MOBILE_NUMBER: "Ask the payer for a mobile number of Bangladesh.",
        ResponseCode.NO_VALID_URL: "Use an address at a host of your agreement; the member is named.",
        ResponseCode.INTERNAL_ERROR: "Send the same again.",
    }
)
_STATUSES: Mapping[ResponseCode, int] = MappingProxyType(
    {ResponseCode.BUSY: _BUSY, ResponseCode.TOO_MANY: 429, ResponseCode.INTERNAL_ERROR: _SERVER_ERROR}
)
_RETRY_AFTER_SECONDS = frozenset({ResponseCode.BUSY, ResponseCode.TOO_MANY})
_TROUBLE = Page(
    _BUSY,
    Text("এই মুহূর্তে পাতাটি দেখানো যাচ্ছে না", "This page cannot be shown at the moment"),
    [
        Text("একটু পরে এই ঠিকানায় আবার আসুন।", "Come back to this address in a moment."),
        Text("টাকা দিয়ে থাকলে আবার দেবেন না।", "If you have paid already, do not pay again."),
    ],
)


class MerchantApiError(Exception):
    """A call that is answered with a responseCode; ekPay's own are HTTP 400.

    `fault` is the member that is wrong, or what else is, without any value of the caller's.
    """

    def __init__(self, code: ResponseCode, status: int | None = None, fault: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.fault = fault
        self.status = status or status_of(code)

    def body(self) -> bytes:
        """The two keys."""
        text = MESSAGES[self.code]
        text = f"{text}: {self.fault}" if self.fault else text
        return orjson.dumps({"responseCode": self.code, "responseMessage": text})

    def headers(self) -> dict[str, str]:
        """The headers that go with it."""
        retry_headers = {"Retry-After": "1"} if self.code in _RETRY_AFTER_SECONDS else {}
        return {**NO_COPIES, **retry_headers}

    def response(self, more_headers: Mapping[str, str] | None = None) -> Response:
        """The answer itself."""
        return Response(self.body(), self.status, self.headers() | dict(more_headers or {}), media_type=_JSON)


def is_under_merchant_api(path: str) -> bool:
    """Whether callers of this path read answers of the merchant API."""
    return path == BASE or path.startswith(f"{BASE}/")


def error_of_status(status: int) -> MerchantApiError:
    """The refusal that stands for a status which the framework or the guard before it has chosen."""
    if status == _BUSY:
        return MerchantApiError(ResponseCode.BUSY)
    return MerchantApiError(
        ResponseCode.INTERNAL_ERROR if status >= _SERVER_ERROR else ResponseCode.MALFORMED, status
    )


def answer_with(
    method: str, path: str, status: int, more_headers: Mapping[str, str] | None = None
) -> Response:
    """The answer for a status: a page where a payer's browser asks for the payer's page, else two keys."""
    if path == BASE and method in _PAGE_METHODS and status >= _SERVER_ERROR:
        return render_page(_TROUBLE)
    return error_of_status(status).response(more_headers)


def status_of(code: ResponseCode) -> int:
    """The HTTP status of a refusal that the API itself makes."""
    return _STATUSES.get(code, 400)
