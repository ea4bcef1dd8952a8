"""A post office in memory, for tests of telling partners: endpoints that answer as they are told."""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.merchants.merchant import MerchantCode, Share
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.notifications import (
    IPN_CODES,
    NOTICES,
    DeliveryState,
    EndpointHealth,
    EndpointKind,
    EventType,
    RetryDecision,
    SendResult,
    Siblings,
    judge_endpoint,
)
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.ports.merchants import Funding, MerchantPayment, OrderText
from ekpay_switch.ports.notifications import IpnPorts, LeasedNotification, NotificationPorts
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.webhook_signatures import WebhookKeys
from tests.fakes.billers import FakeBiller, FakeBillers
from tests.fakes.connectors import FakeConnector, FakeConnectors
from tests.fakes.crash_points import Steps
from tests.fakes.merchants import FakeMerchantPayments
from tests.fakes.world import NOON, FakeAlarms, FakeClock

ENDPOINT = UUID(int=7)
TAKEN = SendResult(204, "HTTP 204")
KEYS = WebhookKeys(KeyRing(bytes(32)))


def a_notice(
    number: int = 1, *, notice: str = "completed", endpoint_id: UUID = ENDPOINT
) -> LeasedNotification:
    return LeasedNotification(
        notification_id=UUID(int=number),
        endpoint_id=endpoint_id,
        partner_id="bank1",
        url="https://bank.example.com/hooks",
        key_generations=(1,),
        epoch=1,
        tries=0,
        age_seconds=0.0,
        is_replay=False,
        notice=notice,
        noticed_at=NOON + timedelta(microseconds=120_000),
        version=2,
        payment_id=UUID(int=100 + number),
        reference=f"R{number}",
        quote_id="Q1",
        biller_id="desco_postpaid",
        total=Money(105_575),
    )


def an_ipn(number: int = 1, *, notice: str = "completed", **changes: Any) -> LeasedNotification:  # noqa: ANN401 - its fields
    """The IPN of the payment that `a_sold` of the same number makes."""
    ipn = replace(
        a_notice(number, notice=notice),
        partner_id="shop",
        url=f"https://shop.example/ipn/{number}",
        biller_id="merchant:shop",
        kind=EndpointKind.IPN,
    )
    return replace(ipn, **changes)


def a_sold(
    number: int = 1, state: State = State.COMPLETED, refusal: Refusal | None = None
) -> MerchantPayment:
    """A merchant's payment as it stands; the payment of `an_ipn` of the same number."""
    price = Money(105_000)
    order = {"cust_id": "7", "cust_name": "Rahela", "trnx_amt": "1050.0", "trnx_currency": "BDT"}
    funding = Funding("bkash", "TRX1", NOON, {}) if state is State.COMPLETED else None
    return MerchantPayment(
        payment_id=UUID(int=100 + number),
        partner_id="shop",
        lane=0,
        mer_reg_id="shop_test",
        merchant_en="Shop Ltd.",
        merchant_bn="দোকান",
        text=OrderText(
            f"T{number}",
            order,
            s_uri="https://shop.example/done",
            f_uri="https://shop.example/failed",
            c_uri="https://shop.example/cancelled",
            ipn_channel="3",
            ipn_email="",
            ipn_uri=f"https://shop.example/ipn/{number}",
        ),
        amount=price,
        sums=Sums(price, Money(1_575), Money(500), Money(75)),
        fingerprint=b"",
        state=state,
        refusal=refusal,
        steps=3,
        checkout_reference=f"checkout{number}",
        ekpay_trnx_id=f"260301120000{number:05x}",
        token_expires_at=NOON + timedelta(hours=8),
        created_at=NOON,
        updated_at=NOON,
        read_at=NOON,
        tries=(),
        shares=(Share("", None, price),),
        refunded=Money(0),
        funding=funding,
    )


