"""A reversal that came before its request: begun anew once the host has approved, over rows or in memory."""

import asyncpg
import pytest

from ekpay_switch.domain.host_messages import HostMessage, HostState, MessageKey, ReversalRecord
from ekpay_switch.persistence.audit.connector_requests import REQUESTS, request_fault
from ekpay_switch.ports.host_links import AnswerRecord
from tests.persistence.books import Books
from tests.persistence.collections.collection_setup import LAPSED, Till
from tests.persistence.host_links.host_message_setup import (
    ACQUIRER,
    APPROVED,
    BANK,
    DECLINED,
    KEY,
    Desk,
    TwoProcesses,
)

ROW = "SELECT * FROM host_messages WHERE stan IS NOT NULL"


async def sent_reversal(two: TwoProcesses) -> HostMessage:
    """A request whose reversal was sent once."""
    await two.one.reversing()
    return await send_reversals(two, 1)


async def send_reversals(two: TwoProcesses, count: int) -> HostMessage:
    """What the link owner sends now: so many reversals of the one request."""
    lease = await two.other.lease()
    due = await two.other.links.take_reversals(lease, 10)
    await two.other.links.release(lease)
    assert len(due) == count
    return due[0] if due else await two.one.now()


@pytest.mark.parametrize("is_approved_first", [False, True])
async def test_reversal_answered_before_its_request(two: TwoProcesses, *, is_approved_first: bool) -> None:
    """The approval comes after 25, or while the reversal is unanswered: a new message is due, once."""
    first = await sent_reversal(two)
    assert first.reversal is not None
    if is_approved_first:
        assert await two.one.links.answer(first.key, APPROVED) is AnswerRecord.LATE
        assert await two.one.links.answer_reversal(first.key, "25") is ReversalRecord.OVERTOOK
    else:
        assert await two.one.links.answer_reversal(first.key, "25") is ReversalRecord.CONFIRMED
        assert await two.one.links.answer(first.key, APPROVED) is AnswerRecord.LATE
    assert await two.one.links.answer(first.key, APPROVED) is AnswerRecord.LATE

    anew = await send_reversals(two, 1)

    assert anew.reversal is not None
    assert (anew.state, anew.reversal.sends, anew.reversal.is_repeat) == (HostState.REVERSING, 2, False)
    assert anew.reversal.trace != first.reversal.trace
    assert anew.new == first.new
    await send_reversals(two, 0)
    # Whoever holds the try has it repeated under its new number.
    await two.one.reverse(first.key)
    repeat = await send_reversals(two, 1)
    assert repeat.reversal is not None
    assert (repeat.reversal.trace, repeat.reversal.is_repeat) == (anew.reversal.trace, True)
    assert await two.one.links.answer_reversal(first.key, "00") is ReversalRecord.CONFIRMED
    assert (await two.one.now()).state is HostState.REVERSED
    assert await two.one.links.answer(first.key, APPROVED) is AnswerRecord.LATE
    await send_reversals(two, 0)


async def test_no_such_original_confirms_nothing_of_what_was_begun_anew(two: TwoProcesses) -> None:
    first = await sent_reversal(two)
    await two.one.links.answer_reversal(first.key, "25")
    await two.one.links.answer(first.key, APPROVED)
    await send_reversals(two, 1)
    assert await two.one.links.answer_reversal(first.key, "25") is ReversalRecord.UNCONFIRMED
    assert (await two.one.now()).state is HostState.REVERSING
    await send_reversals(two, 0)


async def test_a_late_refusal_does_not_hide_a_later_approval(two: TwoProcesses) -> None:
    first = await sent_reversal(two)
    await two.one.links.answer_reversal(first.key, "25")
    await two.one.links.answer(first.key, DECLINED)
    assert (await two.one.now()).state is HostState.REVERSED
    await two.one.links.answer(first.key, APPROVED)
    assert (await two.one.now()).state is HostState.REVERSING


