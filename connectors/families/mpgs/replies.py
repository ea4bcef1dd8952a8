"""Reading the gateway's answers: results, errors, orders and the movements of money in them.

Every function refuses with `BrokenReplyError`, which its caller turns into "in doubt" or "no answer".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ekpay_switch.domain.money import Money
from ekpay_switch.security.masking import mask_account
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    as_object,
    as_rows,
    require_same,
    taka,
    text,
    text_or_empty,
)

FINE = frozenset({200, 201})
TURNED_AWAY = frozenset({401, 403})
NOT_THERE = 404

SUCCESS, PENDING, FAILURE = "SUCCESS", "PENDING", "FAILURE"
REFUND = "REFUND"
_TAKES = frozenset({"PAYMENT", "CAPTURE"})
_HOLDS = _TAKES | {"AUTHORIZATION"}

_WORD_LENGTH_MAX = 48
# Codes are words in capitals. Nothing that lets anybody in looks like one, so that they may be logged.
_WORD = re.compile(r"[A-Z]+(?:_[A-Z0-9]+)*")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")
_CURRENCY = re.compile(r"[A-Z]{3}")
# What the gateway takes as the id of an order or of a transaction, and what we take as that of a session.
_REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,40}")
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,80}")


@dataclass(frozen=True, slots=True)
class Movement:
    """One transaction of an order: what was tried, and what the gateway says became of it.

    `gateway_code` is empty where none was told.
    """

    id: str
    kind: str
    result: str
    gateway_code: str
    amount: Money
    facts: Mapping[str, str]

    @property
    def is_taken(self) -> bool:
        """Whether it brought money in."""
        return self.kind in _TAKES and self.result == SUCCESS

    @property
    def may_take(self) -> bool:
        """Whether it holds the payer's money, or may still turn out to: anything but a clear no."""
        return self.kind in _HOLDS and self.result != FAILURE


def word(document: Mapping[str, Any], name: str) -> str:
    """A code of the gateway: capitals, with underscores between them; raises BrokenReplyError."""
    value = text(document, name)
    if len(value) > _WORD_LENGTH_MAX or not _WORD.fullmatch(value):
        raise BrokenReplyError(f"{name} is no code")
    return value


def error_of(document: Mapping[str, Any]) -> tuple[str, str]:
    """The cause of an error, and the field that it is about or nothing; raises BrokenReplyError."""
    error = as_object(document.get("error"))
    field = text_or_empty(error, "field")
    return word(error, "cause"), field if _FIELD.fullmatch(field) else ""


def is_reference(value: str) -> bool:
    """Whether a text can be the id of an order or of a transaction."""
    return _REFERENCE.fullmatch(value) is not None


def session_id(document: Mapping[str, Any]) -> str:
    """The session that holds our order now; raises BrokenReplyError."""
    session = as_object(document.get("session"))
    name = text(session, "id")
    if not _SESSION.fullmatch(name):
        raise BrokenReplyError("session.id is no name")
    if "updateStatus" in session:
        require_same(session, "updateStatus", SUCCESS)
    return name


def money(document: Mapping[str, Any], name: str) -> Money:
    """An amount in the currency that stands beside it; raises BrokenReplyError."""
    currency = text(document, "currency")
    if not _CURRENCY.fullmatch(currency):
        raise BrokenReplyError("currency is no currency")
    return Money(taka(document, name).minor, currency)


def movements(document: Mapping[str, Any]) -> tuple[Movement, ...]:
    """Every movement of money of an order, in its order; raises BrokenReplyError.

    What moves none, such as an authentication of the payer, is left out.
    """
    rows = as_rows(document.get("transaction", []))
    return tuple(movement(row) for row in rows if _moves(row))


def movement(row: Mapping[str, Any]) -> Movement:
    """One transaction of an order, or the answer to a call that makes one; raises BrokenReplyError."""
    told = as_object(row.get("transaction"))
    name = text(told, "id")
    if not is_reference(name):
        raise BrokenReplyError("transaction.id is no reference")
    response = as_object(row.get("response", {}))
    return Movement(
        id=name,
        kind=word(told, "type"),
        result=word(row, "result"),
        gateway_code=word(response, "gatewayCode") if "gatewayCode" in response else "",
        amount=money(told, "amount"),
        facts={
            "transaction": name,
            "captured_at": _instant(text_or_empty(row, "timeOfRecord")),
            "payer_account": mask_account(_card(row)),
            "receipt": text_or_empty(told, "receipt"),
            "authorisation_code": text_or_empty(told, "authorizationCode"),
        },
    )


def _moves(row: Mapping[str, Any]) -> bool:
    kind = word(as_object(row.get("transaction")), "type")
    return kind in _HOLDS or kind == REFUND


def _card(row: Mapping[str, Any]) -> str:
    """The card number as far as it was told; it informs, and nothing hangs on it."""
    told: object = row
    for name in ("sourceOfFunds", "provided", "card"):
        told = told.get(name) if isinstance(told, dict) else None
    return text_or_empty(told, "number") if isinstance(told, dict) else ""


def _instant(written: str) -> str:
    """An instant in UTC, or nothing: it informs, and nothing hangs on it."""
    try:
        at = datetime.fromisoformat(written)
        return at.astimezone(UTC).isoformat() if at.tzinfo else ""
    except (ValueError, OverflowError):
        return ""
