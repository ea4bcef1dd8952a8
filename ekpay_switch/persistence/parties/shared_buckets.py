"""Buckets that refill evenly and that all processes share, each a row of its own.

A bucket is kept as the instant at which it would be full again, so that nothing has to fill it.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.ports.world import Clock

WAITING_MAX = 10_000


@dataclass(frozen=True, slots=True)
class SharedRate:
    """So many at once, and so many a second on average."""

    per_second: float
    at_once: int


class CallerBuckets:
    """A bucket for each caller of one rate; a caller is stored as a hash.

    A caller that has to wait is remembered in memory meanwhile, so that calls without end cost the database
    one statement a refill.
    """

    def __init__(
        self, engine: AsyncEngine, clock: Clock, statement: TextClause, rate: SharedRate, kind: str = ""
    ) -> None:
        """`statement` is of `take_statement`; `kind` keeps these buckets apart from others of its table."""
        self._engine = engine
        self._clock = clock
        self._statement = statement
        self._rate = rate
        self._kind = kind
        self._waiting: OrderedDict[str, float] = OrderedDict()

    async def allows(self, caller: str) -> bool:
        """Take once from the caller's bucket; False where it is empty."""
        digest = hashlib.sha256(caller.encode("utf-8", "surrogatepass")).hexdigest()
        if self._waiting.get(digest, 0.0) > self._clock.monotonic():
            return False
        spacing = timedelta(seconds=1 / self._rate.per_second)
        ahead = spacing * (self._rate.at_once - 1)
        values = {"key": f"{self._kind}{digest}", "spacing": spacing, "ahead": ahead}
        async with self._engine.begin() as connection:
            if await connection.scalar(self._statement, values):
                return True
        self._waiting[digest] = self._clock.monotonic() + spacing.total_seconds()
        self._waiting.move_to_end(digest)
        if len(self._waiting) > WAITING_MAX:
            self._waiting.popitem(last=False)
        return False


def take_statement(table: str, key: str) -> TextClause:
    """Take from the bucket `:key`; a row comes back where enough was left, and else nothing is written.

    `:spacing` is how long what is taken needs to refill, `:ahead` how far from full the bucket may be before.
    """
    return text(f"""
    INSERT INTO {table} AS b ({key}, free_at) VALUES (:key, clock_timestamp() + :spacing)
    ON CONFLICT ({key}) DO UPDATE SET free_at = greatest(b.free_at, clock_timestamp()) + :spacing
    WHERE b.free_at <= clock_timestamp() + :ahead
    RETURNING true
    """)  # noqa: S608 - names of ours
