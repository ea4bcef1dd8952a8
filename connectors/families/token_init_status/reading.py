"""Reading the answers of a dialect: things by their paths, amounts, times, words.

Every function refuses with `BrokenReplyError`, which the connector turns into "in doubt" or "no answer".
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

# What may stand in a URL as one part of its path; a dot alone would climb.
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
    """Whether a text can be one of a provider's names of things."""
    return _REFERENCE.fullmatch(value) is not None


def found(document: Document, paths: str) -> object:
    """What stands at the first of the paths that is told; None where none is."""
    for path in paths.split():
        value: object = document
        for member in path.split("."):
            value = value.get(member) if isinstance(value, dict) else None
        if value is not None:
            return value
    return None


def text_at(document: Document, paths: str, length_max: int = 500) -> str:
    """A text that must be there; raises BrokenReplyError."""
    return text({paths: found(document, paths)}, paths, length_max)


def informs(document: Document, paths: str) -> str:
    """A text that only informs: empty where it is not told, or unusable."""
    return text_or_empty({paths: found(document, paths)}, paths)


def reference_at(document: Document, paths: str) -> str:
    """One of the provider's names of things; raises BrokenReplyError."""
    value = text_at(document, paths)
    if not is_reference(value):
        raise BrokenReplyError(f"{paths} is no reference")
    return value


def require_same(document: Document, paths: str, ours: str) -> None:
    """Raise BrokenReplyError where an answer is about something else; what is never told is not compared."""
    if paths and text_at(document, paths) != ours:
        raise BrokenReplyError(f"another {paths}")


def list_at(document: Document, paths: str, text_member: str) -> list[Document]:
    """A list that must be there; its texts become objects with one member. Raises BrokenReplyError."""
    rows = found(document, paths)
    if isinstance(rows, list) and text_member:
        rows = [{text_member: row} if isinstance(row, str) else row for row in rows]
    return as_rows(rows)


class Reader:
    """Reads what a dialect calls an amount, a time, a list."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def document(self, operation: str, body: bytes) -> Document:
        """The answer as one object; raises BrokenReplyError.

        Of a list the first object counts. Where it is not paid and a later one is, nothing is believed.
        """
        value = json_value(body)
        if operation != "status" or self._dialect.status.answer == "object" or isinstance(value, dict):
            return as_object(value)
        rows = as_rows(value)
        if not rows or (not self._is_paid(rows[0]) and any(self._is_paid(row) for row in rows)):
            raise BrokenReplyError("an empty list, or one that contradicts itself")
        return rows[0]

    def _is_paid(self, row: Document) -> bool:
        told = informs(row, self._dialect.status.reads.status)
        return self._dialect.words.get(told) == "paid"

    def money(self, document: Document, paths: str, currency_paths: str) -> Money:
        """An amount in the currency that stands beside it; raises BrokenReplyError."""
        return Money(self._minor(found(document, paths), paths), self._currency(document, currency_paths))

    def monies(self, document: Document, paths: str, currency_paths: str) -> list[Money]:
        """Every amount that is told of several; raises BrokenReplyError."""
        told = [path for path in paths.split() if found(document, path) is not None]
        return [self.money(document, path, currency_paths) for path in told]

    def _minor(self, value: object, name: str) -> int:
        if self._dialect.amount_form != "paisa":
            return taka({name: value}, name).minor
        digits = text({name: value}, name)
        if not (digits.isascii() and digits.isdecimal() and len(digits) <= _PAISA_DIGITS_MAX):
            raise BrokenReplyError(f"{name} is no amount")
        return int(digits)

    def _currency(self, document: Document, paths: str) -> str:
        is_untold = found(document, paths) is None
        if is_untold and self._dialect.currency_untold:
            return self._dialect.currency_untold
        currency = text_at(document, paths)
        if not _CURRENCY.fullmatch(currency):
            raise BrokenReplyError(f"{paths} is no currency")
        return currency

    def instant(self, document: Document, paths: str) -> str:
        """An instant in UTC as ISO 8601, or empty: it informs, and nothing hangs on it."""
        told = informs(document, paths)
        for form in self._dialect.time_forms:
            try:
                local = datetime.strptime(told, _TIMES[form]).replace(tzinfo=DHAKA)
                return local.astimezone(UTC).isoformat()
            except (ValueError, OverflowError):
                continue  # written otherwise, or not in the calendar
        return ""
