"""Reading the gateway's answers: results, errors, orders and the movements of money in them.

Every function raises `BrokenReplyError` for a malformed answer, which its caller turns into "in doubt" or "no
answer".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from connectors.reply_amounts import money_of
from ekpay_switch.domain.money import Money
from ekpay_switch.security.masking import mask_account
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    as_object,
    as_rows,
    require_same,
    text,
    text_or_empty,
)

SUCCESS_STATUSES = frozenset({200, 201})
UNAUTHORISED = frozenset({401, 403})
NOT_FOUND_STATUS = 404

SUCCESS, PENDING, FAILURE = "SUCCESS", "PENDING", "FAILURE"
REFUND = "REFUND"
_PAYMENT_KINDS = frozenset({"PAYMENT", "CAPTURE"})
_PAYING_KINDS = _PAYMENT_KINDS | {"AUTHORIZATION"}

_WORD_LENGTH_MAX = 48
# Codes are words in capitals. No credential looks like one, so they may be logged.
_WORD = re.compile(r"[A-Z]+(?:_[A-Z0-9]+)*")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")
# The forms of ids of orders and transactions, as the gateway takes them, and of sessions, as we do.
_REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,40}")
_SESSION = re.compile(r"[A-Za-z0-9_-]{1,80}")


@dataclass(frozen=True, slots=True)
class Movement:
    """One transaction of an order and its result; `gateway_code` is empty where there is none."""

    id: str
    kind: str
    result: str
    gateway_code: str
    amount: Money
    facts: Mapping[str, str]

    @property
    def is_payment(self) -> bool:
        """Whether it is a successful payment or capture."""
        return self.kind in _PAYMENT_KINDS and self.result == SUCCESS

    @property
    def may_still_pay(self) -> bool:
        """Whether it holds the payer's money or may still do so: it takes money and did not fail."""
        return self.kind in _PAYING_KINDS and self.result != FAILURE


def word(document: Mapping[str, Any], name: str) -> str:
    """A code of the gateway: capitals and underscores; raises BrokenReplyError."""
    value = text(document, name)
    if len(value) > _WORD_LENGTH_MAX or not _WORD.fullmatch(value):
        raise BrokenReplyError(f"{name} is no code")
    return value


def error_of(document: Mapping[str, Any]) -> tuple[str, str]:
    """The cause of an error and its field, or empty; raises BrokenReplyError."""
    error = as_object(document.get("error"))
    field = text_or_empty(error, "field")
    return word(error, "cause"), field if _FIELD.fullmatch(field) else ""


def is_reference(value: str) -> bool:
    """Whether a text can be the id of an order or of a transaction."""
    return _REFERENCE.fullmatch(value) is not None


def session_id(document: Mapping[str, Any]) -> str:
    """The id of the session with our order; raises BrokenReplyError."""
    session = as_object(document.get("session"))
    name = text(session, "id")
    if not _SESSION.fullmatch(name):
        raise BrokenReplyError("session.id is no name")
    if "updateStatus" in session:
        require_same(session, "updateStatus", SUCCESS)
    return name


def movements(document: Mapping[str, Any]) -> tuple[Movement, ...]:
    """The movements of money of an order, in sequence; raises BrokenReplyError.

    Transactions without money, such as an authentication of the payer, are left out.
    """
    rows = as_rows(document.get("transaction", []))
    return tuple(movement(row) for row in rows if _moves_money(row))


def movement(row: Mapping[str, Any]) -> Movement:
    """A transaction of an order, or of the answer to a call that makes one; raises BrokenReplyError."""
    transaction = as_object(row.get("transaction"))
    name = text(transaction, "id")
    if not is_reference(name):
        raise BrokenReplyError("transaction.id is no reference")
    response = as_object(row.get("response", {}))
    return Movement(
        id=name,
        kind=word(transaction, "type"),
        result=word(row, "result"),
        gateway_code=word(response, "gatewayCode") if "gatewayCode" in response else "",
        amount=money_of(transaction, "amount"),
        facts={
            "transaction": name,
            "captured_at": _instant(text_or_empty(row, "timeOfRecord")),
            "payer_account": mask_account(_card(row)),
            "receipt": text_or_empty(transaction, "receipt"),
            "authorisation_code": text_or_empty(transaction, "authorizationCode"),
        },
    )


def _moves_money(row: Mapping[str, Any]) -> bool:
    kind = word(as_object(row.get("transaction")), "type")
    return kind in _PAYING_KINDS or kind == REFUND


def _card(row: Mapping[str, Any]) -> str:
    """The card number, or empty; for information only."""
    node: object = row
    for name in ("sourceOfFunds", "provided", "card"):
        node = node.get(name) if isinstance(node, dict) else None
    return text_or_empty(node, "number") if isinstance(node, dict) else ""


def _instant(written: str) -> str:
    """An instant in UTC, or empty; for information only."""
    try:
        at = datetime.fromisoformat(written)
        return at.astimezone(UTC).isoformat() if at.tzinfo else ""
    except (ValueError, OverflowError):
        return ""
