"""Reading Nagad's answers: encrypted ones, and the plain one of verify (connectors.md 2.3, 2.5).

Every function raises `BrokenReplyError` for a malformed answer, which the connector turns into "in doubt" or
"no answer". Verify has no currency: every order is in `050`, taka.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from connectors.families.nagad.encryption import MessageEncryption
from ekpay_switch.domain.business_day import DHAKA
from ekpay_switch.domain.collections.connector_calls import Collected
from ekpay_switch.security.masking import mask_account
from ekpay_switch.wing_kit.reply_reading import (
    json_object,
    require_same,
    taka,
    text,
    text_like,
    text_or_empty,
)

SUCCESS = "Success"
CURRENCY_CODE = "050"
DAY, DAY_AND_TIME = "%Y%m%d", "%Y%m%d%H%M%S"

_GOOD_CODE = "000"
# Never a dot first, which could leave its path.
_REFERENCE = re.compile(r"[A-Za-z0-9][\x21-\x7e]{0,127}")
# 2025-01-01 18:00:00.0, by a clock in Dhaka.
_TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?:\.\d{1,6})?", re.ASCII)


def decrypt_document(encryption: MessageEncryption, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The decrypted JSON object of a document; raises BrokenReplyError."""
    return json_object(encryption.decrypt(document.get("sensitiveData"), document.get("signature")))


def is_there(document: Mapping[str, Any], name: str) -> bool:
    """Whether a member has a value: Nagad sends some that are null or empty."""
    return document.get(name) not in (None, "")


def reference(document: Mapping[str, Any], name: str) -> str:
    """An id of Nagad; raises BrokenReplyError."""
    return text_like(document, name, _REFERENCE, "reference")


def is_reference(value: str) -> bool:
    """Whether a text can be an id of Nagad: visible ASCII, at most 128 characters."""
    return _REFERENCE.fullmatch(value) is not None


def require_taka(document: Mapping[str, Any]) -> None:
    """Raise BrokenReplyError where an answer has another currency; one without a currency is in taka."""
    if is_there(document, "currencyCode"):
        require_same(document, "currencyCode", CURRENCY_CODE)


def read_collection(document: Mapping[str, Any], status: str) -> Collected:
    """The collected money as Nagad states it, whatever reference and amount.

    The whole was collected even where some of it was refunded since; the fact `status` shows that.

    Raises:
        BrokenReplyError: the answer is incomplete or contradicts itself.
    """
    if status == SUCCESS:
        require_same(document, "statusCode", _GOOD_CODE)
    require_taka(document)
    paid_at = instant(text_or_empty(document, "issuerPaymentDateTime"))
    return Collected(
        reference=text(document, "orderId"),
        amount=taka(document, "amount"),
        provider_transaction=reference(document, "issuerPaymentRefNo"),
        facts={
            "paid_at": paid_at.isoformat() if paid_at else "",
            "payer_account": mask_account(text_or_empty(document, "clientMobileNo")),
            "status": status,
        },
    )


def instant(written: str) -> datetime | None:
    """A time of verify as an instant in UTC, or None where it is malformed."""
    match = _TIME.fullmatch(written)
    if match is None:
        return None
    try:
        return datetime.fromisoformat(match[1]).replace(tzinfo=DHAKA).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
