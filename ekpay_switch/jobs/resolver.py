"""The job behind every doubt: leases what is due and resolves it, one far side never holding up another."""

import asyncio
import contextlib
from dataclasses import dataclass

from ekpay_switch import telemetry
from ekpay_switch.flows.resolve_in_doubt import resolve_in_doubt
from ekpay_switch.ports import Leased, World

AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class ResolverPace:
    """How often to look and how long a payment is held, in seconds.

    The lease outlasts an inquiry and its record, and is short enough that what a killed worker held is
    taken up again within a minute (api-conventions-and-security.md T84).
    """

    poll_seconds: float
    lease_seconds: float = 45.0


async def run_resolver(world: World, pace: ResolverPace, stop: asyncio.Event) -> None:
    """Look for due payments until told to stop; looks again at once while there is more to do.

    An error is counted, logged and left to the lease: the payment comes back when it ends.
    """
    while not stop.is_set():
        try:
            found = await resolve_due(world, pace.lease_seconds)
        except Exception as error:  # noqa: BLE001 - a sick database must not end the job that heals payments
            telemetry.count_error("resolver_failed", error=error)
            found = 0
        if found < AT_ONCE:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pace.poll_seconds)


async def resolve_due(world: World, lease_seconds: float) -> int:
    """Resolve one handful of due payments side by side; how many there were."""
    due = await world.payments.lease_due(AT_ONCE, lease_seconds)
    await asyncio.gather(*(_resolve(leased, world) for leased in due))
    return len(due)


async def _resolve(leased: Leased, world: World) -> None:
    try:
        await resolve_in_doubt(leased, world)
    except Exception as error:  # noqa: BLE001 - one payment's trouble is not the others'
        telemetry.count_error("resolving_failed", payment_id=leased.delivery.payment_id, error=error)
