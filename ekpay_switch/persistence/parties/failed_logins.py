"""Failed logins, counted by address (of IPv6 its /64) and by address and name, for all processes together.

Only failures are counted and only failures wait, so whoever knows a partner's name cannot lock the partner
out. A pass key has 142 random bits or more (`security.pass_keys`): what is limited is the work of answering
guesses, not their chance.
"""

from datetime import timedelta

from sqlalchemy import delete, func
from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.domain.parties.addresses import caller_of
from ekpay_switch.persistence.parties.shared_buckets import CallerBuckets, SharedRate, take_statement
from ekpay_switch.persistence.schema.logins import failed_logins
from ekpay_switch.ports.world import Clock

KEPT_HOURS = 1

_TAKE = take_statement("failed_logins", "caller")


BY_ADDRESS = SharedRate(5, 200)
BY_NAME = SharedRate(1, 20)


class FailedLogins:
    """The port `ports.world.FailedLogins` over PostgreSQL."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._by_address = CallerBuckets(engine, clock, _TAKE, BY_ADDRESS)
        self._by_name = CallerBuckets(engine, clock, _TAKE, BY_NAME)

    async def count(self, address: str, name: str) -> bool:
        """See `ports.world.FailedLogins`."""
        caller = caller_of(address)
        if not await self._by_address.allows(caller):
            return False
        # Names that nobody has are counted like others, or the counts would tell which are known.
        return not name or await self._by_name.allows(f"{caller}\n{name}")

    async def drop_old(self) -> int:
        """Forget callers that have not failed for an hour; returns how many."""
        old = failed_logins.c.free_at < func.now() - timedelta(hours=KEPT_HOURS)
        async with self._engine.begin() as connection:
            return (await connection.execute(delete(failed_logins).where(old))).rowcount
