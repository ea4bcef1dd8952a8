"""Every refusal of REST v1: one code, its status, and what the caller can do (RFC 9457).

A document holds nothing that the caller sent: pointers name members, and only such as look like names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, NotRequired

import orjson
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

BASE = "/v1"
HELP_PATH = f"{BASE}/problems"
MEDIA_TYPE = "application/problem+json"
NO_COPIES = MappingProxyType({"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})


class ProblemCode(StrEnum):
    """What went wrong; a caller branches on this word and on nothing else."""

    INVALID_JSON = "invalid_json"
    BAD_REQUEST = "bad_request"
    KEY_MISSING = "idempotency_key_missing"
    KEY_INVALID = "idempotency_key_invalid"
    UNAUTHENTICATED = "unauthenticated"
    NOT_AN_ISSUER = "not_an_issuer"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    REQUEST_TIMEOUT = "request_timeout"
    BILL_ALREADY_PAID = "bill_already_paid"
    BILL_ALREADY_IN_PROGRESS = "bill_already_in_progress"
    PAYMENT_NOT_PAYABLE = "payment_not_payable"
    PAYMENT_NOT_CANCELLABLE = "payment_not_cancellable"
    NOT_REFUNDABLE = "not_refundable"
    PAYMENT_IS_FINAL = "payment_is_final"
    BILL_EXISTS = "bill_exists"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    VALIDATION_FAILED = "validation_failed"
    KEY_REUSED = "idempotency_key_reused"
    AMOUNT_MISMATCH = "amount_mismatch"
    AMOUNT_OUT_OF_RANGE = "amount_out_of_range"
    UNKNOWN_BILLER = "unknown_biller"
    UNKNOWN_INSTRUMENT = "unknown_instrument"
    BILL_NOT_FOUND = "bill_not_found"
    BILL_NOT_VALID = "bill_not_valid"
    RETURN_URL_NOT_ALLOWED = "return_url_not_allowed"
    CURRENCY_MISMATCH = "currency_mismatch"
    REFUND_EXCEEDS_REMAINING = "refund_exceeds_remaining"
    TOO_MANY_REFUNDS = "too_many_refunds"
    REFUND_PERIOD_OVER = "refund_period_over"
    DEBT_LIMIT_REACHED = "debt_limit_reached"
    RATE_LIMITED = "rate_limited"
    HEADERS_TOO_LARGE = "headers_too_large"
    INTERNAL_ERROR = "internal_error"
    BILLER_UNAVAILABLE = "biller_unavailable"
    INSTRUMENT_UNAVAILABLE = "instrument_unavailable"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class ProblemMeaning:
    """What a code stands for: `title` for a log, `advice` for a developer.

    The same request may be sent again as it is, with the same key, after `retry_after_s`; None where that
    changes nothing.
    """

    status: int
    title: str
    advice: str
    retry_after_s: int | None = None


MEANINGS: Mapping[ProblemCode, ProblemMeaning] = MappingProxyType(
    {
        ProblemCode.INVALID_JSON: ProblemMeaning(
            400,
            "The body is not one JSON object",
            "Send one object in UTF-8 without a byte order mark; each member once; no NaN or Infinity.",
        ),
        ProblemCode.BAD_REQUEST: ProblemMeaning(
            400, "The request cannot be read", "Check how your program speaks HTTP."
        ),
        ProblemCode.KEY_MISSING: ProblemMeaning(
            400,
            "The Idempotency-Key is missing",
            "Make a key before you send, keep it, and send it with every repeat of the same request.",
        ),
        ProblemCode.KEY_INVALID: ProblemMeaning(
            400,
            "The Idempotency-Key is not one of ours",
            "Send one header with 16 to 64 of A-Z a-z 0-9 _ and -, quoted or bare, "
            "and no card number in it; a UUID will do.",
        ),
        ProblemCode.UNAUTHENTICATED: ProblemMeaning(
            401,
            "No valid API key",
            "Send Authorization: Bearer and your key; one that was revoked is dead at once.",
        ),
        ProblemCode.NOT_AN_ISSUER: ProblemMeaning(
            403,
            "You do not raise bills of this biller",
            "Ask the switch's finance staff: two persons let a partner raise the bills of an office.",
        ),
        ProblemCode.NOT_FOUND: ProblemMeaning(
            404, "There is nothing here for you", "Check the id and the path."
        ),
        ProblemCode.METHOD_NOT_ALLOWED: ProblemMeaning(
            405, "Another method", "The header Allow names those that are."
        ),
        ProblemCode.REQUEST_TIMEOUT: ProblemMeaning(408, "The request came too slowly", "Send it again.", 1),
        ProblemCode.BILL_ALREADY_PAID: ProblemMeaning(
            409, "The biller says that this bill is paid", "Tell your payer; there is nothing to pay."
        ),
        ProblemCode.BILL_ALREADY_IN_PROGRESS: ProblemMeaning(
            409,
            "Another payment holds this bill",
            "Where payment_id is told, the payment is yours: look it up, give it another try, or cancel it.",
        ),
        ProblemCode.PAYMENT_NOT_PAYABLE: ProblemMeaning(
            409,
            "No further try may be begun",
            "Look the payment up: money was asked for already, or its time is over.",
        ),
        ProblemCode.PAYMENT_NOT_CANCELLABLE: ProblemMeaning(
            409,
            "The payment cannot be cancelled",
            "Look it up: money was asked for already, or it has ended.",
        ),
        ProblemCode.NOT_REFUNDABLE: ProblemMeaning(
            409, "The payment cannot be refunded", "Only a paid payment can; look it up."
        ),
        ProblemCode.PAYMENT_IS_FINAL: ProblemMeaning(
            409,
            "The biller takes no payment back",
            "The payer has what was paid for, such as a token or a receipt: ask the switch's finance staff.",
        ),
        ProblemCode.BILL_EXISTS: ProblemMeaning(
            409,
            "A bill of this number is there and says something else",
            "See errors for which; nothing was raised. Give a changed bill a number of its own.",
        ),
        ProblemCode.BODY_TOO_LARGE: ProblemMeaning(
            413, "The body is too large", "No request here needs more than 64 KiB."
        ),
        ProblemCode.UNSUPPORTED_MEDIA_TYPE: ProblemMeaning(
            415, "The body is not application/json", "Send one Content-Type: application/json."
        ),
        ProblemCode.VALIDATION_FAILED: ProblemMeaning(
            422, "Members are missing, unknown or malformed", "See errors: a pointer and a code each."
        ),
        ProblemCode.KEY_REUSED: ProblemMeaning(
            422,
            "The Idempotency-Key came before with another request",
            "Use one key for one request: other spaces make another one.",
        ),
        ProblemCode.AMOUNT_MISMATCH: ProblemMeaning(
            422, "The amount is not the bill's", "Fetch the bill again and show your payer what it says now."
        ),
        ProblemCode.AMOUNT_OUT_OF_RANGE: ProblemMeaning(
            422, "The instrument does not take such an amount", "Offer your payer another instrument."
        ),
        ProblemCode.UNKNOWN_BILLER: ProblemMeaning(422, "No such biller", "See the list of billers."),
        ProblemCode.UNKNOWN_INSTRUMENT: ProblemMeaning(
            422, "No such instrument", "See the list of connectors."
        ),
        ProblemCode.BILL_NOT_FOUND: ProblemMeaning(
            422, "The biller has no such bill", "Ask your payer to check the numbers."
        ),
        ProblemCode.BILL_NOT_VALID: ProblemMeaning(
            422,
            "A bill is not as its biller's manifest wants it",
            "See errors: a pointer to each member; nothing was raised.",
        ),
        ProblemCode.RETURN_URL_NOT_ALLOWED: ProblemMeaning(
            422, "The return_url is not one of yours", "Use https and a host that your API key lists."
        ),
        ProblemCode.CURRENCY_MISMATCH: ProblemMeaning(
            422, "Another currency", "A refund is in the payment's own."
        ),
        ProblemCode.REFUND_EXCEEDS_REMAINING: ProblemMeaning(
            422,
            "The refunds would exceed the amount",
            "All refunds of a payment together are at most its amount; charges and fees stay.",
        ),
        ProblemCode.TOO_MANY_REFUNDS: ProblemMeaning(
            422, "The instrument gives back in fewer parts", "Pay the rest back in another way."
        ),
        ProblemCode.REFUND_PERIOD_OVER: ProblemMeaning(
            422, "The instrument gives nothing back any more", "Pay it back in another way."
        ),
        ProblemCode.DEBT_LIMIT_REACHED: ProblemMeaning(
            422,
            "You would owe us more than was agreed",
            "Ask again with a new key once you have sold more, or have the debt limit raised.",
        ),
        ProblemCode.RATE_LIMITED: ProblemMeaning(429, "Too many requests", "Ask less often.", 1),
        ProblemCode.HEADERS_TOO_LARGE: ProblemMeaning(
            431, "The headers are too large", "Send fewer and shorter ones."
        ),
        ProblemCode.INTERNAL_ERROR: ProblemMeaning(
            500, "Something of ours is broken", "Send the same again with the same key; it is safe.", 5
        ),
        ProblemCode.BILLER_UNAVAILABLE: ProblemMeaning(
            503, "The biller does not answer", "Nothing was done. Try again with the same key.", 5
        ),
        ProblemCode.INSTRUMENT_UNAVAILABLE: ProblemMeaning(
            503,
            "Nobody takes this instrument now",
            "Nothing was done. Offer your payer another instrument, or try again with the same key.",
            30,
        ),
        ProblemCode.BUSY: ProblemMeaning(
            503, "Busy", "Nothing is lost. Send the same again with the same key.", 1
        ),
    }
)

# What the framework or the limits refuse.
_OF_STATUS: Mapping[int, ProblemCode] = MappingProxyType(
    {
        400: ProblemCode.BAD_REQUEST,
        404: ProblemCode.NOT_FOUND,
        405: ProblemCode.METHOD_NOT_ALLOWED,
        408: ProblemCode.REQUEST_TIMEOUT,
        413: ProblemCode.BODY_TOO_LARGE,
        431: ProblemCode.HEADERS_TOO_LARGE,
        503: ProblemCode.BUSY,
    }
)


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one member; `pointer` is a JSON pointer into the request."""

    pointer: str
    code: str


