"""Requests to hosts: the same rules in the database, seen by two processes, and in memory for rehearsals."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.host_messages import (
    HostMessage,
    HostReply,
    HostState,
    MessageKey,
    NewHostMessage,
    ReversalRecord,
    Trace,
)
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.host_links.store import PostgresHosts, count_reversals
from ekpay_switch.ports.host_links import AnswerRecord, LinkLease
from ekpay_switch.telemetry import render
from tests.persistence.books import Books
from tests.persistence.collections.collection_setup import Till
from tests.persistence.host_links.host_message_setup import (
    ACQUIRER,
    APPROVED,
    BANK,
    DECLINED,
    KEY,
    UNKNOWN,
    Desk,
    TwoProcesses,
)

ALARMS_FAIL = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no alarm'; END $$;
CREATE TRIGGER fail BEFORE INSERT ON alarms FOR EACH ROW EXECUTE FUNCTION fail()
"""

# ---- numbers


async def test_numbers_count_from_one_for_each_acquirer(two: TwoProcesses) -> None:
    given = [await two.one.messages.next_trace(ACQUIRER), await two.other.messages.next_trace(ACQUIRER)]
    assert [trace.stan for trace in given if trace] == [1, 2]
    other = await two.one.messages.next_trace("025010000")
    assert other is not None
    assert other.stan == 1
    assert abs((other.at - datetime.now(UTC)).total_seconds()) < 30


async def test_no_number_is_given_out_twice(two: TwoProcesses) -> None:
    desks = [two.one, two.other] * 20
    traces = await asyncio.gather(*(one.messages.next_trace(ACQUIRER) for one in desks))
    assert sorted(trace.stan for trace in traces if trace) == list(range(1, 41))


async def test_after_the_last_number_there_is_none(books: Books, postgres: Desk) -> None:
    assert await postgres.messages.next_trace(ACQUIRER) is not None
    await books.tell("UPDATE host_traces SET last = 999998")
    last = await postgres.messages.next_trace(ACQUIRER)
    assert last is not None
    assert last.stan == 999_999
    assert await postgres.messages.next_trace(ACQUIRER) is None
    await books.tell("UPDATE host_traces SET day = day - 1")
    first = await postgres.messages.next_trace(ACQUIRER)
    assert first is not None
    assert first.stan == 1
    days = [row["day"] for row in await books.rows("SELECT day FROM host_traces ORDER BY day")]
    assert days[1] == business_date(first.at)


# ---- handing over


async def test_what_is_handed_over_stands_as_it_was(desk: Desk) -> None:
    new = await desk.new()
    handed = await desk.messages.hand_over(new, 30)
    assert handed == HostMessage(new, HostState.WAITING)
    assert await desk.messages.hand_over(new, 30) == handed
    assert "ALIAS" not in repr(handed)


async def test_who_holds_no_try_hands_over_once(desk: Desk) -> None:
    """A conformance run has no try, and so no epoch."""
    assert (await desk.handed(epoch=0)).state is HostState.WAITING


async def test_a_second_request_under_the_same_key_is_the_first(two: TwoProcesses) -> None:
    first = await two.one.handed()
    assert await two.other.messages.hand_over(await two.other.new(), 30) == first


@pytest.mark.parametrize("epoch", [0, 2])
async def test_one_request_of_a_try_stands_at_a_time(desk: Desk, epoch: int) -> None:
    await desk.handed()
    assert await desk.messages.hand_over(await desk.new(epoch=epoch), 30) is None


async def test_after_one_that_never_left_us_a_newer_holder_may_ask(desk: Desk) -> None:
    await desk.handed(epoch=3)
    assert await desk.messages.withdraw(MessageKey(BANK, "R1", 3))
    assert await desk.messages.hand_over(await desk.new(epoch=2), 30) is None
    assert (await desk.handed(epoch=4)).state is HostState.WAITING
    withdrawn = await desk.messages.hand_over(await desk.new(epoch=3), 30)
    assert withdrawn is not None
    assert withdrawn.state is HostState.WITHDRAWN


async def test_what_was_sent_is_not_withdrawn(desk: Desk) -> None:
    await desk.sent()
    assert not await desk.messages.withdraw(KEY)
    assert (await desk.now()).state is HostState.SENDING