@dataclass(frozen=True)
class StoredNotice:
    """One notification as its row would hold it, with what its payment's row says.

    `siblings` stand for IPNs of the same payment that a test does not store.
    """

    notification_id: UUID
    partner_id: str
    notice: str
    noticed_at: datetime
    version: int
    payment_id: UUID
    reference: str
    quote_id: str
    biller_id: str
    total: Money
    siblings: Siblings = field(default_factory=Siblings)


@dataclass
class StoredEndpoint:
    """One endpoint as its row would hold it; without `events` it is sent all of them."""

    id: UUID
    partner_id: str
    url: str
    kind: EndpointKind
    events: frozenset[EventType]
    served_at: datetime
    is_active: bool = True
    key_generation: int = 1
    previous_key_until: datetime | None = None
    health: EndpointHealth = field(default_factory=EndpointHealth)
    paused_until: datetime | None = None


@dataclass
class StoredDelivery:
    """One notification for one endpoint as its row would hold it; `asked_at` is when its age begins."""

    notice: StoredNotice
    endpoint: StoredEndpoint
    asked_at: datetime
    next_try_at: datetime
    state: DeliveryState = DeliveryState.WAITING
    tries: int = 0
    epoch: int = 0
    lease_until: datetime | None = None
    is_replay: bool = False

    @property
    def rank(self) -> int:
        """Of a merchant's IPNs a success is 0, any other end 1."""
        code = IPN_CODES.get(self.notice.notice)
        return int(self.endpoint.kind is EndpointKind.IPN and code is not MerchantCode.SUCCESS)

    def is_leased(self, now: datetime) -> bool:
        return self.lease_until is not None and self.lease_until >= now

    def is_due(self, now: datetime) -> bool:
        is_waiting = self.state is DeliveryState.WAITING
        return is_waiting and self.next_try_at <= now and not self.is_leased(now)


@dataclass(frozen=True)
class LoggedNotificationTry:
    """One row of the log of tries."""

    notification_id: UUID
    endpoint_id: UUID
    number: int
    tried: SendResult
    is_replay: bool


