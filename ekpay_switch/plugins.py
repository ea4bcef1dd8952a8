"""Finding the wings by entry point, so that the core never imports them (architecture.md 3)."""

import os
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from ekpay_switch.ports import BillerAdapter, Billers, Clock, Tokens, Wire


class PluginError(Exception):
    """A wing is missing or two of them claim the same biller."""


class _Together:
    """The billers of all wings as one catalogue."""

    def __init__(self, adapters: list[BillerAdapter]) -> None:
        self._by_id = {adapter.profile.id: adapter for adapter in adapters}
        self._by_ekpay_id = {adapter.profile.ekpay_id: adapter for adapter in adapters}
        if not len(self._by_id) == len(self._by_ekpay_id) == len(adapters):
            message = "two wings bring the same biller"
            raise PluginError(message)

    def by_ekpay_id(self, ekpay_id: str) -> BillerAdapter | None:
        """See `ports.Billers`."""
        return self._by_ekpay_id.get(ekpay_id)

    def by_id(self, biller_id: str) -> BillerAdapter | None:
        """See `ports.Billers`."""
        return self._by_id.get(biller_id)

    def all(self) -> list[BillerAdapter]:
        """See `ports.Billers`."""
        return [self._by_id[biller_id] for biller_id in sorted(self._by_id)]


def load_billers(config: Path, wire: Wire, tokens: Tokens, clock: Clock, divisor: float) -> Billers:
    """Every biller of every wing in the group `ekpay.billers`.

    Raises:
        PluginError: no wing is installed, or two bring the same biller.
    """
    wings: list[Any] = [point.load() for point in entry_points(group="ekpay.billers")]
    if not wings:
        message = "no wing of billers is installed (entry point group ekpay.billers)"
        raise PluginError(message)
    built = [build(config, wire, tokens, clock, os.environ, divisor) for build in wings]
    return _Together([adapter for billers in built for adapter in billers.all()])
