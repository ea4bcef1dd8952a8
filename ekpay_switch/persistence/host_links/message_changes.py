"""Waiting for what other processes write about requests to hosts, with one cheap query for all who wait.

Whoever writes in this process says so at once; what others write is seen at the next look.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

from ekpay_switch import telemetry
from ekpay_switch.domain.host_messages import HostMessage, MessageKey

LOOK_SECONDS = 0.05
# A sick database is asked less often.
PAUSE_SECONDS = 1.0

ReadMessages = Callable[[list[MessageKey]], Awaitable[Sequence[HostMessage]]]
ReadWork = Callable[[], Awaitable[Sequence[str]]]


class HostNews:
    """One process's watch over the rows; `read_work` names the connectors with something to send."""

    def __init__(self, read: ReadMessages, read_work: ReadWork, look_seconds: float = LOOK_SECONDS) -> None:
        self._read = read
        self._read_work = read_work
        self._look_seconds = look_seconds
        self._awaited: dict[MessageKey, list[tuple[HostMessage, asyncio.Future[HostMessage]]]] = {}
        self._work: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._workers = 0
        self._stir = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None

    async def await_news(self, seen: HostMessage, within_seconds: float) -> HostMessage:
        """See `host_link_ports.HostMessages`; raises what the last look at the database raised."""
        future: asyncio.Future[HostMessage] = asyncio.get_running_loop().create_future()
        waits = self._awaited.setdefault(seen.key, [])
        waits.append((seen, future))
        self._look_on()
        try:
            async with asyncio.timeout(within_seconds):
                return await future
        except TimeoutError:
            # The last look may be a moment old, and a failed one says nothing.
            return next(iter(await self._read([seen.key])), seen)
        finally:
            waits.remove((seen, future))
            if not waits:
                self._awaited.pop(seen.key, None)

    async def await_work(self, connector_id: str, within_seconds: float) -> None:
        """See `host_link_ports.HostLinks`."""
        event = self._work[connector_id]
        self._workers += 1
        self._look_on()
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), within_seconds)
        finally:
            self._workers -= 1
            event.clear()

    def there_is_work(self, connector_id: str) -> None:
        """Something was written in this process that the link's owner has to send."""
        self._work[connector_id].set()

    def there_are_news(self) -> None:
        """Something was written in this process that somebody may wait for."""
        self._stir.set()

    async def close(self) -> None:
        """Look no more; who still waits, waits for its time."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    def _look_on(self) -> None:
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._look())

    async def _look(self) -> None:
        """Look as long as anybody waits."""
        while self._awaited or self._workers:
            pause = self._look_seconds
            try:
                await self._look_once()
            except Exception as error:  # noqa: BLE001 - whoever waits has a time of its own, and the database may be back
                telemetry.count_error("host_watch_failed", error=error)
                pause = PAUSE_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stir.wait(), pause)
            self._stir.clear()

    async def _look_once(self) -> None:
        if self._workers:
            for connector_id in await self._read_work():
                self._work[connector_id].set()
        if self._awaited:
            for message in await self._read([*self._awaited]):
                for seen, future in self._awaited.get(message.key, ()):
                    if message.has_news(seen) and not future.done():
                        future.set_result(message)
