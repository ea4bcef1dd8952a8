"""What REST v1 is told and what it answers, read as strictly as a careful shop reads anything about money.

Written from docs/rest-v1.md alone: a member that does not stand there is refused like one that is missing, so
that neither side can drift from the document unseen. Amounts are whole paisa, instants are aware.
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
_BILL_MAY = frozenset({"rounding", "lines"})
_BILL_LINE = frozenset({"label", "amount"})
_RECEIPT = ("number", "final_number")
_TOKEN = frozenset({"seq", "kind", "digits"})
_REFUND = frozenset(
    {"id", "payment_id", "status", "amount", "currency", "reason", "created_at", "updated_at"}
)  # fmt: skip
_REFUND_MAY = frozenset({"kind"})
_KINDS = frozenset({"refund", "give_back", "unexpected", "chargeback"})
_PROBLEM = frozenset({"type", "title", "status", "code", "retryable"})
_PROBLEM_MAY = frozenset({"errors", "payment_id", "retry_after_s"})
_PAYMENT_ID = re.compile(r"pay_[0-9a-f]{32}")
_REFUND_ID = re.compile(r"rfd_[0-9a-f]{32}")
_INSTANT = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](\.[0-9]{1,6})?Z")
_DIGITS = re.compile(r"[0-9]{4,32}")
_CODE = re.compile(r"[a-z][a-z_]{1,60}")
_POINTER = re.compile(r"(/[^/]*)*")

Document = Mapping[str, Any]


class UnreadableAnswerError(Exception):
    """The answer is not what the document promises; what it means is unknown."""


def new_key() -> str:
    """Return an idempotency key that nobody has used; make it before the first sending."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Order:
    """A payment that a shop wants collected; `amount` is what the biller is paid, rounding included."""

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
    """What proves a payment at its biller; the final number may come later, or never."""

    number: str | None
    final_number: str | None


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """A wish to give a paid payment back, whole or in part; charges and fees stay."""

    amount: int
    reason: str

    def document(self) -> dict[str, object]:
        """The body of the call, always the same bytes."""
        return {"amount": self.amount, "currency": CURRENCY, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class TokenLine:
    """One line of what a prepaid biller returned."""

    seq: int
    kind: str
    digits: str


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as we were told it."""

    id: str
    payment_id: str
    kind: str
    status: str
    amount: int
    reason: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Payment:
    """A payment as we were told it; `page_url` is where its payer pays now, None where no page is open."""

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
    tokens: tuple[TokenLine, ...] = field(default=(), repr=False)
    refunds: tuple[Refund, ...] = ()
    receipt: Receipt | None = None
    receipt_url: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether the status will not change any more, but for refunds."""
        return self.status in FINAL


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal; `errors` are places in what we sent, each with a code."""

    status: int
    code: str
    is_retryable: bool
    errors: tuple[tuple[str, str], ...] = ()
    payment_id: str | None = None
    retry_after_seconds: float | None = None


def payment_of(document: object) -> Payment:
    """Read a payment.

    Raises:
        UnreadableAnswerError: a member is missing, malformed or not in the document, or the parts do not sum
            to the total.
    """
    told = _members(document, _PAYMENT)
    amount, charge, fee, vat, total, refunded = (
        _paisa(told, name) for name in ("amount", "charge", "fee", "vat", "total", "refunded")
    )
    if amount + charge + fee + vat != total:
        raise UnreadableAnswerError("the parts of the payment do not sum to its total")
    _require(told["currency"] == CURRENCY, "currency")
    payment_id = _matching(told, "id", _PAYMENT_ID)
    refunds = tuple(refund_of(one) for one in _list(told, "refunds"))
    _require(all(one.payment_id == payment_id for one in refunds), "refunds")
    return Payment(
        id=payment_id,
        status=_one_of(told, "status", _STATUSES),
        reason=None if told["reason"] is None else _text(told, "reason"),
        biller=_text(told, "biller"),
        bill=_bill(told["bill"]),
        amount=amount,
        charge=charge,
        fee=fee,
        vat=vat,
        total=total,
        instrument=_text(told, "instrument"),
        page_url=_page_url(told["next_action"]),
        pay_until=_instant(told, "pay_until"),
        next_check_at=None if told["next_check_at"] is None else _instant(told, "next_check_at"),
        tokens=_tokens(_list(told, "tokens")),
        receipt=_receipt(told["receipt"]),
        receipt_url=_receipt_url(told),
        refunded=refunded,
        refunds=refunds,
        created_at=_instant(told, "created_at"),
        updated_at=_instant(told, "updated_at"),
    )


def refund_of(document: object) -> Refund:
    """Read a refund.

    Raises:
        UnreadableAnswerError: a member is missing, malformed or not in the document.
    """
    told = _members(document, _REFUND, _REFUND_MAY)
    _require(told["currency"] == CURRENCY, "currency")
    amount = _paisa(told, "amount")
    _require(amount > 0, "amount")
    return Refund(
        id=_matching(told, "id", _REFUND_ID),
        payment_id=_matching(told, "payment_id", _PAYMENT_ID),
        kind=_one_of(told, "kind", _KINDS) if "kind" in told else "refund",
        status=_one_of(told, "status", _REFUND_STATUSES),
        amount=amount,
        reason=_text(told, "reason"),
        created_at=_instant(told, "created_at"),
        updated_at=_instant(told, "updated_at"),
    )


def problem_of(document: object, http_status: int) -> Problem:
    """Read a refusal that came under this HTTP status.

    Raises:
        UnreadableAnswerError: a member is missing, malformed or not in the document, or names another status.
    """
    told = _members(document, _PROBLEM, _PROBLEM_MAY)
    _require(told["status"] == http_status, "status")
    _require(isinstance(told["retryable"], bool), "retryable")
    for name in ("type", "title"):
        _text(told, name)
    after = told.get("retry_after_s")
    _require(after is None or (isinstance(after, int | float) and after >= 0), "retry_after_s")
    return Problem(
        status=http_status,
        code=_matching(told, "code", _CODE),
        is_retryable=told["retryable"],
        errors=tuple(_error(one) for one in _list(told, "errors")) if "errors" in told else (),
        payment_id=_matching(told, "payment_id", _PAYMENT_ID) if "payment_id" in told else None,
        retry_after_seconds=after,
    )


def _error(document: object) -> tuple[str, str]:
    told = _members(document, frozenset({"pointer", "code"}))
    return _matching(told, "pointer", _POINTER), _matching(told, "code", _CODE)


def _bill(document: object) -> Document:
    told = _members(document, _BILL, _BILL_MAY)
    for name in {"amount", "late_fee", "vat", "rounding"} & told.keys():
        _paisa(told, name)
    for line in _list(told, "lines") if "lines" in told else ():
        charged = _members(line, _BILL_LINE)
        _text(charged, "label")
        _require(type(charged["amount"]) is int, "lines")
    for name in ("number", "account"):
        _require(isinstance(told[name], str), f"bill {name}")
    _require(told["due_on"] is None or isinstance(told["due_on"], str), "due_on")
    return told


def _page_url(action: object) -> str | None:
    if action is None:
        return None
    told = _members(action, frozenset({"type", "url"}))
    _require(told["type"] == "redirect", "next_action")
    url = _text(told, "url")
    _require(urlsplit(url).scheme in {"http", "https"}, "next_action")
    return url


def _receipt_url(told: Document) -> str | None:
    """Where the payer's own receipt is; only what is paid has one."""
    if told["receipt_url"] is None:
        return None
    _require(told["status"] == PAID, "receipt_url")
    url = _text(told, "receipt_url")
    _require(urlsplit(url).scheme in {"http", "https"}, "receipt_url")
    return url


def _receipt(document: object) -> Receipt | None:
    if document is None:
        return None
    told = _members(document, _RECEIPT)
    return Receipt(*(None if told[name] is None else _text(told, name) for name in _RECEIPT))


def _tokens(documents: list[object]) -> tuple[TokenLine, ...]:
    lines = []
    for place, document in enumerate(documents, start=1):
        told = _members(document, _TOKEN)
        _require(told["seq"] == place, "tokens")
        lines.append(TokenLine(place, _text(told, "kind"), _matching(told, "digits", _DIGITS)))
    return tuple(lines)


def _members(document: object, must: Collection[str], may: Collection[str] = ()) -> Document:
    if not isinstance(document, dict):
        raise UnreadableAnswerError("no JSON object")
    missing, strange = set(must) - document.keys(), document.keys() - set(must) - set(may)
    if missing or strange:
        raise UnreadableAnswerError(f"members missing: {sorted(missing)}, unknown: {sorted(strange)}")
    return document


def _text(told: Document, name: str) -> str:
    _require(isinstance(told[name], str) and told[name] != "", name)
    return str(told[name])


def _matching(told: Document, name: str, pattern: re.Pattern[str]) -> str:
    value = told[name]
    _require(isinstance(value, str) and pattern.fullmatch(value) is not None, name)
    return str(value)


def _one_of(told: Document, name: str, words: Collection[str]) -> str:
    _require(told[name] in words, name)
    return str(told[name])


def _paisa(told: Document, name: str) -> int:
    value = told[name]
    # A bool is an int to Python, and a float is no amount to anybody.
    _require(type(value) is int and value >= 0, name)
    return int(value)


def _list(told: Document, name: str) -> list[object]:
    value = told[name]
    if not isinstance(value, list):
        raise UnreadableAnswerError(name)
    return value


def _instant(told: Document, name: str) -> datetime:
    return datetime.fromisoformat(_matching(told, name, _INSTANT))


def _require(is_right: bool, name: str) -> None:  # noqa: FBT001 - the one thing that it is about
    if not is_right:
        raise UnreadableAnswerError(f"{name} is not as the document says")
