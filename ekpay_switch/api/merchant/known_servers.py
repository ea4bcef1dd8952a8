"""Addresses that have lately proven to be a merchant's server, so that they are not limited like strangers.

Some clients ask for their whole history, most of which we never had: a 404 alone proves no abuse
(ekpay-merchant-api.md 3.5).
"""

from collections import OrderedDict

from ekpay_switch.ports.world import Clock

KNOWN_SECONDS = 3_600.0
ADDRESSES_MAX = 10_000


class KnownServers:
    """Remembers an address for an hour after each proof, the oldest proof forgotten first."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: OrderedDict[str, float] = OrderedDict()

    def remember(self, address: str) -> None:
        """A merchant's pass key or payment came with this address."""
        self._until[address] = self._clock.monotonic() + KNOWN_SECONDS
        self._until.move_to_end(address)
        if len(self._until) > ADDRESSES_MAX:
            self._until.popitem(last=False)

    def is_known(self, address: str) -> bool:
        """Whether the address has proven itself within the hour."""
        return self._until.get(address, 0.0) > self._clock.monotonic()
