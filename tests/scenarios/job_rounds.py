"""One round of each job that heals payments, to its end."""

from ekpay_switch.jobs.collector import Collector
from ekpay_switch.jobs.resolver import Resolver
from ekpay_switch.ports.world import World


async def resolve_due(world: World, lease_seconds: float) -> int:
    """Ask about what is due, as far as there is place, and wait for all answers; how many there were."""
    resolver = Resolver(world, lease_seconds)
    found = await resolver.take_up()
    await resolver.slots.settle()
    return found


async def collect_due(world: World, lease_seconds: float = 45.0) -> None:
    """Look at what is due of collected payments, and wait for all of it."""
    collector = Collector(world, lease_seconds)
    await collector.take_up()
    await collector.slots.settle()
