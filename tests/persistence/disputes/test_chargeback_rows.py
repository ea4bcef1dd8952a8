"""Chargeback rows of settlement files over real books: the disputes that they open, each once."""

from dataclasses import replace
from datetime import date

import asyncpg
import pytest

from ekpay_switch.domain.disputes.chargeback_rows import ChargebackRowOutcome
from ekpay_switch.domain.disputes.dispute import DisputeEvent, DisputeState
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.disputes.chargeback_rows import DisputedChargebackRows
from ekpay_switch.persistence.disputes.desk import OtherDisputeError
from ekpay_switch.ports.disputes import ChargebackRow, ChargebackRowAnswer
from tests.persistence.disputes.dispute_setup import AGREES, ASKS, COLLECTED, DisputeRoom
from tests.persistence.refunds.refund_setup import UNDOABLE

DUE = date(2026, 12, 16)
FILE = "bkash_20261209_01.csv"


def row_of(reference: str, name: str = "CB-1", amount: int = COLLECTED) -> ChargebackRow:
    return ChargebackRow("bkash", name, reference, Money(amount), FILE, DUE)


async def record(room: DisputeRoom, row: ChargebackRow) -> ChargebackRowAnswer:
    connection = await room.office.till.books.database.connect_hot()
    try:
        return await DisputedChargebackRows().record(connection, row)
    finally:
        await connection.close()


async def outcome_of(room: DisputeRoom, row: ChargebackRow) -> tuple[ChargebackRowOutcome, int | None]:
    answer = await record(room, row)
    return answer.outcome, answer.dispute_id


async def test_a_row_opens_a_notified_dispute_once_and_moves_nothing(room: DisputeRoom) -> None:
    paid = await room.completed()
    before = await room.office.till.balances()
    row = row_of(paid.order.reference)
    answer = await record(room, row)
    dispute = await room.desk.last()
    assert (answer.outcome, answer.dispute_id) == (ChargebackRowOutcome.OPENED, dispute.id)
    assert (dispute.name, dispute.amount, dispute.state) == ("CB-1", Money(COLLECTED), DisputeState.NOTIFIED)
    assert (dispute.answer_due_on, dispute.opened_by, dispute.refund_id) == (DUE, FILE, None)
    assert await room.alarms(dispute) == ["dispute_notified"]
    assert await room.moved(before) == {}
    # A night that is run again, and a corrected file with the same row.
    for again in (row, replace(row, file="bkash_20261209_01_c1.csv")):
        assert await outcome_of(room, again) == (ChargebackRowOutcome.KNOWN, dispute.id)
    assert await room.desk.last() == dispute
    held = await room.held(dispute, "CB-1")
    assert held["provider_refund"] == "CB-1"
    assert await outcome_of(room, row) == (ChargebackRowOutcome.KNOWN, dispute.id)


async def test_a_row_is_found_by_the_transaction_of_the_connector(room: DisputeRoom) -> None:
    paid = await room.completed()
    transaction = (await room.office.till.books.rows(
        "SELECT provider_transaction FROM tries WHERE attempt_id = $1", paid.attempt_id
    ))[0][0]  # fmt: skip
    assert (await record(room, row_of(transaction))).outcome is ChargebackRowOutcome.OPENED


async def test_what_cannot_be_disputed_opens_nothing(room: DisputeRoom) -> None:
    paid = await room.completed()
    row = row_of(paid.order.reference)
    for changed, outcome in (
        (row_of("unknown"), ChargebackRowOutcome.NO_PAYMENT),
        (replace(row, amount=Money(COLLECTED + 1)), ChargebackRowOutcome.BEYOND_PAYMENT),
        (replace(row, amount=Money(1, "USD")), ChargebackRowOutcome.OTHER_CURRENCY),
    ):
        assert await outcome_of(room, changed) == (outcome, None)
    assert await room.desk.list(list(DisputeState), 10) == []


async def test_a_row_after_a_letter_is_the_money_of_that_dispute(room: DisputeRoom) -> None:
    paid = await room.completed()
    dispute = await room.opened(paid, COLLECTED, "LETTER-7")
    row = row_of(paid.order.reference)
    assert await outcome_of(room, row) == (ChargebackRowOutcome.IS_MONEY_OF_DISPUTE, dispute.id)
    await room.held(dispute, "CB-1")
    assert await outcome_of(room, row) == (ChargebackRowOutcome.KNOWN, dispute.id)
    # The connector takes it a second time.
    second = replace(row, name="CB-2")
    assert await outcome_of(room, second) == (ChargebackRowOutcome.BEYOND_PAYMENT, None)


async def test_a_row_after_a_win_opens_the_next_round_once(room: DisputeRoom) -> None:
    paid = await room.completed()
    first = row_of(paid.order.reference)
    await record(room, first)
    dispute = await room.desk.last()
    await room.held(dispute, "CB-1")
    await room.represented(dispute)
    await room.decided(dispute, DisputeEvent.WON)
    assert await outcome_of(room, first) == (ChargebackRowOutcome.KNOWN, dispute.id)

    later = replace(first, name="CB-2", file="bkash_20261220_01.csv", answer_due_on=date(2026, 12, 27))
    assert await outcome_of(room, later) == (ChargebackRowOutcome.ROUND_OPENED, dispute.id)
    stands = await room.desk.find(dispute.id)
    assert (stands.state, stands.round, stands.answer_due_on) == (
        DisputeState.NOTIFIED,
        2,
        date(2026, 12, 27),
    )
    step = (await room.desk.steps(dispute.id))[-1]
    assert (step.event, step.actor, step.facts["movement"]) == (DisputeEvent.ROUND_OPENED, "", "CB-2")
    assert await outcome_of(room, later) == (ChargebackRowOutcome.KNOWN, dispute.id)
    await room.held(dispute, "CB-2")
    await room.decided(dispute, DisputeEvent.WON)
    for row in (first, later):
        assert await outcome_of(room, row) == (ChargebackRowOutcome.KNOWN, dispute.id)


