"""What the clock tidies up and counts, again and again."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from ekpay_switch import telemetry


async def run_housekeeping(
    chores: Sequence[Callable[[], Awaitable[object]]], every_seconds: float, stop: asyncio.Event
) -> None:
    """Do every chore, wait, do them again until told to stop; one that fails does not keep the others."""
    while not stop.is_set():
        for chore in chores:
            try:
                await chore()
            except Exception as error:  # noqa: BLE001 - tried again next time, and seen until then
                telemetry.count_error("housekeeping_failed", error=error)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), every_seconds)
