"""Return URLs: where a payer may be sent back to, read exactly, so that no two programs read one differently.

Accepted: `https://`, a host in ASCII (a name or an IPv4 address), perhaps a port, perhaps a path, a
query and a fragment; only characters that a URL may have; no user, no backslash, nothing before or after.
The host is one that the client's key lists: `shop.example` means https on port 443, `shop.example:8443` that
port, and `http://` is accepted only where host and port are listed, as `localhost:3000`.
"""

import re
from collections.abc import Collection
from urllib.parse import quote, unquote_plus

LENGTH_MAX = 2_000
PORT_MAX = 65_535
PARAMETER = "payment_id"
TRANS_ID = "transId"
_PORTS = {"https": 443, "http": 80}
# Printable ASCII without space, quotes, angle brackets, backslash, caret, backtick, braces and bar.
_TEXT = re.compile(r"[!#-;=?-\[\]_a-z~]+")
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
_URL = re.compile(rf"(https?)://({_HOST})(?::([0-9]{{1,5}}))?(?:[/?#].*)?")
_LISTED = re.compile(rf"({_HOST})(?::([0-9]{{1,5}}))?")
_HOST_LENGTH_MAX = 253  # RFC 1035


def return_url_fault(url: str, return_hosts: Collection[str]) -> str | None:
    """Why a payer may not be sent there, as the code of a field error; None where it may be."""
    return listed_url_fault(url, return_hosts) or ("payment_id_is_ours" if _has_payment_id(url) else None)


def listed_url_fault(url: str, return_hosts: Collection[str]) -> str | None:
    """Why this is no address at a listed host; None where it is one, whatever its query says."""
    match = _URL.fullmatch(url) if len(url) <= LENGTH_MAX and _TEXT.fullmatch(url) else None
    if match is None:
        return "malformed"
    scheme, host, port = match[1], match[2].lower(), int(match[3]) if match[3] else _PORTS[match[1]]
    is_listed = f"{host}:{port}" in return_hosts
    if scheme == "https" and port == _PORTS[scheme]:
        is_listed = is_listed or host in return_hosts
    return None if is_listed else "host_not_listed"


def with_payment_id(url: str, payment_id: str) -> str:
    """The URL with the payment in its query, before any fragment."""
    return _add_to_query(url, f"{PARAMETER}={payment_id}")


def with_trans_id(url: str, trnx_id: str) -> str:
    """A merchant's URL with its own `transId` in the query, before any fragment (ekpay-merchant-api.md 1.4).

    One that stands there already is taken out, so that no reader can take it for ours; all else stays as the
    merchant wrote it.
    """
    place, mark, fragment = url.partition("#")
    path, _, query = place.partition("?")
    pairs = [pair for pair in query.split("&") if unquote_plus(pair.partition("=")[0]) != TRANS_ID]
    return _add_to_query(f"{path}?{'&'.join(pairs)}{mark}{fragment}", f"{TRANS_ID}={quote(trnx_id, safe='')}")


def _add_to_query(url: str, pair: str) -> str:
    place, mark, fragment = url.partition("#")
    path, _, query = place.partition("?")
    before = f"{query}&" if query and not query.endswith("&") else query
    return f"{path}?{before}{pair}{mark}{fragment}"


def is_return_host(text: str) -> bool:
    """Whether an API key may list this: `host` or `host:port`, in small letters."""
    match = _LISTED.fullmatch(text)
    if match is None or text != text.lower() or len(match[1]) > _HOST_LENGTH_MAX:
        return False
    return match[2] is None or 0 < int(match[2]) <= PORT_MAX


def _has_payment_id(url: str) -> bool:
    """Whether the query has a parameter of this name already, so that a reader could take it for ours."""
    query = url.partition("#")[0].partition("?")[2]
    names = (pair.partition("=")[0] for pair in re.split("[&;]", query))
    return any(unquote_plus(name) == PARAMETER for name in names)
