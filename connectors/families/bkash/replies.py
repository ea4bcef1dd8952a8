"""Reading bKash's answers: four envelopes of errors, amounts as text, times with a colon (connectors.md 1).

Every function refuses with `BrokenReplyError`, which the connector turns into "in doubt" or "no answer".
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from ekpay_switch.domain.collections.connector_calls import Collected, CollectOrder
from ekpay_switch.domain.money import Money
from ekpay_switch.security.masking import mask_account
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    reply_code,
    require_same,
    taka,
    text,
    text_like,
    text_or_empty,
)

OK, UNAUTHENTICATED, FORBIDDEN = 200, 401, 403
COMPLETED = "Completed"

_CLIENT_ERRORS = range(400, 500)
_REFERENCE = re.compile(r"[\x21-\x7e]{1,64}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_INVOICES = ("merchantInvoice", "merchantInvoiceNumber")
_PAYERS = ("customerMsisdn", "payerAccount")
# 2025-10-20T12:30:00:123 GMT+0600, with a colon before the milliseconds.
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d):(\d{3}) GMT([+-])(\d\d)(\d\d)", re.ASCII)


def gateway_code(status: int) -> str:
    """What a manifest calls an answer of the gateway in front of bKash, which has no code of its own."""
    return f"HTTP {status}"


def code_of(status: int, document: Mapping[str, Any]) -> str:
    """The code of an answer in whichever envelope; empty where there is none, as where refund v2 went well.

    Raises:
        BrokenReplyError: it is in no envelope, or in several that may contradict one another.
    """
    first, second = "statusCode" in document, "errorCode" in document
    third = "externalCode" in document or "internalCode" in document
    if first + second + third > 1:
        raise BrokenReplyError("several envelopes")
    if first:
        return reply_code(document, "statusCode")
    if second:
        return reply_code(document, "errorCode")
    if third:
        return reply_code(document, "externalCode")
    if "message" in document and status in _CLIENT_ERRORS:
        return gateway_code(status)
    if status != OK:
        raise BrokenReplyError(f"no envelope under HTTP {status}")
    return ""


def reference(document: Mapping[str, Any], name: str) -> str:
    """One of bKash's own names of things; raises BrokenReplyError."""
    return text_like(document, name, _REFERENCE, "reference")


def is_reference(value: str) -> bool:
    """Whether a text can be one of bKash's names: visible ASCII, and not too long."""
    return _REFERENCE.fullmatch(value) is not None


def money(document: Mapping[str, Any], name: str) -> Money:
    """An amount in the currency that stands beside it; raises BrokenReplyError."""
    currency = text(document, "currency")
    if not _CURRENCY.fullmatch(currency):
        raise BrokenReplyError("currency is no currency")
    return Money(taka(document, name).minor, currency)


def collected(document: Mapping[str, Any], order: CollectOrder) -> Collected:
    """What bKash says that it has of this payment, whatever amount that is; raises BrokenReplyError."""
    require_same(document, "paymentID", order.provider_reference)
    executed_at = instant(text_or_empty(document, "paymentExecuteTime"))
    payer = next((told for name in _PAYERS if (told := text_or_empty(document, name))), "")
    return Collected(
        reference=_invoice(document),
        amount=money(document, "amount"),
        provider_transaction=reference(document, "trxID"),
        facts={
            "executed_at": executed_at.isoformat() if executed_at else "",
            "payer_account": mask_account(payer),
        },
    )


def instant(written: str) -> datetime | None:
    """An instant as the first version writes it, in UTC, or None: it informs, and nothing hangs on it."""
    found = _TIME.fullmatch(written)
    if found is None:
        return None
    offset = timedelta(hours=int(found[4]), minutes=int(found[5]))
    try:
        local = datetime.fromisoformat(f"{found[1]}.{found[2]}")
        zone = timezone(-offset if found[3] == "-" else offset)
        return local.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _invoice(document: Mapping[str, Any]) -> str:
    """Our reference, which queries call otherwise than executes do."""
    told = {text(document, name) for name in _INVOICES if name in document}
    if len(told) != 1:
        raise BrokenReplyError("no invoice number, or two")
    return told.pop()
