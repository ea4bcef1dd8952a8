"""The job of reminders: one bill of each biller at a time, and a failure that stops nothing."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ekpay_switch.jobs.reminders import ReminderWorker
from ekpay_switch.ports.reminders import LeasedReminder
from tests.fakes.billers import PROFILE, FakeBiller
from tests.flows.citizens.test_remind import FakeDueReminders, ReminderScene


@dataclass
class QueuedReminders(FakeDueReminders):
    """Reminders that wait, leased as the port says."""

    due: list[LeasedReminder] = field(default_factory=list)

    async def lease_due(
        self,
        limit: int,
        lease_seconds: float,  # noqa: ARG002 - memory
        billers: Sequence[str],
    ) -> list[LeasedReminder]:
        first = {one.saved.biller_id: one for one in reversed(self.due) if one.saved.biller_id in billers}
        leased = list(first.values())[:limit]
        self.due = [one for one in self.due if one not in leased]
        return leased


async def test_each_biller_is_asked_about_one_bill_at_a_time() -> None:
    scene = ReminderScene()
    small, gate = scene.small, asyncio.Event()
    small.billers.known.append(FakeBiller(small.clock, small.steps, replace(PROFILE, id="titas"), gate=gate))
    waiting = [scene.another(biller_id) for biller_id in (PROFILE.id, "titas", PROFILE.id, "titas")]
    reminders = QueuedReminders(due=waiting)
    worker = ReminderWorker(replace(scene.ports, reminders=reminders), 600.0)
    assert await worker.take_up() == 2
    await asyncio.wait(worker.slots.running, return_when=asyncio.FIRST_COMPLETED)
    assert await worker.take_up() == 1, "Titas has not answered"
    await asyncio.wait(worker.slots.running, return_when=asyncio.FIRST_COMPLETED)
    assert await worker.take_up() == 0
    gate.set()
    await worker.slots.settle()
    assert await worker.take_up() == 1
    await worker.slots.settle()
    assert len(reminders.settled) == 4


async def test_a_failure_stops_no_other_reminder() -> None:
    scene = ReminderScene()
    reminders = QueuedReminders(due=[scene.another(PROFILE.id), scene.another(PROFILE.id)])
    worker = ReminderWorker(replace(scene.ports, reminders=reminders), 600.0)
    scene.small.steps.crash_at = "after fetch"
    for _ in range(2):
        assert await worker.take_up() == 1
        await worker.slots.settle()
    assert len(reminders.settled) == 1
