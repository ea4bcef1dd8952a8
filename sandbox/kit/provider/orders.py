"""Orders and refunds as an institution has them; amounts in paisa, instants in UTC, days in Dhaka."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

MERCHANT_NAME, PURPOSE, LANGUAGE = "merchant_name", "purpose", "language"
"""The facts of an order that its payer's page shows or is in, where a family's calls bring them."""


class OrderState(StrEnum):
    """The true state of an order, whatever answers report."""

    OPENED = "opened"
    AGREED = "agreed"
    """The payer has confirmed and the money has not moved (yet)."""
    PAID = "paid"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """The payer's time is over; it shows only on the next look."""


class RefundState(StrEnum):
    """Where a refund stands."""

    DONE = "done"
    PROCESSING = "processing"
    FAILED = "failed"


@dataclass(slots=True)
class ProviderRefund:
    """Money on its way back, or back.

    `reference` is the merchant's own, unique within the institution, or generated where the family has
    none; `refund_id` is the provider's. One in work is decided at `settles_at`, as `settles_to` says.
    """

    refund_id: str
    reference: str
    amount_paisa: int
    asked_at: str
    state: RefundState = RefundState.DONE
    fee_paisa: int = 0
    fee_vat_paisa: int = 0
    done_at: str = ""
    settles_at: str = ""
    settles_to: RefundState = RefundState.DONE
    facts: dict[str, str] = field(default_factory=dict)
    calls: int = 1

    @property
    def done(self) -> datetime:
        """When the money went back.

        Raises:
            ValueError: it has not.
        """
        return datetime.fromisoformat(self.done_at)


@dataclass(slots=True)
class FailedTry:
    """A failed try of the payer to pay."""

    transaction_id: str
    payer: str
    at: str
    reason: str


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order to collect, as a merchant places it.

    `payer` is the payer's number if the merchant names it, for the magic of a create alone. `facts` are kept
    with the order: everything that a later call, a return or a push has to repeat. `page_seconds` is how
    long the payer has, if the merchant says so and not the institution.
    """

    reference: str
    amount_paisa: int
    currency: str = "BDT"
    payer: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    page_seconds: int | None = None


@dataclass(slots=True)
class ProviderOrder:
    """An order to collect, as the institution has it.

    `reference` is the merchant's, unique within the institution for ever; `provider_reference` is the
    institution's name for the order and `transaction_id` that of the payment, once there is one. `payer` is
    the number that was typed. A pending order is decided at `settles_at`, to be paid or not. `decided_at` is
    when it was paid, declined or cancelled. `facts` are what the family keeps of its calls, such as where the
    browser goes.
    """

    institution_id: str
    reference: str
    provider_reference: str
    page_token: str
    amount_paisa: int
    created_at: str
    page_ends_at: str
    currency: str = "BDT"
    facts: dict[str, str] = field(default_factory=dict)
    payer: str = ""
    agreed_at: str = ""
    settles_at: str = ""
    settles_to: OrderState = OrderState.PAID
    decided_state: OrderState = OrderState.OPENED
    decided_at: str = ""
    reason: str = ""
    transaction_id: str = ""
    fee_paisa: int = 0
    fee_vat_paisa: int = 0
    tries: list[FailedTry] = field(default_factory=list)
    refunds: list[ProviderRefund] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)

    @property
    def creation_time(self) -> datetime:
        """When it was opened."""
        return datetime.fromisoformat(self.created_at)

    @property
    def page_end_time(self) -> datetime:
        """When its payer's time is over."""
        return datetime.fromisoformat(self.page_ends_at)

    @property
    def decision_time(self) -> datetime:
        """When it was paid, declined or cancelled.

        Raises:
            ValueError: it has not been.
        """
        return datetime.fromisoformat(self.decided_at)

    @property
    def is_paid(self) -> bool:
        """Whether its money has moved."""
        return self.decided_state is OrderState.PAID

    @property
    def net_paisa(self) -> int:
        """What the institution settles of it, before refunds."""
        return self.amount_paisa - self.fee_paisa - self.fee_vat_paisa if self.is_paid else 0

    @property
    def refunded_paisa(self) -> int:
        """What has gone back or is on its way."""
        return sum(refund.amount_paisa for refund in self.refunds if refund.state is not RefundState.FAILED)

    @property
    def refundable_paisa(self) -> int:
        """What can still go back."""
        return self.amount_paisa - self.refunded_paisa if self.is_paid else 0

    def state(self, now: datetime) -> OrderState:
        """Return where it stands; one of no account agreed to expires with its page."""
        if self.decided_state is not OrderState.OPENED:
            return self.decided_state
        if self.agreed_at:
            return OrderState.AGREED
        return OrderState.EXPIRED if now >= self.page_end_time else OrderState.OPENED
