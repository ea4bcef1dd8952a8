"""The bank's consent page: its signed URL, and the signed return of the browser (host link document).

Both are signed under one secret, each over its own members, so that a URL cannot pass for a return.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import urlencode

from connectors.callback_query import query_fields
from ekpay_switch.domain.collections.connector_calls import CallbackHint, CollectOrder, NoHint
from ekpay_switch.wing_kit.reply_reading import BrokenReplyError

_LINK = ("acceptor", "order", "amount", "currency", "return")
_RETURN = ("order", "status", "alias", "amount")
_AGREED = "AGREED"
_STATUSES = frozenset({_AGREED, "CANCELLED", "REFUSED"})
_TAKA = "050"
_QUERY_BYTES_MAX = 4_096
_FIELDS_MAX = 20
_OUR_REFERENCE = re.compile(r"[A-Z0-9]{20,32}", re.ASCII)
_PAISA = re.compile(r"[0-9]{1,15}", re.ASCII)
_ALIASES: Mapping[str, re.Pattern[str]] = {
    "2": re.compile(r"506099[0-9]{13}", re.ASCII),
    "102": re.compile(r"AL[A-Z0-9]{18}", re.ASCII),
}


def is_ours(reference: str) -> bool:
    """Whether a text has the form of our references, as this page takes them."""
    return _OUR_REFERENCE.fullmatch(reference) is not None


def page_link(page: str, acceptor: str, order: CollectOrder, secret: str) -> str:
    """The URL where the payer agrees; the same order always has the same URL."""
    members = {
        "acceptor": acceptor,
        "order": order.reference,
        "amount": str(order.amount.minor),
        "currency": _TAKA,
        "return": order.return_url,
    }
    return f"{page}/pay?{urlencode({**members, 'sign': _signature(secret, _LINK, members)})}"


def read_return(query: bytes, alias_field: str, secret: str) -> CallbackHint | NoHint:
    """The hint in a browser's return, where its signature is the bank's."""
    try:
        members = query_fields(query, bytes_max=_QUERY_BYTES_MAX, fields_max=_FIELDS_MAX, errors="strict")
    except BrokenReplyError:
        members = {}
    if "sign" not in members:
        return NoHint("no query of a consent page")
    signature = _signature(secret, tuple(name for name in _RETURN if name in members), members)
    if not hmac.compare_digest(signature.encode(), members["sign"].encode("utf-8", "replace")):
        return NoHint("a wrong signature", is_forged=True)
    order, status, alias = members.get("order", ""), members.get("status", ""), members.get("alias", "")
    is_agreed = status == _AGREED
    is_whole = is_ours(order) and _PAISA.fullmatch(members.get("amount", "")) is not None
    is_alias = _ALIASES[alias_field].fullmatch(alias) is not None
    if (
        not is_whole
        or status not in _STATUSES
        or is_alias is not is_agreed
        or ("alias" in members) is not is_agreed
    ):
        return NoHint("a return with contradictory members")
    # Each agreement has its own alias, and with it its own signature.
    return CallbackHint(
        event_id=f"{order} {signature}",
        provider_reference=order,
        claims=status.lower(),
        reference=order,
        is_agreed=is_agreed,
        consent=alias,
    )


def _signature(secret: str, names: tuple[str, ...], members: Mapping[str, str]) -> str:
    signed = "\n".join(f"{name}={members[name]}" for name in names)
    return hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
