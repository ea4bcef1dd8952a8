"""An institution that is out of order as a whole."""

import asyncio
from enum import StrEnum


class OutageMode(StrEnum):
    """How the whole institution is out of order."""

    NONE = "none"
    HANG = "hang"
    HTTP_503 = "http_503"


class Outage:
    """An outage of the whole institution: nothing is done while it lasts.

    `hang` holds every call until the outage is over and then closes without an answer.
    """

    def __init__(self) -> None:
        self.mode = OutageMode.NONE
        self._over = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, mode: OutageMode, seconds: float | None) -> None:
        """Start an outage that ends by itself after `seconds`, or with the next call of this."""
        self.end()
        self._over = asyncio.Event()
        self.mode = mode
        if mode is not OutageMode.NONE and seconds is not None:
            self._timer = asyncio.get_running_loop().call_later(seconds, self.end)

    def end(self) -> None:
        """Let the institution work again and release the held calls."""
        self.mode = OutageMode.NONE
        self._over.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def wait_until_over(self) -> None:
        """Return when this outage has ended, even if another has begun since."""
        await self._over.wait()
