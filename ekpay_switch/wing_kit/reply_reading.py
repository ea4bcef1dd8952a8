"""Reading replies of far sides, trusting none of them.

Every function here refuses with `BrokenReplyError`; families turn that into "in doubt" or "silent". No
amount ever passes through a float: JSON numbers with a point are read as decimals, exactly.
"""

import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, NoReturn

from ekpay_switch.domain.errors import MalformedAmountError
from ekpay_switch.domain.money import ZERO, Money, parse_taka

_TEXT_LENGTH_MAX = 500
_CODE_LENGTH_MAX = 12
_BEARER_LENGTH_MAX = 2_000  # signed tokens are long
# Neither JSON in the database nor UTF-8 can hold these.
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_DAY = re.compile(r"([0-9]{2})-([0-9]{2})-([0-9]{4})")


class BrokenReplyError(Exception):
    """The reply is not what its protocol says; its text names the fault and quotes nothing."""


def json_object(body: bytes) -> Mapping[str, Any]:
    """The reply as a JSON object, numbers with a point as Decimal.

    Raises:
        BrokenReplyError: it is not UTF-8, not JSON (`NaN` is not), nested beyond reason or no object.
    """
    return as_object(json_value(body))


def json_value(body: bytes) -> object:
    """The reply as whatever JSON it is, where a far side may answer with a list; raises BrokenReplyError."""
    try:
        value: object = json.loads(body.decode(), parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BrokenReplyError("not JSON") from None
    return value


def as_object(value: object) -> Mapping[str, Any]:
    """The value as a JSON object; raises BrokenReplyError."""
    if not isinstance(value, dict):
        raise BrokenReplyError("no JSON object")
    return value


def as_rows(value: object) -> list[Mapping[str, Any]]:
    """The value as a list of JSON objects; raises BrokenReplyError."""
    if not isinstance(value, list):
        raise BrokenReplyError("no JSON list")
    return [as_object(row) for row in value]


def text(fields: Mapping[str, Any], name: str, length_max: int = _TEXT_LENGTH_MAX) -> str:
    """A text that must be there; a whole number counts as its digits. Raises BrokenReplyError."""
    value = fields.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not 0 < len(value) <= length_max or _UNSTORABLE.search(value):
        raise BrokenReplyError(f"{name} is no text")
    return value


def text_like(fields: Mapping[str, Any], name: str, pattern: re.Pattern[str], meaning: str) -> str:
    """A text that a pattern matches whole; `meaning` names it in the error. Raises BrokenReplyError."""
    value = text(fields, name)
    if not pattern.fullmatch(value):
        raise BrokenReplyError(f"{name} is no {meaning}")
    return value


def require_same(fields: Mapping[str, Any], name: str, ours: str) -> None:
    """Raise BrokenReplyError where a reply is about another request than ours."""
    if text(fields, name) != ours:
        raise BrokenReplyError(f"another {name}")


def reply_code(fields: Mapping[str, Any], name: str) -> str:
    """A reply code: a short text, or its digits as a number; raises BrokenReplyError.

    An unmapped code is logged, so it must be too short to hold a token.
    """
    code = text(fields, name)
    if len(code) > _CODE_LENGTH_MAX:
        raise BrokenReplyError(f"{name} is no code")
    return code


def bearer_token(fields: Mapping[str, Any], name: str) -> str:
    """A token that lets us in; raises BrokenReplyError."""
    return text(fields, name, _BEARER_LENGTH_MAX)


def text_or_empty(fields: Mapping[str, Any], name: str) -> str:
    """A text that only informs: empty where it is missing or unusable."""
    value = fields.get(name)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        value = str(value)
    return _UNSTORABLE.sub("", value[:_TEXT_LENGTH_MAX]) if isinstance(value, str) else ""


def taka(fields: Mapping[str, Any], name: str) -> Money:
    """An amount in taka, as text or number, with at most two decimals; raises BrokenReplyError."""
    value = fields.get(name)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        value = str(value)
    try:
        return parse_taka(value if isinstance(value, str) else "")
    except MalformedAmountError:
        raise BrokenReplyError(f"{name} is no amount") from None


def signed_taka(fields: Mapping[str, Any], name: str) -> Money:
    """An amount that may be below zero, as a rebate is; raises BrokenReplyError like `taka`."""
    value = fields.get(name)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and value.startswith("-"):
        return ZERO - taka({name: value[1:]}, name)
    return taka({name: value}, name)


def day(fields: Mapping[str, Any], name: str) -> date:
    """A day written dd-MM-yyyy; raises BrokenReplyError."""
    value = fields.get(name)
    match = _DAY.fullmatch(value) if isinstance(value, str) else None
    try:
        if match is not None:
            return date(int(match[3]), int(match[2]), int(match[1]))
    except ValueError:
        pass  # well written, but not in the calendar
    raise BrokenReplyError(f"{name} is no day")


def whole_seconds(fields: Mapping[str, Any], name: str) -> int:
    """A length of time in whole seconds, more than none; raises BrokenReplyError."""
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
        raise BrokenReplyError(f"{name} is no time")
    return value


def month_span(year: str, month: str) -> tuple[str, str]:
    """The first and the last day of a calendar month, ISO 8601; both empty where there is no such month."""
    try:
        first = date(int(year), int(month), 1)
        into_next_month = first + timedelta(days=31)
    except (ValueError, OverflowError):
        return "", ""
    return first.isoformat(), (into_next_month - timedelta(days=into_next_month.day)).isoformat()


def format_day(on: date) -> str:
    """A day as dd-MM-yyyy."""
    return f"{on.day:02d}-{on.month:02d}-{on.year:04d}"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
