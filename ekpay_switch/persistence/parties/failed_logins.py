"""Failed logins, counted by address (of IPv6 its /64) and by address and name, for all processes together.

Only failures are counted and only failures wait, so whoever knows a partner's name cannot lock the partner
out. A pass key has 142 random bits or more (`security.pass_keys`): what is limited is the work of answering
guesses, not their chance.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.parties.addresses import caller_of
from ekpay_switch.persistence.parties.shared_buckets import take_statement
from ekpay_switch.persistence.schema.logins import failed_logins
from ekpay_switch.ports.world import Clock

KEPT_HOURS = 1
WAITING_MAX = 10_000

_TAKE = take_statement("failed_logins", "caller")


@dataclass(frozen=True, slots=True)
class FailureRate:
    """So many failures at once, and so many a second on average."""

    per_second: float
    at_once: int


BY_ADDRESS = FailureRate(5, 200)
BY_NAME = FailureRate(1, 20)


class FailedLogins:
    """The port `ports.world.FailedLogins` over PostgreSQL.

    A caller that has to wait is remembered in memory meanwhile, so that guesses without end cost the database
    one statement a refill.
    """

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._waiting: OrderedDict[str, float] = OrderedDict()

    async def count(self, address: str, name: str) -> bool:
        """See `ports.world.FailedLogins`."""
        caller = caller_of(address)
        if not await self._take(caller, BY_ADDRESS):
            return False
        # Names that nobody has are counted like others, or the counts would tell which are known.
        return not name or await self._take(f"{caller}\n{name}", BY_NAME)

    async def drop_old(self) -> int:
        """Forget callers that have not failed for an hour; returns how many."""
        old = failed_logins.c.free_at < func.now() - timedelta(hours=KEPT_HOURS)
        async with self._engine.begin() as connection:
            return (await connection.execute(delete(failed_logins).where(old))).rowcount

    async def _take(self, who: str, rate: FailureRate) -> bool:
        caller = hashlib.sha256(who.encode("utf-8", "surrogatepass")).hexdigest()
        if self._waiting.get(caller, 0.0) > self._clock.monotonic():
            return False
        spacing = timedelta(seconds=1 / rate.per_second)
        values = {"key": caller, "spacing": spacing, "ahead": spacing * (rate.at_once - 1)}
        async with self._engine.begin() as connection:
            if await connection.scalar(_TAKE, values):
                return True
        self._waiting[caller] = self._clock.monotonic() + spacing.total_seconds()
        self._waiting.move_to_end(caller)
        if len(self._waiting) > WAITING_MAX:
            self._waiting.popitem(last=False)
        return False
