"""Alarms are rows: written with their cause, counted while open, owned, due, and ended by evidence."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from ekpay_switch.config_files.alarms import read_alarm_terms, read_business_days
from ekpay_switch.domain.alarms import Alarm, AlarmOwner, RaisedAlarm
from ekpay_switch.domain.collections.connector_calls import Collected
from ekpay_switch.domain.collections.file_proofs import FileStatements
from ekpay_switch.domain.collections.held_money import MoneyHeld
from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.alarms import upkeep
from ekpay_switch.persistence.alarms.desk import (
    AlarmEndedError,
    AlarmStandsError,
    PostgresAlarmDesk,
    UnknownAlarmError,
)
from ekpay_switch.persistence.alarms.rows import raise_alarms
from ekpay_switch.persistence.alarms.store import PostgresAlarms
from ekpay_switch.persistence.alarms.terms import store_alarm_terms
from ekpay_switch.persistence.alarms.watches import WATCHES, Watch
from ekpay_switch.persistence.short_transactions import ShortTransactions
from ekpay_switch.ports.alarms import AlarmFilter, AlarmView
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.books import BILLER, SILENT
from tests.persistence.collections.collection_setup import KEPT_BASIS_POINTS, Till
from tests.persistence.collections.test_held import held_page
from tests.persistence.decisions.decision_setup import APPROVES, LONG_AGO, PROPOSES, THIRD, Desk, open_desk
from tests.persistence.refunds.refund_setup import SILENCE, open_office

EVERYTHING = AlarmFilter()
WAITS_FOR_A_LOCK = """
SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())
"""
ASKED = """
INSERT INTO evidence (payment_id, attempt_id, epoch, kind, facts) VALUES ($1, $2, 1, 'inquiry', '{}')
"""


@pytest.fixture
async def desk(till: Till) -> AsyncIterator[Desk]:
    """Where payments and refunds wait, with alarms about them."""
    async with open_office(till) as office, open_desk(office) as desk:
        yield desk


@pytest.fixture
def alarms(desk: Desk) -> PostgresAlarmDesk:
    return PostgresAlarmDesk(desk.books.database.connect)


async def _only(alarms: PostgresAlarmDesk) -> AlarmView:
    (alarm,) = await alarms.list(EVERYTHING, 10)
    return alarm


async def _raise(desk: Desk, kind: Alarm, subject: str, payment_id: UUID | None = None) -> None:
    transactions = ShortTransactions(desk.books.database.connect)
    try:
        await PostgresAlarms(transactions).raise_alarm(RaisedAlarm(kind, subject, payment_id))
    finally:
        await transactions.close()


# ---- raised with its cause


async def test_a_late_success_raises_its_alarm_in_the_same_transaction(
    desk: Desk, alarms: PostgresAlarmDesk
) -> None:
    payment_id = await desk.late_success()

    alarm = await _only(alarms)

    assert (alarm.kind, alarm.payment_id, alarm.owner) == (Alarm.LATE_SUCCESS, payment_id, AlarmOwner.FINANCE)
    assert (alarm.amount, alarm.count, alarm.acknowledged_by) == (6_000, 1, "")
    noted = "SELECT at FROM history WHERE payment_id = $1 AND event = 'contrary_evidence'"
    assert alarm.raised_at == await desk.books.value(noted, payment_id)


async def test_what_a_connector_collected_wrongly_raises_its_alarm(
    desk: Desk, alarms: PostgresAlarmDesk
) -> None:
    payment_id = await desk.short_money()
    assert [(alarm.kind, alarm.payment_id) for alarm in await alarms.list(EVERYTHING, 10)] == [
        (Alarm.COLLECTED_MISMATCH, payment_id)
    ]


async def test_a_refund_that_is_left_to_finance_raises_its_alarm(
    desk: Desk, alarms: PostgresAlarmDesk
) -> None:
    refund_id = await desk.office.by_hand()
    alarm = await _only(alarms)
    assert (alarm.kind, alarm.subject) == (Alarm.REFUND_NEEDS_A_PERSON, f"refund {refund_id}")


async def test_a_file_that_a_connector_contradicts_raises_its_alarm_with_the_answer(
    desk: Desk, alarms: PostgresAlarmDesk
) -> None:
    refund_id = await desk.office.given_back(await desk.office.refused())
    sent = await desk.office.sent(refund_id)
    await desk.office.record(replace(sent, files=FileStatements(is_news=True)), SILENCE)
    alarm = await _only(alarms)
    assert (alarm.kind, alarm.subject) == (Alarm.FILE_NEEDS_A_PERSON, f"refund {refund_id}")
    answered = "SELECT at FROM refund_history WHERE refund_id = $1 AND event = 'doubted'"
    assert alarm.raised_at == await desk.books.value(answered, refund_id)


async def test_a_file_that_has_held_money_raises_its_alarm_with_the_answer(
    desk: Desk, alarms: PostgresAlarmDesk
) -> None:
    till = desk.office.till
    again = await till.leased(await held_page(till))
    money = Collected(again.order.reference, again.order.amount, "TRX1")
    said = MoneyHeld(money, KEPT_BASIS_POINTS, 3_600.0, "held still", Alarm.FILE_NEEDS_A_PERSON)
    await till.record(again, said)
    open_alarms = {alarm.kind: alarm.count for alarm in await alarms.list(EVERYTHING, 10)}
    assert open_alarms == {Alarm.HELD_FOR_RISK: 1, Alarm.FILE_NEEDS_A_PERSON: 1}


async def test_an_alarm_whose_transaction_is_rolled_back_was_never_raised(
    desk: Desk, alarms: PostgresAlarmDesk
) -> None:
    connection = await desk.books.database.connect()
    transaction = connection.transaction()
    await transaction.start()
    await raise_alarms(connection, [RaisedAlarm(Alarm.SHUT_OUT, "biller desco")])
    await transaction.rollback()
    await connection.close()
    assert await alarms.list(EVERYTHING, 10) == []


async def test_a_fault_that_repeats_is_one_row_with_a_count(desk: Desk, alarms: PostgresAlarmDesk) -> None:
    for _ in range(3):
        await _raise(desk, Alarm.SHUT_OUT, "biller desco_postpaid")
    await _raise(desk, Alarm.SHUT_OUT, "biller titas")

    counts = {alarm.subject: alarm.count for alarm in await alarms.list(EVERYTHING, 10)}

    assert counts == {"biller desco_postpaid": 3, "biller titas": 1}


async def test_a_delivery_that_is_asked_about_again_and_again_is_stuck(
    desk: Desk, alarms: PostgresAlarmDesk
) -> None:
    """As one whose biller waits for a further step that it never takes: each answer leaves it in doubt."""
    started = await desk.books.start()
    await desk.books.finish(started, SILENT)
    await desk.books.tell(LONG_AGO["payments"], started.claim.payment_id)

    await desk.books.finish(started, SILENT)
    await desk.upkeep.sweep()

    alarm = await _only(alarms)
    assert (alarm.kind, alarm.payment_id) == (Alarm.DELIVERY_STUCK, started.claim.payment_id)


async def test_a_refund_is_stuck_since_its_approval(desk: Desk, alarms: PostgresAlarmDesk) -> None:
    """However long it waited for its second person."""
    completed = await desk.office.completed()
    refund = await desk.office.take(completed, needs_approval=True)
    await desk.books.tell(LONG_AGO["refunds"], refund.refund_id)
    await desk.office.desk.approve(refund.refund_id, APPROVES)
    await desk.upkeep.sweep()
    assert await alarms.list(EVERYTHING, 10) == []
    await desk.books.tell("UPDATE refund_history SET at = now() - interval '73 hours'")

    await desk.upkeep.sweep()

    assert (await _only(alarms)).kind is Alarm.REFUND_STUCK


# ---- whose, and until when


def test_every_alarm_has_an_owner_and_a_time() -> None:
    assert set(read_alarm_terms(Path("config/alarms.toml"))) == set(Alarm)


async def test_an_alarm_is_due_after_business_days(desk: Desk, alarms: PostgresAlarmDesk) -> None:
    today = await desk.books.value("SELECT (now() AT TIME ZONE 'Asia/Dhaka')::date")
    days = [today + timedelta(days=number) for number in (3, 4, 9)]
    engine = desk.books.database.engine()
    try:
        await store_alarm_terms(engine, read_alarm_terms(Path("config/alarms.toml")), days)
    finally:
        await engine.dispose()
    await desk.office.by_hand()  # due in two business days
    await _raise(desk, Alarm.SHUT_OUT, "biller titas")  # due today

    due = {alarm.kind: alarm.due_on for alarm in await alarms.list(EVERYTHING, 10)}

    assert due == {Alarm.REFUND_NEEDS_A_PERSON: days[1], Alarm.SHUT_OUT: today}


def test_business_days_leave_out_the_weekend_and_the_holidays() -> None:
    days = read_business_days(Path("config/calendar.toml"), date(2026, 12, 10))
    # A Thursday, then the weekend; the sixteenth is Victory Day.
    assert days[:5] == [date(2026, 12, day) for day in (10, 13, 14, 15, 17)]


# ---- what ends it


async def test_an_alarm_ends_by_evidence_once_what_it_is_about_is_over(
    desk: Desk, alarms: PostgresAlarmDesk
) -> None:
    refund_id = await desk.office.by_hand()
    await desk.upkeep.sweep()
    assert (await _only(alarms)).ended_at is None
    await desk.office.desk.record_paid_by_hand(refund_id, "BANK-1", PROPOSES)
    await desk.office.desk.confirm_paid_by_hand(refund_id, THIRD)

    await desk.upkeep.sweep()

    assert await alarms.list(EVERYTHING, 10) == []
    (ended,) = await alarms.list(AlarmFilter(with_ended=True), 10)
    assert ended.ended_by == "evidence"


async def test_an_alarm_ends_by_the_decision_about_it(desk: Desk, alarms: PostgresAlarmDesk) -> None:
    decided = await desk.decide(await desk.late_success(), DecisionAction.WRITE_OFF)
    (ended,) = await alarms.list(AlarmFilter(with_ended=True), 10)
    assert (ended.ended_by, str(decided.id) in ended.end_reason) == ("decision", True)


async def test_an_alarm_that_was_lost_is_found_by_the_sweep(desk: Desk, alarms: PostgresAlarmDesk) -> None:
    payment_id = await desk.late_success()
    await desk.books.tell("DELETE FROM alarms")

    await desk.upkeep.sweep()
    await desk.upkeep.sweep()

    alarm = await _only(alarms)
    assert (alarm.kind, alarm.payment_id, alarm.count) == (Alarm.PAYMENT_IN_REVIEW, payment_id, 1)


async def test_its_owner_acknowledges_it_and_it_stays_open(desk: Desk, alarms: PostgresAlarmDesk) -> None:
    await desk.late_success()
    alarm = await alarms.acknowledge((await _only(alarms)).alarm_id, PROPOSES)
    assert (alarm.acknowledged_by, alarm.ended_at) == (PROPOSES, None)


async def test_money_that_still_waits_is_not_closed_by_a_person(
    desk: Desk, alarms: PostgresAlarmDesk
) -> None:
    payment_id = await desk.late_success()
    with pytest.raises(AlarmStandsError):
        await alarms.close((await _only(alarms)).alarm_id, "looks fine", PROPOSES)
    assert await desk.books.state_of(payment_id) == State.IN_REVIEW


async def test_what_nothing_else_ends_is_closed_with_a_reason(desk: Desk, alarms: PostgresAlarmDesk) -> None:
    await _raise(desk, Alarm.LATE_APPROVAL, "payment 1")
    alarm = await alarms.close((await _only(alarms)).alarm_id, "the file shows it reversed", PROPOSES)
    assert (alarm.ended_by, alarm.end_reason) == ("person", f"{PROPOSES}: the file shows it reversed")
    with pytest.raises(AlarmEndedError):
        await alarms.acknowledge(alarm.alarm_id, PROPOSES)
    with pytest.raises(UnknownAlarmError):
        await alarms.show(uuid7())


async def test_an_alarm_that_is_raised_again_meanwhile_is_not_ended(
    desk: Desk, alarms: PostgresAlarmDesk
) -> None:
    over = RaisedAlarm(Alarm.REFUND_NEEDS_A_PERSON, f"refund {uuid7()}")
    connection = await desk.books.database.connect()
    await raise_alarms(connection, [over])
    transaction = connection.transaction()
    await transaction.start()
    await raise_alarms(connection, [over])
    sweep = asyncio.create_task(desk.upkeep.sweep())
    async with asyncio.timeout(10):
        while not await desk.books.value(WAITS_FOR_A_LOCK):
            assert not sweep.done()
    await transaction.commit()
    await connection.close()
    await sweep

    assert ((await _only(alarms)).count, sweep.done()) == (2, True)

    await desk.upkeep.sweep()

    assert await alarms.list(EVERYTHING, 10) == []


async def test_a_biller_that_answers_again_is_not_shut_out(desk: Desk, alarms: PostgresAlarmDesk) -> None:
    """It is asked about the payment over which the alarm was raised last, so one answer is looked for."""
    first, last = [await desk.books.start() for _ in range(2)]
    for started in (first, last):
        await desk.books.finish(started, SILENT)
        await _raise(desk, Alarm.SHUT_OUT, f"biller {BILLER}", started.claim.payment_id)
    await desk.upkeep.sweep()
    assert (await _only(alarms)).payment_id == last.claim.payment_id
    await desk.books.tell(ASKED, last.claim.payment_id, last.claim.attempt_id)

    await desk.upkeep.sweep()

    assert await alarms.list(EVERYTHING, 10) == []


async def test_a_kind_that_cannot_be_swept_stops_no_other(
    desk: Desk, alarms: PostgresAlarmDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment_id = await desk.late_success()
    await desk.books.tell("DELETE FROM alarms")
    monkeypatch.setattr(upkeep, "WATCHES", {Alarm.LATE_APPROVAL: Watch("SELECT 1 / 0 AS subject"), **WATCHES})

    with pytest.raises(ExceptionGroup, match="not swept") as failed:
        await desk.upkeep.sweep()

    assert len(failed.value.exceptions) == 1
    assert (await _only(alarms)).payment_id == payment_id


# ---- reminders


async def test_the_owner_of_an_open_alarm_is_reminded_once_a_day(
    desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    await desk.late_success()
    await desk.upkeep.sweep()
    assert "alarms_open" not in capsys.readouterr().err
    await desk.books.tell(
        "UPDATE alarms SET raised_at = now() - interval '2 days', due_on = current_date - 2"
    )

    await desk.upkeep.sweep()
    first = capsys.readouterr().err
    await desk.upkeep.sweep()

    assert '"event":"alarms_open"' in first
    assert '"owner":"finance","open":1,"overdue":1,"paisa":6000' in first
    assert "alarms_open" not in capsys.readouterr().err


# ---- many of them


async def test_a_list_goes_on_after_its_last_alarm(desk: Desk, alarms: PostgresAlarmDesk) -> None:
    for number in range(5):
        await _raise(desk, Alarm.SHUT_OUT, f"biller {number}")
    first = await alarms.list(EVERYTHING, 3)
    rest = await alarms.list(AlarmFilter(after=first[-1].alarm_id), 3)
    assert len({alarm.alarm_id for alarm in (*first, *rest)}) == 5
    assert await alarms.list(AlarmFilter(owner=AlarmOwner.FINANCE), 3) == []
    assert await alarms.list(AlarmFilter(kind=Alarm.LATE_SUCCESS), 3) == []
    assert await alarms.list(AlarmFilter(overdue_only=True), 3) == []
