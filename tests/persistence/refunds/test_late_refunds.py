"""Refunds that the connector paid after all: nobody pays them a second time, and what left is booked."""

from collections.abc import AsyncIterator
from datetime import date
from uuid import UUID

import asyncpg
import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.refunds.new_refund import RefundRefusal
from ekpay_switch.domain.refunds.refund import LockedRefund, NoRefundRoute, RefundState
from ekpay_switch.persistence.collections.file_evidence import FileEvidenceStore
from ekpay_switch.persistence.refunds.decisions import NotWaitingError
from ekpay_switch.persistence.refunds.late_payments import PaidByConnectorError
from ekpay_switch.persistence.refunds.staff_actions import UnknownRefundError
from ekpay_switch.ports.collections import RefundRecorded
from ekpay_switch.ports.finance import FileAnswer, FileSays, LineEvent, LineRole
from tests.persistence.collections.collection_setup import KEPT, TAKEN, Till
from tests.persistence.refunds.refund_setup import BILLED, DELIVERED, NO, Office, given, open_office, wanted

SAYS, CONFIRMS = "Rahima", "Karim"
LATE = given("RFD1", TAKEN)
TOLD = RefundRecorded(RefundState.DONE, Alarm.LATE_REFUND)


@pytest.fixture
async def office(till: Till) -> AsyncIterator[Office]:
    """An office whose books are proven once the test is through."""
    async with open_office(till) as office:
        yield office
        assert await till.books.audit() is None


async def _left_to_finance(office: Office) -> LockedRefund:
    """A give-back that was sent twice: the second answer was a no, the first one is still under way."""
    refund_id = await office.given_back(await office.refused())
    slow = await office.sent(refund_id)
    await office.record(await office.sent(refund_id), NO)
    return slow


async def test_late_done_of_a_by_hand_refund_alarms(office: Office) -> None:
    slow = await _left_to_finance(office)

    recorded = await office.refunds.record(slow, LATE)

    assert recorded == TOLD
    for pay in (
        office.desk.record_paid_by_hand(slow.refund_id, "BANK-1", SAYS),
        office.desk.confirm_paid_by_hand(slow.refund_id, CONFIRMS),
    ):
        with pytest.raises(PaidByConnectorError, match="RFD1"):
            await pay
    row = await office.row(slow.refund_id)
    assert (row["state"], row["provider_refund"], row["bank_reference"]) == ("done", "RFD1", None)
    assert await office.steps(slow.refund_id) == [
        ("sending", "switch"),
        ("sending", "switch"),
        ("left_to_finance", "switch"),
        ("given", "switch"),
    ]
    assert await office.till.balances() == {"receivable:bkash": -KEPT, "connector_fee:bkash": KEPT}
    assert (await office.entries(slow.payment_id))[-1] == "paid_back"


async def test_it_is_told_again_where_the_answer_is_written_again(office: Office) -> None:
    slow = await _left_to_finance(office)
    answers = [await office.refunds.record(slow, LATE) for _ in range(2)]
    assert answers == [TOLD, TOLD]
    assert (await office.entries(slow.payment_id)).count("paid_back") == 1


async def test_an_answer_that_came_before_the_no_ends_it_as_well(office: Office) -> None:
    refund_id = await office.given_back(await office.refused())
    slow, held = await office.sent(refund_id), await office.sent(refund_id)
    assert await office.refunds.record(slow, LATE) is None

    assert await office.refunds.record(held, NO) == TOLD

    assert [event for event, _ in await office.steps(refund_id)][-2:] == ["left_to_finance", "given"]


# ---- somebody says that our bank has paid it


async def test_a_payment_by_hand_is_not_confirmed_beside_the_connectors_own(office: Office) -> None:
    slow = await _left_to_finance(office)
    await office.desk.record_paid_by_hand(slow.refund_id, "BANK-1", SAYS)
    before = await office.till.balances()

    recorded = await office.refunds.record(slow, LATE)

    assert recorded == RefundRecorded(RefundState.BY_HAND, Alarm.LATE_REFUND)
    with pytest.raises(PaidByConnectorError, match="refund RFD1, by its answer of "):
        await office.desk.confirm_paid_by_hand(slow.refund_id, CONFIRMS)
    with pytest.raises(PaidByConnectorError):
        await office.desk.record_paid_by_hand(slow.refund_id, "BANK-2", SAYS)
    assert await office.till.balances() == before