async def test_what_is_withdrawn_is_withdrawn_again(desk: Desk) -> None:
    await desk.handed()
    assert await desk.messages.withdraw(KEY)
    assert await desk.messages.withdraw(KEY)
    assert await desk.links.take(await desk.lease(), 10) == []


# ---- settling


async def test_once_a_try_is_settled_an_older_holder_hands_nothing_over(two: TwoProcesses) -> None:
    """Law 14: whoever was stopped between its word and the request is refused when it wakes up."""
    assert await two.other.messages.settle(BANK, "R1", 5) is None
    for epoch in (1, 4):
        assert await two.one.messages.hand_over(await two.one.new(epoch=epoch), 30) is None
    assert (await two.one.handed(epoch=5)).state is HostState.WAITING
    assert (await two.one.handed("R2")).state is HostState.WAITING


async def test_what_waits_is_withdrawn_by_whoever_settles(desk: Desk) -> None:
    await desk.handed()
    assert await desk.messages.settle(BANK, "R1", 2) is None
    assert await desk.links.take(await desk.lease(), 10) == []
    assert await desk.messages.settle(BANK, "R1", 2) is None
    assert (await desk.handed(epoch=2)).state is HostState.WAITING


async def test_what_was_sent_is_told_to_whoever_settles(desk: Desk) -> None:
    sent = await desk.sent()
    assert await desk.messages.settle(BANK, "R1", 2) == sent
    await desk.links.mark_not_written(sent.key)
    assert await desk.messages.settle(BANK, "R1", 3) is None


async def test_of_handing_over_and_settling_one_comes_first(two: TwoProcesses) -> None:
    for number in range(20):
        reference = f"RACE{number}"
        new = await two.one.new(reference)
        handed, settled = await asyncio.gather(
            two.one.messages.hand_over(new, 30), two.other.messages.settle(BANK, reference, 2)
        )
        assert settled is None
        if handed is not None:
            assert await two.one.messages.withdraw(new.key), "it was withdrawn by whoever settled"
    assert await two.one.links.take(await two.one.lease(), 100) == []


# ---- taking


async def test_each_request_is_taken_once_the_oldest_first(two: TwoProcesses) -> None:
    for number in range(5):
        await two.one.handed(f"R{number}")
    lease = await two.one.lease()
    first = await two.one.links.take(lease, 2)
    assert [taken.message.key.reference for taken in first] == ["R0", "R1"]
    assert all(0 < taken.send_seconds <= 30 for taken in first)
    rest = await asyncio.gather(*(two.other.links.take(lease, 2) for _ in range(4)))
    assert sorted(one.message.key.reference for some in rest for one in some) == ["R2", "R3", "R4"]


async def test_of_taking_and_withdrawing_one_comes_first(two: TwoProcesses) -> None:
    lease = await two.one.lease()
    for number in range(20):
        handed = await two.one.handed(f"RACE{number}")
        taken, is_withdrawn = await asyncio.gather(
            two.one.links.take(lease, 1), two.other.messages.withdraw(handed.key)
        )
        assert bool(taken) is not is_withdrawn


async def test_nothing_is_taken_under_a_lease_that_was_lost(two: TwoProcesses) -> None:
    old = await two.one.lease()
    await two.one.links.release(old)
    new = await two.other.lease()
    assert (old.epoch, new.epoch) == (1, 2)
    await two.one.handed()
    assert await two.one.links.take(old, 10) == []
    assert await two.one.links.take(LinkLease(BANK, 9), 10) == []
    assert len(await two.other.links.take(new, 10)) == 1


async def test_nothing_is_taken_after_its_last_moment(desk: Desk) -> None:
    lease = await desk.lease()
    for seconds in (0.0, -1.0, 0.01):
        await desk.messages.hand_over(await desk.new(f"R{seconds}"), seconds)
    await asyncio.sleep(0.05)
    assert await desk.links.take(lease, 10) == []


