"""Requests and answers of REST v1, parsed as strictly as a careful shop parses anything about money.

Written from docs/rest-v1.md alone: an undocumented member is refused like a missing one, so that neither side
can drift from the document unnoticed. Amounts are whole paisa, instants are aware.
"""

import re
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

CURRENCY = "BDT"
PENDING, PAID, FAILED, REFUND_PENDING, REFUNDED = (
    "pending", "paid", "failed", "refund_pending", "refunded",
)  # fmt: skip
FINAL = frozenset({PAID, FAILED, REFUNDED})
REFUND_WAITS, REFUND_DONE, REFUND_FAILED = "pending", "done", "failed"

_STATUSES = frozenset({PENDING, PAID, FAILED, REFUND_PENDING, REFUNDED})
_REFUND_STATUSES = frozenset({REFUND_WAITS, REFUND_DONE, REFUND_FAILED})
_PAYMENT = frozenset(
    {
        "id", "status", "reason", "biller", "bill", "amount", "charge", "fee", "vat", "total", "currency",
        "instrument", "next_action", "pay_until", "next_check_at", "tokens", "receipt", "refunded",
        "refunds", "created_at", "updated_at", "receipt_url",
    }
)  # fmt: skip
_BILL = frozenset({"number", "account", "amount", "late_fee", "vat", "due_on"})
_BILL_OPTIONAL = frozenset({"rounding", "lines"})
_BILL_LINE = frozenset({"label", "amount"})
_RECEIPT = ("number", "final_number")
_TOKEN = frozenset({"seq", "kind", "digits"})
_REFUND = frozenset(
    {"id", "payment_id", "status", "amount", "currency", "reason", "created_at", "updated_at"}
)  # fmt: skip
_REFUND_OPTIONAL = frozenset({"kind"})
_KINDS = frozenset({"refund", "give_back", "unexpected", "chargeback"})
_PROBLEM = frozenset({"type", "title", "status", "code", "retryable"})
_PROBLEM_OPTIONAL = frozenset({"errors", "payment_id", "retry_after_s"})
_PAYMENT_ID = re.compile(r"pay_[0-9a-f]{32}")
_REFUND_ID = re.compile(r"rfd_[0-9a-f]{32}")
_INSTANT = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]{1,6})?Z")
_DIGITS = re.compile(r"[0-9]{4,32}")
_CODE = re.compile(r"[a-z][a-z_]{1,60}")
_POINTER = re.compile(r"(/[^/]*)*")

Document = Mapping[str, Any]


class UnreadableReplyError(Exception):
    """The answer is not as documented; the call is in doubt."""


