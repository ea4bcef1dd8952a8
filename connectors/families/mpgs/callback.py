"""Callbacks: the query of the payer's browser, or a notification of the gateway with a shared secret.

Both are hints only. The secret authenticates the sender of a notification but signs none of it; the browser's
`resultIndicator` names no payment, and the page it returned to is known without it.
"""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import parse_qsl

from connectors.families.mpgs.replies import REFUND, is_reference, word
from connectors.families.mpgs.settings import MpgsSecrets
from ekpay_switch.domain.collections.connector_calls import CallbackHint, NoHint
from ekpay_switch.security.card_numbers import mask_card_bytes
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError, as_object, json_object, text

_SECRET_HEADER = "x-notification-secret"  # noqa: S105 - the name of a header
_FROM_A_BROWSER = frozenset({"content-type"})
_BYTES_MAX = 65_536
_QUERY_BYTES_MAX = 4_096
_FIELDS_MAX = 20
_INDICATOR = "resultIndicator"


class MpgsCallbacks:
    """Reads both kinds of callback."""

    def __init__(self, secrets: MpgsSecrets) -> None:
        self._setting = secrets.webhook_setting
        self._secret = secrets.webhook

    def read(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        """A hint, or why there is none."""
        if headers.keys() - _FROM_A_BROWSER or body.lstrip()[:1] == b"{":
            return self._read_notification(headers, body)
        return _read_return(body)

    def _read_notification(self, headers: Mapping[str, str], body: bytes) -> CallbackHint | NoHint:
        if not self._secret:
            return NoHint(f"{self._setting} is not set")
        if not hmac.compare_digest(_bytes(headers.get(_SECRET_HEADER, "")), _bytes(self._secret)):
            return NoHint("a wrong secret, or none", is_forged=True)
        if len(body) > _BYTES_MAX:
            return NoHint("a notification that is too long")
        try:
            return _hint(body)
        except BrokenReplyError as error:
            return NoHint(str(error))


def _bytes(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def _hint(body: bytes) -> CallbackHint:
    """The hint of a notification; a refund is named by its own reference. Raises BrokenReplyError."""
    notice = json_object(body)
    movement = as_object(notice.get("transaction"))
    kind = word(movement, "type")
    name = text(movement if kind == REFUND else as_object(notice.get("order")), "id")
    if not is_reference(name):
        raise BrokenReplyError("no reference")
    # An order has one notification for each change; only equal bytes are the same notification.
    event_id = f"notice {hashlib.sha256(mask_card_bytes(body)).hexdigest()}"
    return CallbackHint(event_id, "", f"{kind} {word(notice, 'result')}", name)


def _read_return(query: bytes) -> CallbackHint | NoHint:
    if len(query) > _QUERY_BYTES_MAX:
        return NoHint("a query that is too long")
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    except ValueError:
        return NoHint("no query")
    indicators = [value for name, value in pairs if name == _INDICATOR]
    if len(indicators) != 1 or not is_reference(indicators[0]):
        return NoHint("no result indicator, or several")
    return CallbackHint(f"return {hashlib.sha256(mask_card_bytes(query)).hexdigest()}", "", "returned")
