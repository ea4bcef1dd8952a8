"""An agreement as bKash has it: a payer lets a merchant ask for money again, and gives the PIN alone."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class BkashAgreementStatus(StrEnum):
    """What bKash says of an agreement."""

    INITIATED = "Initiated"
    COMPLETED = "Completed"
    CANCELLED = "Cancelled"


@dataclass(slots=True)
class BkashAgreement:
    """An agreement that was executed; instants are UTC.

    `payment_id` is what opened it. One that is cancelled stays so.
    """

    agreement_id: str
    payment_id: str
    payer_reference: str
    wallet: str
    created_at: str
    executed_at: str
    cancelled_at: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether it can be paid by."""
        return self.cancelled_at is None

    @property
    def status(self) -> BkashAgreementStatus:
        """What every answer about it says."""
        return BkashAgreementStatus.COMPLETED if self.is_active else BkashAgreementStatus.CANCELLED

    @property
    def creation_time(self) -> datetime:
        """When it was asked for."""
        return datetime.fromisoformat(self.created_at)

    @property
    def execution_time(self) -> datetime:
        """When it began to count."""
        return datetime.fromisoformat(self.executed_at)

    @property
    def cancellation_time(self) -> datetime | None:
        """When it ended; None while it counts."""
        return None if self.cancelled_at is None else datetime.fromisoformat(self.cancelled_at)