@pytest.mark.parametrize("by", [SAYS, CONFIRMS])
async def test_once_the_record_is_withdrawn_the_connectors_payment_counts(office: Office, by: str) -> None:
    slow = await _left_to_finance(office)
    await office.desk.record_paid_by_hand(slow.refund_id, "BANK-1", SAYS)
    await office.refunds.record(slow, LATE)

    view = await office.desk.withdraw_paid_by_hand(slow.refund_id, "our bank has not sent it", by)

    assert view.state is RefundState.DONE
    row = await office.row(slow.refund_id)
    assert (row["by_hand_by"], row["bank_reference"], row["provider_refund"]) == (None, None, "RFD1")
    assert (await office.steps(slow.refund_id))[-2:] == [("by_hand_withdrawn", by), ("given", "switch")]
    query = "SELECT facts FROM refund_history WHERE refund_id = $1 AND event = 'by_hand_withdrawn'"
    assert "our bank has not sent it" in await office.books.value(query, slow.refund_id)
    assert await office.till.balances() == {"receivable:bkash": -KEPT, "connector_fee:bkash": KEPT}


async def test_a_record_without_evidence_is_withdrawn_and_paid_again(office: Office) -> None:
    refund_id = await office.by_hand()
    with pytest.raises(NotWaitingError):
        await office.desk.withdraw_paid_by_hand(refund_id, "a slip", SAYS)
    await office.desk.record_paid_by_hand(refund_id, "BANK-1", SAYS)

    view = await office.desk.withdraw_paid_by_hand(refund_id, "a slip", CONFIRMS)

    assert view.state is RefundState.BY_HAND
    with pytest.raises(NotWaitingError):
        await office.desk.confirm_paid_by_hand(refund_id, CONFIRMS)
    await office.desk.record_paid_by_hand(refund_id, "BANK-2", SAYS)
    await office.desk.confirm_paid_by_hand(refund_id, CONFIRMS)
    with pytest.raises(NotWaitingError):
        await office.desk.withdraw_paid_by_hand(refund_id, "a slip", SAYS)


async def test_only_a_refund_that_there_is_can_be_paid_by_hand(office: Office) -> None:
    with pytest.raises(UnknownRefundError):
        await office.desk.record_paid_by_hand(UUID(int=7), "BANK-1", SAYS)


# ---- the money has left twice


async def test_what_is_paid_by_hand_and_by_the_connector_is_a_claim(office: Office) -> None:
    slow = await _left_to_finance(office)
    await office.desk.record_paid_by_hand(slow.refund_id, "BANK-1", SAYS)
    await office.desk.confirm_paid_by_hand(slow.refund_id, CONFIRMS)
    before = await office.till.balances()

    answers = [await office.refunds.record(slow, LATE) for _ in range(2)]

    assert answers == [TOLD, TOLD]
    claim = {"suspense:bkash": TAKEN, "receivable:bkash": before["receivable:bkash"] - TAKEN}
    assert await office.till.balances() == before | claim
    assert (await office.entries(slow.payment_id)).count("paid_back_late") == 1
    assert (await office.row(slow.refund_id))["provider_refund"] == "RFD1"


async def test_what_had_failed_and_is_paid_after_all_is_a_claim(office: Office) -> None:
    paid = await office.completed()
    view = await office.take(paid)
    slow = await office.sent(view.refund_id)
    await office.record(await office.sent(view.refund_id), NO)

    recorded = await office.refunds.record(slow, given("RFD1", BILLED))

    assert recorded == RefundRecorded(RefundState.FAILED, Alarm.LATE_REFUND)
    claim = {"suspense:bkash": BILLED, "receivable:bkash": TAKEN - KEPT - BILLED}
    assert await office.till.balances() == DELIVERED | claim
    assert await office.ask(wanted(paid.payment_id, BILLED)) is RefundRefusal.EXCEEDS_REMAINING
    # Its name is known, so that another refund of the payment is not taken for it.
    again = await office.take(paid, TAKEN - BILLED)
    assert (await office.leased(again.refund_id)).order.known_refunds == {"RFD1"}


