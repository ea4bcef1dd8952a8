"""Background work that a disconnecting caller never cancels: each piece runs in a task of its own.

A caller waits for it for a limited time; late work goes on, and the process waits for it once more before it
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
    """The tasks that run now, whether or not a caller still waits for them."""

    running: set[asyncio.Task[Any]] = field(default_factory=set)

    async def run_within(self, work: Coroutine[Any, Any, Result], seconds: float) -> Result:
        """The result of the work, if it ends in time; raises what the work raises.

        Raises:
            StillRunningError: it goes on, and its result is dropped.
        """
        task = asyncio.create_task(work)
        self.running.add(task)
        task.add_done_callback(self._forget)
        done, _ = await asyncio.wait({task}, timeout=seconds)
        if not done:
            raise StillRunningError
        return task.result()

    async def drain(self, seconds: float) -> None:
        """Wait for the running tasks, at most that long, before the process ends."""
        if self.running:
            await asyncio.wait(self.running, timeout=seconds)

    def _forget(self, task: "asyncio.Task[Any]") -> None:
        """Forget a task that has ended; log an error of it, since its caller may be gone."""
        self.running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, OverloadedError):
            telemetry.count_error("payment_broke_off", error=error)