@dataclass
class FakeNotifications:
    """The port `Notifications`: endpoints, notifications and their deliveries, as the tables would hold them.

    `states` are the words for how each notification stands, `ipn_addresses` where the IPN of an order goes.
    """

    clock: FakeClock
    steps: Steps
    endpoints: dict[UUID, StoredEndpoint] = field(default_factory=dict)
    notices: dict[UUID, StoredNotice] = field(default_factory=dict)
    states: dict[UUID, str] = field(default_factory=dict)
    ipn_addresses: dict[UUID, str] = field(default_factory=dict)
    rows: dict[tuple[UUID, UUID], StoredDelivery] = field(default_factory=dict)
    log: list[LoggedNotificationTry] = field(default_factory=list)
    served_count: int = 0
    tries: list[tuple[UUID, SendResult, RetryDecision]] = field(default_factory=list)
    """Every call of `record`, those of IPNs that were ended unsent among them."""

    # ---- what a test stores and asks ------------------------------------------------------------

    def add_endpoint(
        self,
        endpoint_id: UUID,
        partner_id: str,
        url: str,
        *,
        kind: EndpointKind = EndpointKind.WEBHOOK,
        events: Collection[EventType] = (),
    ) -> StoredEndpoint:
        now = self.clock.now()
        endpoint = StoredEndpoint(endpoint_id, partner_id, url, kind, frozenset(events), now)
        self.endpoints[endpoint_id] = endpoint
        return endpoint

    def store(self, notice: StoredNotice) -> None:
        """A new notification; nobody was given it yet."""
        self.notices[notice.notification_id] = notice
        self.states[notice.notification_id] = "waiting"

    def replay(self, notification_id: UUID) -> None:
        """Send a notification again to the active endpoints that want it, under its own id."""
        notice, now = self.notices[notification_id], self.clock.now()
        for endpoint in self._endpoints_of(notice):
            row = self.rows.get((notification_id, endpoint.id))
            if endpoint.kind is EndpointKind.IPN and row is not None and row.is_leased(now):
                continue
            if self._siblings(notice, endpoint).has_newer:
                continue
            epoch = 0 if row is None else row.epoch + 1
            again = StoredDelivery(notice, endpoint, now, now, epoch=epoch, is_replay=True)
            self.rows[notification_id, endpoint.id] = again
            self.states[notification_id] = "sending"

    @property
    def waiting(self) -> dict[UUID, StoredDelivery]:
        """The deliveries that are still to be taken, by their notification."""
        rows = self.rows.items()
        return {row_id: row for (row_id, _), row in rows if row.state is DeliveryState.WAITING}

    @property
    def ended(self) -> dict[UUID, DeliveryState]:
        """How the other deliveries ended, by their notification."""
        rows = self.rows.items()
        return {row_id: row.state for (row_id, _), row in rows if row.state is not DeliveryState.WAITING}

    # ---- the port Notifications ------------------------------------------------------------

    async def fan_out(self) -> int:
        with self.steps.step("fan_out"):
            fresh = [
                notice
                for notice in self.notices.values()
                if self.states[notice.notification_id] == "waiting" and notice.notice in NOTICES
            ]
            for notice in fresh:
                self._fan_out_one(notice)
            return len(fresh) + self._give_up_at_disabled()

    async def lease_due(self, limit: int, lease_seconds: float) -> Sequence[LeasedNotification]:
        with self.steps.step("lease_due"):
            now = self.clock.now()
            # Two IPNs of one payment may be chosen at once: the older one is then ended unsent.
            busy = {self._payment_key(row) for row in self.rows.values() if row.is_leased(now)}
            chosen: list[StoredDelivery] = []
            for endpoint in sorted(self.endpoints.values(), key=lambda row: row.served_at):
                chosen += self._due_at(endpoint, busy)[: limit - len(chosen)]
            return [self._lease(row, lease_seconds) for row in chosen]

    async def record(
        self, leased: LeasedNotification, tried: SendResult, decision: RetryDecision, took_ms: int
    ) -> str:
        with self.steps.step("record"):
            assert took_ms >= 0
            self.tries.append((leased.notification_id, tried, decision))
            if not decision.is_unsent:
                self._log(leased, tried)
            row = self.rows.get((leased.notification_id, leased.endpoint_id))
            if row is None or row.epoch != leased.epoch:
                return ""
            row.state, row.lease_until = decision.state, None
            row.tries = leased.tries + (not decision.is_unsent)
            if decision.state is DeliveryState.WAITING:
                row.next_try_at = self._later(decision.retry_seconds)
            self._settle(leased.notification_id)
            return self._judge_endpoint(row.endpoint, decision)

    # ---- how it is done ------------------------------------------------------------

    def _endpoints_of(self, notice: StoredNotice) -> list[StoredEndpoint]:
        """The active endpoints of the partner that want this notice."""
        return [
            endpoint
            for endpoint in self.endpoints.values()
            if endpoint.is_active
            and endpoint.partner_id == notice.partner_id
            and self._is_wanted(notice, endpoint)
        ]

    def _is_wanted(self, notice: StoredNotice, endpoint: StoredEndpoint) -> bool:
        if endpoint.kind is EndpointKind.IPN:
            return notice.notice in IPN_CODES and notice.payment_id in self.ipn_addresses
        return not endpoint.events or NOTICES[notice.notice].event in endpoint.events

    def _fan_out_one(self, notice: StoredNotice) -> None:
        now, endpoints = self.clock.now(), self._endpoints_of(notice)
        for endpoint in endpoints:
            self.rows[notice.notification_id, endpoint.id] = StoredDelivery(notice, endpoint, now, now)
        self.states[notice.notification_id] = "sending" if endpoints else "unwanted"

    def _give_up_at_disabled(self) -> int:
        rows = [row for row in self.waiting.values() if not row.endpoint.is_active]
        for row in rows:
            row.state, row.lease_until, row.epoch = DeliveryState.GIVEN_UP, None, row.epoch + 1
            self._settle(row.notice.notification_id)
        return len({row.notice.notification_id for row in rows})

    def _due_at(self, endpoint: StoredEndpoint, busy: Collection[tuple[UUID, UUID]]) -> list[StoredDelivery]:
        """What may leave for an endpoint now: two at once, one by one while it fails."""
        now = self.clock.now()
        if not endpoint.is_active or (endpoint.paused_until is not None and endpoint.paused_until > now):
            return []
        rows = [row for row in self.rows.values() if row.endpoint is endpoint]
        free_places = (1 if endpoint.health.failures_in_a_row else 2) - sum(
            row.is_leased(now) for row in rows
        )
        is_ipn = endpoint.kind is EndpointKind.IPN
        due = [row for row in rows if row.is_due(now) and not (is_ipn and self._payment_key(row) in busy)]
        due.sort(key=lambda row: (row.next_try_at, row.notice.notification_id))
        # A place for each rank.
        taken = [sum(row.is_leased(now) and row.rank == rank for row in rows) for rank in (0, 1)]
        queues = [[row for row in due if row.rank == rank] for rank in (0, 1)]
        turns = [(taken[rank] + turn, rank, row) for rank in (0, 1) for turn, row in enumerate(queues[rank])]
        due = [row for _, _, row in sorted(turns, key=lambda turn: turn[:2])]
        return due[: max(free_places, 0)]

    def _payment_key(self, row: StoredDelivery) -> tuple[UUID, UUID]:
        return row.endpoint.id, row.notice.payment_id

    def _lease(self, row: StoredDelivery, lease_seconds: float) -> LeasedNotification:
        notice, endpoint, now = row.notice, row.endpoint, self.clock.now()
        row.epoch += 1
        row.lease_until = self._later(lease_seconds)
        self.served_count += 1
        endpoint.served_at = now + timedelta(microseconds=self.served_count)
        is_ipn = endpoint.kind is EndpointKind.IPN
        newest = endpoint.key_generation
        has_previous = endpoint.previous_key_until is not None and endpoint.previous_key_until > now
        return LeasedNotification(
            notification_id=notice.notification_id,
            endpoint_id=endpoint.id,
            partner_id=notice.partner_id,
            url=self.ipn_addresses[notice.payment_id] if is_ipn else endpoint.url,
            key_generations=(newest, newest - 1) if has_previous else (newest,),
            epoch=row.epoch,
            tries=row.tries,
            age_seconds=(now - row.asked_at).total_seconds(),
            is_replay=row.is_replay,
            notice=notice.notice,
            noticed_at=notice.noticed_at,
            version=notice.version,
            payment_id=notice.payment_id,
            reference=notice.reference,
            quote_id=notice.quote_id,
            biller_id=notice.biller_id,
            total=notice.total,
            kind=endpoint.kind,
            siblings=self._siblings(notice, endpoint),
        )

    def _siblings(self, notice: StoredNotice, endpoint: StoredEndpoint) -> Siblings:
        """How the other IPNs of the payment stand; webhooks have none."""
        if endpoint.kind is not EndpointKind.IPN:
            return Siblings()
        order = (notice.version, notice.notification_id)
        others = [
            other
            for other in self.notices.values()
            if other.payment_id == notice.payment_id and other.notice in IPN_CODES
        ]
        has_newer = any((other.version, other.notification_id) > order for other in others)
        taken = [
            other
            for other in others
            if (other.version, other.notification_id) < order
            and (row := self.rows.get((other.notification_id, endpoint.id))) is not None
            and row.state is DeliveryState.DELIVERED
        ]
        last = max(taken, key=lambda other: (other.version, other.notification_id), default=None)
        code = notice.siblings.accepted_code if last is None else IPN_CODES[last.notice]
        return Siblings(has_newer or notice.siblings.has_newer, code)

    def _log(self, leased: LeasedNotification, tried: SendResult) -> None:
        number = leased.tries + 1
        self.log.append(
            LoggedNotificationTry(leased.notification_id, leased.endpoint_id, number, tried, leased.is_replay)
        )

    def _settle(self, notification_id: UUID) -> None:
        """A notification ends with the last of its deliveries; one that was not taken makes it given up."""
        states = {row.state for (row_id, _), row in self.rows.items() if row_id == notification_id}
        if DeliveryState.WAITING not in states and self.states[notification_id] == "sending":
            is_delivered = states == {DeliveryState.DELIVERED}
            self.states[notification_id] = "delivered" if is_delivered else "given_up"

    def _judge_endpoint(self, endpoint: StoredEndpoint, decision: RetryDecision) -> str:
        verdict = judge_endpoint(endpoint.health, decision, 1.0, endpoint.kind)
        endpoint.health = verdict.health
        if verdict.pause_seconds:
            until = self._later(verdict.pause_seconds)
            endpoint.paused_until = max(endpoint.paused_until or until, until)
        if not verdict.disabled_why or not endpoint.is_active:
            return verdict.alarming
        endpoint.is_active = False
        return verdict.disabled_why

    def _later(self, seconds: float) -> datetime:
        return self.clock.now() + timedelta(seconds=seconds)


