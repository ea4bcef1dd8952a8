"""The job that pays the bills of carts and gives back what no biller took."""

import asyncio
from dataclasses import dataclass, field

from ekpay_switch.flows.carts.pay_cart import pay_cart
from ekpay_switch.jobs.slots import Pace, Slots, run_worker
from ekpay_switch.ports.carts import CartPorts

AT_ONCE = 16
CARTS = "carts"


@dataclass(slots=True)
class CartWorker:
    """The carts that this process works on now."""

    office: CartPorts
    lease_seconds: float
    slots: Slots = field(default_factory=lambda: Slots(AT_ONCE))
    failure: str = "carts_failed"

    async def take_up(self) -> int:
        """Start work on paid carts with open work as far as there are free slots; how many were due.

        A cart whose next biller has no slot left comes back after its lease, so that a biller that hangs
        keeps no other one waiting.
        """
        self.slots.tidy()
        due = await self.office.carts.lease_due(self.slots.free, self.lease_seconds)
        for cart in due:
            far_side = cart.open_bills[0].bill.biller_id if cart.open_bills else CARTS
            if far_side not in self.slots.full_far_sides:
                work = pay_cart(cart, self.office)
                self.slots.start(far_side, work, "cart_failed", payment_id=cart.cart_id)
        return len(due)


async def run_carts(office: CartPorts, pace: Pace, stop: asyncio.Event) -> None:
    """Work on paid carts until `stop` is set."""
    await run_worker(CartWorker(office, pace.lease_seconds), pace, stop)