class FieldErrorDocument(TypedDict):
    """What is wrong with one member."""

    pointer: Annotated[str, Field(description="A JSON pointer into the request.")]
    code: Annotated[str, Field(description="Such as `missing`, `too_long` or `out_of_range`.")]


class ProblemDocument(TypedDict):
    """A refusal (RFC 9457); never with a value of the caller's."""

    type: Annotated[str, Field(description="Leads to what the code means.")]
    title: Annotated[str, Field(description="For a log.")]
    status: int
    code: Annotated[str, Field(description="Branch on this word and on nothing else.")]
    retryable: Annotated[bool, Field(description="Whether the same may be sent again, with the same key.")]
    retry_after_s: NotRequired[Annotated[int, Field(description="Seconds to wait before that.")]]
    detail: NotRequired[Annotated[str, Field(description="More in words, such as the limit exceeded.")]]
    errors: NotRequired[list[FieldErrorDocument]]
    payment_id: NotRequired[Annotated[str, Field(description="Your payment that stands in the way.")]]


class ProblemError(Exception):
    """A request of REST v1 that is answered with a problem document; `detail` says more in words of ours."""

    def __init__(
        self,
        code: ProblemCode,
        errors: Sequence[FieldError] = (),
        payment_id: str | None = None,
        detail: str = "",
    ) -> None:
        super().__init__(code)
        self.code, self.errors, self.payment_id, self.detail = code, errors, payment_id, detail

    @property
    def status(self) -> int:
        """The HTTP status."""
        return MEANINGS[self.code].status

    def body(self) -> bytes:
        """The document."""
        meaning = MEANINGS[self.code]
        document: ProblemDocument = {
            "type": f"{HELP_PATH}#{self.code}",
            "title": meaning.title,
            "status": meaning.status,
            "code": self.code.value,
            "retryable": meaning.retry_after_s is not None,
        }
        if meaning.retry_after_s is not None:
            document["retry_after_s"] = meaning.retry_after_s
        if self.detail:
            document["detail"] = self.detail
        if self.errors:
            document["errors"] = [{"pointer": error.pointer, "code": error.code} for error in self.errors]
        if self.payment_id is not None:
            document["payment_id"] = self.payment_id
        return orjson.dumps(document)

    def headers(self) -> dict[str, str]:
        """The headers that go with it."""
        meaning = MEANINGS[self.code]
        headers = {**NO_COPIES, "Link": f'<{HELP_PATH}#{self.code}>; rel="help"'}
        if meaning.retry_after_s is not None:
            headers["Retry-After"] = str(meaning.retry_after_s)
        if self.code is ProblemCode.UNAUTHENTICATED:
            headers["WWW-Authenticate"] = 'Bearer realm="ekpay"'
        return headers

    def response(self, more_headers: Mapping[str, str] | None = None) -> Response:
        """The answer itself."""
        headers = self.headers() | dict(more_headers or {})
        return Response(self.body(), self.status, headers, media_type=MEDIA_TYPE)


def is_under_v1(path: str) -> bool:
    """Whether callers of this path read problem documents of REST v1."""
    return path == BASE or path.startswith(f"{BASE}/")


def problem_of_status(status: int) -> ProblemError:
    """The refusal that stands for a status which the framework or the guard before it has chosen.

    What the core refuses should have been refused at the edge: any other status is an internal error.
    """
    return ProblemError(_OF_STATUS.get(status, ProblemCode.INTERNAL_ERROR))