@dataclass
class FakeSender:
    """Answers in the order given, then takes everything."""

    steps: Steps
    answers: deque[SendResult] = field(default_factory=deque)
    sent: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    async def send(
        self, url: str, headers: Mapping[str, str], body: bytes, plain_hosts: frozenset[str] = frozenset()
    ) -> SendResult:
        del plain_hosts
        with self.steps.step("send"):
            self.sent.append((url, headers, body))
            return self.answers.popleft() if self.answers else TAKEN


class SmallPost:
    """Every fake, and the `NotificationPorts` that they make."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.steps = Steps()
        self.notifications = FakeNotifications(self.clock, self.steps)
        self.sender = FakeSender(self.steps)
        self.alarms = FakeAlarms()
        self.merchant_payments = FakeMerchantPayments()
        self.office = NotificationPorts(
            notifications=self.notifications,
            sender=self.sender,
            signer=KEYS,
            billers=FakeBillers([FakeBiller(self.clock, self.steps)]),
            clock=self.clock,
            alarms=self.alarms,
            luck=lambda: 0.0,
            merchants=IpnPorts(
                self.merchant_payments,
                FakeConnectors([FakeConnector(self.clock, self.steps)]),
                lambda payment: f"token of {payment.payment_id}",
            ),
        )

    def sold(self, *payments: MerchantPayment) -> None:
        """Put merchants' payments where IPNs are built from, or as they stand now."""
        self.merchant_payments.payments |= {one.payment_id: one for one in payments}

    def is_told(self, *notices: LeasedNotification) -> None:
        """Put notices where the job finds them."""
        for leased in notices:
            self._store(leased)

    def _store(self, leased: LeasedNotification) -> None:
        """The rows that this notice would be leased from."""
        stored = self.notifications
        is_ipn = leased.kind is EndpointKind.IPN
        if leased.endpoint_id not in stored.endpoints:
            url = "ipn" if is_ipn else leased.url
            stored.add_endpoint(leased.endpoint_id, leased.partner_id, url, kind=leased.kind)
        if is_ipn:
            stored.ipn_addresses[leased.payment_id] = leased.url
        stored.store(
            StoredNotice(
                leased.notification_id,
                leased.partner_id,
                leased.notice,
                leased.noticed_at,
                leased.version,
                leased.payment_id,
                leased.reference,
                leased.quote_id,
                leased.biller_id,
                leased.total,
                leased.siblings,
            )
        )
