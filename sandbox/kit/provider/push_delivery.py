"""Sends pushes to the merchant's server, with retries until it has accepted them.

Pushes that are owed stand in the book, so a kill loses none: they are sent again after a restart. Wrong ones
are sent once and never repeated.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

import aiohttp

from sandbox.kit.institution.clock import Clock
from sandbox.kit.provider.book import OwedPush, ProviderBook, QueuedPush
from sandbox.kit.provider.hooks import Push, PushKind

REPEATED_KINDS = frozenset({PushKind.NOTICE, PushKind.AGAIN, PushKind.REFUND})
"""What is sent until it is taken."""

_TIMEOUT = aiohttp.ClientTimeout(total=15)


@dataclass(frozen=True, slots=True)
class PushRules:
    """How a family delivers a push: its content, what accepts it, and the waits between tries."""

    compose: Callable[[OwedPush], Push | None]
    is_accepted: Callable[[OwedPush, int, bytes], bool]
    delays: Callable[[OwedPush], tuple[float, ...]]


class PushSender:
    """Sends the pushes of one family."""

    def __init__(self, book: ProviderBook, clock: Clock) -> None:
        self._book = book
        self._clock = clock
        self._waiting: asyncio.Queue[QueuedPush] = asyncio.Queue()
        self._known: set[str] = set()

    def send(self, owed_push: OwedPush) -> QueuedPush:
        """Send a push, and keep that it is owed."""
        return self._enqueue(self._book.record_push(owed_push))

    async def work(self, rules: PushRules) -> None:
        """Send what is owed and what comes, until cancelled."""
        for owed_push in list(self._book.pushes()):
            if not owed_push.over_at and owed_push.push_id not in self._known:
                self._enqueue(owed_push)
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, asyncio.TaskGroup() as rounds:
            while True:
                rounds.create_task(self._deliver(session, rules, await self._waiting.get()))

    def _enqueue(self, owed_push: OwedPush) -> QueuedPush:
        queued_push = QueuedPush(owed_push)
        self._known.add(owed_push.push_id)
        self._waiting.put_nowait(queued_push)
        return queued_push

    async def _deliver(
        self, session: aiohttp.ClientSession, rules: PushRules, queued_push: QueuedPush
    ) -> None:
        owed_push = queued_push.owed_push
        for delay in chain(rules.delays(owed_push), [None]):
            push = rules.compose(owed_push)
            is_over = push is None or await self._try(session, rules, owed_push, push)
            if is_over or owed_push.kind not in REPEATED_KINDS:
                self._book.record_push_over(owed_push.push_id, self._clock.now())
            queued_push.tried.set()
            if owed_push.over_at or delay is None:
                return
            await asyncio.sleep(delay)

    async def _try(
        self, session: aiohttp.ClientSession, rules: PushRules, owed_push: OwedPush, push: Push
    ) -> bool:
        owed_push.tries += 1
        owed_push.status = None
        headers = dict(push.headers)
        sent = session.request(
            push.method, push.url, data=push.body or None, headers=headers, allow_redirects=False
        )
        try:
            async with sent as answer:
                owed_push.status = answer.status
                return rules.is_accepted(owed_push, answer.status, await answer.read())
        except (aiohttp.ClientError, TimeoutError, ValueError):
            return False
