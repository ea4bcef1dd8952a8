"""The job behind every doubt: leases what is due and resolves it."""

import asyncio
from dataclasses import dataclass, field, replace

from ekpay_switch.flows.resolve_in_doubt import resolve_in_doubt
from ekpay_switch.jobs.slots import Pace, Places, run_rounds
from ekpay_switch.ports.world import World

AT_ONCE_OF_ONE = 4


@dataclass(slots=True)
class Resolver:
    """The payments that this process asks about now."""

    world: World
    lease_seconds: float
    places: Places = field(default_factory=lambda: Places(AT_ONCE_OF_ONE))

    async def take_up(self) -> int:
        """Lease due payments as far as there is place and ask about each; how many."""
        self.places.tidy()
        if not self.places.free:
            return 0
        # Half of the lease is for the way to the question, which a database that is away may make long.
        ask_before = self.world.clock.monotonic() + self.lease_seconds / 2
        due = await self.world.payments.lease_due(
            self.places.free,
            self.lease_seconds,
            per_far_side=AT_ONCE_OF_ONE,
            passing_over=self.places.crowded,
        )
        for leased in due:
            delivery = leased.delivery
            work = resolve_in_doubt(replace(leased, ask_before=ask_before), self.world)
            self.places.start(delivery.biller_id, work, "resolving_failed", delivery.payment_id)
        return len(due)


async def run_resolver(world: World, pace: Pace, stop: asyncio.Event) -> None:
    """Ask about what is due until told to stop."""
    resolver = Resolver(world, pace.lease_seconds)
    await run_rounds(resolver.take_up, resolver.places, pace, stop, "resolver_failed")
