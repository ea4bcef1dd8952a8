"""The return of the payer's browser: an unsigned query (connectors.md 2.4).

It is a hint only (law 6), and the only callback that Nagad sends.
"""

import re

from connectors.callback_query import query_fields
from connectors.families.nagad.replies import is_reference
from ekpay_switch.domain.collections.connector_calls import CallbackHint, NoHint
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_QUERY_BYTES_MAX = 4_096
_FIELDS_MAX = 20
_CLAIMS = frozenset({"Success", "Failed", "Aborted", "Cancelled"})
_ORDER_ID = re.compile(r"[A-Za-z0-9]{5,20}")


def read_return(query: bytes) -> CallbackHint | NoHint:
    """The hint in a query, with Nagad's reference and, where it has one, ours."""
    try:
        fields = query_fields(query, bytes_max=_QUERY_BYTES_MAX, fields_max=_FIELDS_MAX)
    except BrokenReplyError as error:
        return NoHint(str(error))
    payment_id, claims = fields.get("payment_ref_id", ""), fields.get("status", "")
    if not is_reference(payment_id) or claims not in _CLAIMS:
        return NoHint("no payment and status")
    order_id = fields.get("order_id", "")
    ours = order_id if _ORDER_ID.fullmatch(order_id) else ""
    return CallbackHint(f"{payment_id} {claims}", payment_id, claims, ours)
