"""Complaining about a payment, by whoever may see its page (docs/adr/0127)."""

from dataclasses import dataclass, field
from uuid import UUID

from ekpay_switch.domain.citizens.complaints import ComplaintTopic
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.ports.complaints import Complaints, NewComplaint, NextMessage
from ekpay_switch.security.card_numbers import mask_card_numbers


@dataclass(frozen=True, slots=True)
class TypedComplaint:
    """What a payer has typed; `complaint_id` was made with the form: sent twice it is one complaint."""

    complaint_id: UUID
    bill_seq: int | None
    topic: ComplaintTopic
    language: PayerLanguage
    words: str = field(repr=False)


async def file_complaint(cart_id: UUID, typed: TypedComplaint, complaints: Complaints) -> bool:
    """Store it; False where the payment has as many as may be. Card numbers are masked."""
    new = NewComplaint(
        complaint_id=typed.complaint_id,
        cart_id=cart_id,
        bill_seq=typed.bill_seq,
        topic=typed.topic,
        language=typed.language,
        words=mask_card_numbers(typed.words),
    )
    return await complaints.file(new)


async def continue_complaint(message: NextMessage, complaints: Complaints) -> bool:
    """Write again in an answered complaint, which escalates it. False where it is not the payer's turn."""
    masked = mask_card_numbers(message.words)
    return await complaints.add(NextMessage(message.cart_id, message.complaint_id, message.nth, masked))
