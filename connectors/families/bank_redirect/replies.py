"""Reading a gateway's answers and a browser's return; malformed ones raise `BrokenReplyError`."""

import re
from collections.abc import Mapping
from typing import Any

from connectors.callback_query import query_fields
from ekpay_switch.domain.money import Money
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, text, text_like

_NAME = re.compile(r"[\x21-\x7e]{1,200}")
_OURS = re.compile(r"[A-Z0-9]{20,32}", re.ASCII)
_PAISA = re.compile(r"[0-9]{1,15}", re.ASCII)
_RETURN_BYTES_MAX = 64 * 1024
_FIELDS_MAX = 40


def is_name(value: str) -> bool:
    """Whether a text can be a gateway's id: visible ASCII, at most 200 characters."""
    return _NAME.fullmatch(value) is not None


def is_ours(value: str) -> bool:
    """Whether a text has the form of our references."""
    return _OURS.fullmatch(value) is not None


def name_of(document: Mapping[str, Any], name: str) -> str:
    """An id of the gateway; raises BrokenReplyError."""
    return text_like(document, name, _NAME, "name")


def paisa(document: Mapping[str, Any], name: str, currency: str) -> Money:
    """An amount in whole paisa, as digits or a whole number; raises BrokenReplyError."""
    value = text(document, name)
    if not _PAISA.fullmatch(value):
        raise BrokenReplyError(f"{name} is no amount")
    return Money(int(value), currency)


def return_fields(body: bytes) -> Mapping[str, str]:
    """The fields of the query or form that a payer's browser sends; raises BrokenReplyError."""
    return query_fields(body, bytes_max=_RETURN_BYTES_MAX, fields_max=_FIELDS_MAX, errors="strict")
