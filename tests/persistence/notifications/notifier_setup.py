"""A post office over real books, and receivers on loopback that it may reach."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncEngine

from ekpay_switch.jobs.notifier import Notifier, NotifierPace, run_notifier
from ekpay_switch.jobs.slots import run_round
from ekpay_switch.persistence.merchants.payments import PostgresMerchantPayments
from ekpay_switch.persistence.notifications.endpoints import EndpointLine, Endpoints
from ekpay_switch.persistence.notifications.store import PostgresNotifications
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.notifications import IpnPorts, LeasedNotification, NotificationPorts
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.webhook_signatures import WebhookKeys
from ekpay_switch.system_clock import SystemClock
from ekpay_switch.wire.public_addresses import AddressRules
from ekpay_switch.wire.webhooks import WebhookLimits, WebhookSender
from sandbox.callers.partner.webhooks import WebhookReceiver
from tests.fakes.billers import FakeBiller, FakeBillers
from tests.fakes.connectors import FakeConnector, FakeConnectors
from tests.fakes.crash_points import Steps
from tests.fakes.world import FakeAlarms, FakeClock
from tests.persistence.books import APPROVED, CUSTOMERS, Books
from tests.wire.scripted_peer import Caller, Manners, RudePeer, rude_peer

PACE = NotifierPace(poll_seconds=0.05, lease_seconds=30.0, leave_seconds=1.0)
DUE = "UPDATE notification_deliveries SET next_try_at = now() - interval '1 second' WHERE state = 'waiting'"
LEASE_OVER = (
    "UPDATE notification_deliveries SET lease_until = now() - interval '1 second' WHERE state = 'waiting'"
)
UNPAUSED = "UPDATE notification_endpoints SET paused_until = NULL"
KEYS = WebhookKeys(KeyRing(bytes(32)))


@dataclass
class Post:
    """One test's post office, and what it is made of."""

    books: Books
    engine: AsyncEngine
    alarms: FakeAlarms = field(default_factory=FakeAlarms)
    trusted: set[str] = field(default_factory=set)

    @property
    def notifications(self) -> PostgresNotifications:
        return PostgresNotifications(self.engine)

    @property
    def endpoints(self) -> Endpoints:
        return Endpoints(self.engine)

    def office(self, *, seconds: float = 5.0) -> NotificationPorts:
        clock = SystemClock()
        limits = WebhookLimits(seconds, rules=AddressRules(trusted=frozenset(self.trusted)))
        return NotificationPorts(
            notifications=self.notifications,
            sender=WebhookSender(clock, on_loopback, limits),
            signer=KEYS,
            billers=FakeBillers([FakeBiller(FakeClock(), Steps())]),
            clock=clock,
            alarms=self.alarms,
            luck=lambda: 0.0,
            merchants=IpnPorts(
                PostgresMerchantPayments(
                    self.engine, ShortTransactions(self.books.database.connect_hot), CUSTOMERS
                ),
                FakeConnectors([FakeConnector(FakeClock(), Steps())]),
                lambda payment: f"token of {payment.payment_id}",
            ),
        )

    async def endpoint(self, peer: RudePeer, partner_id: str = "bank1", path: str = "/hooks") -> EndpointLine:
        self.trusted.add(f"127.0.0.1:{peer.port}")
        return await self.endpoints.add(partner_id, peer.url(path), [])

    async def completed(self, count: int = 1, partner_id: str = "bank1", lane: int = 0) -> list[UUID]:
        """Payments that were completed, and so have one notification each."""
        started = [await self.books.start(partner_id, lane=lane) for _ in range(count)]
        for one in started:
            await self.books.finish(one, APPROVED)
        return [one.claim.payment_id for one in started]

    async def round(self) -> list[LeasedNotification]:
        """Send what is due now, once."""
        notifier = Notifier(self.office(), PACE.lease_seconds)
        due = await run_round(notifier)
        await notifier.slots.settle()
        return list(due or ())

    async def rounds(self, count: int) -> None:
        for _ in range(count):
            await self.round()

    @asynccontextmanager
    async def notifier(self, *, seconds: float = 5.0) -> AsyncIterator[None]:
        """The job of a worker, while the block lasts."""
        stop = asyncio.Event()
        job = asyncio.create_task(run_notifier(self.office(seconds=seconds), PACE, stop))
        try:
            yield
        finally:
            stop.set()
            await job

    async def states(self) -> list[str]:
        rows = await self.books.rows("SELECT state FROM notifications ORDER BY id")
        return [row["state"] for row in rows]

    async def deliveries(self) -> list[str]:
        rows = await self.books.rows("SELECT state FROM notification_deliveries ORDER BY notification_id")
        return [row["state"] for row in rows]


async def on_loopback(_: str, __: int) -> Sequence[str]:
    return ["127.0.0.1"]


def answering(*statuses: int) -> Manners:
    """Answer with these statuses in turn, then with the last one again."""
    left = list(statuses)

    async def manners(caller: Caller) -> None:
        await caller.answer(b"", left.pop(0) if len(left) > 1 else left[0])

    return manners


def taking(receiver: WebhookReceiver) -> Callable[[Caller], Awaitable[None]]:
    """Let the sample receiver answer."""

    async def manners(caller: Caller) -> None:
        await caller.answer(b"", receiver.take(caller.heard.headers, caller.heard.body))

    return manners


@asynccontextmanager
async def a_receiver(
    post: Post, partner_id: str = "bank1"
) -> AsyncIterator[tuple[WebhookReceiver, EndpointLine]]:
    """An endpoint of the partner behind which the sample receiver sits, with the key that was published."""
    receiver = WebhookReceiver([])
    async with rude_peer(taking(receiver)) as peer:
        line = await post.endpoint(peer, partner_id)
        receiver.trust([KEYS.public_key(line.id, generation) for generation in line.key_generations])
        yield receiver, line


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Wait for something in the database to become true."""
    async with asyncio.timeout(20):
        while not await is_so():  # noqa: ASYNC110 - what is waited for is another session's commit
            await asyncio.sleep(0.01)


async def are_all(post: Post, state: str) -> bool:
    """Whether every notification is in this state."""
    return set(await post.states()) == {state}
