"""Asking a rehearsal's simulated biller which bill of its can be paid."""

import json
from urllib.parse import urlencode, urlsplit, urlunsplit

from ekpay_switch.ports.world import Wire, WireAnswer, WireRequest

_OK = 200


async def open_bill_of_sandbox(wire: Wire, url: str, biller_id: str, seconds: float) -> dict[str, str]:
    """Return an unpaid bill by the manifest's names; empty where no sandbox of ours answers in time."""
    origin = urlsplit(url)
    query = urlencode({"house": biller_id, "kind": "normal", "nth": 0})
    address = urlunsplit((origin.scheme, origin.netloc, "/_admin/cast", query, ""))
    answer = await wire.send("sandbox", WireRequest("GET", address, {}, b"", seconds))
    if not isinstance(answer, WireAnswer) or answer.status != _OK:
        return {}
    try:
        fields = json.loads(answer.body)["fields"]
        return {str(name): str(text) for name, text in fields.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        # Somebody else listens at that port.
        return {}
