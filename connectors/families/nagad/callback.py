"""What the payer's browser brings back: a query that nobody has signed (connectors.md 2.4).

So it is a hint and no more (law 6), and the only message that Nagad ever sends unasked.
"""

import re
from urllib.parse import parse_qsl

from connectors.families.nagad.replies import is_reference
from ekpay_switch.domain.collections.connector_calls import CallbackHint, NoHint

_QUERY_BYTES_MAX = 4_096
_FIELDS_MAX = 20
_CLAIMS = frozenset({"Success", "Failed", "Aborted", "Cancelled"})
_ORDER_ID = re.compile(r"[A-Za-z0-9]{5,20}")


def read_browser(query: bytes) -> CallbackHint | NoHint:
    """The payment that a query names, by Nagad's reference and, where it is told, by ours."""
    if len(query) > _QUERY_BYTES_MAX:
        return NoHint("a query that is too long")
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    except ValueError:
        return NoHint("no query")
    told = dict(pairs)
    if len(told) != len(pairs):
        return NoHint("a field that stands twice")
    payment_id, claims = told.get("payment_ref_id", ""), told.get("status", "")
    if not is_reference(payment_id) or claims not in _CLAIMS:
        return NoHint("no payment and status")
    order_id = told.get("order_id", "")
    ours = order_id if _ORDER_ID.fullmatch(order_id) else ""
    return CallbackHint(f"{payment_id} {claims}", payment_id, claims, ours)
