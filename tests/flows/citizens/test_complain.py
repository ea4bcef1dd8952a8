"""Complaining about a payment: filed once, continued after an answer, and without card numbers."""

from dataclasses import replace
from uuid import UUID

from ekpay_switch.domain.citizens.complaints import COMPLAINTS_MAX, ComplaintTopic
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.flows.citizens.complain import TypedComplaint, continue_complaint, file_complaint
from ekpay_switch.ports.complaints import NextMessage
from ekpay_switch.security.identifiers import uuid7
from tests.fakes.complaints import FakeComplaints
from tests.fakes.world import FakeClock

CARD, MASKED = "4111 1111 1111 1111", "4111 11** **** 1111"
WORDS = "DESCO says that it has nothing."


def typed(words: str = WORDS) -> TypedComplaint:
    return TypedComplaint(uuid7(), 2, ComplaintTopic.NOT_DELIVERED, PayerLanguage.ENGLISH, words)


async def filed(complaints: FakeComplaints, cart_id: UUID) -> UUID:
    complaint = typed()
    assert await file_complaint(cart_id, complaint, complaints)
    return complaint.complaint_id


def words_of(complaints: FakeComplaints, complaint_id: UUID) -> list[str | None]:
    return [message.words for message in complaints.kept[complaint_id].messages]


async def test_a_complaint_is_stored_as_it_was_typed_but_for_card_numbers() -> None:
    complaints, cart_id, new = FakeComplaints(FakeClock()), uuid7(), typed(f"Paid by {CARD}.")
    assert await file_complaint(cart_id, new, complaints)
    (kept,) = await complaints.of_cart(cart_id)
    assert (kept.complaint_id, kept.cart_id) == (new.complaint_id, cart_id)
    assert (kept.bill_seq, kept.topic, kept.language) == (new.bill_seq, new.topic, new.language)
    assert words_of(complaints, new.complaint_id) == [f"Paid by {MASKED}."]
    assert CARD not in repr(new)


async def test_a_form_that_is_sent_twice_is_one_complaint() -> None:
    complaints, cart_id, new = FakeComplaints(FakeClock()), uuid7(), typed()
    assert await file_complaint(cart_id, new, complaints)
    assert await file_complaint(cart_id, new, complaints)
    assert len(complaints.kept) == 1


async def test_a_payment_has_so_many_complaints_and_one_that_is_not_ordered_none() -> None:
    cart_id, other = uuid7(), uuid7()
    complaints = FakeComplaints(FakeClock(), lambda known: known == cart_id)
    for _ in range(COMPLAINTS_MAX):
        await filed(complaints, cart_id)
    assert not await file_complaint(cart_id, typed(), complaints)
    assert not await file_complaint(other, typed(), complaints)
    assert len(complaints.kept) == COMPLAINTS_MAX


async def test_after_an_answer_its_payer_writes_again_without_card_numbers() -> None:
    complaints, cart_id = FakeComplaints(FakeClock()), uuid7()
    complaint_id = await filed(complaints, cart_id)
    again = NextMessage(cart_id, complaint_id, 3, f"Not on {CARD}.")
    assert not await continue_complaint(again, complaints), "nobody has answered"
    complaints.answer(1, "It went back.", "Rahima")
    for wrong in (
        replace(again, cart_id=uuid7()),
        replace(again, complaint_id=uuid7()),
        replace(again, nth=2),
    ):
        assert not await continue_complaint(wrong, complaints)
    assert await continue_complaint(again, complaints)
    assert words_of(complaints, complaint_id) == [WORDS, "It went back.", f"Not on {MASKED}."]
    assert complaints.kept[complaint_id].is_escalated
    assert not await continue_complaint(again, complaints), "it is sent twice"
