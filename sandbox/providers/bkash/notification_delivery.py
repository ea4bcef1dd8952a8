"""Posts notifications to the merchant's endpoint, again and again until it has taken them.

Which notifications are owed stands in the book, so a kill loses none: they are posted again when the process
comes back. Wrong ones, sent on demand, are posted once each and are owed to nobody. An endpoint gets
notifications whether or not it has confirmed its subscription, because where it would have to confirm lies
at Amazon's, which no rehearsal can reach.
"""

import asyncio
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import chain, repeat

import aiohttp

from sandbox.kit.institution.clock import Clock
from sandbox.providers.bkash.book import Book, Notice
from sandbox.providers.bkash.notifications import Composer, Kind, Letter
from sandbox.providers.bkash.payment import Payment
from sandbox.providers.bkash.settings import BkashSettings

VERSION = "1"
_TIMEOUT = aiohttp.ClientTimeout(total=15)
_LAST_DELAY_TIMES = 96
_REMEMBERED_MAX = 10_000
_FIRST_GOOD, _FIRST_BAD = 200, 300


@dataclass(slots=True)
class Posting:
    """What became of one message; `status` is that of the last try, None if there was no answer."""

    message_id: str
    kind: Kind
    tries: int = 0
    status: int | None = None


@dataclass(frozen=True)
class _Parcel:
    compose: Callable[[], Letter]
    posting: Posting
    endpoint: str
    is_repeated: bool
    tried: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Post:
    """The post office of one simulator; its methods are called inside the running loop."""

    def __init__(self, settings: BkashSettings, book: Book, clock: Clock, composer: Composer) -> None:
        self._settings = settings
        self._book = book
        self._clock = clock
        self._composer = composer
        self._waiting: asyncio.Queue[_Parcel] = asyncio.Queue()
        self._postings: deque[Posting] = deque(maxlen=_REMEMBERED_MAX)
        self._tokens: set[str] = set()
        self.is_confirmed = False

    def postings(self) -> list[dict[str, object]]:
        """Return what was sent since the start, oldest first."""
        return [asdict(posting) for posting in self._postings]

    def subscribe(self, endpoint: str) -> asyncio.Future[None]:
        """Send notifications there from now on, and ask it to confirm."""
        self._book.record_subscribed(endpoint)
        self.is_confirmed = False
        return self.ask(Kind.CONFIRMATION, VERSION, endpoint)

    def confirm(self, token: str) -> bool:
        """Take the answer to that question; False if nobody asked."""
        self.is_confirmed = self.is_confirmed or token in self._tokens
        return token in self._tokens

    def ask(self, kind: Kind, version: str, endpoint: str) -> asyncio.Future[None]:
        """Ask an endpoint to confirm; the future is done once it has been asked."""
        token, now = uuid.uuid4().hex * 4, self._clock.now()
        self._tokens.add(token)
        letter = self._composer.question(kind, token, now, version)
        return self._post(lambda: letter, Posting(letter.message_id, kind), endpoint, is_repeated=False)

    def deliver(self, notice: Notice, payment: Payment, endpoint: str) -> asyncio.Future[None]:
        """Post what is owed until it is taken; the future is done after the first try."""

        def compose() -> Letter:
            return self._composer.notification(
                payment, Kind.NOTIFICATION, notice.message_id, payment.executed, VERSION
            )

        return self._post(compose, Posting(notice.message_id, Kind.NOTIFICATION), endpoint, is_repeated=True)

    def send(
        self, kind: Kind, payment: Payment, at: datetime, version: str, endpoint: str
    ) -> asyncio.Future[None]:
        """Post a notification of a kind once; the future is done after that."""
        is_usual = kind in {Kind.NOTIFICATION, Kind.BAD_SIGNATURE, Kind.TAMPERED}
        message_id = self.message_id(payment) if is_usual else str(uuid.uuid4())

        def compose() -> Letter:
            return self._composer.notification(payment, kind, message_id, at, version)

        return self._post(compose, Posting(message_id, kind), endpoint, is_repeated=False)

    def message_id(self, payment: Payment) -> str:
        """Return the MessageId that the right notification of a payment always has."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._settings.sns_topic_arn}/{payment.payment_id}"))

    async def work(self) -> None:
        """Post what is owed and what comes, until cancelled."""
        wanted = self._settings.sns_endpoint
        if wanted is not None and wanted != self._book.endpoint:
            self.subscribe(wanted)
        for notice in self._book.owed():
            payment = self._book.payment(notice.payment_id)
            if payment is not None and self._book.endpoint is not None:
                self.deliver(notice, payment, self._book.endpoint)
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, asyncio.TaskGroup() as rounds:
            while True:
                rounds.create_task(self._carry(session, await self._waiting.get()))

    def _post(
        self, compose: Callable[[], Letter], posting: Posting, endpoint: str, *, is_repeated: bool
    ) -> asyncio.Future[None]:
        parcel = _Parcel(compose, posting, endpoint, is_repeated)
        self._postings.append(posting)
        self._waiting.put_nowait(parcel)
        return parcel.tried

    async def _carry(self, session: aiohttp.ClientSession, parcel: _Parcel) -> None:
        letter, posting = parcel.compose(), parcel.posting
        last = self._settings.sns_retry_seconds[-1:]
        delays = chain(self._settings.sns_retry_seconds, *repeat(last, _LAST_DELAY_TIMES))
        while True:
            posting.status = await _try(session, parcel.endpoint, letter, self._settings.sns_topic_arn)
            posting.tries += 1
            is_taken = posting.status is not None and _FIRST_GOOD <= posting.status < _FIRST_BAD
            if is_taken and parcel.is_repeated:
                self._book.record_delivered(letter.message_id, self._clock.now())
            if not parcel.tried.done():
                parcel.tried.set_result(None)
            delay = next(delays, None)
            if is_taken or not parcel.is_repeated or delay is None:
                return
            await asyncio.sleep(delay)


async def _try(session: aiohttp.ClientSession, endpoint: str, letter: Letter, topic_arn: str) -> int | None:
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": letter.message_type,
        "x-amz-sns-message-id": letter.message_id,
        "x-amz-sns-topic-arn": topic_arn,
    }
    try:
        async with session.post(endpoint, data=letter.body, headers=headers, allow_redirects=False) as answer:
            return answer.status
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None
