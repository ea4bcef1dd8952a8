"""Sends pushes to the merchant's server, again and again until it has taken them.

Which pushes are owed stands in the book, so a kill loses none: they are sent again when the process comes
back. Wrong ones are sent once each and are owed to nobody.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain

import aiohttp

from sandbox.kit.institution.clock import Clock
from sandbox.kit.provider.book import Book, OwedPush
from sandbox.kit.provider.hooks import Push, PushKind

OWED = frozenset({PushKind.NOTICE, PushKind.AGAIN, PushKind.REFUND})
"""What is sent until it is taken."""

_TIMEOUT = aiohttp.ClientTimeout(total=15)


@dataclass(frozen=True, slots=True)
class Parcel:
    """One push on its way; `tried` is set after its first try."""

    owed: OwedPush
    tried: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Courier:
    """What the houses know of a push: what it says, whether an answer takes it, how long to wait after it."""

    compose: Callable[[OwedPush], Push | None]
    is_taken: Callable[[OwedPush, int, bytes], bool]
    delays: Callable[[OwedPush], tuple[float, ...]]


class Post:
    """The post office of one family."""

    def __init__(self, book: Book, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._waiting: asyncio.Queue[Parcel] = asyncio.Queue()
        self._known: set[str] = set()

    def send(self, owed: OwedPush) -> Parcel:
        """Send a push, and keep that it is owed."""
        return self._enqueue(self._book.record_push(owed))

    async def work(self, courier: Courier) -> None:
        """Send what is owed and what comes, until cancelled."""
        for owed in list(self._book.pushes()):
            if not owed.over_at and owed.push_id not in self._known:
                self._enqueue(owed)
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, asyncio.TaskGroup() as rounds:
            while True:
                rounds.create_task(self._carry(session, courier, await self._waiting.get()))

    def _enqueue(self, owed: OwedPush) -> Parcel:
        parcel = Parcel(owed)
        self._known.add(owed.push_id)
        self._waiting.put_nowait(parcel)
        return parcel

    async def _carry(self, session: aiohttp.ClientSession, courier: Courier, parcel: Parcel) -> None:
        owed = parcel.owed
        for delay in chain(courier.delays(owed), [None]):
            push = courier.compose(owed)
            is_over = push is None or await self._try(session, courier, owed, push)
            if is_over or owed.kind not in OWED:
                self._book.record_push_over(owed.push_id, self._clock.now())
            parcel.tried.set()
            if owed.over_at or delay is None:
                return
            await asyncio.sleep(delay)

    async def _try(
        self, session: aiohttp.ClientSession, courier: Courier, owed: OwedPush, push: Push
    ) -> bool:
        owed.tries += 1
        owed.status = None
        headers = dict(push.headers)
        sent = session.request(
            push.method, push.url, data=push.body or None, headers=headers, allow_redirects=False
        )
        try:
            async with sent as answer:
                owed.status = answer.status
                return courier.is_taken(owed, answer.status, await answer.read())
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False
