"""Work that a caller who hangs up never cancels: each piece runs in a task of its own.

Whoever waits for it waits a limited time; what is late goes on and is waited for once more when the process
ends.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ekpay_switch import telemetry
from ekpay_switch.domain.errors import OverloadedError

Result = TypeVar("Result")


class StillRunningError(Exception):
    """The work has not ended in time; it goes on."""


@dataclass(slots=True)
class BackgroundTasks:
    """The tasks that run now, whether or not anybody still waits for them."""

    running: set[asyncio.Task[Any]] = field(default_factory=set)

    async def run_within(self, work: Coroutine[Any, Any, Result], seconds: float) -> Result:
        """What the work comes to, if it ends in time; raises what it raises.

        Raises:
            StillRunningError: it goes on, and nobody is told what comes of it.
        """
        task = asyncio.create_task(work)
        self.running.add(task)
        task.add_done_callback(self._forget)
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if not done:
            raise StillRunningError
        return task.result()

    async def rest(self, seconds: float) -> None:
        """Give what runs time to end, before the process does."""
        if self.running:
            await asyncio.wait(self.running, timeout=seconds)

    def _forget(self, task: "asyncio.Task[Any]") -> None:
        """Forget a task that has run; say so if it broke off, since its caller may be gone."""
        self.running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, OverloadedError):
            telemetry.count_error("payment_broke_off", error=error)
