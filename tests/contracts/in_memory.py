"""The setups over the fakes that the tests of flows use."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.notifications import EndpointKind, EventType
from ekpay_switch.security.identifiers import uuid7
from tests.contracts.setups import LoggedTry, StoredNotification
from tests.fakes.collections.refunds import FakeRefunds
from tests.fakes.collections.store import FakeCallbacks, FakeCollections
from tests.fakes.crash_points import Steps
from tests.fakes.notifications import FakeNotifications, StoredNotice
from tests.fakes.payments import FakePayments
from tests.fakes.world import FakeClock, SmallWorld


@dataclass
class InMemoryBooks:
    """Payments, collections and refunds of one `SmallWorld`."""

    small: SmallWorld = field(default_factory=SmallWorld)

    @property
    def payments(self) -> FakePayments:
        return self.small.books

    @property
    def enquiries(self) -> FakePayments:
        return self.small.books

    @property
    def collections(self) -> FakeCollections:
        return self.small.collections

    @property
    def callbacks(self) -> FakeCallbacks:
        return self.small.callbacks

    @property
    def refunds(self) -> FakeRefunds:
        return self.small.refunds

    def now(self) -> datetime:
        return self.small.clock.now()

    async def pass_by(self, seconds: float) -> None:
        self.small.clock.pass_by(seconds)

    async def add_partner(self, partner_id: str) -> None:
        self.small.tables.client_names = {**self.small.tables.client_names, partner_id: partner_id}

    async def top_up(self, partner_id: str, amount: int) -> None:
        self.small.books.top_up(partner_id, "postpaid", amount)

    async def balances(self) -> Mapping[str, int]:
        sums: dict[str, int] = {}
        for _, entry in self.small.books.entries:
            for posting in entry.postings:
                sums[posting.account] = sums.get(posting.account, 0) + posting.amount
        return {account: balance for account, balance in sums.items() if balance}

    async def notices(self, payment_id: UUID) -> Sequence[str]:
        return [notice for owner, notice in self.small.books.notices if owner == payment_id]

    async def approve_refund(self, refund_id: UUID) -> None:
        self.small.refunds.approve(refund_id)

    async def reject_refund(self, refund_id: UUID) -> None:
        self.small.refunds.reject(refund_id)

    async def confirm_paid_by_hand(self, refund_id: UUID, bank_reference: str) -> None:
        self.small.refunds.pay_by_hand(refund_id, bank_reference)


@dataclass
class InMemoryNotifications:
    """Endpoints and notifications of one `FakeNotifications`."""

    clock: FakeClock = field(default_factory=FakeClock)
    notifications: FakeNotifications = field(init=False)
    order_owners: dict[UUID, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.notifications = FakeNotifications(self.clock, Steps())

    def now(self) -> datetime:
        return self.clock.now()

    async def pass_by(self, seconds: float) -> None:
        self.clock.pass_by(seconds)

    async def add_partner(self, partner_id: str) -> None:
        """Partners are known by their endpoints alone."""

    async def add_endpoint(self, partner_id: str, url: str, events: Collection[EventType] = ()) -> UUID:
        return self.notifications.add_endpoint(uuid7(), partner_id, url, events=events).id

    async def disable_endpoint(self, endpoint_id: UUID) -> None:
        self.notifications.endpoints[endpoint_id].is_active = False

    async def rotate_key(self, endpoint_id: UUID, overlap_seconds: float) -> None:
        endpoint = self.notifications.endpoints[endpoint_id]
        endpoint.key_generation += 1
        endpoint.previous_key_until = self.clock.now() + timedelta(seconds=overlap_seconds)

    async def add_notification(self, partner_id: str, notice: str = "completed") -> StoredNotification:
        payment_id = uuid7()
        stored = self._new_notice(partner_id, payment_id, notice, 2)
        return StoredNotification(
            stored.notification_id,
            payment_id,
            stored.reference,
            stored.quote_id,
            stored.biller_id,
            stored.total,
            notice,
            stored.version,
        )

    async def add_merchant(self, partner_id: str) -> UUID:
        return self.notifications.add_endpoint(uuid7(), partner_id, "ipn", kind=EndpointKind.IPN).id

    async def add_order(self, partner_id: str, ipn_uri: str, ipn_channel: str = "3") -> UUID:
        payment_id = uuid7()
        self.order_owners[payment_id] = partner_id
        if ipn_channel in {"1", "3"} and ipn_uri:
            self.notifications.ipn_addresses[payment_id] = ipn_uri
        return payment_id

    async def end_order(self, payment_id: UUID, notice: str, version: int) -> UUID:
        return self._new_notice(self.order_owners[payment_id], payment_id, notice, version).notification_id

    async def notification_state(self, notification_id: UUID) -> str:
        return self.notifications.states[notification_id]

    async def logged_tries(self, notification_id: UUID) -> Sequence[LoggedTry]:
        log = self.notifications.log
        return [
            LoggedTry(entry.number, entry.tried.status, entry.is_replay)
            for entry in log
            if entry.notification_id == notification_id
        ]

    async def replay(self, notification_id: UUID) -> None:
        self.notifications.replay(notification_id)

    def _new_notice(self, partner_id: str, payment_id: UUID, notice: str, version: int) -> StoredNotice:
        stored = StoredNotice(
            notification_id=uuid7(),
            partner_id=partner_id,
            notice=notice,
            noticed_at=self.clock.now(),
            version=version,
            payment_id=payment_id,
            reference=f"R{payment_id.hex}",
            quote_id=f"Q{payment_id.hex}",
            biller_id="desco_postpaid",
            total=Money(6_000),
        )
        self.notifications.store(stored)
        return stored
