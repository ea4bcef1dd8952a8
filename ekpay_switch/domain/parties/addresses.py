"""Callers by their network address, as far as an address tells them apart."""

from ipaddress import IPv6Address, IPv6Network, ip_address

# What one household or one server is given; whoever has it may write any of its addresses.
IPV6_PREFIX = 64


def caller_of(address: str) -> str:
    """Who calls from this address: itself, or of IPv6 its /64; IPv4 written as IPv6 is IPv4.

    What is no address is returned as it is.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), IPV6_PREFIX), strict=False))
