"""Authentication of merchants' servers: by pass key and address for calls that ask for money.

A pass key travels in every request, so the address is checked as well (ekpay-merchant-api.md 3.7).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from ekpay_switch.ports.merchants import Merchant
from ekpay_switch.ports.world import World
from ekpay_switch.security.pass_keys import pass_key_matches

# During a rotation the old pass key is valid beside the new one.
_KEYS_MAX = 2


@dataclass(frozen=True, slots=True)
class Credentials:
    """The claimed identity of a caller; `address` is that of the connection, as text."""

    mer_reg_id: str
    pass_key: str = field(repr=False)
    address: str


async def authenticate(caller: Credentials, world: World) -> Merchant | None:
    """The active merchant that calls; None for unknown, wrong key or wrong address, without telling which.

    An unknown merchant costs as many comparisons as a known one.
    """
    is_sound = caller.mer_reg_id.isprintable()
    merchant = await world.merchants.by_reg_id(caller.mer_reg_id) if is_sound else None
    hashes = () if merchant is None else merchant.pass_key_hashes[:_KEYS_MAX]
    stored = (*hashes, *[None] * (_KEYS_MAX - len(hashes)))
    matches = [pass_key_matches(caller.pass_key, stored_hash) for stored_hash in stored]
    is_right = any(matches)
    if merchant is None or not is_right or not is_listed(caller.address, merchant.networks):
        return None
    return merchant


def is_listed(address: str, networks: Iterable[str]) -> bool:
    """Whether the address lies in one of these networks; False for malformed text."""
    parsed = _address(address)
    return parsed is not None and any(parsed in ip_network(network, strict=False) for network in networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The parsed address, or None; an IPv4 address mapped into IPv6 becomes an IPv4 address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
