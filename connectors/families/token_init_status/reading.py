"""Reading the answers of a dialect: values by their paths, amounts, times, words.

Malformed answers raise `BrokenReplyError`, which the connector turns into "in doubt" or "no answer".
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from connectors.families.token_init_status.dialect import Dialect
from ekpay_switch.domain.business_day import DHAKA
from ekpay_switch.domain.money import Money
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    as_object,
    as_rows,
    json_value,
    taka,
    text,
    text_or_empty,
)

# May be one segment of a URL's path, so never a dot first.
_REFERENCE = re.compile(r"[A-Za-z0-9][\x21-\x7e]{0,99}")
_PAISA_DIGITS_MAX = 15
_CURRENCY = re.compile(r"[A-Z]{3}")
_TIMES: Mapping[str, str] = MappingProxyType(
    {
        "YYYY-MM-DDTHH:MM:SS+06:00": "%Y-%m-%dT%H:%M:%S+06:00",
        "YYYY-MM-DD HH:MM:SS": "%Y-%m-%d %H:%M:%S",
        "YYYY-MM-DD hh:mm:ssam": "%Y-%m-%d %I:%M:%S%p",
        "YYYY-MM-DD": "%Y-%m-%d",
    }
)

Document = Mapping[str, Any]


def is_reference(value: str) -> bool:
    """Whether a text can be an id of a provider."""
    return _REFERENCE.fullmatch(value) is not None


def value_at(document: Document, paths: str) -> object:
    """The value at the first of the paths that is present, or None."""
    for path in paths.split():
        value: object = document
        for member in path.split("."):
            value = value.get(member) if isinstance(value, dict) else None
        if value is not None:
            return value
    return None


def text_at(document: Document, paths: str, length_max: int = 500) -> str:
    """A required text; raises BrokenReplyError."""
    return text({paths: value_at(document, paths)}, paths, length_max)


def optional_text_at(document: Document, paths: str) -> str:
    """A text for information only; empty where it is missing or unusable."""
    return text_or_empty({paths: value_at(document, paths)}, paths)


def reference_at(document: Document, paths: str) -> str:
    """An id of the provider; raises BrokenReplyError."""
    value = text_at(document, paths)
    if not is_reference(value):
        raise BrokenReplyError(f"{paths} is no reference")
    return value


def require_same(document: Document, paths: str, ours: str) -> None:
    """Raise BrokenReplyError where a value is not ours; an empty path is not compared."""
    if paths and text_at(document, paths) != ours:
        raise BrokenReplyError(f"another {paths}")


def list_at(document: Document, paths: str, text_member: str) -> list[Document]:
    """A required list; its texts become objects with one member. Raises BrokenReplyError."""
    rows = value_at(document, paths)
    if isinstance(rows, list) and text_member:
        rows = [{text_member: row} if isinstance(row, str) else row for row in rows]
    return as_rows(rows)


class Reader:
    """Reads the amounts, times and lists of a dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def document(self, operation: str, body: bytes) -> Document:
        """The answer as one object; raises BrokenReplyError.

        The first object of a list counts. A list where it is unpaid and a later one is paid is refused.
        """
        value = json_value(body)
        if operation != "status" or self._dialect.status.answer == "object" or isinstance(value, dict):
            return as_object(value)
        rows = as_rows(value)
        if not rows or (not self._is_paid(rows[0]) and any(self._is_paid(row) for row in rows)):
            raise BrokenReplyError("an empty list, or one that contradicts itself")
        return rows[0]

    def _is_paid(self, row: Document) -> bool:
        status = optional_text_at(row, self._dialect.status.reads.status)
        return self._dialect.words.get(status) == "paid"

    def money(self, document: Document, paths: str, currency_paths: str) -> Money:
        """An amount in the currency beside it; raises BrokenReplyError."""
        return Money(self._minor(value_at(document, paths), paths), self._currency(document, currency_paths))

    def amounts(self, document: Document, paths: str, currency_paths: str) -> list[Money]:
        """All amounts that are present; raises BrokenReplyError."""
        present_paths = [path for path in paths.split() if value_at(document, path) is not None]
        return [self.money(document, path, currency_paths) for path in present_paths]

    def _minor(self, value: object, name: str) -> int:
        if self._dialect.amount_form != "paisa":
            return taka({name: value}, name).minor
        digits = text({name: value}, name)
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= _PAISA_DIGITS_MAX):
            raise BrokenReplyError(f"{name} is no amount")
        return int(digits)

    def _currency(self, document: Document, paths: str) -> str:
        is_untold = value_at(document, paths) is None
        if is_untold and self._dialect.currency_untold:
            return self._dialect.currency_untold
        currency = text_at(document, paths)
        if not _CURRENCY.fullmatch(currency):
            raise BrokenReplyError(f"{paths} is no currency")
        return currency

    def instant(self, document: Document, paths: str) -> str:
        """An instant in UTC as ISO 8601, or empty; for information only."""
        value = optional_text_at(document, paths)
        for form in self._dialect.time_forms:
            try:
                local = datetime.strptime(value, _TIMES[form]).replace(tzinfo=DHAKA)
                return local.astimezone(UTC).isoformat()
            except (ValueError, OverflowError):
                continue  # written otherwise, or not in the calendar
        return ""