async def test_what_was_reversed_is_not_reversed_again(two: TwoProcesses) -> None:
    first = await sent_reversal(two)
    await two.one.links.answer_reversal(first.key, "00")
    before = await two.one.now()
    assert await two.one.links.answer(first.key, APPROVED) is AnswerRecord.LATE
    assert await two.one.now() == before


async def test_without_a_number_the_first_message_is_repeated(books: Books, postgres: Desk) -> None:
    two = TwoProcesses(postgres, postgres)
    first = await sent_reversal(two)
    await postgres.links.answer_reversal(first.key, "25")
    await books.tell("UPDATE host_traces SET last = 999999")
    assert await postgres.messages.next_trace(ACQUIRER) is None
    await postgres.links.answer(first.key, APPROVED)
    anew = await send_reversals(two, 1)
    assert anew.reversal is not None
    assert first.reversal is not None
    assert (anew.reversal.trace, anew.reversal.is_repeat) == (first.reversal.trace, True)


async def test_a_try_that_has_ended_is_asked_about_until_it_is_confirmed(till: Till, postgres: Desk) -> None:
    held = await till.on_page()
    await till.books.tell("UPDATE tries SET connector_id = $1", BANK)
    await till.books.tell("UPDATE attempts SET far_side = $1", BANK)
    key = MessageKey(BANK, held.order.reference, 1)
    new = await postgres.new(key.reference, payment_id=held.payment_id, amount=held.order.amount)
    await postgres.messages.hand_over(new, 30)
    await postgres.links.take(await postgres.lease(), 10)
    await postgres.reverse(key)
    await postgres.links.answer_reversal(key, "25")
    again = await till.leased(held)
    await till.record(again, LAPSED)
    assert (await till.row(held))["next_action_at"] is None

    await postgres.links.answer(key, APPROVED)

    row = await till.row(held)
    assert row["is_woken"]
    assert row["due_seconds"] <= 0
    (request,) = await till.books.rows(REQUESTS)
    assert request_fault(request) is None
    assert (row["state"], row["collected"], await till.balances()) == ("closed", None, {})
    # The audit names one that nobody asks about any more.
    await till.books.tell("UPDATE tries SET next_action_at = NULL")
    (request,) = await till.books.rows(REQUESTS)
    assert request_fault(request) == "its try has ended, and it is reversing"
    ended = dict(request) | {"state": HostState.REVERSED}
    assert request_fault(ended) is not None
    assert request_fault(ended | {"reversal_code": "00"}) is None


OPENED = "state = 'reversing', reversed_at = NULL"
OVERTAKEN = "overtaken_stan = reversal_stan, overtaken_day = reversal_day, overtaken_sends = 0"


@pytest.mark.parametrize(
    "change",
    [
        OPENED,
        f"{OPENED}, late_approved = true, late_code = '00', late_reply = '{{}}', late_at = now()",
        f"{OPENED}, {OVERTAKEN}",
        f"{OVERTAKEN}, reversal_stan = 78",
        "late_approved = true",
    ],
)
async def test_the_database_refuses(books: Books, postgres: Desk, change: str) -> None:
    message = await postgres.reversing()
    await postgres.links.answer_reversal(message.key, "25")
    with pytest.raises(asyncpg.CheckViolationError):
        await books.tell(f"UPDATE host_messages SET {change} WHERE stan IS NOT NULL")  # noqa: S608 - constants


async def test_what_the_first_reversal_was_stays(books: Books, postgres: Desk) -> None:
    message = await postgres.reversing()
    await postgres.links.answer_reversal(message.key, "25")
    await postgres.links.answer(KEY, APPROVED)
    for change in ("overtaken_stan = 99", "reversal_stan = 99", "overtaken_sends = 9"):
        with pytest.raises(asyncpg.CheckViolationError):
            await books.tell(f"UPDATE host_messages SET {change} WHERE stan IS NOT NULL")  # noqa: S608 - constants
    (row,) = await books.rows(ROW)
    assert row["overtaken_stan"] == message.reversal.trace.stan if message.reversal else None
