"""Giving a prefund back for a delivery that is proven not to have happened."""

from ekpay_switch.domain.delivery import Delivery, RecordAnswer, Recording, plan_not_posted
from ekpay_switch.ports.world import World


async def give_back(delivery: Delivery, watch_again_seconds: float, world: World) -> RecordAnswer:
    """Everything, charges included, is the partner's again; only ever on proof, never on a time-out.

    Even a proof may be wrong: the biller is asked once more after so many seconds (law 15).
    """
    return await world.payments.record(Recording(delivery, plan_not_posted(delivery), watch_again_seconds))
