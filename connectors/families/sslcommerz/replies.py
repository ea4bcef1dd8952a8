"""Reading what providers of this family say; every function refuses with `BrokenReplyError`."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from ekpay_switch.wing_kit.reply_reading import text_like, text_or_empty

OK = 200

_DHAKA = timezone(timedelta(hours=6))
_REFERENCE = re.compile(r"[\x21-\x7e]{1,80}")
# Too plain to hold a secret: it is logged where nobody mapped it.
_WORD = re.compile(r"[A-Za-z0-9_]{1,24}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)


def word(document: Mapping[str, Any], name: str) -> str:
    """One of the provider's words for how something stands; raises BrokenReplyError."""
    return text_like(document, name, _WORD, "word")


def reference(document: Mapping[str, Any], name: str) -> str:
    """One of the provider's own names of things; raises BrokenReplyError."""
    return text_like(document, name, _REFERENCE, "reference")


def is_reference(value: str) -> bool:
    """Whether a text can be a name of something: visible ASCII, and not too long."""
    return _REFERENCE.fullmatch(value) is not None


def currency(document: Mapping[str, Any], name: str) -> str:
    """The code of a currency; raises BrokenReplyError."""
    return text_like(document, name, _CURRENCY, "currency")


def instant(document: Mapping[str, Any], name: str) -> str:
    """A time of Dhaka in UTC, ISO 8601, or nothing: it informs, and nothing hangs on it."""
    written = text_or_empty(document, name)
    if not _TIME.fullmatch(written):
        return ""
    try:
        return datetime.fromisoformat(written).replace(tzinfo=_DHAKA).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return ""
