"""The port `Clock` on the machine's own clocks.

What may surprise: Linux stops CLOCK_MONOTONIC while the machine is suspended, so a deadline on it would not
pass meanwhile. Deadlines therefore count on the clock of the boot, which goes on. The timers of asyncio stay
on the other one: they only decide when we look, and whoever writes looks first.
"""

import asyncio
import time
from datetime import UTC, datetime

_BOOT_CLOCK: int | None = getattr(time, "CLOCK_BOOTTIME", None)


def seconds_since_boot() -> float:
    """A reading in seconds that never goes back, and goes on while the machine is suspended.

    Where the system has no such clock this is `time.monotonic`. Readings of the two are never compared.
    """
    return time.monotonic() if _BOOT_CLOCK is None else time.clock_gettime(_BOOT_CLOCK)


class SystemClock:
    """Real time."""

    def monotonic(self) -> float:
        """See `ports.Clock`."""
        return seconds_since_boot()

    def now(self) -> datetime:
        """See `ports.Clock`."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """See `ports.Clock`."""
        await asyncio.sleep(seconds)
