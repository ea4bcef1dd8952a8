"""Disputes in the books: what the database, the audit, the alarms and a statement know of them."""

import re
from collections.abc import AsyncIterator

import asyncpg
import pytest

from ekpay_switch.domain.disputes.dispute import DisputeEvent
from ekpay_switch.persistence.alarms.rows import TODAY
from ekpay_switch.persistence.alarms.upkeep import AlarmUpkeep
from ekpay_switch.persistence.audit.disputes import DISPUTE_CHECKS
from ekpay_switch.persistence.parties.staff import Staff
from ekpay_switch.persistence.refunds.chargebacks import DecidedRowError
from ekpay_switch.ports.disputes import DisputeProposal
from tests.persistence.disputes.dispute_setup import AGREES, ASKS, COLLECTED, WORD, DisputeRoom
from tests.persistence.ledger.window_closing_setup import Closing

CONDITIONS = "SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass AND contype = 'c'"


async def first_fault(connection: asyncpg.Connection) -> tuple[str, str] | None:
    """What the audit of disputes says first, in an open transaction."""
    for query, fault, name in DISPUTE_CHECKS:
        for row in await connection.fetch(query):
            why = fault(row)
            if why is not None:
                return name.format(**row), why
    return None


async def test_the_database_refuses_money_that_no_dispute_explains(room: DisputeRoom) -> None:
    dispute = await room.opened(await room.completed(), COLLECTED)
    await room.held(dispute)
    for change in (
        "UPDATE disputes SET refund_id = NULL",
        "UPDATE disputes SET amount = amount - 1",
        "UPDATE disputes SET state = 'lost'",
        "UPDATE disputes SET round = 2",
        "UPDATE refunds SET state = 'returned' WHERE state = 'held'",
        "UPDATE refunds SET kind = 'refund' WHERE state = 'held'",
    ):
        with pytest.raises(asyncpg.CheckViolationError):
            await room.office.books.tell(change)


@pytest.fixture
async def upkeep(room: DisputeRoom) -> AsyncIterator[AlarmUpkeep]:
    engine = room.office.books.database.engine()
    yield AlarmUpkeep(engine)
    await engine.dispose()


async def test_a_dispute_has_its_alarms_until_it_is_over(room: DisputeRoom, upkeep: AlarmUpkeep) -> None:
    dispute = await room.opened(await room.completed(), COLLECTED)
    assert await room.alarms(dispute) == ["dispute_notified"]
    for days, kinds in (
        (-1, ["dispute_notified", "dispute_unanswered"]),
        (3, ["dispute_evidence_due", "dispute_notified"]),
        (4, ["dispute_notified"]),
    ):
        await room.office.books.tell(f"UPDATE disputes SET answer_due_on = {TODAY} + {days}")  # noqa: S608 - constants
        await upkeep.sweep()
        assert await room.alarms(dispute) == kinds
    await room.represented(dispute)
    await room.desk.propose(dispute.id, DisputeProposal(DisputeEvent.LOST, WORD), ASKS)
    await upkeep.sweep()
    assert await room.alarms(dispute) == ["dispute_undecided", "dispute_waits_for_approval"]
    await room.desk.approve(dispute.id, AGREES)
    await upkeep.sweep()
    assert await room.alarms(dispute) == ["dispute_money_not_taken"]
    await room.held(dispute)
    await upkeep.sweep()
    assert await room.alarms(dispute) == []


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (DisputeEvent.WON, [("refund", -COLLECTED), ("payment", COLLECTED)]),
        (DisputeEvent.LOST, [("refund", -COLLECTED)]),
    ],
)
async def test_a_statement_is_matched_with_what_is_held_and_what_comes_back(
    room: DisputeRoom, event: DisputeEvent, lines: list[tuple[str, int]]
) -> None:
    dispute = await room.opened(await room.completed(), COLLECTED)
    held = await room.held(dispute)
    await room.decided(dispute, event)
    closing = Closing(room.office.books)
    await closing.close()
    told = [line for line in await closing.lines(role="connector") if line["movement"] == held["id"]]
    assert [(line["event"], line["net"]) for line in told] == lines
    assert {line["their_reference"] for line in told} == {"CB-1"}
    await closing.is_whole()


