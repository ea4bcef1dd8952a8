"""Orders and refunds as a house has them; amounts in paisa, instants in UTC, days in Dhaka."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class State(StrEnum):
    """Where an order stands in truth, whatever is told of it."""

    OPENED = "opened"
    AGREED = "agreed"
    """The payer has confirmed and the money has not moved (yet)."""
    PAID = "paid"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """The payer's time is over; it shows only when somebody looks."""


class RefundState(StrEnum):
    """Where a refund stands."""

    DONE = "done"
    PROCESSING = "processing"
    FAILED = "failed"


@dataclass(slots=True)
class Refund:
    """Money on its way back, or back.

    `reference` is the merchant's own, unique within the house, or one that the house made up where the
    family has none; `refund_id` is the provider's. One in work is decided at `settles_at`, as `fate` says.
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
class Try:
    """One try of the payer to pay, of those that came to nothing."""

    transaction_id: str
    payer: str
    at: str
    reason: str


@dataclass(slots=True)
class Order:
    """What a merchant asked a house to collect.

    `reference` is the merchant's, unique within the house for ever; `provider_reference` the house's name for
    the order and `transaction_id` that of the payment, once there is one. `payer` is the number that was
    typed. A pending order is decided at `settles_at`, to be paid or not. `decided_at` is when it was paid,
    declined or cancelled. `facts` are what the family keeps of its calls, such as where the browser goes.
    """

    house: str
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
    settles_to: State = State.PAID
    decided_state: State = State.OPENED
    decided_at: str = ""
    reason: str = ""
    transaction_id: str = ""
    fee_paisa: int = 0
    fee_vat_paisa: int = 0
    tries: list[Try] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    calls: dict[str, int] = field(default_factory=dict)

    @property
    def created(self) -> datetime:
        """When it was opened."""
        return datetime.fromisoformat(self.created_at)

    @property
    def page_ends(self) -> datetime:
        """When its payer's time is over."""
        return datetime.fromisoformat(self.page_ends_at)

    @property
    def decided(self) -> datetime:
        """When it was paid, declined or cancelled.

        Raises:
            ValueError: it has not been.
        """
        return datetime.fromisoformat(self.decided_at)

    @property
    def is_paid(self) -> bool:
        """Whether its money has moved."""
        return self.decided_state is State.PAID

    @property
    def net_paisa(self) -> int:
        """What the house settles of it, before refunds."""
        return self.amount_paisa - self.fee_paisa - self.fee_vat_paisa if self.is_paid else 0

    @property
    def refunded_paisa(self) -> int:
        """What has gone back or is on its way."""
        return sum(one.amount_paisa for one in self.refunds if one.state is not RefundState.FAILED)

    @property
    def refundable_paisa(self) -> int:
        """What can still go back."""
        return self.amount_paisa - self.refunded_paisa if self.is_paid else 0

    def state(self, now: datetime) -> State:
        """Return where it stands; one that nobody has agreed to expires with its page."""
        if self.decided_state is not State.OPENED:
            return self.decided_state
        if self.agreed_at:
            return State.AGREED
        return State.EXPIRED if now >= self.page_ends else State.OPENED
