"""What kills a process at one point of a payment: the fuse that every wrapped port of the world shares."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Self, TypeVar

T = TypeVar("T")

# A send that is still unanswered after this many seconds has long been written: the far side is slow.
IN_THE_AIR_SECONDS = 0.5


@dataclass(slots=True)
class Fuse:
    """Sends this process a signal once each of its points was reached for the `after`-th time.

    `point` is one name, or several with commas between them. What `holds` keeps at a point are the first
    `after` that reach it; whoever comes later goes on, to be held at the next one. A payment that is taken up
    again while it is held counts once, where it is told whose turn it is.
    """

    point: str
    after: int
    holds: bool
    signal_number: signal.Signals = signal.SIGKILL
    reached: Counter[str] = field(default_factory=Counter)
    held: set[tuple[str, object]] = field(default_factory=set)

    async def reach(self, *points: str, whose: object = None) -> None:
        """Say that a payment is at a point, which may go by several names."""
        here = next((point for point in self._points if point in points), None)
        if here is None:
            return
        is_held = whose is not None and (here, whose) in self.held
        if not is_held and (self.reached[here] >= self.after or self.strikes(here)):
            return
        self.held.add((here, whose))
        if self.holds:
            await asyncio.Event().wait()

    def strikes(self, point: str = "") -> bool:
        """Count one more payment at the point, the only one unless it is named; whether it was struck."""
        self.reached[point or self.point] += 1
        if any(self.reached[one] != self.after for one in self._points):
            return False
        os.kill(os.getpid(), self.signal_number)
        return True

    async def around(self, name: str, work: Awaitable[T], whose: object = None) -> T:
        """Do something with a point before it and one after it."""
        await self.reach(f"before_{name}", whose=whose)
        done = await work
        await self.reach(f"after_{name}", whose=whose)
        return done

    async def in_the_air(self, name: str, work: Awaitable[T]) -> T:
        """The same for a call to a far side, with a point in the middle of it where the far side is slow."""
        await self.reach(f"before_{name}")
        sending = asyncio.ensure_future(work)
        done, _ = await asyncio.wait({sending}, timeout=IN_THE_AIR_SECONDS)
        if not done:
            await self.reach(f"during_{name}")
        answer = await sending
        await self.reach(f"after_{name}")
        return answer

    @property
    def _points(self) -> list[str]:
        return self.point.split(",")


class GateDeadline(float):
    """A send deadline that strikes when the gate has found it not to be over yet, and before it writes.

    The gate says `now >= deadline`; Python asks the deadline first, since its type is the narrower one.
    """

    fuse: Fuse

    @classmethod
    def of(cls, deadline: float, fuse: Fuse) -> Self:
        """The same deadline, armed."""
        armed = cls(deadline)
        armed.fuse = fuse
        return armed

    def __le__(self, now: float) -> bool:
        is_over = float(self) <= now
        if not is_over:
            self.fuse.strikes()
        return is_over
