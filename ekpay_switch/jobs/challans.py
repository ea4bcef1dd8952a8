"""The job that completes treasury challans whose process died or whose payments were in doubt."""

import asyncio
from dataclasses import dataclass, field

from ekpay_switch.domain.challans import BILLER
from ekpay_switch.flows.challans.raise_challan import continue_challan
from ekpay_switch.jobs.slots import Pace, Slots, run_worker
from ekpay_switch.ports.challans import ChallanPorts

AT_ONCE = 8


@dataclass(slots=True)
class ChallanWorker:
    """The challan requests that this process works on now."""

    office: ChallanPorts
    lease_seconds: float
    slots: Slots = field(default_factory=lambda: Slots(AT_ONCE))
    failure: str = "challans_failed"

    async def take_up(self) -> int:
        """Start work on requests with open lines as far as there are free slots; how many."""
        self.slots.tidy()
        free = min(self.slots.free, AT_ONCE - self.slots.counts[BILLER])
        due = await self.office.challans.lease_due(free, self.lease_seconds) if free > 0 else []
        for challan in due:
            self.slots.start(
                BILLER,
                continue_challan(challan, self.office),
                "challan_failed",
                payment_id=challan.challan_id,
            )
        return len(due)


async def run_challans(office: ChallanPorts, pace: Pace, stop: asyncio.Event) -> None:
    """Work on open requests until `stop` is set."""
    await run_worker(ChallanWorker(office, pace.lease_seconds), pace, stop)
