"""The port `Clock` on the machine's own clocks."""

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """Real time."""

    def monotonic(self) -> float:
        """See `ports.Clock`."""
        return time.monotonic()

    def now(self) -> datetime:
        """See `ports.Clock`."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """See `ports.Clock`."""
        await asyncio.sleep(seconds)