async def test_a_name_of_other_money_or_of_another_amount_opens_nothing(room: DisputeRoom) -> None:
    paid, other = await room.completed(), await room.completed()
    row = row_of(paid.order.reference, amount=1_000)
    await record(room, row)
    dispute = await room.desk.last()
    for changed in (replace(row, amount=Money(2_000)), replace(row, collected=other.order.reference)):
        assert await outcome_of(room, changed) == (ChargebackRowOutcome.NAME_TAKEN, dispute.id)
    assert await room.desk.last() == dispute


async def test_a_name_that_passes_for_a_card_number_is_known_by_all_its_digits(room: DisputeRoom) -> None:
    paid = await room.completed()
    row = row_of(paid.order.reference, "4111111111111111", 1_000)
    await record(room, row)
    await room.decided(await room.desk.last(), DisputeEvent.WON)
    later = replace(row, name="4111110000091111")
    assert (await record(room, later)).outcome is ChargebackRowOutcome.ROUND_OPENED
    assert (await record(room, later)).outcome is ChargebackRowOutcome.KNOWN


async def test_the_database_wants_a_person_or_a_file_and_a_person_for_each_other_step(
    room: DisputeRoom,
) -> None:
    paid = await room.completed()
    await record(room, row_of(paid.order.reference))
    dispute = await room.desk.last()
    connection = await room.office.till.books.database.connect_hot()
    try:
        for change in ("opened_from = NULL", "opened_by = 'Rahima'"):
            with pytest.raises(asyncpg.CheckViolationError, match="ck_disputes_opened"):
                await connection.execute(f"UPDATE disputes SET {change} WHERE id = $1", dispute.id)  # noqa: S608 - constants
        with pytest.raises(asyncpg.CheckViolationError, match="ck_dispute_history_actor"):
            await connection.execute(
                "INSERT INTO dispute_history (dispute_id, seq, round, from_state, event, to_state, facts)"
                " VALUES ($1, 1, 1, 'notified', 'evidence_requested', 'evidence_due', '{}')",
                dispute.id,
            )
    finally:
        await connection.close()


async def test_a_letter_about_the_money_of_a_row_opens_no_second_dispute(room: DisputeRoom) -> None:
    paid = await room.completed()
    await record(room, row_of(paid.order.reference))
    dispute = await room.desk.last()
    for _ in range(2):
        with pytest.raises(OtherDisputeError, match=f"name: dispute {dispute.id} has this money"):
            await room.opened(paid, COLLECTED, "LETTER-7")
        if dispute.refund_id is None:
            await room.held(dispute, "CB-1")
            dispute = await room.desk.find(dispute.id)
    assert await room.desk.last() == dispute
    await room.decided(dispute, DisputeEvent.WON)
    assert (await room.opened(paid, COLLECTED, "LETTER-8")).id != dispute.id


async def test_disputes_of_parts_stand_beside_that_of_a_row(room: DisputeRoom) -> None:
    paid = await room.completed()
    await record(room, row_of(paid.order.reference, amount=1_000))
    dispute = await room.desk.last()
    assert (await room.opened(paid, 1_000, "LETTER-7")).id != dispute.id


async def booked_by(room: DisputeRoom, row: ChargebackRow) -> str:
    connection = await room.office.till.books.database.connect_hot()
    try:
        async with connection.transaction():
            return await DisputedChargebackRows().booked_by(connection, row)
    finally:
        await connection.close()


async def test_what_books_a_row_is_its_dispute_or_its_chargeback(room: DisputeRoom) -> None:
    paid = await room.completed()
    row = row_of(paid.order.reference)
    assert await booked_by(room, row) == ""
    await record(room, row)
    dispute = await room.desk.last()
    assert await booked_by(room, row) == (
        f"dispute {dispute.id} (CB-1) has it: ekpay disputes held {dispute.id} --movement CB-1,"
        f" or ekpay disputes settle {dispute.id}"
    )
    # Other money of the same payment is none of the dispute's.
    assert await booked_by(room, replace(row, name="CB-9", amount=Money(100))) == ""
    await room.held(dispute, "CB-1")
    await room.decided(dispute, DisputeEvent.WON)
    assert await booked_by(room, row) == (
        f"dispute {dispute.id} has booked it: ekpay disputes show {dispute.id}"
    )
    await record(room, row_of(paid.order.reference, "CB-2"))
    assert "--movement CB-2" in await booked_by(room, row_of(paid.order.reference, "CB-2"))


async def test_a_chargeback_of_its_own_books_its_row(room: DisputeRoom) -> None:
    paid = await room.completed()
    view = await room.office.desk.record_chargeback(paid.payment_id, Money(COLLECTED), "CB-1", ASKS, UNDOABLE)
    row = row_of(paid.order.reference)
    words = f"refund {view.refund_id} is its chargeback: ekpay refunds show {view.refund_id}"
    assert await booked_by(room, row) == words
    await room.office.desk.reject(view.refund_id, AGREES)
    assert await booked_by(room, row) == ""
