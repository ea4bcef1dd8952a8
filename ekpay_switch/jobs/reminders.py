"""The job that asks billers for saved bills and reminds their citizens."""

import asyncio
from dataclasses import dataclass, field

from ekpay_switch.flows.citizens.remind import remind
from ekpay_switch.jobs.slots import Pace, Slots, run_worker
from ekpay_switch.ports.reminders import ReminderPorts

# Each biller is asked about one bill at a time, so that payers do not wait for it.
AT_ONCE, PER_BILLER = 16, 1


@dataclass(slots=True)
class ReminderWorker:
    """The reminders whose billers this process asks now."""

    ports: ReminderPorts
    lease_seconds: float
    slots: Slots = field(default_factory=lambda: Slots(PER_BILLER, AT_ONCE))
    failure: str = "reminders_failed"

    async def take_up(self) -> int:
        """Ask for due reminders of billers that have a free slot; how many were due."""
        self.slots.tidy()
        full = self.slots.full_far_sides
        billers = [biller.profile.id for biller in self.ports.world.billers.all()]
        free = [biller_id for biller_id in billers if biller_id not in full]
        due = await self.ports.reminders.lease_due(self.slots.free, self.lease_seconds, free)
        for leased in due:
            work = remind(leased, self.ports)
            biller_id, saved_id = leased.saved.biller_id, leased.saved.saved_id
            self.slots.start(biller_id, work, "reminder_failed", saved_id=saved_id)
        return len(due)


async def run_reminders(ports: ReminderPorts, pace: Pace, stop: asyncio.Event) -> None:
    """Ask for due reminders until `stop` is set."""
    await run_worker(ReminderWorker(ports, pace.lease_seconds), pace, stop)
