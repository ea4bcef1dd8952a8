"""The job that resolves payments in doubt: leases what is due and inquires about it."""

import asyncio
from dataclasses import dataclass, field, replace

from ekpay_switch.flows.payments.resolve_in_doubt import resolve_in_doubt
from ekpay_switch.jobs.slots import Pace, Slots, run_worker
from ekpay_switch.ports.world import World

PER_FAR_SIDE_MAX = 4


@dataclass(slots=True)
class Resolver:
    """The payments that this process inquires about now."""

    world: World
    lease_seconds: float
    slots: Slots = field(default_factory=lambda: Slots(PER_FAR_SIDE_MAX))
    failure: str = "resolver_failed"

    async def take_up(self) -> int:
        """Lease due payments as far as there are free slots and inquire about each; how many."""
        self.slots.tidy()
        if not self.slots.free:
            return 0
        # Half of the lease is for the time before the inquiry, which a slow database may prolong.
        ask_before = self.world.clock.monotonic() + self.lease_seconds / 2
        due = await self.world.payments.lease_due(
            self.slots.free,
            self.lease_seconds,
            per_far_side=PER_FAR_SIDE_MAX,
            passing_over=self.slots.full_far_sides,
        )
        for leased in due:
            delivery = leased.delivery
            work = resolve_in_doubt(replace(leased, ask_before=ask_before), self.world)
            self.slots.start(delivery.biller_id, work, "resolving_failed", payment_id=delivery.payment_id)
        return len(due)


async def run_resolver(world: World, pace: Pace, stop: asyncio.Event) -> None:
    """Resolve what is due until `stop` is set."""
    await run_worker(Resolver(world, pace.lease_seconds), pace, stop)
