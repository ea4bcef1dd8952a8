"""Posts notifications to the merchant's endpoint, with retries until it has accepted them.

Notifications that are owed stand in the book, so a kill loses none: they are posted again after a restart.
Wrong ones, sent on demand, are posted once and never repeated. An endpoint gets
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
from sandbox.providers.bkash.book import BkashBook, OwedNotification
from sandbox.providers.bkash.notifications import Composer, NotificationKind, SignedMessage
from sandbox.providers.bkash.payment import BkashPayment
from sandbox.providers.bkash.settings import BkashSettings

VERSION = "1"
_TIMEOUT = aiohttp.ClientTimeout(total=15)
_LAST_DELAY_TIMES = 96
_REMEMBERED_MAX = 10_000
_FIRST_GOOD, _FIRST_BAD = 200, 300


@dataclass(slots=True)
class DeliveryRecord:
    """The delivery of one message; `status` is that of the last try, None if there was no answer."""

    message_id: str
    kind: NotificationKind
    tries: int = 0
    status: int | None = None


@dataclass(frozen=True)
class _QueuedMessage:
    compose: Callable[[], SignedMessage]
    record: DeliveryRecord
    endpoint: str
    is_repeated: bool
    tried: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class NotificationSender:
    """Sends the notifications of one simulator; its methods are called inside the running loop."""

    def __init__(self, settings: BkashSettings, book: BkashBook, clock: Clock, composer: Composer) -> None:
        self._settings = settings
        self._book = book
        self._clock = clock
        self._composer = composer
        self._waiting: asyncio.Queue[_QueuedMessage] = asyncio.Queue()
        self._delivery_records: deque[DeliveryRecord] = deque(maxlen=_REMEMBERED_MAX)
        self._tokens: set[str] = set()
        self.is_confirmed = False

    def delivery_records(self) -> list[dict[str, object]]:
        """Return what was sent since the start, oldest first."""
        return [asdict(record) for record in self._delivery_records]

    def subscribe(self, endpoint: str) -> asyncio.Future[None]:
        """Send notifications there from now on, and ask it to confirm."""
        self._book.record_subscribed(endpoint)
        self.is_confirmed = False
        return self.ask(NotificationKind.CONFIRMATION, VERSION, endpoint)

    def confirm(self, token: str) -> bool:
        """Take the confirmation of a subscription; False if its token is unknown."""
        self.is_confirmed = self.is_confirmed or token in self._tokens
        return token in self._tokens

    def ask(self, kind: NotificationKind, version: str, endpoint: str) -> asyncio.Future[None]:
        """Ask an endpoint to confirm; the future is done once it has been asked."""
        token, now = uuid.uuid4().hex * 4, self._clock.now()
        self._tokens.add(token)
        signed_message = self._composer.question(kind, token, now, version)
        return self._post(
            lambda: signed_message,
            DeliveryRecord(signed_message.message_id, kind),
            endpoint,
            is_repeated=False,
        )

    def deliver(self, notice: OwedNotification, payment: BkashPayment, endpoint: str) -> asyncio.Future[None]:
        """Post what is owed until it is taken; the future is done after the first try."""

        def compose() -> SignedMessage:
            return self._composer.notification(
                payment, NotificationKind.NOTIFICATION, notice.message_id, payment.execution_time, VERSION
            )

        return self._post(
            compose,
            DeliveryRecord(notice.message_id, NotificationKind.NOTIFICATION),
            endpoint,
            is_repeated=True,
        )

    def send(
        self, kind: NotificationKind, payment: BkashPayment, at: datetime, version: str, endpoint: str
    ) -> asyncio.Future[None]:
        """Post a notification of a kind once; the future is done after that."""
        is_usual = kind in {
            NotificationKind.NOTIFICATION,
            NotificationKind.BAD_SIGNATURE,
            NotificationKind.TAMPERED,
        }
        message_id = self.message_id(payment) if is_usual else str(uuid.uuid4())

        def compose() -> SignedMessage:
            return self._composer.notification(payment, kind, message_id, at, version)

        return self._post(compose, DeliveryRecord(message_id, kind), endpoint, is_repeated=False)

    def message_id(self, payment: BkashPayment) -> str:
        """Return the MessageId that the right notification of a payment always has."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self._settings.sns_topic_arn}/{payment.payment_id}"))

    async def work(self) -> None:
        """Post what is owed and what comes, until cancelled."""
        endpoint = self._settings.sns_endpoint
        if endpoint is not None and endpoint != self._book.endpoint:
            self.subscribe(endpoint)
        for notice in self._book.undelivered_notifications():
            payment = self._book.payment(notice.payment_id)
            if payment is not None and self._book.endpoint is not None:
                self.deliver(notice, payment, self._book.endpoint)
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, asyncio.TaskGroup() as rounds:
            while True:
                rounds.create_task(self._deliver(session, await self._waiting.get()))

    def _post(
        self,
        compose: Callable[[], SignedMessage],
        record: DeliveryRecord,
        endpoint: str,
        *,
        is_repeated: bool,
    ) -> asyncio.Future[None]:
        queued = _QueuedMessage(compose, record, endpoint, is_repeated)
        self._delivery_records.append(record)
        self._waiting.put_nowait(queued)
        return queued.tried

    async def _deliver(self, session: aiohttp.ClientSession, queued: _QueuedMessage) -> None:
        signed_message, record = queued.compose(), queued.record
        last = self._settings.sns_retry_seconds[-1:]
        delays = chain(self._settings.sns_retry_seconds, *repeat(last, _LAST_DELAY_TIMES))
        while True:
            record.status = await _post_message(
                session, queued.endpoint, signed_message, self._settings.sns_topic_arn
            )
            record.tries += 1
            is_taken = record.status is not None and _FIRST_GOOD <= record.status < _FIRST_BAD
            if is_taken and queued.is_repeated:
                self._book.record_delivered(signed_message.message_id, self._clock.now())
            if not queued.tried.done():
                queued.tried.set_result(None)
            delay = next(delays, None)
            if is_taken or not queued.is_repeated or delay is None:
                return
            await asyncio.sleep(delay)


async def _post_message(
    session: aiohttp.ClientSession, endpoint: str, signed_message: SignedMessage, topic_arn: str
) -> int | None:
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": signed_message.message_type,
        "x-amz-sns-message-id": signed_message.message_id,
        "x-amz-sns-topic-arn": topic_arn,
    }
    try:
        async with session.post(
            endpoint, data=signed_message.body, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None
