"""Giving a prefund back for a delivery that is proven not to have happened."""

from ekpay_switch.domain.payments.delivery import Delivery, RecordAnswer, Recording, plan_not_posted
from ekpay_switch.ports.world import World


async def give_back(delivery: Delivery, watch_again_seconds: float, world: World) -> RecordAnswer:
    """Give everything back, charges included; only on proof, never on a timeout.

    Since even a proof may be wrong, the biller is asked again after `watch_again_seconds` (law 15).
    """
    return await world.payments.record(Recording(delivery, plan_not_posted(delivery), watch_again_seconds))
