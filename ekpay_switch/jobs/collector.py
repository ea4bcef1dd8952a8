"""The job behind collected money: looks at tries, delivers what is funded, gives back what is owed."""

import asyncio
from dataclasses import dataclass, field

from ekpay_switch.flows.deliver_collected import deliver_collected
from ekpay_switch.flows.refund import refund
from ekpay_switch.flows.resolve_collection import follow_up
from ekpay_switch.jobs.slots import Pace, Places, run_rounds
from ekpay_switch.ports.world import World

AT_ONCE_OF_ONE = 8
CHORES_AT_ONCE = 100
NOBODY = ""  # the far side of what needs none
FAILURE = "collecting_failed"


@dataclass(slots=True)
class Collector:
    """What this process is looking at now."""

    world: World
    lease_seconds: float
    places: Places = field(default_factory=lambda: Places(AT_ONCE_OF_ONE))

    async def take_up(self) -> None:
        """Take up whatever is due, as far as there is place."""
        self.places.tidy()
        await self.world.collections.expire_due(CHORES_AT_ONCE)
        await self.world.refunds.open_give_backs(CHORES_AT_ONCE)
        await self._take_up_tries()
        await self._take_up_refunds()
        await self._take_up_deliveries()
        await self.world.routing.look_after_breakers()

    async def _take_up_tries(self) -> None:
        held = await self.world.collections.lease_due_tries(
            self.places.free,
            self.lease_seconds,
            per_far_side=AT_ONCE_OF_ONE,
            passing_over=self.places.crowded,
        )
        for one in held:
            self.places.start(one.connector_id, follow_up(one, self.world), FAILURE, one.payment_id)

    async def _take_up_refunds(self) -> None:
        held = await self.world.refunds.lease_due(
            min(self.places.free, AT_ONCE_OF_ONE), self.lease_seconds, passing_over=self.places.crowded
        )
        for one in held:
            self.places.start(one.order.connector_id, refund(one, self.world), FAILURE, one.payment_id)

    async def _take_up_deliveries(self) -> None:
        """Deliver as far as each biller has places; giving up needs none, since nobody is told."""
        due = await self.world.collections.funded_due(
            CHORES_AT_ONCE, per_far_side=AT_ONCE_OF_ONE, passing_over=self.places.crowded
        )
        for funded in due:
            payment_id, biller_id = funded.payment_id, funded.biller_id
            if funded.is_over:
                given_up = self.world.collections.give_up_delivery(payment_id)
                self.places.start(NOBODY, given_up, FAILURE, payment_id)
            elif self.places.counts[biller_id] < AT_ONCE_OF_ONE and self.places.free:
                work = deliver_collected(payment_id, biller_id, self.world)
                self.places.start(biller_id, work, FAILURE, payment_id)


async def run_collector(world: World, pace: Pace, stop: asyncio.Event) -> None:
    """Do what is due until told to stop."""
    collector = Collector(world, pace.lease_seconds)
    await run_rounds(collector.take_up, collector.places, pace, stop, "collector_failed")