async def test_the_database_has_a_refund_paid_once(office: Office) -> None:
    slow = await _left_to_finance(office)
    await office.desk.record_paid_by_hand(slow.refund_id, "BANK-1", SAYS)
    with pytest.raises(asyncpg.CheckViolationError, match="paid_once"):
        await office.books.tell("UPDATE refunds SET state = 'done' WHERE id = $1", slow.refund_id)


# ---- asking on


async def test_what_may_have_left_us_is_asked_about_while_finance_works_on_it(office: Office) -> None:
    slow = await _left_to_finance(office)
    row = await office.row(slow.refund_id)
    assert (row["state"], 88 < row["due_seconds"] <= 90) == ("by_hand", True)
    held = await office.leased(slow.refund_id)
    assert (held.state, held.order.may_have_been_heard) == (RefundState.BY_HAND, True)
    assert not await office.refunds.begin_send(held, 90.0)

    assert await office.record(held, LATE) == TOLD
    assert await office.record(held, LATE) == TOLD
    assert (await office.row(slow.refund_id))["due_seconds"] is None


async def test_what_is_asked_and_paid_by_hand_stops_the_confirmation_and_is_asked_no_more(
    office: Office,
) -> None:
    slow = await _left_to_finance(office)
    await office.desk.record_paid_by_hand(slow.refund_id, "BANK-1", SAYS)
    held = await office.leased(slow.refund_id)
    assert await office.record(held, LATE) == RefundRecorded(RefundState.BY_HAND, Alarm.LATE_REFUND)
    assert (await office.row(slow.refund_id))["due_seconds"] is None
    with pytest.raises(PaidByConnectorError):
        await office.desk.confirm_paid_by_hand(slow.refund_id, CONFIRMS)


async def test_what_was_never_sent_or_clearly_refused_is_not_asked_about(office: Office) -> None:
    refused = await office.by_hand()
    view = await office.take(await office.completed())
    held = await office.leased(view.refund_id)
    await office.refunds.record(held, NoRefundRoute("gives nothing back"))
    for refund_id in (refused, view.refund_id):
        assert (await office.row(refund_id))["due_seconds"] is None


async def test_a_settlement_file_that_names_it_as_done_stops_it_and_has_it_asked_about(
    office: Office,
) -> None:
    refund_id = await office.by_hand()
    row = await office.row(refund_id)
    connection = await office.books.database.connect()
    try:
        async with connection.transaction():
            await FileEvidenceStore().tell(connection, [_named_as_done(row["payment_id"], refund_id)])
    finally:
        await connection.close()

    with pytest.raises(PaidByConnectorError, match="refund SF-1, by its settlement file"):
        await office.desk.record_paid_by_hand(refund_id, "BANK-1", SAYS)
    held = await office.leased(refund_id)
    assert await office.record(held, given("SF-1", TAKEN)) == TOLD


def _named_as_done(payment_id: UUID, refund_id: UUID) -> FileAnswer:
    return FileAnswer(
        payment_id=payment_id,
        movement=refund_id,
        role=LineRole.CONNECTOR,
        event=LineEvent.REFUND,
        says=FileSays.SUCCESS,
        night=date(2026, 3, 2),
        file="bkash.csv",
        ordinal=1,
        their_reference="SF-1",
        amount=-TAKEN,
    )


async def test_an_answer_that_came_before_it_failed_is_a_claim_as_well(office: Office) -> None:
    view = await office.take(await office.completed())
    slow, held = await office.sent(view.refund_id), await office.sent(view.refund_id)
    assert await office.refunds.record(slow, given("RFD1", BILLED)) is None

    assert await office.record(held, NO) == RefundRecorded(RefundState.FAILED, Alarm.LATE_REFUND)

    assert (await office.till.balances())["suspense:bkash"] == BILLED
