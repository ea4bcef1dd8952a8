"""Reading the answers of this family; malformed ones raise `BrokenReplyError`."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from ekpay_switch.wing_kit.reply_reading import text_like, text_or_empty

OK = 200

_DHAKA = timezone(timedelta(hours=6))
_REFERENCE = re.compile(r"[\x21-\x7e]{1,80}")
# Too short and plain for a secret: a word without a mapping is logged.
_WORD = re.compile(r"[A-Za-z0-9_]{1,24}")
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)


def word(document: Mapping[str, Any], name: str) -> str:
    """One of the provider's status words; raises BrokenReplyError."""
    return text_like(document, name, _WORD, "word")


def reference(document: Mapping[str, Any], name: str) -> str:
    """An id of the provider; raises BrokenReplyError."""
    return text_like(document, name, _REFERENCE, "reference")


def is_reference(value: str) -> bool:
    """Whether a text can be an id of the provider: visible ASCII, at most 80 characters."""
    return _REFERENCE.fullmatch(value) is not None


def instant(document: Mapping[str, Any], name: str) -> str:
    """A Dhaka time as an instant in UTC, ISO 8601, or empty; for information only."""
    written = text_or_empty(document, name)
    if not _TIME.fullmatch(written):
        return ""
    try:
        return datetime.fromisoformat(written).replace(tzinfo=_DHAKA).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        return ""
