"""Giving a prefund back for a delivery that is proven not to have happened."""

from ekpay_switch.domain.delivery import Delivery, RecordAnswer, Recording, plan_not_posted
from ekpay_switch.ports import World


async def give_back(delivery: Delivery, world: World) -> RecordAnswer:
    """Everything, charges included, is the partner's again; only ever on proof, never on a time-out."""
    return await world.payments.record(Recording(delivery, plan_not_posted(delivery)))
