"""The bank's consent page: a signed link to it, and what the browser brings back (host link document).

Both are signed under one secret, each over its own members, so that a link is no agreement.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from ekpay_switch.domain.collections.connector_calls import CallbackHint, CollectOrder, NoHint

_LINK = ("acceptor", "order", "amount", "currency", "return")
_RETURN = ("order", "status", "alias", "amount")
_AGREED = "AGREED"
_STATUSES = frozenset({_AGREED, "CANCELLED", "REFUSED"})
_TAKA = "050"
_QUERY_BYTES_MAX = 4_096
_FIELDS_MAX = 20
_OURS = re.compile(r"[A-Z0-9]{20,32}", re.ASCII)
_PAISA = re.compile(r"[0-9]{1,15}", re.ASCII)
_ALIASES: Mapping[str, re.Pattern[str]] = {
    "2": re.compile(r"506099[0-9]{13}", re.ASCII),
    "102": re.compile(r"AL[A-Z0-9]{18}", re.ASCII),
}


def is_ours(reference: str) -> bool:
    """Whether a text has the shape of a reference that this page takes."""
    return _OURS.fullmatch(reference) is not None


def page_link(page: str, acceptor: str, order: CollectOrder, secret: str) -> str:
    """Where the payer agrees; the same order has the same link for ever."""
    members = {
        "acceptor": acceptor,
        "order": order.reference,
        "amount": str(order.amount.minor),
        "currency": _TAKA,
        "return": order.return_url,
    }
    return f"{page}/pay?{urlencode({**members, 'sign': _sign(secret, _LINK, members)})}"


def read_return(query: bytes, alias_field: str, secret: str) -> CallbackHint | NoHint:
    """What a browser that came back claims, once the bank has signed it."""
    told = _members(query)
    if told is None or "sign" not in told:
        return NoHint("no query of a consent page")
    sign = _sign(secret, tuple(name for name in _RETURN if name in told), told)
    if not hmac.compare_digest(sign.encode(), told["sign"].encode("utf-8", "replace")):
        return NoHint("a wrong signature", is_forged=True)
    order, status, alias = told.get("order", ""), told.get("status", ""), told.get("alias", "")
    is_agreed = status == _AGREED
    is_whole = is_ours(order) and _PAISA.fullmatch(told.get("amount", "")) is not None
    is_alias = _ALIASES[alias_field].fullmatch(alias) is not None
    if (
        not is_whole
        or status not in _STATUSES
        or is_alias is not is_agreed
        or ("alias" in told) is not is_agreed
    ):
        return NoHint("a return that is none")
    # Each agreement has an alias of its own, and a sign of its own with it.
    return CallbackHint(
        event_id=f"{order} {sign}",
        provider_reference=order,
        claims=status.lower(),
        reference=order,
        is_agreed=is_agreed,
        consent=alias,
    )


def _members(query: bytes) -> Mapping[str, str] | None:
    """The members of a query, each of which stands once, or None."""
    if len(query) > _QUERY_BYTES_MAX:
        return None
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, max_num_fields=_FIELDS_MAX, errors="strict"
        )
    except ValueError:
        return None
    told = dict(pairs)
    return told if len(told) == len(pairs) else None


def _sign(secret: str, names: tuple[str, ...], members: Mapping[str, str]) -> str:
    signed = "\n".join(f"{name}={members[name]}" for name in names)
    return hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
