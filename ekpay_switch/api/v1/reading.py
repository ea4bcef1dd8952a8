"""Reading a request of REST v1: its client, its idempotency key and its body; refusals are raised."""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypeVar

from pydantic import ValidationError
from starlette.requests import Request

from ekpay_switch.api.card_texts import CARD_NUMBER
from ekpay_switch.api.strict_json import MalformedJsonError, Number, parse_object
from ekpay_switch.api.v1.messages import Message
from ekpay_switch.api.v1.problems import FieldError, ProblemCode, ProblemError
from ekpay_switch.ports.collections import Client, Clients
from ekpay_switch.security.card_numbers import is_identifier_of_a_card, mask_card_bytes

AnyMessage = TypeVar("AnyMessage", bound=Message)
_API_KEY = re.compile(r"[A-Za-z0-9_-]{16,200}")
_IDEMPOTENCY_KEY = re.compile(r'"([A-Za-z0-9_-]{16,64})"|([A-Za-z0-9_-]{16,64})')
_JSON = re.compile(r'application/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?', re.IGNORECASE)
# What may be repeated in a pointer: names of ours and typing errors, but nothing that may be a number.
_NAME = re.compile(r"[a-z_]{1,32}")
ERRORS_MAX = 20
_CODES: Mapping[str, str] = {
    "missing": "missing",
    "extra_forbidden": "unknown_member",
    "literal_error": "not_allowed",
    "string_pattern_mismatch": "malformed",
    "string_too_long": "too_long",
    "too_long": "too_many",
    "too_short": "too_few",
    "not_an_integer": "not_an_integer",
    "out_of_range": "out_of_range",
    CARD_NUMBER: "card_number",
}


async def authenticate(request: Request, clients: Clients) -> Client | None:
    """The client of the API key that the request brings, or None."""
    sent = request.headers.getlist("authorization")
    scheme, _, key = sent[0].partition(" ") if len(sent) == 1 else ("", "", "")
    is_key = scheme.lower() == "bearer" and _API_KEY.fullmatch(key) is not None
    return await clients.by_key(key) if is_key else None


def idempotency_key(request: Request) -> str:
    """The key, without quotes.

    Raises:
        RefusedError: it is missing, malformed, holds a card number, or there is more than one.
    """
    sent = request.headers.getlist("idempotency-key")
    if not sent:
        raise ProblemError(ProblemCode.KEY_MISSING)
    match = _IDEMPOTENCY_KEY.fullmatch(sent[0]) if len(sent) == 1 else None
    if match is None or is_identifier_of_a_card(match[0]):
        raise ProblemError(ProblemCode.KEY_INVALID)
    return match[1] or match[2]


def fingerprint(request: Request, body: bytes) -> bytes:
    """What a repeat must equal: method, path and the bytes of the body, other spaces included (T16).

    Card numbers are masked before: beside a masked number, a hash of the whole one would give it away.
    """
    head = f"{request.method} {request.url.path}\n".encode()
    return hashlib.sha256(head + mask_card_bytes(body)).digest()


def require_json(request: Request) -> None:
    """Refuse whatever is not sent as JSON: what a form of a foreign page can send is not."""
    sent = request.headers.getlist("content-type")
    if len(sent) != 1 or not _JSON.fullmatch(sent[0].strip()):
        raise ProblemError(ProblemCode.UNSUPPORTED_MEDIA_TYPE)


def read_message(kind: type[AnyMessage], body: bytes) -> AnyMessage:
    """The body as its message.

    Raises:
        RefusedError: invalid_json, or validation_failed with what is wrong where.
    """
    try:
        members = parse_object(body)
    except MalformedJsonError as error:
        raise ProblemError(ProblemCode.INVALID_JSON) from error
    if _has_endless_number(members):
        raise ProblemError(ProblemCode.INVALID_JSON)
    return _validated(kind, members)


def read_query(kind: type[AnyMessage], request: Request) -> AnyMessage:
    """What a GET asks for, as its message.

    Raises:
        RefusedError: validation_failed with what is wrong where.
    """
    sent = request.query_params.multi_items()
    twice = sorted(name for name, count in Counter(name for name, _ in sent).items() if count > 1)
    if twice:
        errors = [FieldError(_pointer((name,)), "too_many") for name in twice[:ERRORS_MAX]]
        raise ProblemError(ProblemCode.VALIDATION_FAILED, errors)
    return _validated(kind, dict(sent))


def _validated(kind: type[AnyMessage], members: Mapping[str, object]) -> AnyMessage:
    try:
        return kind.model_validate(members)
    except ValidationError as refused:
        details = refused.errors(include_url=False, include_context=False, include_input=False)
        errors = [
            FieldError(_pointer(detail["loc"]), _CODES.get(detail["type"], "wrong_type"))
            for detail in details[:ERRORS_MAX]
        ]
    # Outside of the handler: the pydantic error holds what was sent, and must not travel on with ours.
    raise ProblemError(ProblemCode.VALIDATION_FAILED, errors)


def _has_endless_number(members: dict[str, object]) -> bool:
    """Whether a number such as 1e400 stands anywhere: other readers make infinity of it (T24)."""
    waiting: list[object] = [members]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, Number) and _is_endless(value):
            return True
    return False


def _is_endless(number: Number) -> bool:
    """An integer of any length is one; what has a fraction or an exponent must fit into a double."""
    return not number.removeprefix("-").isdecimal() and math.isinf(float(number))


def _pointer(steps: Sequence[str | int]) -> str:
    """Where it is wrong; a member that may hold a number is left out.

    The place in a list is ours, and no number that was sent.
    """
    pointer = ""
    for step in steps:
        if isinstance(step, str) and not _NAME.fullmatch(step):
            break
        pointer += f"/{step}"
    return pointer
