"""One payment as bKash has it: opened, approved by its payer, executed, refunded.

One with the intent to authorise is executed first and captured or voided later; its money moves at capture.
What opens an agreement is one too: it has a page and an execute, and moves no money.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

PAGE_SECONDS = 86_400
REFUND_DAYS = 60
REFUNDS_MAX = 10


class BkashMode(StrEnum):
    """What a payment is for; the values are those of the wire, but for the frame, which has none there."""

    AGREEMENT = "0000"
    """Opens an agreement; has no invoice and an amount of 0."""
    WITH_AGREEMENT = "0001"
    """Pays by an agreement: the wallet is known, and its payer gives the PIN alone."""
    WITHOUT_AGREEMENT = "0011"
    """Pays once."""
    IN_FRAME = "frame"
    """Pays once, at a page in a frame of the shop's page; has no callback, and no payer's reference."""


class BkashIntent(StrEnum):
    """What an execute does with the money; the values are those of the wire."""

    SALE = "sale"
    AUTHORISATION = "authorization"
    """Holds it in the payer's wallet until it is captured or voided."""


class BkashStatus(StrEnum):
    """What bKash says of a payment; a refund does not change it, and one that was voided is cancelled."""

    INITIATED = "Initiated"
    AUTHORISED = "Authorized"
    COMPLETED = "Completed"
    CANCELLED = "Cancelled"
    DECLINED = "Declined"
    EXPIRED = "Expired"


@dataclass(frozen=True, slots=True)
class BkashRefund:
    """Money that went back to the wallet it came from."""

    refund_trx_id: str
    amount_paisa: int
    completed_at: str
    sku: str
    reason: str

    @property
    def at(self) -> datetime:
        """When it was done."""
        return datetime.fromisoformat(self.completed_at)


@dataclass(slots=True)
class BkashPayment:
    """A payment; instants are UTC.

    `agreement_id` is the agreement that it pays by, or the one that it has opened. `wallet` is known once the
    payer has approved or was refused. `failure_code` is what every later execute of a declined payment is
    answered with. `echo_extra_paisa` is how much more than `amount_paisa` the answers tell; `amount_paisa` is
    what moved. `execute_calls` counts accepted calls, so 2 means a repeat. An authorisation has the id of its
    transaction in `authorised_trx_id` from the execute on, and in `trx_id` once it is captured.
    """

    payment_id: str
    page_hash: str
    invoice: str
    amount_paisa: int
    payer_reference: str
    callback_url: str
    created_at: str
    mode: str = BkashMode.WITHOUT_AGREEMENT
    agreement_id: str | None = None
    intent: str = BkashIntent.SALE
    wallet: str | None = None
    verified_at: str | None = None
    is_cancelled: bool = False
    failure_code: str | None = None
    trx_id: str | None = None
    executed_at: str | None = None
    fee_paisa: int = 0
    echo_extra_paisa: int = 0
    execute_calls: int = 0
    authorised_trx_id: str | None = None
    authorised_at: str | None = None
    voided_at: str | None = None
    refunds: list[BkashRefund] = field(default_factory=list)

    @property
    def creation_time(self) -> datetime:
        """When it was opened."""
        return datetime.fromisoformat(self.created_at)

    @property
    def execution_time(self) -> datetime:
        """When its money moved.

        Raises:
            ValueError: it has not.
        """
        if self.executed_at is None:
            raise ValueError("not executed")
        return datetime.fromisoformat(self.executed_at)

    @property
    def reported_trx_id(self) -> str | None:
        """The transaction id that the answers report: of an authorisation too, though no money has moved."""
        return self.trx_id or self.authorised_trx_id

    @property
    def execute_done_at(self) -> datetime | None:
        """When its execute was done, of an authorisation before its money moves; None until then."""
        instant = self.authorised_at or self.executed_at
        return None if instant is None else datetime.fromisoformat(instant)

    @property
    def updated_at(self) -> datetime:
        """When it was last changed: opened, executed, captured or voided."""
        return datetime.fromisoformat(
            self.voided_at or self.executed_at or self.authorised_at or self.created_at
        )

    @property
    def reported_paisa(self) -> int:
        """The amount that the answers report."""
        return self.amount_paisa + self.echo_extra_paisa

    @property
    def refunded_paisa(self) -> int:
        """What has gone back in all."""
        return sum(refund.amount_paisa for refund in self.refunds)

    @property
    def refundable_paisa(self) -> int:
        """What can still go back."""
        return self.amount_paisa - self.refunded_paisa if self.trx_id else 0

    @property
    def is_in_frame(self) -> bool:
        """Whether it belongs to the product whose page stands in a frame."""
        return self.mode == BkashMode.IN_FRAME

    @property
    def opens_agreement(self) -> bool:
        """Whether it asks for an agreement instead of money."""
        return self.mode == BkashMode.AGREEMENT

    @property
    def has_agreed(self) -> bool:
        """Whether it has opened its agreement."""
        return self.opens_agreement and self.agreement_id is not None

    def status(self, now: datetime) -> BkashStatus:
        """Return its status; what nobody executes lapses after 24 hours."""
        if self.trx_id is not None or self.has_agreed:
            return BkashStatus.COMPLETED
        if self.is_cancelled or self.voided_at is not None:
            return BkashStatus.CANCELLED
        return BkashStatus.AUTHORISED if self.authorised_trx_id is not None else self._unexecuted(now)

    def _unexecuted(self, now: datetime) -> BkashStatus:
        if self.failure_code is not None:
            return BkashStatus.DECLINED
        is_lapsed = now >= self.creation_time + timedelta(seconds=PAGE_SECONDS)
        return BkashStatus.EXPIRED if is_lapsed else BkashStatus.INITIATED

    def may_be_refunded(self, now: datetime) -> bool:
        """Whether it is young enough."""
        return now < self.execution_time + timedelta(days=REFUND_DAYS)
