"""The job that runs periodic chores: cleaning up and counting."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from ekpay_switch import telemetry


async def run_housekeeping(
    chores: Sequence[Callable[[], Awaitable[object]]], every_seconds: float, stop: asyncio.Event
) -> None:
    """Run every chore each `every_seconds` until `stop` is set; one that fails does not stop the others."""
    while not stop.is_set():
        for chore in chores:
            try:
                await chore()
            except Exception as error:  # noqa: BLE001 - counted, and retried in the next round
                telemetry.count_error("housekeeping_failed", error=error)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every_seconds)
