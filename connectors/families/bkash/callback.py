"""Callbacks: the query of the payer's browser, or a notification of SNS (connectors.md 1.4, 1.9).

The browser's query has no signature that we can verify, so it is a hint only (law 6).
"""

from collections.abc import Mapping

from connectors.callback_query import query_fields
from connectors.families.bkash.replies import is_reference
from connectors.families.bkash.sns import Notifications
from ekpay_switch.domain.collections.connector_calls import CallbackHint, NoHint
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_QUERY_BYTES_MAX = 4_096
_FIELDS_MAX = 20
_CLAIMS = frozenset({"success", "failure", "cancel"})


class BkashCallbacks:
    """Reads both kinds of callback."""

    def __init__(self, notifications: Notifications) -> None:
        self._notifications = notifications

    async def read(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """A hint, or why there is none."""
        if "x-amz-sns-message-type" in headers or body.lstrip()[:1] == b"{":
            return await self._notifications.read(headers, body)
        return _read_return(body)


def _read_return(query: bytes) -> CallbackHint | NoHint:
    try:
        fields = query_fields(query, bytes_max=_QUERY_BYTES_MAX, fields_max=_FIELDS_MAX)
    except BrokenReplyError as error:
        return NoHint(str(error))
    payment_id, claims = fields.get("paymentID", ""), fields.get("status", "")
    if not is_reference(payment_id) or claims not in _CLAIMS:
        return NoHint("no payment and status")
    return CallbackHint(f"{payment_id} {claims}", payment_id, claims, is_agreed=claims == "success")
