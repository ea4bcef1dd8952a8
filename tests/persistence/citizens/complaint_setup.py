"""Complaints upon the test's own books: what is filed, read again and raised, a line each."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from ekpay_switch.domain.citizens.complaints import Complaint, ComplaintTopic
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.persistence.citizens.complaints import PostgresComplaints
from ekpay_switch.ports.citizens import CartContact
from ekpay_switch.ports.complaints import NewComplaint, NextMessage
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.books import Books
from tests.persistence.carts.cart_setup import Portal

WORDS, ANSWER, AGAIN = "DESCO says that it has nothing.", "DESCO has it now.", "It has not."
RAHIMA, KARIM = "Rahima", "Karim"
NUMBER = "01712345678"
CONTACT = CartContact(NUMBER, PayerLanguage.ENGLISH)
WAITS, ESCALATED = "complaint_waits", "complaint_escalated"
# The days are those from the Dhaka date of the alarm to the date that its owner has.
ALARMS = """
SELECT kind, subject, owner, payment_id, due_on, ended_by, end_reason,
  due_on - (raised_at AT TIME ZONE 'Asia/Dhaka')::date AS days
FROM alarms WHERE kind LIKE 'complaint%' ORDER BY raised_at, kind DESC
"""
LATE = "UPDATE complaints SET due_on = due_on - 30"


async def ordered(portal: Portal, contact: CartContact | None = None) -> UUID:
    cart, _ = await portal.ordered(contact=contact)
    return cart.cart_id


def a_complaint(cart_id: UUID, words: str = WORDS) -> NewComplaint:
    return NewComplaint(uuid7(), cart_id, 2, ComplaintTopic.NOT_DELIVERED, PayerLanguage.BANGLA, words)


async def filed(complaints: PostgresComplaints, cart_id: UUID) -> Complaint:
    new = a_complaint(cart_id)
    assert await complaints.file(new)
    (found,) = [kept for kept in await complaints.of_cart(cart_id) if kept.complaint_id == new.complaint_id]
    return found


async def seen(complaints: PostgresComplaints, complaint: Complaint) -> Complaint:
    found = await complaints.by_number(complaint.number)
    assert found is not None
    return found


def is_same(complaint: Complaint, other: Complaint) -> bool:
    """Whether both are one complaint that nobody has changed, on whichever days they were read."""
    return complaint == replace(other, read_on=complaint.read_on)


def next_message(complaint: Complaint, nth: int) -> NextMessage:
    return NextMessage(complaint.cart_id, complaint.complaint_id, nth, AGAIN)


async def alarms(books: Books) -> Sequence[Any]:
    return await books.rows(ALARMS)


async def open_alarms(books: Books) -> list[str]:
    return [alarm["kind"] for alarm in await alarms(books) if alarm["ended_by"] is None]