async def test_what_somebody_proposed_about_disputes_is_named_as_they_leave(room: DisputeRoom) -> None:
    dispute = await room.opened(await room.completed(), COLLECTED)
    await room.desk.propose(dispute.id, DisputeProposal(DisputeEvent.ACCEPTED, WORD), ASKS)
    engine = room.office.books.database.engine()
    assert await Staff(engine).disable(ASKS, AGREES) == {"disputes": 1}
    await engine.dispose()


TAMPERINGS = (
    (
        "UPDATE dispute_history SET approved_by = NULL WHERE event = 'money_held'",
        "two persons do not say that it was money_held",
    ),
    ("UPDATE dispute_history SET actor = NULL", "nobody says that it was money_held"),
    ("UPDATE disputes SET opened_by = NULL", "neither one person nor one file has opened it"),
    ("UPDATE disputes SET opened_from = 'a file'", "neither one person nor one file has opened it"),
    ("UPDATE disputes SET round = 2", "its rounds are not those of its steps"),
    ("UPDATE disputes SET amount = 1", "its money is no chargeback of its amount"),
    ("UPDATE disputes SET amount = 1000000", "1000000 paisa are disputed of 168977 that came"),
    ("UPDATE disputes SET refund_id = NULL", "its money is not what its steps say"),
    ("DELETE FROM dispute_history", "its steps are not numbered 1..n"),
    (
        "UPDATE disputes SET state = 'lost'; UPDATE dispute_history SET to_state = 'lost'",
        "notified does not become lost by money_held",
    ),
)


async def test_the_audit_names_a_dispute_that_was_tampered_with(room: DisputeRoom) -> None:
    dispute = await room.opened(await room.completed(), COLLECTED)
    await room.held(dispute)
    connection = await room.office.books.database.connect("owner")
    try:
        for tampering, why in TAMPERINGS:
            transaction = connection.transaction()
            await transaction.start()
            for name in ("disputes", "dispute_history"):
                for constraint in await connection.fetch(CONDITIONS, name):
                    await connection.execute(f"ALTER TABLE {name} DROP CONSTRAINT {constraint[0]}")
            await connection.execute(tampering)
            assert await first_fault(connection) == (f"disputes {dispute.id}", why)
            await transaction.rollback()
    finally:
        await connection.close()


async def test_the_audit_names_disputed_money_that_was_never_posted(room: DisputeRoom) -> None:
    dispute = await room.opened(await room.completed(), COLLECTED)
    held = await room.held(dispute)
    connection = await room.office.books.database.connect("owner")
    try:
        for tampering, why in (
            ("DELETE FROM postings WHERE account LIKE 'disputed:%'", "holds 0 paisa"),
            ("DELETE FROM postings WHERE account LIKE 'receivable:%'", r"\[\] were posted"),
        ):
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(tampering)
            finding = await first_fault(connection)
            assert finding is not None
            assert finding[0] == f"disputes of payment {held['payment_id']}"
            assert re.search(why, finding[1])
            await transaction.rollback()
    finally:
        await connection.close()


async def test_database_and_audit_refuse_a_row_that_a_decision_and_a_chargeback_book(
    room: DisputeRoom,
) -> None:
    dispute = await room.opened(await room.completed(), COLLECTED)
    decided = (
        "INSERT INTO chargeback_decisions (connector_id, name, entry_id, amount)"
        " VALUES ('bkash', 'CB-1', gen_random_uuid(), 168977)"
    )
    await room.office.books.tell(decided)
    with pytest.raises(DecidedRowError, match="row CB-1"):
        await room.held(dispute)
    refund = await room.held(dispute, "CB-2")
    with pytest.raises(asyncpg.CheckViolationError, match="row CB-1 is booked"):
        await room.office.books.tell("UPDATE refunds SET provider_refund = 'CB-1'")
    decided_too = decided.replace("CB-1", "CB-2")
    with pytest.raises(asyncpg.CheckViolationError, match="row CB-2 is booked"):
        await room.office.books.tell(decided_too)
    connection = await room.office.books.database.connect("owner")
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("ALTER TABLE chargeback_decisions DISABLE TRIGGER chargeback_decisions_once")
        await connection.execute(decided_too)
        assert await first_fault(connection) == (
            f"refunds {refund['id']}",
            "a decision about the break of its row CB-2 has booked it as well",
        )
        await transaction.rollback()
    finally:
        await connection.close()
