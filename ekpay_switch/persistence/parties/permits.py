"""How often a second a partner may do something, for all processes together: take a token, fetch a bill.

A process takes permits from the database a batch at a time and gives them out from memory, so that a partner
that takes one for every call costs the database a few statements a second.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.persistence.parties.shared_buckets import take_statement
from ekpay_switch.ports.world import Clock

BATCHES_PER_SECOND = 20
VALID_SECONDS = 1.0

TOKENS = take_statement("token_permits", "partner_id")
FETCHES = take_statement("fetch_permits", "holder")


KEPT_HOURS = 1
_DROP_OLD = text(f"DELETE FROM fetch_permits WHERE free_at < now() - interval '{KEPT_HOURS} hours'")  # noqa: S608


async def drop_old_permits(engine: AsyncEngine) -> None:
    """Forget who has fetched nothing for an hour: a bucket without a row is full."""
    async with engine.begin() as connection:
        await connection.execute(_DROP_OLD)


@dataclass(slots=True)
class _Batch:
    """A holder's permits in this process; instants are monotonic seconds."""

    permits: int = 0
    valid_until: float = 0.0
    next_take_at: float = 0.0
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)


class PostgresPermits:
    """The port `ports.world.Permits` over PostgreSQL; a bucket holds the permits of one second.

    Permits lapse after a second, so that no process keeps what others could use; those of a process that
    stops are lost.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock, statement: TextClause) -> None:
        """`statement` takes from one of the tables of buckets: `TOKENS` or `FETCHES`."""
        self._engine = engine
        self._clock = clock
        self._statement = statement
        self._batches: dict[str, _Batch] = {}

    async def take(self, holder: str, per_second: int) -> bool:
        """See `ports.world.Permits`."""
        batch = self._batches.setdefault(holder, _Batch())
        if self._take_from(batch):
            return True
        async with batch.taking:
            if not self._take_from(batch) and not await self._refill(holder, per_second, batch):
                return False
        return True

    def _take_from(self, batch: _Batch) -> bool:
        if batch.permits == 0 or self._clock.monotonic() >= batch.valid_until:
            return False
        batch.permits -= 1
        return True

    async def _refill(self, holder: str, per_second: int, batch: _Batch) -> bool:
        """Take a batch from the database and one permit from it; False where the bucket has too few left."""
        if self._clock.monotonic() < batch.next_take_at:
            return False
        size = max(1, per_second // BATCHES_PER_SECOND)
        spacing = timedelta(seconds=size / per_second)
        values = {"key": holder, "spacing": spacing, "ahead": timedelta(seconds=1) - spacing}
        async with self._engine.begin() as connection:
            is_taken = await connection.scalar(self._statement, values)
        now = self._clock.monotonic()
        if not is_taken:
            batch.next_take_at = now + spacing.total_seconds() / 2
            return False
        batch.permits, batch.valid_until = size - 1, now + VALID_SECONDS
        return True
