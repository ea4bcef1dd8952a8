"""The budget of inquiries: whether a far side may be called about a doubtful payment now."""

from ekpay_switch.ports.billers import BillerProfile
from ekpay_switch.ports.world import LeasedPayment, World


async def may_ask(leased: LeasedPayment, profile: BillerProfile, world: World) -> bool:
    """Whether the budget of this biller allows a call now, and the payment is still ours to ask about."""
    wait_seconds = await world.budget.take(profile.id, profile.inquiries_per_second)
    if wait_seconds > 0:
        await world.payments.postpone(leased, wait_seconds, "inquiry budget is used up", was_asked=False)
        return False
    return world.clock.monotonic() < leased.ask_before
