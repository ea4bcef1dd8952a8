"""Reading what such a gateway sent, and what a payer's browser brought; refused with `BrokenReplyError`."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from ekpay_switch.domain.money import Money
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, text, text_like

_NAME = re.compile(r"[\x21-\x7e]{1,200}")
_OURS = re.compile(r"[A-Z0-9]{20,32}", re.ASCII)
_PAISA = re.compile(r"[0-9]{1,15}", re.ASCII)
_BROUGHT_BYTES_MAX = 64 * 1024
_FIELDS_MAX = 40


def is_name(value: str) -> bool:
    """Whether a text can be a gateway's name of something: visible ASCII, and not too long."""
    return _NAME.fullmatch(value) is not None


def is_ours(value: str) -> bool:
    """Whether a text has the shape of a reference of ours."""
    return _OURS.fullmatch(value) is not None


def name_of(document: Mapping[str, Any], name: str) -> str:
    """One of the gateway's own names of things; raises BrokenReplyError."""
    return text_like(document, name, _NAME, "name")


def paisa(document: Mapping[str, Any], name: str, currency: str) -> Money:
    """An amount in whole paisa, as digits or a whole number, of a currency; raises BrokenReplyError."""
    value = text(document, name)
    if not _PAISA.fullmatch(value):
        raise BrokenReplyError(f"{name} is no amount")
    return Money(int(value), currency)


def brought_fields(body: bytes) -> Mapping[str, str]:
    """The fields of a query or of a form, as both are written the same; raises BrokenReplyError."""
    if len(body) > _BROUGHT_BYTES_MAX:
        raise BrokenReplyError("too long to be read")
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS_MAX, errors="strict"
        )
    except ValueError:
        raise BrokenReplyError("no query and no form") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise BrokenReplyError("a field that stands twice")
    return fields