def new_key() -> str:
    """Return a new idempotency key; make it before the first sending."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class ApiOrder:
    """An order to collect a payment; `amount` is what the biller is paid, rounding included."""

    biller: str
    parameters: Mapping[str, str]
    amount: int
    return_url: str
    instrument: str = "bkash"

    def document(self) -> dict[str, object]:
        """The body of the call, with its members always in the same order: a repeat has the same bytes."""
        return {
            "biller": self.biller,
            "parameters": dict(self.parameters),
            "amount": self.amount,
            "currency": CURRENCY,
            "instrument": self.instrument,
            "return_url": self.return_url,
        }


@dataclass(frozen=True, slots=True)
class Receipt:
    """The biller's receipt of a payment; the final number may come later, or never."""

    number: str | None
    final_number: str | None


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """An order to refund a paid payment, whole or in part; charges and fees are not refunded."""

    amount: int
    reason: str

    def document(self) -> dict[str, object]:
        """The body of the call, always the same bytes."""
        return {"amount": self.amount, "currency": CURRENCY, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class ApiTokenLine:
    """One token line of a prepaid biller."""

    seq: int
    kind: str
    digits: str


@dataclass(frozen=True, slots=True)
class ApiRefund:
    """A refund as REST v1 reports it."""

    id: str
    payment_id: str
    kind: str
    status: str
    amount: int
    reason: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ApiPayment:
    """A payment as REST v1 reports it; `page_url` is the provider's page, None if none is open."""

    id: str
    status: str
    reason: str | None
    biller: str
    bill: Document
    amount: int
    charge: int
    fee: int
    vat: int
    total: int
    instrument: str
    page_url: str | None
    pay_until: datetime
    next_check_at: datetime | None
    refunded: int
    created_at: datetime
    updated_at: datetime
    tokens: tuple[ApiTokenLine, ...] = field(default=(), repr=False)
    refunds: tuple[ApiRefund, ...] = ()
    receipt: Receipt | None = None
    receipt_url: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether the status changes no more, except by refunds."""
        return self.status in FINAL


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal; `errors` are JSON pointers into the request, each with a code."""

    status: int
    code: str
    is_retryable: bool
    errors: tuple[tuple[str, str], ...] = ()
    payment_id: str | None = None
    retry_after_seconds: float | None = None


def payment_of(document: object) -> ApiPayment:
    """Read a payment.

    Raises:
        UnreadableAnswerError: a member is missing, malformed or not in the document, or the parts do not sum
            to the total.
    """
    members = _members(document, _PAYMENT)
    amount, charge, fee, vat, total, refunded = (
        _paisa(members, name) for name in ("amount", "charge", "fee", "vat", "total", "refunded")
    )
    if amount + charge + fee + vat != total:
        raise UnreadableReplyError("the parts of the payment do not sum to its total")
    _require(members["currency"] == CURRENCY, "currency")
    payment_id = _matching(members, "id", _PAYMENT_ID)
    refunds = tuple(refund_of(refund) for refund in _list(members, "refunds"))
    _require(all(refund.payment_id == payment_id for refund in refunds), "refunds")
    return ApiPayment(
        id=payment_id,
        status=_allowed_text(members, "status", _STATUSES),
        reason=None if members["reason"] is None else _text(members, "reason"),
        biller=_text(members, "biller"),
        bill=_bill(members["bill"]),
        amount=amount,
        charge=charge,
        fee=fee,
        vat=vat,
        total=total,
        instrument=_text(members, "instrument"),
        page_url=_page_url(members["next_action"]),
        pay_until=_instant(members, "pay_until"),
        next_check_at=None if members["next_check_at"] is None else _instant(members, "next_check_at"),
        tokens=_tokens(_list(members, "tokens")),
        receipt=_receipt(members["receipt"]),
        receipt_url=_receipt_url(members),
        refunded=refunded,
        refunds=refunds,
        created_at=_instant(members, "created_at"),
        updated_at=_instant(members, "updated_at"),
    )


def refund_of(document: object) -> ApiRefund:
    """Read a refund.

    Raises:
        UnreadableAnswerError: a member is missing, malformed or not in the document.
    """
    members = _members(document, _REFUND, _REFUND_OPTIONAL)
    _require(members["currency"] == CURRENCY, "currency")
    amount = _paisa(members, "amount")
    _require(amount > 0, "amount")
    return ApiRefund(
        id=_matching(members, "id", _REFUND_ID),
        payment_id=_matching(members, "payment_id", _PAYMENT_ID),
        kind=_allowed_text(members, "kind", _KINDS) if "kind" in members else "refund",
        status=_allowed_text(members, "status", _REFUND_STATUSES),
        amount=amount,
        reason=_text(members, "reason"),
        created_at=_instant(members, "created_at"),
        updated_at=_instant(members, "updated_at"),
    )


def problem_of(document: object, http_status: int) -> Problem:
    """Read a refusal that came under this HTTP status.

    Raises:
        UnreadableAnswerError: a member is missing, malformed or not in the document, or names another status.
    """
    members = _members(document, _PROBLEM, _PROBLEM_OPTIONAL)
    _require(members["status"] == http_status, "status")
    _require(isinstance(members["retryable"], bool), "retryable")
    for name in ("type", "title"):
        _text(members, name)
    retry_after = members.get("retry_after_s")
    _require(
        retry_after is None or (isinstance(retry_after, int | float) and retry_after >= 0), "retry_after_s"
    )
    return Problem(
        status=http_status,
        code=_matching(members, "code", _CODE),
        is_retryable=members["retryable"],
        errors=tuple(_error(error) for error in _list(members, "errors")) if "errors" in members else (),
        payment_id=_matching(members, "payment_id", _PAYMENT_ID) if "payment_id" in members else None,
        retry_after_seconds=retry_after,
    )


def _error(document: object) -> tuple[str, str]:
    members = _members(document, frozenset({"pointer", "code"}))
    return _matching(members, "pointer", _POINTER), _matching(members, "code", _CODE)


def _bill(document: object) -> Document:
    members = _members(document, _BILL, _BILL_OPTIONAL)
    for name in {"amount", "late_fee", "vat", "rounding"} & members.keys():
        _paisa(members, name)
    for line in _list(members, "lines") if "lines" in members else ():
        bill_line = _members(line, _BILL_LINE)
        _text(bill_line, "label")
        _require(type(bill_line["amount"]) is int, "lines")
    for name in ("number", "account"):
        _require(isinstance(members[name], str), f"bill {name}")
    _require(members["due_on"] is None or isinstance(members["due_on"], str), "due_on")
    return members


def _page_url(action: object) -> str | None:
    if action is None:
        return None
    members = _members(action, frozenset({"type", "url"}))
    _require(members["type"] == "redirect", "next_action")
    url = _text(members, "url")
    _require(urlsplit(url).scheme in {"http", "https"}, "next_action")
    return url


def _receipt_url(members: Document) -> str | None:
    """The address of the payer's receipt; only a paid payment has one."""
    if members["receipt_url"] is None:
        return None
    _require(members["status"] == PAID, "receipt_url")
    url = _text(members, "receipt_url")
    _require(urlsplit(url).scheme in {"http", "https"}, "receipt_url")
    return url


def _receipt(document: object) -> Receipt | None:
    if document is None:
        return None
    members = _members(document, _RECEIPT)
    return Receipt(*(None if members[name] is None else _text(members, name) for name in _RECEIPT))


def _tokens(documents: list[object]) -> tuple[ApiTokenLine, ...]:
    lines = []
    for position, document in enumerate(documents, start=1):
        members = _members(document, _TOKEN)
        _require(members["seq"] == position, "tokens")
        lines.append(ApiTokenLine(position, _text(members, "kind"), _matching(members, "digits", _DIGITS)))
    return tuple(lines)


def _members(document: object, required: Collection[str], optional: Collection[str] = ()) -> Document:
    if not isinstance(document, dict):
        raise UnreadableReplyError("no JSON object")
    missing, strange = set(required) - document.keys(), document.keys() - set(required) - set(optional)
    if missing or strange:
        raise UnreadableReplyError(f"members missing: {sorted(missing)}, unknown: {sorted(strange)}")
    return document


def _text(members: Document, name: str) -> str:
    _require(isinstance(members[name], str) and members[name] != "", name)
    return str(members[name])


def _matching(members: Document, name: str, pattern: re.Pattern[str]) -> str:
    value = members[name]
    _require(isinstance(value, str) and pattern.fullmatch(value) is not None, name)
    return str(value)


def _allowed_text(members: Document, name: str, allowed: Collection[str]) -> str:
    _require(members[name] in allowed, name)
    return str(members[name])


def _paisa(members: Document, name: str) -> int:
    value = members[name]
    # A bool is an int in Python, and a float is no amount.
    _require(type(value) is int and value >= 0, name)
    return int(value)


def _list(members: Document, name: str) -> list[object]:
    value = members[name]
    if not isinstance(value, list):
        raise UnreadableReplyError(name)
    return value


def _instant(members: Document, name: str) -> datetime:
    return datetime.fromisoformat(_matching(members, name, _INSTANT))


def _require(is_valid: bool, name: str) -> None:  # noqa: FBT001 - the one thing that it is about
    if not is_valid:
        raise UnreadableReplyError(f"{name} is not as the document says")
