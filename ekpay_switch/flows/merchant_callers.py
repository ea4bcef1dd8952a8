"""Whose servers call the merchant API: by pass key and address where money is asked for.

A pass key travels in every request, so the address has to be right as well (ekpay-merchant-api.md 3.7).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from ekpay_switch.ports.merchants import Merchant
from ekpay_switch.ports.world import World
from ekpay_switch.security.pass_keys import pass_key_matches

# During a rotation the old pass key is good beside the new one.
_KEYS_MAX = 2


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who says to call, from where: `address` is that of the connection, as text."""

    mer_reg_id: str
    pass_key: str = field(repr=False)
    address: str


async def authenticated(caller: Credentials, world: World) -> Merchant | None:
    """The active merchant that calls, or None: unknown, wrong key or a foreign address, never told apart.

    A merchant that is not there costs as many comparisons as one that is.
    """
    is_sound = caller.mer_reg_id.isprintable()
    merchant = await world.merchants.by_reg_id(caller.mer_reg_id) if is_sound else None
    hashes = () if merchant is None else merchant.pass_key_hashes[:_KEYS_MAX]
    stored = (*hashes, *[None] * (_KEYS_MAX - len(hashes)))
    matches = [pass_key_matches(caller.pass_key, one) for one in stored]
    is_right = any(matches)
    if merchant is None or not is_right or not is_listed(caller.address, merchant.networks):
        return None
    return merchant


def is_listed(address: str, networks: Iterable[str]) -> bool:
    """Whether the address lies in one of these networks; what is no address lies in none."""
    found = _address(address)
    return found is not None and any(found in ip_network(network, strict=False) for network in networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """An address; one of IPv4 that came in over an IPv6 socket is one of IPv4."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
