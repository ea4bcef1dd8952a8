"""Complaints in the database: sealed, bounded, each with its alarm, answered once, and continued in turn."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from ekpay_switch.domain.citizens.complaints import (
    COMPLAINTS_MAX,
    MESSAGES_MAX,
    Complaint,
    ComplaintTopic,
    MessageAuthor,
)
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.persistence.alarms.upkeep import AlarmUpkeep
from ekpay_switch.persistence.citizens.complaints import PostgresComplaints, drop_old_complaints
from ekpay_switch.ports.citizens import CartContact
from ekpay_switch.ports.complaints import AnswerRefusedError, NewComplaint, NextMessage
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.books import SEALER
from tests.persistence.carts.cart_setup import PORTAL_NAMES, Portal
from tests.persistence.citizens.complaint_setup import (
    AGAIN,
    ANSWER,
    CONTACT,
    ESCALATED,
    KARIM,
    LATE,
    NUMBER,
    RAHIMA,
    WAITS,
    WORDS,
    a_complaint,
    alarms,
    filed,
    is_same,
    next_message,
    open_alarms,
    ordered,
    seen,
)
from tests.persistence.citizens.conftest import Desk
from tests.persistence.worker_setup import a_worker

NO_SUCH_ROW = "ALTER TABLE {table} ADD CONSTRAINT none_of_these CHECK (kind NOT LIKE 'complaint%')"
ROWS = "SELECT string_agg(t::text, ' ') FROM {table} AS t"
ANSWERED_BEFORE = "UPDATE complaints SET answered_at = now() - interval '{days} days' WHERE number = $1"
CHANGED_CONTACT = (
    "UPDATE cart_contacts SET number_sealed = set_byte(number_sealed, 20, get_byte(number_sealed, 20) # 1)"
)
MOVED = """
UPDATE complaint_messages AS to_row SET sealed = from_row.sealed FROM complaint_messages AS from_row
WHERE from_row.complaint_id = $1 AND to_row.complaint_id = $2 AND from_row.nth = 1 AND to_row.nth = 1
"""


# ---- filing


async def test_a_complaint_has_a_number_its_words_and_the_date_of_its_alarm(
    portal: Portal, complaints: PostgresComplaints
) -> None:
    cart, payment = await portal.ordered()
    new = a_complaint(cart.cart_id)
    assert await complaints.file(new)
    (complaint,) = await complaints.of_cart(cart.cart_id)
    assert (complaint.complaint_id, complaint.cart_id) == (new.complaint_id, cart.cart_id)
    assert (complaint.bill_seq, complaint.topic, complaint.language) == (2, new.topic, new.language)
    assert complaint.is_waiting
    assert not complaint.is_escalated
    (message,) = complaint.messages
    assert (message.nth, message.author, message.staff_name) == (1, MessageAuthor.PAYER, "")
    assert message.words == WORDS
    (alarm,) = await alarms(portal.books)
    assert (alarm["kind"], alarm["owner"], alarm["days"]) == (WAITS, "finance", 2)
    assert alarm["subject"] == f"complaint {complaint.number}"
    assert (alarm["payment_id"], alarm["ended_by"]) == (payment.payment_id, None)
    assert complaint.due_on == alarm["due_on"]


async def test_a_complaint_without_its_alarm_is_none(portal: Portal, complaints: PostgresComplaints) -> None:
    new = a_complaint(await ordered(portal))
    await portal.books.tell(NO_SUCH_ROW.format(table="alarms"))
    with pytest.raises(asyncpg.CheckViolationError):
        await complaints.file(new)
    assert await portal.books.count("complaints") == 0
    assert await portal.books.count("complaint_messages") == 0


async def test_sent_twice_even_at_once_it_is_one_complaint(
    portal: Portal, complaints: PostgresComplaints
) -> None:
    cart_id = await ordered(portal)
    new = a_complaint(cart_id)
    assert all(await asyncio.gather(*(complaints.file(new) for _ in range(8))))
    (complaint,) = await complaints.of_cart(cart_id)
    assert [message.words for message in complaint.messages] == [WORDS]
    assert len(await alarms(portal.books)) == 1


async def test_the_id_of_another_carts_complaint_files_nothing_and_shows_nothing(
    portal: Portal, complaints: PostgresComplaints
) -> None:
    first, second = await ordered(portal), await ordered(portal)
    complaint = await filed(complaints, first)
    stolen = NewComplaint(
        complaint.complaint_id, second, None, ComplaintTopic.OTHER, PayerLanguage.ENGLISH, "Other words."
    )
    assert not await complaints.file(stolen)
    assert await complaints.of_cart(second) == []
    assert (await seen(complaints, complaint)).messages == complaint.messages
    assert len(await alarms(portal.books)) == 1


async def test_a_cart_has_so_many_complaints_and_no_more_even_at_once(
    portal: Portal, complaints: PostgresComplaints
) -> None:
    cart_id = await ordered(portal)
    news = [a_complaint(cart_id) for _ in range(COMPLAINTS_MAX + 5)]
    assert sum(await asyncio.gather(*map(complaints.file, news))) == COMPLAINTS_MAX
    kept = await complaints.of_cart(cart_id)
    assert [complaint.number for complaint in kept] == sorted(complaint.number for complaint in kept)
    assert len(kept) == len(await alarms(portal.books)) == COMPLAINTS_MAX
    again = next(new for new in news if new.complaint_id == kept[0].complaint_id)
    assert await complaints.file(again), "a repeat needs no place"


async def test_a_cart_that_nobody_ordered_has_none(portal: Portal, complaints: PostgresComplaints) -> None:
    for cart_id in ((await portal.filled()).cart_id, uuid7()):
        assert not await complaints.file(a_complaint(cart_id))
        assert await complaints.of_cart(cart_id) == []
    assert await alarms(portal.books) == []


async def test_no_row_tells_what_was_written(portal: Portal, complaints: PostgresComplaints) -> None:
    complaint = await filed(complaints, await ordered(portal, CONTACT))
    await complaints.answer(complaint.number, ANSWER, RAHIMA)
    for table in ("complaints", "complaint_messages", "alarms", "text_messages"):
        rows = str(await portal.books.value(ROWS.format(table=table)))
        for words in (WORDS, ANSWER):
            assert words not in rows
            assert words.encode().hex() not in rows


# ---- answering


async def test_the_staff_read_the_complaint_due_first_and_the_newest(
    portal: Portal, complaints: PostgresComplaints
) -> None:
    cart_id = await ordered(portal)
    first, second, third = [await filed(complaints, cart_id) for _ in range(3)]
    await portal.books.tell("UPDATE complaints SET due_on = due_on - 1 WHERE number = $1", third.number)
    await complaints.answer(second.number, ANSWER, RAHIMA)

    def numbers(found: Sequence[Complaint]) -> list[int]:
        return [complaint.number for complaint in found]

    assert numbers(await complaints.list_waiting(9)) == [third.number, first.number]
    assert numbers(await complaints.list_waiting(1)) == [third.number]
    assert numbers(await complaints.list_newest(2)) == [third.number, second.number]
    assert await complaints.by_number(third.number + 1) is None


async def test_an_answer_ends_both_alarms_and_stands_with_the_complaint(
    portal: Portal, complaints: PostgresComplaints
) -> None:
    complaint = await filed(complaints, await ordered(portal))
    await portal.books.tell(LATE)
    await AlarmUpkeep(portal.engine).sweep()
    assert await open_alarms(portal.books) == [WAITS, ESCALATED]
    answered = await complaints.answer(complaint.number, ANSWER, RAHIMA)
    assert is_same(await seen(complaints, complaint), answered)
    assert not answered.is_waiting
    assert not answered.is_escalated
    said = [(message.author, message.words, message.staff_name) for message in answered.messages]
    assert said == [(MessageAuthor.PAYER, WORDS, ""), (MessageAuthor.STAFF, ANSWER, RAHIMA)]
    ends = {(alarm["ended_by"], alarm["end_reason"]) for alarm in await alarms(portal.books)}
    assert ends == {("evidence", f"answered by {RAHIMA}")}


async def test_whoever_left_a_number_gets_one_text_message_without_the_answer(
    portal: Portal, desk: Desk, complaints: PostgresComplaints
) -> None:
    complaint = await filed(complaints, await ordered(portal, CONTACT))
    await complaints.answer(complaint.number, ANSWER, RAHIMA)
    payment = await portal.books.value("SELECT ekpay_trnx_id FROM merchant_orders")
    text = f"ekPay: complaint {complaint.number} is answered. See it with payment {payment}."
    assert await portal.books.value("SELECT kind FROM text_messages") == "complaint"
    (message,) = await desk.messages.lease_due(16, 60.0)
    assert (message.number, message.text) == (NUMBER, text)


@pytest.mark.parametrize(
    ("contact", "has_gateway", "change"),
    [(None, True, "SELECT 1"), (CONTACT, False, "SELECT 1"), (CONTACT, True, CHANGED_CONTACT)],
    ids=["no number was left", "no gateway", "the number was changed"],
)
async def test_without_a_number_or_a_gateway_it_is_answered_and_no_message_is_sent(
    *, contact: CartContact | None, has_gateway: bool, change: str, portal: Portal, desk: Desk
) -> None:
    complaints = PostgresComplaints(desk.transactions, SEALER, PORTAL_NAMES if has_gateway else None)
    complaint = await filed(complaints, await ordered(portal, contact))
    await portal.books.tell(change)
    await complaints.answer(complaint.number, ANSWER, RAHIMA)
    assert not (await seen(complaints, complaint)).is_waiting
    assert await portal.books.count("text_messages") == 0


async def test_an_answer_without_its_text_message_is_none(
    portal: Portal, complaints: PostgresComplaints
) -> None:
    complaint = await filed(complaints, await ordered(portal, CONTACT))
    await portal.books.tell(NO_SUCH_ROW.format(table="text_messages"))
    with pytest.raises(asyncpg.CheckViolationError):
        await complaints.answer(complaint.number, ANSWER, RAHIMA)
    assert (await seen(complaints, complaint)).is_waiting
    assert await open_alarms(portal.books) == [WAITS]


async def test_the_same_answer_again_is_done_and_any_other_is_refused(
    portal: Portal, complaints: PostgresComplaints
) -> None:
    complaint = await filed(complaints, await ordered(portal, CONTACT))
    answered = await complaints.answer(complaint.number, ANSWER, RAHIMA)
    assert is_same(await complaints.answer(complaint.number, ANSWER, RAHIMA), answered)
    for words, name in ((ANSWER, KARIM), ("Another answer.", RAHIMA)):
        with pytest.raises(AnswerRefusedError, match="answered already"):
            await complaints.answer(complaint.number, words, name)
    assert is_same(await seen(complaints, complaint), answered)
    assert await portal.books.count("text_messages") == 1
    with pytest.raises(AnswerRefusedError, match="there is no complaint"):
        await complaints.answer(complaint.number + 1, ANSWER, RAHIMA)


async def test_of_two_who_answer_at_once_the_second_is_refused(
    portal: Portal, complaints: PostgresComplaints
) -> None:
    complaint = await filed(complaints, await ordered(portal, CONTACT))
    tries = [complaints.answer(complaint.number, ANSWER, name) for name in (RAHIMA, KARIM)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, AnswerRefusedError) for result in results) == 1
    assert len((await seen(complaints, complaint)).messages) == 2
    assert await portal.books.count("text_messages") == 1


# ---- writing again


async def test_a_payer_who_writes_again_has_a_new_date_and_somebody_else_answers(
    portal: Portal, complaints: PostgresComplaints
) -> None:
    complaint = await filed(complaints, await ordered(portal, CONTACT))
    await portal.books.tell(LATE)
    await complaints.answer(complaint.number, ANSWER, RAHIMA)
    assert await complaints.add(next_message(complaint, 3))
    escalated = await seen(complaints, complaint)
    assert escalated.is_waiting
    assert escalated.escalated_at is not None
    assert [message.words for message in escalated.messages] == [WORDS, ANSWER, AGAIN]
    first, alarm = await alarms(portal.books)
    assert (first["kind"], first["ended_by"]) == (WAITS, "evidence")
    assert (alarm["kind"], alarm["ended_by"], alarm["days"]) == (ESCALATED, None, 1)
    assert (alarm["subject"], alarm["payment_id"]) == (first["subject"], first["payment_id"])
    assert escalated.due_on == alarm["due_on"]
    with pytest.raises(AnswerRefusedError, match="somebody else"):
        await complaints.answer(complaint.number, "Another answer.", RAHIMA)
    assert is_same(await seen(complaints, complaint), escalated)
    await complaints.answer(complaint.number, "It came on Monday.", KARIM)
    assert await open_alarms(portal.books) == []
    assert await portal.books.count("text_messages") == 2, "each answer has its own message"


async def test_what_is_not_the_payers_turn_changes_nothing(
    portal: Portal, complaints: PostgresComplaints
) -> None:
    complaint = await filed(complaints, await ordered(portal))
    other = await ordered(portal)
    assert not await complaints.add(next_message(complaint, 2)), "nobody has answered"
    answered = await complaints.answer(complaint.number, ANSWER, RAHIMA)
    for wrong in (
        next_message(complaint, 2),
        next_message(complaint, 4),
        NextMessage(other, complaint.complaint_id, 3, AGAIN),
        NextMessage(complaint.cart_id, uuid7(), 3, AGAIN),
    ):
        assert not await complaints.add(wrong)
    assert is_same(await seen(complaints, complaint), answered)
    assert await open_alarms(portal.books) == []
    tries = [complaints.add(next_message(complaint, 3)) for _ in range(5)]
    assert sum(await asyncio.gather(*tries)) == 1
    assert len((await seen(complaints, complaint)).messages) == 3


async def test_the_last_message_of_a_complaint_is_an_answer(
    portal: Portal, complaints: PostgresComplaints
) -> None:
    complaint = await filed(complaints, await ordered(portal))
    for nth in range(2, MESSAGES_MAX, 2):
        await complaints.answer(complaint.number, ANSWER, f"Person {nth}")
        assert await complaints.add(next_message(complaint, nth + 1))
    await complaints.answer(complaint.number, ANSWER, RAHIMA)
    assert not await complaints.add(next_message(complaint, MESSAGES_MAX + 1))
    assert len((await seen(complaints, complaint)).messages) == MESSAGES_MAX


# ---- what becomes of it later


async def test_a_message_moved_to_another_complaint_is_unreadable_and_others_stay(
    portal: Portal, complaints: PostgresComplaints
) -> None:
    cart_id = await ordered(portal)
    first, second = await filed(complaints, cart_id), await filed(complaints, cart_id)
    await complaints.answer(second.number, ANSWER, RAHIMA)
    await portal.books.tell(MOVED, first.complaint_id, second.complaint_id)
    left, moved = await complaints.of_cart(cart_id)
    assert [message.words for message in left.messages] == [WORDS]
    assert [message.words for message in moved.messages] == [None, ANSWER]


async def test_complaints_answered_long_ago_are_dropped_with_their_messages(
    portal: Portal, desk: Desk, complaints: PostgresComplaints
) -> None:
    cart_id = await ordered(portal)
    old, newer, waiting = [await filed(complaints, cart_id) for _ in range(3)]
    for complaint in (old, newer):
        await complaints.answer(complaint.number, ANSWER, RAHIMA)
    await portal.books.tell("UPDATE complaints SET created_at = now() - interval '9 years'")
    await portal.books.tell(ANSWERED_BEFORE.format(days=731), old.number)
    await portal.books.tell(ANSWERED_BEFORE.format(days=729), newer.number)
    await drop_old_complaints(desk.transactions, datetime.now(UTC), 730)
    kept = await complaints.of_cart(cart_id)
    assert [complaint.number for complaint in kept] == [newer.number, waiting.number]
    assert await portal.books.count("complaint_messages") == 3


async def test_the_worker_drops_complaints_that_are_old_enough(
    portal: Portal, complaints: PostgresComplaints, tmp_path: Path
) -> None:
    cart_id = await ordered(portal)
    old, waiting = [await filed(complaints, cart_id) for _ in range(2)]
    await complaints.answer(old.number, ANSWER, RAHIMA)
    await portal.books.tell("UPDATE complaints SET created_at = now() - interval '19 years'")
    await portal.books.tell(ANSWERED_BEFORE.format(days=10 * 365), old.number)
    async with a_worker(portal.books, tmp_path):
        while await portal.books.count("complaints") > 1:
            assert await portal.books.count("complaints", "answered_at IS NULL") == 1
    assert [complaint.number for complaint in await complaints.of_cart(cart_id)] == [waiting.number]
