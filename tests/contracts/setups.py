"""What a contract suite needs beside its port: how to prepare the books, let time pass, read results.

One protocol per port. Each has two implementations: `in_memory` over the fakes, `postgres` over the stores.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.money import Money
from ekpay_switch.domain.notifications import EventType
from ekpay_switch.ports.collections import Callbacks, Collections, Refunds
from ekpay_switch.ports.notifications import Notifications
from ekpay_switch.ports.world import Enquiries, Payments


class TimeSetup(Protocol):
    """The clock that stored instants are compared with."""

    def now(self) -> datetime:
        """The instant, aware, UTC."""
        ...

    async def pass_by(self, seconds: float) -> None:
        """So many seconds are over: leases end, questions become due, quotes expire."""
        ...


class PaymentsSetup(TimeSetup, Protocol):
    """The books with their partners and balances."""

    @property
    def payments(self) -> Payments:
        """The port under test."""
        ...

    @property
    def enquiries(self) -> Enquiries:
        """What a status call is answered from, over the same books."""
        ...

    async def add_partner(self, partner_id: str) -> None:
        """A partner with two empty prefunds."""
        ...

    async def top_up(self, partner_id: str, amount: int) -> None:
        """Put paisa into the partner's postpaid prefund."""
        ...

    async def balances(self) -> Mapping[str, int]:
        """Every account that is not zero, in paisa, debit positive."""
        ...

    async def notices(self, payment_id: UUID) -> Sequence[str]:
        """The notifications of a payment, the oldest first."""
        ...


class CollectionsSetup(PaymentsSetup, Protocol):
    """The books with payments whose money is collected."""

    @property
    def collections(self) -> Collections:
        """The port under test."""
        ...

    @property
    def callbacks(self) -> Callbacks:
        """What wakes tries and refunds of the same books."""
        ...


class RefundsSetup(CollectionsSetup, Protocol):
    """The books with refunds, and what two persons of the staff decide about them."""

    @property
    def refunds(self) -> Refunds:
        """The port under test."""
        ...

    async def approve_refund(self, refund_id: UUID) -> None:
        """A second person agrees."""
        ...

    async def reject_refund(self, refund_id: UUID) -> None:
        """A second person refuses."""
        ...

    async def confirm_paid_by_hand(self, refund_id: UUID, bank_reference: str) -> None:
        """Two persons say that finance has paid it from our bank account."""
        ...


@dataclass(frozen=True, slots=True)
class StoredNotification:
    """A notification as it was stored, with the facts of its payment."""

    notification_id: UUID
    payment_id: UUID
    reference: str
    quote_id: str
    biller_id: str
    total: Money
    notice: str
    version: int


@dataclass(frozen=True, slots=True)
class LoggedTry:
    """One try in the log; `number` counts the tries of its delivery from 1."""

    number: int
    status: int | None
    is_replay: bool


class NotificationsSetup(TimeSetup, Protocol):
    """Endpoints, the notifications for them, and the log of tries."""

    @property
    def notifications(self) -> Notifications:
        """The port under test."""
        ...

    async def add_partner(self, partner_id: str) -> None:
        """A partner without endpoints."""
        ...

    async def add_endpoint(self, partner_id: str, url: str, events: Collection[EventType] = ()) -> UUID:
        """An active webhook of the partner; without `events` it is sent all of them."""
        ...

    async def disable_endpoint(self, endpoint_id: UUID) -> None:
        """An operator disables the endpoint."""
        ...

    async def rotate_key(self, endpoint_id: UUID, overlap_seconds: float) -> None:
        """A new key generation; the one before is good for so many seconds more."""
        ...

    async def add_notification(self, partner_id: str, notice: str = "completed") -> StoredNotification:
        """A payment of the partner with one new notification."""
        ...

    async def add_merchant(self, partner_id: str) -> UUID:
        """A merchant; the id of the endpoint that its IPNs leave from."""
        ...

    async def add_order(self, partner_id: str, ipn_uri: str, ipn_channel: str = "3") -> UUID:
        """An order of the merchant whose IPN goes to this address; the id of its payment."""
        ...

    async def end_order(self, payment_id: UUID, notice: str, version: int) -> UUID:
        """The order's payment has a new notification of this version; its id."""
        ...

    async def notification_state(self, notification_id: UUID) -> str:
        """The word for how the notification stands: waiting, sending, unwanted, delivered or given_up."""
        ...

    async def logged_tries(self, notification_id: UUID) -> Sequence[LoggedTry]:
        """What was logged for the notification, the oldest first."""
        ...

    async def replay(self, notification_id: UUID) -> None:
        """An operator has the notification sent again."""
        ...
