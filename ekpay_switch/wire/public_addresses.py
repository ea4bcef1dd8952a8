"""Which addresses a notification may be sent to: public ones of the internet, never our own network.

A URL of a partner is a request to connect somewhere in our name. What may surprise: `2130706433`, `0x7f.1`
and `127.1` are names to Python and 127.0.0.1 to the resolver, and some addresses that count as global lead
back into a private network (NAT64, 6to4, mapped ones), so those are refused as a whole.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from yarl import URL

from ekpay_switch.domain.errors import SwitchError

URL_LENGTH_MAX = 2_048
_PORTS = {"https": 443, "http": 80}
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NEVER = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    )
)  # fmt: skip
# Printable ASCII without space, quotes, angle brackets, backslash, caret, backtick, braces and bar.
_URL_TEXT = re.compile(r"[!#-;=?-\[\]_a-z~]+")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?")
# A last label like this makes resolvers read the whole name as a number (WHATWG URL, "ends in a number").
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class UnsafeAddressError(SwitchError):
    """Notifications may not be sent to this address."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart; `is_trusted` lifts the rules of scheme and address, for rehearsals."""

    url: str
    host: str
    port: int
    is_trusted: bool


@dataclass(frozen=True, slots=True)
class AddressRules:
    """The ports that may be used with https, and exact `host:port` that need none.

    `trusted` are those of rehearsals, none in real life, and may be in our own network. `plain` are a
    merchant's, to which two persons have agreed; their addresses must be public.
    """

    ports: frozenset[int] = frozenset({443, 8443})
    trusted: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()


def target_of(url: str, rules: AddressRules) -> Target:
    """Where a URL leads, told from its text alone; nothing is resolved.

    Raises:
        UnsafeAddressError: it is no https URL of a host on an allowed port and nothing more, and none that
            needs no https.
    """
    if len(url) > URL_LENGTH_MAX or not _URL_TEXT.fullmatch(url):
        raise UnsafeAddressError("the URL is too long or has characters that no URL has")
    parts = _parse_url(url)
    if "@" in parts.netloc or "#" in url:
        raise UnsafeAddressError("the URL must hold no credentials and no fragment")
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not _is_host(host):
        raise UnsafeAddressError("the URL must be https:// and a host name")
    # Port 0 is a port that was given, unlike None.
    port = _PORTS[parts.scheme] if parts.port is None else parts.port
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if place in rules.trusted:
        return Target(url, host, port, is_trusted=True)
    if parts.scheme == "http" and place in rules.plain:
        return Target(url, host, port, is_trusted=False)
    if parts.scheme != "https":
        raise UnsafeAddressError("the URL must begin with https://")
    if port not in rules.ports:
        raise UnsafeAddressError(f"port {port} is not among those allowed")
    return Target(url, host, port, is_trusted=False)


def may_be_notified(url: str, rules: AddressRules) -> bool:
    """Whether notifications may be sent to this URL, as far as its text tells; nothing is resolved."""
    try:
        target_of(url, rules)
    except UnsafeAddressError:
        return False
    return True


def _parse_url(url: str) -> SplitResult:
    try:
        parts, other_reading = urlsplit(url), URL(url, encoded=True)
        # The sender reads the same text with the other parser: where they disagree, the URL is an attack.
        host = parts.hostname or ""
        is_clear = ((other_reading.raw_host or "").lower(), other_reading.explicit_port) == (host, parts.port)
        is_clear = is_clear and ("[" in parts.netloc) == (":" in host)
    except ValueError as problem:
        raise UnsafeAddressError("this is no URL") from problem
    if not is_clear:
        raise UnsafeAddressError("the URL can be read in two ways")
    return parts


def _is_host(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        labels = host.split(".")
        is_name = all(_LABEL.fullmatch(label) for label in labels) and not _NUMBER.fullmatch(labels[-1])
        return is_name and len(host) <= 253  # noqa: PLR2004 - RFC 1035
    # A zone names an interface of this machine.
    return "%" not in host and str(address) == host


def refuse_unless_public(addresses: Sequence[str]) -> None:
    """Pass only where every address is public: the resolver may hand out any of them next.

    Raises:
        UnsafeAddressError: there is none, or one of them is not a public address.
    """
    if not addresses:
        raise UnsafeAddressError("the name has no address")
    if not all(is_public(address) for address in addresses):
        raise UnsafeAddressError("the host has an address that is not public")


def is_public(text: str) -> bool:
    """Whether this text is the address of some machine on the public internet."""
    try:
        address: IPv4Address | IPv6Address = ip_address(text)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and (address.scope_id or address not in _GLOBAL_UNICAST):
        return False
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in _NEVER)
