"""The job that notifies partners: hands new notifications to endpoints and sends what is due.

Every delivery is a task of its own, and few deliveries of one endpoint are leased at a time, so that an
endpoint which hangs delays no other.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from ekpay_switch.flows.notifications.notify import notify
from ekpay_switch.jobs.slots import Pace, Slots, run_worker
from ekpay_switch.ports.notifications import LeasedNotification, NotificationPorts

AT_ONCE = 128
FAN_OUT_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class NotifierPace(Pace):
    """The pace of notifications: the lease outlasts a try and its record.

    A delivery that is cut off at the end is sent again under the same id.
    """

    lease_seconds: float = 30.0


@dataclass(slots=True)
class Notifier:
    """The deliveries that this process sends now."""

    ports: NotificationPorts
    lease_seconds: float
    slots: Slots = field(default_factory=lambda: Slots(AT_ONCE, AT_ONCE))
    failure: str = "notifier_failed"

    async def take_up(self) -> Sequence[LeasedNotification]:
        """Fan out new notifications, then start the due deliveries as far as there are free slots."""
        self.slots.tidy()
        notifications, free = self.ports.notifications, self.slots.free
        for _ in range(FAN_OUT_ROUNDS):
            if not await notifications.fan_out():
                break
        due = await notifications.lease_due(free, self.lease_seconds) if free else []
        for leased in due:
            self.slots.start(
                str(leased.endpoint_id),
                notify(leased, self.ports),
                "notifying_failed",
                notification_id=leased.notification_id,
                endpoint_id=leased.endpoint_id,
            )
        return due


async def run_notifier(ports: NotificationPorts, pace: NotifierPace, stop: asyncio.Event) -> None:
    """Send due notifications until `stop` is set."""
    await run_worker(Notifier(ports, pace.lease_seconds), pace, stop)
