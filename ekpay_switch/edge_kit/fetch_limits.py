"""How many bills one partner fetches: at the same time in this process, and a second in all processes.

What is in flight holds memory, a connection to the biller and a place in the queue of the database, so it
protects the other partners of this process; the rate protects billers and everybody (docs/adr/0085).
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ekpay_switch import trouble
from ekpay_switch.domain.errors import OverloadedError
from ekpay_switch.domain.parties.partner_limits import FetchTerms
from ekpay_switch.ports.world import Permits

RETRY_AFTER_SECONDS = 1


class FetchLimitError(OverloadedError):
    """The caller has to wait; `limit` says in words what was exceeded and what is agreed."""

    def __init__(self, limit: str) -> None:
        super().__init__(limit)
        self.limit = limit


class FetchLimits:
    """The limits of one door; payments have no place in them, so fetches never refuse one."""

    def __init__(self, permits: Permits, door: str) -> None:
        """`door` keeps the fetches of one API apart from those of another."""
        self._permits = permits
        self._door = door
        self._in_flight: Counter[str] = Counter()

    @asynccontextmanager
    async def place_for(self, partner_id: str, terms: FetchTerms) -> AsyncIterator[None]:
        """One fetch, from its first byte that costs something to its end.

        Raises:
            FetchLimitError: too many are in flight, or too many were begun in a second.
        """
        if self._in_flight[partner_id] >= terms.in_flight:
            raise self._refusal(partner_id, "fetches in flight", terms.in_flight)
        self._in_flight[partner_id] += 1
        try:
            if not await self._permits.take(f"{self._door}:{partner_id}", terms.per_second):
                raise self._refusal(partner_id, "fetches a second", terms.per_second)
            yield
        finally:
            self._in_flight[partner_id] -= 1
            if not self._in_flight[partner_id]:
                del self._in_flight[partner_id]

    def _refusal(self, partner_id: str, what: str, at_most: int) -> FetchLimitError:
        trouble.LIMIT_REFUSALS.labels(what.replace(" ", "_"), partner_id).inc()
        return FetchLimitError(f"{what}, at most {at_most} by the agreement")
