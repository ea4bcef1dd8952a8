"""What comes unasked: the payer's browser with a query, or a notification of SNS (connectors.md 1.4, 1.9).

The browser's word is signed by nobody that we could check, so it is a hint like any other (law 6).
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from connectors.families.bkash.replies import is_reference
from connectors.families.bkash.sns import Notifications
from ekpay_switch.domain.collections.connector_calls import CallbackHint, NoHint

_QUERY_BYTES_MAX = 4_096
_FIELDS_MAX = 20
_CLAIMS = frozenset({"success", "failure", "cancel"})


class Callbacks:
    """Reads both kinds."""

    def __init__(self, notifications: Notifications) -> None:
        self._notifications = notifications

    async def read(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """A hint, or why there is none."""
        if "x-amz-sns-message-type" in headers or body.lstrip()[:1] == b"{":
            return await self._notifications.read(headers, body)
        return _of_browser(body)


def _of_browser(query: bytes) -> CallbackHint | NoHint:
    if len(query) > _QUERY_BYTES_MAX:
        return NoHint("a query that is too long")
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    except ValueError:
        return NoHint("no query")
    told = dict(pairs)
    if len(told) != len(pairs):
        return NoHint("a field that stands twice")
    payment_id, claims = told.get("paymentID", ""), told.get("status", "")
    if not is_reference(payment_id) or claims not in _CLAIMS:
        return NoHint("no payment and status")
    return CallbackHint(f"{payment_id} {claims}", payment_id, claims, is_agreed=claims == "success")
