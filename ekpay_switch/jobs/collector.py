"""The job behind collected payments: resolves tries, delivers funded payments, sends refunds."""

import asyncio
from dataclasses import dataclass, field

from ekpay_switch.flows.collections.deliver_collected import deliver_collected
from ekpay_switch.flows.collections.resolve_collection import resolve_collection
from ekpay_switch.flows.refunds.refund import send_refund
from ekpay_switch.jobs.slots import Pace, Slots, run_worker
from ekpay_switch.ports.world import World

PER_FAR_SIDE_MAX = 8
CHORES_AT_ONCE = 100
NO_FAR_SIDE = ""
TASK_FAILURE = "collecting_failed"


@dataclass(slots=True)
class Collector:
    """The tries, deliveries and refunds that this process works on now."""

    world: World
    lease_seconds: float
    slots: Slots = field(default_factory=lambda: Slots(PER_FAR_SIDE_MAX))
    failure: str = "collector_failed"

    async def take_up(self) -> None:
        """Start whatever is due, as far as there are free slots."""
        self.slots.tidy()
        await self.world.collections.expire_due(CHORES_AT_ONCE)
        await self.world.refunds.open_give_backs(CHORES_AT_ONCE)
        await self._take_up_tries()
        await self._take_up_refunds()
        await self._take_up_deliveries()
        await self.world.routing.look_after_breakers()

    async def _take_up_tries(self) -> None:
        due = await self.world.collections.lease_due_tries(
            self.slots.free,
            self.lease_seconds,
            per_far_side=PER_FAR_SIDE_MAX,
            passing_over=self.slots.full_far_sides,
        )
        for locked_try in due:
            work = resolve_collection(locked_try, self.world)
            self.slots.start(locked_try.connector_id, work, TASK_FAILURE, payment_id=locked_try.payment_id)

    async def _take_up_refunds(self) -> None:
        due = await self.world.refunds.lease_due(
            min(self.slots.free, PER_FAR_SIDE_MAX), self.lease_seconds, passing_over=self.slots.full_far_sides
        )
        for locked_refund in due:
            work, connector_id = send_refund(locked_refund, self.world), locked_refund.order.connector_id
            self.slots.start(connector_id, work, TASK_FAILURE, payment_id=locked_refund.payment_id)

    async def _take_up_deliveries(self) -> None:
        """Deliver as far as each biller has free slots; giving up needs none, since no far side is called."""
        due = await self.world.collections.funded_due(
            CHORES_AT_ONCE, per_far_side=PER_FAR_SIDE_MAX, passing_over=self.slots.full_far_sides
        )
        for funded in due:
            payment_id, biller_id = funded.payment_id, funded.biller_id
            if funded.is_quote_expired:
                given_up = self.world.collections.give_up_delivery(payment_id)
                self.slots.start(NO_FAR_SIDE, given_up, TASK_FAILURE, payment_id=payment_id)
            elif self.slots.counts[biller_id] < PER_FAR_SIDE_MAX and self.slots.free:
                work = deliver_collected(payment_id, biller_id, self.world)
                self.slots.start(biller_id, work, TASK_FAILURE, payment_id=payment_id)


async def run_collector(world: World, pace: Pace, stop: asyncio.Event) -> None:
    """Do what is due until `stop` is set."""
    await run_worker(Collector(world, pace.lease_seconds), pace, stop)
