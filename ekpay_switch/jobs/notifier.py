"""The job that tells partners: gives notifications to endpoints and sends what is due, all the time.

Every delivery is a task of its own and the round never waits for the slowest, so that an endpoint which
hangs costs its own two places and nobody else's.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ekpay_switch import telemetry
from ekpay_switch.flows.notify import notify
from ekpay_switch.ports.notifications import LeasedNotice, PostOffice

AT_ONCE = 128
FAN_OUT_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class NotifierPace:
    """How often to look, how long a delivery is held, how long the last ones may take to end; in seconds.

    The lease outlasts a try and its record. What is cut off at the end is sent again under the same id.
    """

    poll_seconds: float = 1.0
    lease_seconds: float = 30.0
    leave_seconds: float = 2.0


async def run_notifier(office: PostOffice, pace: NotifierPace, stop: asyncio.Event) -> None:
    """Send until told to stop; an error is counted, logged and left to the next round or to the lease."""
    running: set[asyncio.Task[None]] = set()
    told_to_stop = asyncio.ensure_future(stop.wait())
    try:
        while not stop.is_set():
            due = await take_up(office, pace, AT_ONCE - len(running))
            running |= {asyncio.create_task(tell(leased, office)) for leased in due}
            ended, _ = await asyncio.wait(
                {told_to_stop, *running}, timeout=pace.poll_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            running -= {task for task in running if task in ended}
        if running:
            await asyncio.wait(running, timeout=pace.leave_seconds)
    finally:
        for task in (told_to_stop, *running):
            task.cancel()
        await asyncio.gather(told_to_stop, *running, return_exceptions=True)


async def take_up(office: PostOffice, pace: NotifierPace, places: int) -> Sequence[LeasedNotice]:
    """Fan out what is new, then lease what is due, as far as there is place."""
    try:
        for _ in range(FAN_OUT_ROUNDS):
            if not await office.notifications.fan_out():
                break
        return await office.notifications.lease_due(places, pace.lease_seconds) if places > 0 else []
    except Exception as error:  # noqa: BLE001 - a sick database must not end the job; the next round tries again
        telemetry.count_error("notifier_failed", error=error)
        return []


async def tell(leased: LeasedNotice, office: PostOffice) -> None:
    """Try one delivery; whatever happens, the others go on and the lease brings this one back."""
    try:
        await notify(leased, office)
    except Exception as error:  # noqa: BLE001 - one endpoint's trouble is not the others'
        telemetry.count_error(
            "notifying_failed",
            notification_id=leased.notification_id,
            endpoint_id=leased.endpoint_id,
            error=error,
        )
