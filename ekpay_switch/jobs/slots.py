"""The loop of every background worker: each piece of work is a task of its own, limited by slots.

A far side that hangs keeps its own few slots and no others, and nothing more is started for it meanwhile: due
work waits in the database and not in a process.
"""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from ekpay_switch import telemetry

AT_ONCE = 64
DueT_co = TypeVar("DueT_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to poll, how long work is leased, how long the last tasks may take to end; in seconds.

    The lease outlasts an inquiry and its record, and is short enough that the work of a killed process is
    taken up again within a minute (api-conventions-and-security.md T84).
    """

    poll_seconds: float
    lease_seconds: float = 45.0
    leave_seconds: float = 2.0


@dataclass(slots=True)
class Slots:
    """The tasks that this process runs now, each under the far side that it may wait for."""

    per_far_side: int
    at_once: int = AT_ONCE
    running: dict[asyncio.Task[None], str] = field(default_factory=dict)

    @property
    def free(self) -> int:
        """How many more tasks may be started."""
        return max(self.at_once - len(self.running), 0)

    @property
    def full_far_sides(self) -> list[str]:
        """The far sides that have no free slot, sorted."""
        return sorted(far_side for far_side, count in self.counts.items() if count >= self.per_far_side)

    @property
    def counts(self) -> Counter[str]:
        """The number of tasks of each far side."""
        return Counter(self.running.values())

    def start(
        self, far_side: str, work: Coroutine[object, object, object], failure: str, **facts: object
    ) -> None:
        """Run the work in a task of its own; an error is counted as `failure`, and a lease brings it back.

        `facts` are fields of the log line of an error.
        """
        self.running[asyncio.create_task(_guarded(work, failure, facts))] = far_side

    def tidy(self) -> None:
        """Remove the tasks that have ended."""
        for task in [task for task in self.running if task.done()]:
            del self.running[task]

    async def settle(self, within_seconds: float | None = None) -> None:
        """Wait for the running tasks, then cancel the rest; unfinished work comes back after its lease."""
        if self.running:
            await asyncio.wait(self.running, timeout=within_seconds)
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)


class Worker(Protocol[DueT_co]):
    """A background job that leases due work and runs it in slots."""

    @property
    def slots(self) -> Slots:
        """The tasks that it runs now."""
        ...

    @property
    def failure(self) -> str:
        """The event that is counted when a round fails."""
        ...

    async def take_up(self) -> DueT_co:
        """Lease what is due, as far as there are free slots, and start it; what or how much that was."""
        ...


async def _guarded(work: Coroutine[object, object, object], failure: str, facts: dict[str, object]) -> None:
    try:
        await work
    except Exception as error:  # noqa: BLE001 - one task's failure must not end the others
        telemetry.count_error(failure, **facts, error=error)


async def run_round(worker: Worker[DueT_co]) -> DueT_co | None:
    """Take up what is due, once; None after an error, which is counted and logged: due work comes back."""
    try:
        return await worker.take_up()
    except Exception as error:  # noqa: BLE001 - a database error must not end the job; the next round retries
        telemetry.count_error(worker.failure, error=error)
        return None


async def run_worker(worker: Worker[object], pace: Pace, stop: asyncio.Event) -> None:
    """Run rounds until `stop` is set: one every `poll_seconds`, and one whenever a slot has become free."""
    stopped = asyncio.ensure_future(stop.wait())
    try:
        while not stop.is_set():
            await run_round(worker)
            await asyncio.wait(
                {stopped, *worker.slots.running},
                timeout=pace.poll_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
    finally:
        stopped.cancel()
        await worker.slots.settle(pace.leave_seconds)
