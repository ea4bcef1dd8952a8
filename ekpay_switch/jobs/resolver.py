"""The job behind every doubt: leases what is due and resolves it, one far side never holding up another.

Each question is a task of its own. A far side that hangs keeps its own few places and no others, and nothing
more of it is leased meanwhile, so that its payments wait in the books and not in a process.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass

from ekpay_switch import telemetry
from ekpay_switch.flows.resolve_in_doubt import resolve_in_doubt
from ekpay_switch.ports import Leased, World

AT_ONCE = 64
AT_ONCE_OF_ONE = 4


@dataclass(frozen=True, slots=True)
class ResolverPace:
    """How often to look, how long a payment is held, how long the last ones may take to end; in seconds.

    The lease outlasts an inquiry and its record, and is short enough that what a killed worker held is
    taken up again within a minute (api-conventions-and-security.md T84).
    """

    poll_seconds: float
    lease_seconds: float = 45.0
    leave_seconds: float = 2.0


class Resolver:
    """The payments that this process asks about now."""

    def __init__(self, world: World, lease_seconds: float) -> None:
        self._world = world
        self._lease_seconds = lease_seconds
        self._asking: dict[asyncio.Task[None], str] = {}

    @property
    def asking(self) -> set[asyncio.Task[None]]:
        """The questions that run, so that somebody may wait for one to end."""
        return set(self._asking)

    async def take_up(self) -> int:
        """Lease due payments as far as there is place and ask about each; how many."""
        for task in [task for task in self._asking if task.done()]:
            del self._asking[task]
        places = AT_ONCE - len(self._asking)
        if places <= 0:
            return 0
        running = Counter(self._asking.values())
        crowded = sorted(far_side for far_side, count in running.items() if count >= AT_ONCE_OF_ONE)
        due = await self._world.payments.lease_due(
            places, self._lease_seconds, per_far_side=AT_ONCE_OF_ONE, passing_over=crowded
        )
        for leased in due:
            self._asking[asyncio.create_task(self._resolve(leased))] = leased.delivery.biller_id
        return len(due)

    async def settle(self, within_seconds: float | None = None) -> None:
        """Wait for the questions that run; what is still unanswered then comes back when its lease ends."""
        if self._asking:
            await asyncio.wait(self._asking, timeout=within_seconds)
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    async def _resolve(self, leased: Leased) -> None:
        try:
            await resolve_in_doubt(leased, self._world)
        except Exception as error:  # noqa: BLE001 - one payment's trouble is not the others'
            telemetry.count_error("resolving_failed", payment_id=leased.delivery.payment_id, error=error)


async def run_resolver(world: World, pace: ResolverPace, stop: asyncio.Event) -> None:
    """Look for due payments until told to stop; looks again whenever a place has become free.

    An error is counted, logged and left to the lease: the payment comes back when it ends.
    """
    resolver = Resolver(world, pace.lease_seconds)
    told_to_stop = asyncio.ensure_future(stop.wait())
    try:
        while not stop.is_set():
            try:
                await resolver.take_up()
            except Exception as error:  # noqa: BLE001 - a sick database must not end the job that heals payments
                telemetry.count_error("resolver_failed", error=error)
            await asyncio.wait(
                {told_to_stop, *resolver.asking},
                timeout=pace.poll_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
    finally:
        told_to_stop.cancel()
        await resolver.settle(pace.leave_seconds)
