"""Reading bKash's answers: four error envelopes, amounts as text, times with a colon (connectors.md 1).

Every function raises `BrokenReplyError` for a malformed answer, which the connector turns into "in doubt" or
"no answer".
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from connectors.reply_amounts import money_of
from ekpay_switch.domain.collections.connector_calls import Collected, CollectOrder
from ekpay_switch.security.masking import mask_account
from ekpay_switch.wing_kit.reply_reading import (
    BrokenReplyError,
    reply_code,
    require_same,
    text,
    text_like,
    text_or_empty,
)

OK, UNAUTHENTICATED, FORBIDDEN = 200, 401, 403
COMPLETED = "Completed"

_CLIENT_ERRORS = range(400, 500)
_REFERENCE = re.compile(r"[\x21-\x7e]{1,64}")
_INVOICES = ("merchantInvoice", "merchantInvoiceNumber")
_PAYERS = ("customerMsisdn", "payerAccount")
# 2025-10-20T12:30:00:123 GMT+0600, with a colon before the milliseconds.
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d):(\d{3}) GMT([+-])(\d\d)(\d\d)", re.ASCII)


def gateway_code(status: int) -> str:
    """The manifest's code of an answer of the gateway in front of bKash, which has no code of its own."""
    return f"HTTP {status}"


def code_of(status: int, document: Mapping[str, Any]) -> str:
    """The code of an answer in any envelope; empty where there is none, as in a successful refund v2.

    Raises:
        BrokenReplyError: there is no envelope, or several that may contradict each other.
    """
    has_status_code, has_error_code = "statusCode" in document, "errorCode" in document
    has_external_code = "externalCode" in document or "internalCode" in document
    if has_status_code + has_error_code + has_external_code > 1:
        raise BrokenReplyError("several envelopes")
    if has_status_code:
        return reply_code(document, "statusCode")
    if has_error_code:
        return reply_code(document, "errorCode")
    if has_external_code:
        return reply_code(document, "externalCode")
    if "message" in document and status in _CLIENT_ERRORS:
        return gateway_code(status)
    if status != OK:
        raise BrokenReplyError(f"no envelope under HTTP {status}")
    return ""


def reference(document: Mapping[str, Any], name: str) -> str:
    """An id of bKash; raises BrokenReplyError."""
    return text_like(document, name, _REFERENCE, "reference")


def is_reference(value: str) -> bool:
    """Whether a text can be an id of bKash: visible ASCII, at most 64 characters."""
    return _REFERENCE.fullmatch(value) is not None


def read_collection(document: Mapping[str, Any], order: CollectOrder) -> Collected:
    """The collected money as bKash states it, whatever the amount; raises BrokenReplyError."""
    require_same(document, "paymentID", order.provider_reference)
    executed_at = instant(text_or_empty(document, "paymentExecuteTime"))
    payer = next((value for name in _PAYERS if (value := text_or_empty(document, name))), "")
    return Collected(
        reference=_invoice(document),
        amount=money_of(document, "amount"),
        provider_transaction=reference(document, "trxID"),
        facts={
            "executed_at": executed_at.isoformat() if executed_at else "",
            "payer_account": mask_account(payer),
        },
    )


def instant(written: str) -> datetime | None:
    """A time of the first version as an instant in UTC, or None; for information only."""
    match = _TIME.fullmatch(written)
    if match is None:
        return None
    offset = timedelta(hours=int(match[4]), minutes=int(match[5]))
    try:
        local = datetime.fromisoformat(f"{match[1]}.{match[2]}")
        zone = timezone(-offset if match[3] == "-" else offset)
        return local.replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _invoice(document: Mapping[str, Any]) -> str:
    """Our reference, whose member differs between inquiries and executes; raises BrokenReplyError."""
    invoices = {text(document, name) for name in _INVOICES if name in document}
    if len(invoices) != 1:
        raise BrokenReplyError("no invoice number, or two")
    return invoices.pop()
