"""Waiting for changes of host messages by other processes, with one cheap query for all waiters.

Writers in this process notify at once; changes by other processes are found by polling.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

from ekpay_switch import telemetry
from ekpay_switch.domain.host_messages import HostMessage, MessageKey

LOOK_SECONDS = 0.05
# After an error the database is asked less often.
PAUSE_SECONDS = 1.0

ReadMessages = Callable[[list[MessageKey]], Awaitable[Sequence[HostMessage]]]
ReadWork = Callable[[], Awaitable[Sequence[str]]]


class HostNews:
    """Polls the rows for one process; `read_work` names the connectors with something to send."""

    def __init__(self, read: ReadMessages, read_work: ReadWork, look_seconds: float = LOOK_SECONDS) -> None:
        self._read = read
        self._read_work = read_work
        self._look_seconds = look_seconds
        self._awaited: dict[MessageKey, list[tuple[HostMessage, asyncio.Future[HostMessage]]]] = {}
        self._work: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._workers = 0
        self._changed = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None

    async def await_news(self, last_seen: HostMessage, within_seconds: float) -> HostMessage:
        """See `ports.host_links.HostMessages`; raises what the last read of the database raised."""
        future: asyncio.Future[HostMessage] = asyncio.get_running_loop().create_future()
        waits = self._awaited.setdefault(last_seen.key, [])
        waits.append((last_seen, future))
        self._start_watching()
        try:
            async with asyncio.timeout(within_seconds):
                return await future
        except TimeoutError:
            # The last poll may be a moment old, or may have failed.
            return next(iter(await self._read([last_seen.key])), last_seen)
        finally:
            waits.remove((last_seen, future))
            if not waits:
                self._awaited.pop(last_seen.key, None)

    async def await_work(self, connector_id: str, within_seconds: float) -> None:
        """See `ports.host_links.HostLinks`."""
        event = self._work[connector_id]
        self._workers += 1
        self._start_watching()
        try:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), within_seconds)
        finally:
            self._workers -= 1
            event.clear()

    def there_is_work(self, connector_id: str) -> None:
        """Notify the owner of the link that this process has written something to send."""
        self._work[connector_id].set()

    def there_are_news(self) -> None:
        """Notify waiters that this process has changed a host message."""
        self._changed.set()

    async def close(self) -> None:
        """Stop polling; who still waits, waits until its timeout."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    def _start_watching(self) -> None:
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._watch_rows())

    async def _watch_rows(self) -> None:
        """Poll as long as anybody waits."""
        while self._awaited or self._workers:
            pause = self._look_seconds
            try:
                await self._look_once()
            except Exception as error:  # noqa: BLE001 - each waiter has a timeout of its own, and the database may be back
                telemetry.count_error("host_watch_failed", error=error)
                pause = PAUSE_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), pause)
            self._changed.clear()

    async def _look_once(self) -> None:
        if self._workers:
            for connector_id in await self._read_work():
                self._work[connector_id].set()
        if self._awaited:
            for message in await self._read([*self._awaited]):
                for last_seen, future in self._awaited.get(message.key, ()):
                    if message.has_news(last_seen) and not future.done():
                        future.set_result(message)
