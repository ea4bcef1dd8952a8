"""Messages in the database: leased once, ended once, forgotten as they end, and dropped by age."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest

from ekpay_switch.domain.citizens.one_time_codes import CodePurpose
from ekpay_switch.domain.citizens.text_messages import MessageEnd, MessageKind
from ekpay_switch.persistence.citizens.text_messages import drop_old_messages, read_messages
from ekpay_switch.ports.citizens import LeasedMessage, NewCode, NewTextMessage, SendAnswer, SendVerdict
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.citizens.conftest import Desk

NUMBER, TEXT = "01712345678", "একপে কোড: 482913।"
SENT = SendAnswer(SendVerdict.SENT, "", "R-1")
DUE = "UPDATE text_messages SET next_try_at = now() WHERE next_try_at IS NOT NULL"


async def made(desk: Desk, worth: timedelta = timedelta(minutes=5)) -> NewTextMessage:
    new = NewTextMessage(uuid7(), MessageKind.CODE, NUMBER, TEXT, worth)
    await desk.codes.issue(NewCode(uuid7(), CodePurpose.TRACK, "SUBJECT", "482913"), new)
    return new


async def leased(desk: Desk) -> LeasedMessage:
    (message,) = await desk.messages.lease_due(8, 45.0)
    return message


async def test_a_message_is_leased_with_its_number_and_text_and_once(desk: Desk) -> None:
    new = await made(desk)
    rounds = await asyncio.gather(*(desk.messages.lease_due(8, 45.0) for _ in range(6)))
    (message,) = [message for one in rounds for message in one]
    assert (message.message_id, message.number, message.text) == (new.message_id, NUMBER, TEXT)
    assert (message.epoch, message.tries, message.is_lapsed) == (1, 0, False)
    assert await desk.messages.lease_due(0, 45.0) == []


async def test_an_end_forgets_the_number_and_the_text(desk: Desk) -> None:
    await made(desk)
    await desk.messages.end(await leased(desk), MessageEnd.SENT, SENT)
    (row,) = await desk.books.rows(
        "SELECT ending, sealed, next_try_at, tries, gateway_reference, masked_number FROM text_messages"
    )
    assert tuple(row) == ("sent", None, None, 1, "R-1", "017*****678")
    await desk.books.tell(DUE)
    assert await desk.messages.lease_due(8, 45.0) == []


async def test_whoever_lost_the_lease_changes_nothing(desk: Desk) -> None:
    await made(desk)
    old = await leased(desk)
    await desk.books.tell(DUE)
    new = await leased(desk)
    assert new.epoch == old.epoch + 1
    await desk.messages.end(old, MessageEnd.REFUSED, SENT)
    await desk.messages.retry(old, timedelta(hours=1), "late")
    assert await desk.books.value("SELECT (ending IS NULL) AND tries = 0 FROM text_messages")
    await desk.messages.end(new, MessageEnd.SENT, SENT)
    await desk.messages.end(new, MessageEnd.REFUSED, SENT)
    assert await desk.books.value("SELECT ending FROM text_messages") == "sent"


async def test_a_retry_is_due_later_and_counted(desk: Desk) -> None:
    await made(desk)
    await desk.messages.retry(await leased(desk), timedelta(seconds=8), "x" * 500)
    assert await desk.messages.lease_due(8, 45.0) == []
    (row,) = await desk.books.rows("SELECT tries, length(last_why), next_try_at > now() FROM text_messages")
    assert tuple(row) == (1, 200, True)


async def test_a_message_that_is_worth_nothing_any_more_says_so(desk: Desk) -> None:
    await made(desk, timedelta(0))
    message = await leased(desk)
    assert message.is_lapsed
    await desk.messages.end(message, MessageEnd.LAPSED, SendAnswer(SendVerdict.AGAIN, "late"))
    assert await desk.books.value("SELECT tries FROM text_messages") == 0


async def test_a_sealed_text_opens_in_its_own_row_only_and_holds_up_no_other(desk: Desk) -> None:
    first, second = await made(desk), await made(desk)
    copy = "UPDATE text_messages SET sealed = (SELECT sealed FROM text_messages WHERE id = $1) WHERE id = $2"
    await desk.books.tell(copy, first.message_id, second.message_id)
    assert [message.message_id for message in await desk.messages.lease_due(8, 45.0)] == [first.message_id]
    assert await desk.books.count("text_messages", "next_try_at IS NOT NULL") == 2


async def test_the_staff_read_neither_number_nor_text(desk: Desk) -> None:
    first, second = await made(desk), await made(desk)
    await desk.messages.end(await first_of(desk), MessageEnd.SENT, SENT)
    lines = await read_messages(desk.transactions, 10, only_waiting=False)
    assert {line.message_id for line in lines} == {first.message_id, second.message_id}
    waiting = await read_messages(desk.transactions, 10, only_waiting=True)
    assert [(line.ending, line.masked_number) for line in waiting] == [(None, "017*****678")]
    assert NUMBER not in str(lines)


async def first_of(desk: Desk) -> LeasedMessage:
    return (await desk.messages.lease_due(1, 45.0))[0]


@pytest.mark.parametrize(
    "change", ["sealed = NULL", "next_try_at = NULL", "ending = 'sent'", "ended_at = now()", "kind = 'x'"]
)
async def test_the_database_refuses_a_message_that_cannot_be(desk: Desk, change: str) -> None:
    await made(desk)
    with pytest.raises(asyncpg.CheckViolationError):
        await desk.books.tell(f"UPDATE text_messages SET {change}")  # noqa: S608 - from the table


async def test_ended_messages_are_dropped_after_a_week(desk: Desk) -> None:
    await made(desk)
    await desk.messages.end(await leased(desk), MessageEnd.SENT, SENT)
    kept = await made(desk)
    await desk.books.tell("UPDATE text_messages SET created_at = now() - interval '8 days'")
    await drop_old_messages(desk.transactions)
    assert [row[0] for row in await desk.books.rows("SELECT id FROM text_messages")] == [kept.message_id]