async def test_the_last_moment_is_the_attempts_own(till: Till) -> None:
    """A process that was stopped on its way to the row cannot lengthen it."""
    held = await till.on_page()
    reference = held.order.reference
    await till.books.tell("UPDATE attempts SET send_until = now() - interval '1 second'")
    hosts = PostgresHosts(till.books.database.connect_hot)
    desk = Desk(hosts.messages, hosts.links)
    assert (await desk.handed(reference)).state is HostState.WAITING
    assert await desk.links.take(await desk.lease(), 10) == []
    await hosts.close()


async def test_another_bank_takes_nothing_of_this_one(desk: Desk) -> None:
    await desk.handed()
    lease = await desk.links.lease("agrani", "owner", 30)
    assert lease is not None
    assert await desk.links.take(lease, 10) == []
    assert await desk.links.find("agrani", "500118000001") is None


async def test_what_was_not_written_is_withdrawn_unless_it_is_being_reversed(desk: Desk) -> None:
    sent = await desk.sent()
    await desk.links.mark_not_written(sent.key)
    assert await desk.messages.settle(BANK, "R1", 2) is None
    sent = await desk.sent("R2")
    await desk.reverse(sent.key)
    await desk.links.mark_not_written(sent.key)
    assert (await desk.now(sent.key)).state is HostState.REVERSING


# ---- answers


@pytest.mark.parametrize("reply", [APPROVED, DECLINED, UNKNOWN])
async def test_the_first_answer_counts(desk: Desk, reply: HostReply) -> None:
    sent = await desk.sent()
    assert await desk.links.find(BANK, sent.new.rrn) == sent
    assert await desk.links.answer(sent.key, reply) is AnswerRecord.RECORDED
    answered = await desk.now()
    assert (answered.state, answered.reply) == (HostState.ANSWERED, reply)
    assert answered.is_settled is reply.is_decided
    assert await desk.links.answer(sent.key, reply) is AnswerRecord.RECORDED
    assert await desk.links.answer(sent.key, HostReply("05", is_decided=True)) is AnswerRecord.NOT_AWAITED
    assert await desk.now() == answered


async def test_what_was_never_sent_is_not_found_and_not_answered(desk: Desk) -> None:
    handed = await desk.handed()
    assert await desk.links.find(BANK, handed.new.rrn) is None
    assert await desk.links.answer(handed.key, APPROVED) is AnswerRecord.NOT_AWAITED
    assert (await desk.messages.await_news(handed, 0)).state is HostState.WAITING


@pytest.mark.parametrize("is_confirmed", [False, True])
async def test_an_answer_that_comes_after_the_reversal_was_begun_is_evidence_only(
    two: TwoProcesses, *, is_confirmed: bool
) -> None:
    message = await two.one.reversing()
    await two.one.links.answer_reversal(message.key, "00" if is_confirmed else "96")
    before = await two.one.now()
    assert await two.one.links.answer(message.key, APPROVED) is AnswerRecord.LATE
    assert await two.one.links.answer(message.key, DECLINED) is AnswerRecord.LATE
    assert await two.one.now() == before
    if two.books is not None:
        (row,) = await two.books.rows("SELECT late_code, late_at FROM host_messages WHERE stan IS NOT NULL")
        assert row["late_code"] == "00"
        assert row["late_at"] is not None


async def test_a_lost_connection_is_news_and_an_answer_after_it_counts(two: TwoProcesses) -> None:
    sent = await two.one.sent()
    waits = await two.one.handed("R2")
    assert not sent.is_lost
    waiting = asyncio.create_task(two.one.messages.await_news(sent, 30))
    await two.other.links.mark_lost(await two.other.lease())
    async with asyncio.timeout(25):
        assert (await waiting).is_lost
    assert not (await two.one.messages.await_news(waits, 0)).is_lost
    assert await two.one.links.answer(sent.key, APPROVED) is AnswerRecord.RECORDED


# ---- reversals


async def test_a_reversal_keeps_its_number_and_counts_its_sends(two: TwoProcesses) -> None:
    first = await two.one.reversing()
    assert first.reversal is not None
    lease = await two.other.lease()
    (due,) = await two.other.links.take_reversals(lease, 10)
    assert due.reversal == replace(first.reversal, sends=1)
    assert await two.other.links.take_reversals(lease, 10) == []
    again = await two.one.reverse(first.key)
    assert again.reversal == due.reversal
    assert (await two.one.reverse(first.key)).reversal == due.reversal
    (repeat,) = await two.other.links.take_reversals(lease, 10)
    assert repeat.reversal is not None
    assert (repeat.reversal.trace, repeat.reversal.sends) == (first.reversal.trace, 2)
    await two.other.links.release(lease)
    await two.one.reverse(first.key)
    assert await two.other.links.take_reversals(lease, 10) == []


