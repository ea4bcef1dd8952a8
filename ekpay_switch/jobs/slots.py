"""Work of the clock, each piece a task of its own, so that one far side never holds up another.

A far side that hangs keeps its own few places and no others, and nothing more of it is taken up meanwhile:
what waits, waits in the books and not in a process.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from uuid import UUID

from ekpay_switch import telemetry

AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look, how long work is held, how long the last pieces may take to end; in seconds.

    The lease outlasts a question and its record, and is short enough that what a killed worker held is taken
    up again within a minute (api-conventions-and-security.md T84).
    """

    poll_seconds: float
    lease_seconds: float = 45.0
    leave_seconds: float = 2.0


@dataclass(slots=True)
class Places:
    """What this process does now; each task stands under the far side that it may wait for."""

    at_once_of_one: int
    running: dict[asyncio.Task[None], str] = field(default_factory=dict)

    @property
    def free(self) -> int:
        """How much more may be taken up."""
        return max(AT_ONCE - len(self.running), 0)

    @property
    def crowded(self) -> list[str]:
        """The far sides that have all their places, sorted."""
        return sorted(far_side for far_side, count in self.counts.items() if count >= self.at_once_of_one)

    @property
    def counts(self) -> Counter[str]:
        """How much runs of each far side."""
        return Counter(self.running.values())

    def start(self, far_side: str, work: Coroutine[object, object, object], failure: str, of: UUID) -> None:
        """Do it in a task of its own; an error is counted as `failure`, and a lease brings the work back.

        `of` is the payment that the log line names then.
        """
        self.running[asyncio.create_task(_guarded(work, failure, of))] = far_side

    def tidy(self) -> None:
        """Forget what has ended."""
        for task in [task for task in self.running if task.done()]:
            del self.running[task]

    async def settle(self, within_seconds: float | None = None) -> None:
        """Wait for what runs; what is unfinished then comes back when its lease ends."""
        if self.running:
            await asyncio.wait(self.running, timeout=within_seconds)
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)


async def _guarded(work: Coroutine[object, object, object], failure: str, of: UUID) -> None:
    try:
        await work
    except Exception as error:  # noqa: BLE001 - one payment's trouble is not the others'
        telemetry.count_error(failure, payment_id=of, error=error)


async def run_rounds(
    take_up: Callable[[], Awaitable[object]], places: Places, pace: Pace, stop: asyncio.Event, failure: str
) -> None:
    """Take up what is due until told to stop; again whenever a place has become free.

    An error is counted as `failure`, logged and left to the leases: what was due comes back.
    """
    told_to_stop = asyncio.ensure_future(stop.wait())
    try:
        while not stop.is_set():
            try:
                await take_up()
            except Exception as error:  # noqa: BLE001 - a sick database must not end the job that heals payments
                telemetry.count_error(failure, error=error)
            await asyncio.wait(
                {told_to_stop, *places.running},
                timeout=pace.poll_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
    finally:
        told_to_stop.cancel()
        await places.settle(pace.leave_seconds)
