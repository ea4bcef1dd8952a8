"""A post office in memory, for tests of telling partners: endpoints that answer as they are told."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from ekpay_switch.domain.ledger.posting_rules import Sums
from ekpay_switch.domain.merchants import Share
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.notifications import (
    DeliveryState,
    EndpointHealth,
    EndpointKind,
    RetryDecision,
    SendResult,
    judge_endpoint,
)
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.ports.merchants import Funding, MerchantPayment, OrderText
from ekpay_switch.ports.notifications import IpnPorts, LeasedNotification, NotificationPorts
from ekpay_switch.security.keys import KeyRing
from ekpay_switch.security.webhook_signatures import WebhookKeys
from tests.fakes.connectors import FakeConnector, FakeConnectors
from tests.fakes.crash_points import Steps
from tests.fakes.merchants import FakeMerchantPayments
from tests.fakes.world import NOON, FakeAlarms, FakeBiller, FakeBillers, FakeClock

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


@dataclass
class FakeNotifications:
    """Deliveries in memory, under leases and epochs as the real ones."""

    clock: FakeClock
    steps: Steps
    waiting: dict[UUID, LeasedNotification] = field(default_factory=dict)
    due_at: dict[UUID, float] = field(default_factory=dict)
    new: list[LeasedNotification] = field(default_factory=list)
    tries: list[tuple[UUID, SendResult, RetryDecision]] = field(default_factory=list)
    ended: dict[UUID, DeliveryState] = field(default_factory=dict)
    health: EndpointHealth = field(default_factory=EndpointHealth)

    async def fan_out(self) -> int:
        with self.steps.step("fan_out"):
            count, new = len(self.new), self.new
            self.new = []
            for notice in new:
                self.waiting[notice.notification_id] = notice
            return count

    async def lease_due(self, limit: int, lease_seconds: float) -> Sequence[LeasedNotification]:
        with self.steps.step("lease_due"):
            now = self.clock.monotonic()
            due = [one for one in self.waiting.values() if self.due_at.get(one.notification_id, now) <= now]
            for one in due[:limit]:
                self.waiting[one.notification_id] = replace(one, epoch=one.epoch + 1)
                self.due_at[one.notification_id] = now + lease_seconds
            return [self.waiting[one.notification_id] for one in due[:limit]]

    async def record(
        self, leased: LeasedNotification, tried: SendResult, decision: RetryDecision, took_ms: int
    ) -> str:
        with self.steps.step("record"):
            assert took_ms >= 0
            self.tries.append((leased.notification_id, tried, decision))
            held = self.waiting.get(leased.notification_id)
            if held is None or held.epoch != leased.epoch:
                return ""
            verdict = judge_endpoint(self.health, decision, 1.0, leased.kind)
            self.health = verdict.health
            if decision.state is DeliveryState.WAITING:
                self.waiting[leased.notification_id] = replace(held, tries=held.tries + 1)
                self.due_at[leased.notification_id] = self.clock.monotonic() + decision.retry_seconds
            else:
                del self.waiting[leased.notification_id]
                self.ended[leased.notification_id] = decision.state
            return verdict.disabled_why or verdict.alarming


@dataclass
class FakeSender:
    """Answers in the order given, then takes everything."""

    steps: Steps
    answers: deque[SendResult] = field(default_factory=deque)
    sent: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> SendResult:
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
        self.notifications.new += notices