async def test_a_reversal_is_open_until_it_is_confirmed(desk: Desk) -> None:
    message = await desk.reversing()
    assert await desk.links.answer_reversal(message.key, "96")
    still = await desk.now()
    assert still.reversal is not None
    assert (still.state, still.reversal.code, still.reversal.answers) == (HostState.REVERSING, "96", 1)
    assert await desk.links.answer_reversal(message.key, "00")
    over = await desk.now()
    assert over.reversal is not None
    assert (over.state, over.reversal.code) == (HostState.REVERSED, "00")
    assert not await desk.links.answer_reversal(message.key, "25")
    assert await desk.reverse(message.key) == over


async def test_what_an_answer_has_settled_is_not_reversed(desk: Desk) -> None:
    sent = await desk.sent()
    await desk.links.answer(sent.key, APPROVED)
    assert (await desk.reverse(sent.key)).is_settled
    assert not await desk.links.answer_reversal(sent.key, "00")
    undecided = await desk.sent("R2")
    await desk.links.answer(undecided.key, UNKNOWN)
    reversing = await desk.reverse(undecided.key)
    assert (reversing.state, reversing.reply) == (HostState.REVERSING, UNKNOWN)


async def test_an_answer_and_its_alarm_are_one_transaction(books: Books, postgres: Desk) -> None:
    message = await postgres.reversing()
    alarms: dict[str, RaisedAlarm] = {
        ReversalRecord.UNCONFIRMED: RaisedAlarm(Alarm.REVERSAL_NOT_CONFIRMED, "payment 7"),
        AnswerRecord.LATE: RaisedAlarm(Alarm.LATE_APPROVAL, "payment 7"),
    }
    await books.tell(ALARMS_FAIL)
    for answered in (
        postgres.links.answer_reversal(message.key, "96", alarms),
        postgres.links.answer(message.key, APPROVED, alarms),
    ):
        with pytest.raises(asyncpg.RaiseError):
            await answered
    assert await books.count("host_messages", "reversal_answers = 0 AND late_code IS NULL") == 1
    await books.tell("DROP TRIGGER fail ON alarms")

    await postgres.links.answer_reversal(message.key, "96", alarms)
    await postgres.links.answer(message.key, APPROVED, alarms)
    await postgres.links.answer_reversal(message.key, "00", alarms)

    raised = await books.rows("SELECT kind, count FROM alarms ORDER BY kind")
    assert [tuple(row) for row in raised] == [("late_approval", 1), ("reversal_not_confirmed", 1)]


async def test_of_an_answer_and_a_reversal_one_comes_first(two: TwoProcesses) -> None:
    for number in range(20):
        sent = await two.one.sent(f"RACE{number}")
        noted, seen = await asyncio.gather(
            two.one.links.answer(sent.key, APPROVED), two.other.reverse(sent.key)
        )
        assert (noted is AnswerRecord.RECORDED) is seen.is_settled
        assert (noted is AnswerRecord.LATE) is (seen.state is HostState.REVERSING)


async def test_open_reversals_are_counted(books: Books, postgres: Desk) -> None:
    await postgres.reversing()
    await postgres.sent("R2")
    engine = books.database.engine()
    await count_reversals(engine)
    assert b'ekpay_open_reversals{connector_id="janata"} 1.0' in render()
    await postgres.links.answer_reversal(KEY, "00")
    await count_reversals(engine)
    assert b"ekpay_open_reversals{" not in render()
    await engine.dispose()


async def test_a_message_is_a_value() -> None:
    at = datetime(2025, 1, 1, tzinfo=UTC)
    new = NewHostMessage(KEY, UUID(int=1), ACQUIRER, Trace(1, at), "500118000001", Money(1), "A")
    assert HostMessage(new, HostState.WAITING).key == KEY
    assert replace(new, trace=Trace(1, at + timedelta(seconds=1))) != new
