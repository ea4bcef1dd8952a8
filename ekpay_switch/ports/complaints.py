"""What complaints need, as protocols: one for payers, and one for the staff who answer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from ekpay_switch.domain.citizens.complaints import Complaint, ComplaintTopic
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.domain.errors import SwitchError


@dataclass(frozen=True, slots=True)
class NewComplaint:
    """A complaint to be stored with its first message; it gets the next number."""

    complaint_id: UUID
    cart_id: UUID
    bill_seq: int | None
    topic: ComplaintTopic
    language: PayerLanguage
    words: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NextMessage:
    """What a payer writes in a complaint of the cart that was answered; the first message is 1."""

    cart_id: UUID
    complaint_id: UUID
    nth: int
    words: str = field(repr=False)


class Complaints(Protocol):
    """Complaints as their payers see them; each call is durable on return, and a repeat changes nothing."""

    async def file(self, new: NewComplaint) -> bool:
        """Store it and raise its alarm, in one transaction.

        False where the cart has as many as may be, or is not ordered.
        """
        ...

    async def add(self, message: NextMessage) -> bool:
        """Let a complaint wait again, escalated, with what its payer wrote.

        False where it is none of the cart's, waits already, or the message is not the next one.
        """
        ...

    async def of_cart(self, cart_id: UUID) -> Sequence[Complaint]:
        """Those of a cart, the first before the others."""
        ...


class AnswerRefusedError(SwitchError):
    """A complaint that is not there, or that this person may not answer; nothing was changed."""


class ComplaintDesk(Protocol):
    """Complaints as the staff sees them."""

    async def list_waiting(self, count_max: int) -> Sequence[Complaint]:
        """Those that wait for an answer, the one due first before the others."""
        ...

    async def list_newest(self, count_max: int) -> Sequence[Complaint]:
        """All that are kept, the newest first."""
        ...

    async def by_number(self, number: int) -> Complaint | None:
        """The one of this number, or None."""
        ...

    async def answer(self, number: int, words: str, by: str) -> Complaint:
        """Answer it, end its alarms and write to its payer, in one transaction; the same answer is no other.

        Raises:
            AnswerRefusedError: there is none, or this person may not answer it.
        """
        ...
