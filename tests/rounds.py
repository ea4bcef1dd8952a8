"""One round of the resolver, to its end."""

from ekpay_switch.jobs.resolver import Resolver
from ekpay_switch.ports import World


async def resolve_due(world: World, lease_seconds: float) -> int:
    """Ask about what is due, as far as there is place, and wait for all answers; how many there were."""
    resolver = Resolver(world, lease_seconds)
    found = await resolver.take_up()
    await resolver.settle()
    return found
