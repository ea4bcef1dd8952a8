"""What notifying partners needs of the outside world, as protocols."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.notifications import EndpointKind, RetryDecision, SendResult, Siblings
from ekpay_switch.ports.billers import Billers
from ekpay_switch.ports.connectors import Connectors
from ekpay_switch.ports.merchants import MerchantPayment, MerchantPayments
from ekpay_switch.ports.world import Alarms, Clock


@dataclass(frozen=True, slots=True)
class LeasedNotification:
    """One leased notification for one endpoint, with all the data of its message.

    `key_generations` are those to sign with, the newest first; `tries` counts the earlier tries. For an IPN
    `url` is the address in its order, as the merchant wrote it, `siblings` are the payment's other IPNs at
    this moment, and `plain_hosts` where its merchant's IPNs may go without https.
    """

    notification_id: UUID
    endpoint_id: UUID
    partner_id: str
    url: str
    key_generations: tuple[int, ...]
    epoch: int
    tries: int
    age_seconds: float
    is_replay: bool
    notice: str
    noticed_at: datetime
    version: int
    payment_id: UUID
    reference: str
    quote_id: str
    biller_id: str
    total: Money
    kind: EndpointKind = EndpointKind.WEBHOOK
    siblings: Siblings = field(default_factory=Siblings)
    plain_hosts: frozenset[str] = frozenset()
    has_shared_secret: bool = False


class Notifications(Protocol):
    """Stored notifications and their deliveries; each call is short and durable on return."""

    async def fan_out(self) -> int:
        """Assign new notifications to the endpoints that subscribe to them; how many were processed."""
        ...

    async def lease_due(self, limit: int, lease_seconds: float) -> Sequence[LeasedNotification]:
        """Lease deliveries that are due, a few of each endpoint; each gets a new epoch.

        Two IPNs of one payment are never leased at once, unless one of them is only to be ended unsent.
        """
        ...

    async def record(
        self, leased: LeasedNotification, tried: SendResult, decision: RetryDecision, took_ms: int
    ) -> str:
        """Record a try and its decision; the reason for an alarm, or "".

        An alarm is due where the endpoint was disabled, or where a merchant's IPNs begin to be given up.
        Under an old epoch the try is logged and nothing else changes.
        """
        ...


class NotificationSender(Protocol):
    """HTTP to URLs that partners chose, which are not trusted."""

    async def send(
        self, url: str, headers: Mapping[str, str], body: bytes, plain_hosts: frozenset[str] = frozenset()
    ) -> SendResult:
        """Post once, within a deadline, to a public address; raises nothing for what the endpoint does.

        `plain_hosts` are the `host:port` that may be reached without https.
        """
        ...


class NotificationSigner(Protocol):
    """The signing keys of endpoints."""

    def public_key(self, endpoint_id: UUID, generation: int) -> str:
        """The public half, as receivers configure it."""
        ...

    def headers(
        self,
        endpoint_id: UUID,
        generations: Sequence[int],
        message_id: str,
        timestamp: int,
        body: bytes,
        *,
        has_shared_secret: bool = False,
    ) -> Mapping[str, str]:
        """The headers of one try: a signature for each generation, with a shared secret one more each."""
        ...


class EndpointKeys(Protocol):
    """The valid key generations of endpoints."""

    async def key_generations(self, endpoint_id: UUID) -> Sequence[int]:
        """The newest first; empty where there is no such endpoint."""
        ...


@dataclass(frozen=True, slots=True)
class IpnPorts:
    """What IPNs are built from; `token_of` gives the secure token of a payment's document."""

    payments: MerchantPayments
    connectors: Connectors
    token_of: Callable[[MerchantPayment], str]


@dataclass(frozen=True, slots=True)
class NotificationPorts:
    """Everything that notifying partners uses; `luck` gives a random number in [0, 1) for each try."""

    notifications: Notifications
    sender: NotificationSender
    signer: NotificationSigner
    billers: Billers
    clock: Clock
    alarms: Alarms
    luck: Callable[[], float]
    merchants: IpnPorts
    time_divisor: float = 1.0
