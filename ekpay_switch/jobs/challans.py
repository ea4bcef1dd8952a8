"""The job behind treasury challans: what a process left lying is taken up, and what was in doubt is ended."""

import asyncio
from dataclasses import dataclass, field

from ekpay_switch.domain.challans import BILLER
from ekpay_switch.flows.raise_challan import take_up_challan
from ekpay_switch.jobs.slots import Pace, Places, run_rounds
from ekpay_switch.ports.challans import TreasuryOffice

AT_ONCE = 8


@dataclass(slots=True)
class ChallanClerk:
    """The requests that this process sees through now."""

    office: TreasuryOffice
    lease_seconds: float
    places: Places = field(default_factory=lambda: Places(AT_ONCE))

    async def take_up(self) -> int:
        """Take up requests with open lines as far as there is place; how many."""
        self.places.tidy()
        free = min(self.places.free, AT_ONCE - self.places.counts[BILLER])
        due = await self.office.challans.lease_due(free, self.lease_seconds) if free > 0 else []
        for challan in due:
            self.places.start(
                BILLER, take_up_challan(challan, self.office), "challan_failed", challan.challan_id
            )
        return len(due)


async def run_challans(office: TreasuryOffice, pace: Pace, stop: asyncio.Event) -> None:
    """See to what is open until told to stop."""
    clerk = ChallanClerk(office, pace.lease_seconds)
    await run_rounds(clerk.take_up, clerk.places, pace, stop, "challans_failed")
