"""Refunds left to finance whose payer has the money all the same: nobody pays them, each has an end."""

from collections.abc import AsyncIterator
from datetime import date
from uuid import UUID

import asyncpg
import pytest

from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import NoRefundRoute, RefundState
from ekpay_switch.persistence.collections.file_evidence import FileEvidenceStore
from ekpay_switch.persistence.decisions.desk import NoCaseError
from ekpay_switch.persistence.refunds.chargebacks import FurtherMovementError
from ekpay_switch.persistence.refunds.decisions import AlreadyWithPayerError
from ekpay_switch.persistence.refunds.late_payments import PaidByConnectorError
from ekpay_switch.ports.decisions import ProposalState
from ekpay_switch.ports.finance import FileAnswer, FileSays, LineEvent, LineRole
from tests.persistence.collections.collection_setup import TAKEN, Till
from tests.persistence.collections.test_further_movements import FIRST, FURTHER, came_again, further_refund
from tests.persistence.decisions.decision_setup import APPROVES, LONG_AGO, PROPOSES, Desk, open_desk
from tests.persistence.refunds.refund_setup import BILLED, NO, SILENCE, UNDOABLE, given, open_office

SUSPENSE, RECEIVABLE, BANK = "suspense:bkash", "receivable:bkash", "settlement_bank"


@pytest.fixture
async def desk(till: Till) -> AsyncIterator[Desk]:
    """A desk whose books are proven once the test is through."""
    async with open_office(till) as office, open_desk(office) as desk:
        yield desk
        assert await till.books.audit() is None


async def _payment_of(desk: Desk, refund_id: UUID) -> UUID:
    payment_id: UUID = (await desk.office.row(refund_id))["payment_id"]
    return payment_id


async def _charged_back(desk: Desk, refund_id: UUID, amount: int = TAKEN) -> None:
    """The provider takes the money of this refund's payment back, as two persons write down."""
    payment_id = await _payment_of(desk, refund_id)
    view = await desk.office.desk.record_chargeback(payment_id, Money(amount), "CB-1", PROPOSES, UNDOABLE)
    await desk.office.desk.approve(view.refund_id, APPROVES)


async def _moved(desk: Desk, before: dict[str, int]) -> dict[str, int]:
    after = await desk.balances()
    changes = {name: after.get(name, 0) - before.get(name, 0) for name in {*before, *after}}
    return {name: change for name, change in changes.items() if change}


async def test_what_was_charged_back_is_not_paid_by_hand_and_ends_by_a_decision(desk: Desk) -> None:
    refund_id = await desk.office.by_hand()
    await _charged_back(desk, refund_id)
    with pytest.raises(AlreadyWithPayerError, match=f"ekpay decide show {refund_id}"):
        await desk.office.desk.record_paid_by_hand(refund_id, "BANK-1", PROPOSES)
    before = await desk.balances()

    await desk.decide(refund_id, DecisionAction.PAID_BACK)

    assert await _moved(desk, before) == {"refund_due:bkash": TAKEN, SUSPENSE: -TAKEN}
    assert (await desk.balances()).get(SUSPENSE, 0) == 0
    row = await desk.office.row(refund_id)
    assert (row["state"], row["settles_claim"], row["provider_refund"]) == ("done", TAKEN, None)
    assert await desk.books.state_of(row["payment_id"]) == State.REFUNDED
    with pytest.raises(NoCaseError):
        await desk.propose(refund_id, DecisionAction.PAID_BACK)


async def test_a_chargeback_between_both_persons_stops_the_confirmation(desk: Desk) -> None:
    refund_id = await desk.office.by_hand()
    await desk.office.desk.record_paid_by_hand(refund_id, "BANK-1", PROPOSES)
    with pytest.raises(NoCaseError):
        await desk.propose(refund_id, DecisionAction.PAID_BACK)
    await _charged_back(desk, refund_id)

    with pytest.raises(AlreadyWithPayerError):
        await desk.office.desk.confirm_paid_by_hand(refund_id, APPROVES)

    await desk.office.desk.withdraw_paid_by_hand(refund_id, "our bank has not sent it", APPROVES)
    await desk.decide(refund_id, DecisionAction.PAID_BACK)


async def test_of_a_part_that_was_charged_back_our_bank_pays_the_rest(desk: Desk) -> None:
    refund_id = await desk.office.by_hand()
    await _charged_back(desk, refund_id, 1_000)
    before = await desk.balances()

    await desk.decide(refund_id, DecisionAction.PAID_BACK_OTHERWISE)

    assert await _moved(desk, before) == {
        "refund_due:bkash": TAKEN,
        SUSPENSE: -1_000,
        BANK: 1_000 - TAKEN,
    }


async def test_what_the_connector_paid_late_of_another_refund_is_not_given_again(desk: Desk) -> None:
    office, paid = desk.office, await desk.office.completed()
    first = (await office.take(paid)).refund_id
    slow = await office.sent(first)
    await office.record(await office.sent(first), NO)
    again = (await office.take(paid)).refund_id
    await office.record(slow, given("RFD1", BILLED))
    await office.refunds.record(await office.leased(again), NoRefundRoute("gives nothing back"))
    had = 2 * BILLED - TAKEN

    with pytest.raises(AlreadyWithPayerError, match="late refund"):
        await office.desk.record_paid_by_hand(again, "BANK-1", PROPOSES)
    await desk.decide(again, DecisionAction.PAID_BACK_OTHERWISE)

    assert (await office.row(again))["settles_claim"] == had
    assert (await desk.balances())[SUSPENSE] == BILLED - had


async def test_two_refunds_settle_a_claim_once(desk: Desk) -> None:
    """Of two halves by hand, the payer has one by the chargeback; the other is paid."""
    office, paid = desk.office, await desk.office.completed()
    halves = []
    for _ in range(2):
        half = (await office.take(paid, BILLED // 2)).refund_id
        await office.refunds.record(await office.leased(half), NoRefundRoute("gives nothing back"))
        halves.append(half)
    await _charged_back(desk, halves[0], TAKEN - BILLED // 2)

    await desk.decide(halves[0], DecisionAction.PAID_BACK)

    await office.desk.record_paid_by_hand(halves[1], "BANK-1", PROPOSES)
    await office.desk.confirm_paid_by_hand(halves[1], APPROVES)
    assert (await desk.balances())[SUSPENSE] == TAKEN - BILLED


@pytest.mark.parametrize("amount", [TAKEN, TAKEN - BILLED // 4])
async def test_what_a_refund_has_settled_of_a_claim_is_not_taken_from_it_again(
    desk: Desk, amount: int
) -> None:
    """The claim is what a completed payment's payee does not give; the journal sees what is left of it."""
    office, paid = desk.office, await desk.office.completed()
    refund_id = (await office.take(paid)).refund_id
    await office.refunds.record(await office.leased(refund_id), NoRefundRoute("gives nothing back"))
    await _charged_back(desk, refund_id, amount)
    settled = min(BILLED, amount + BILLED - TAKEN)
    action = DecisionAction.PAID_BACK if settled == BILLED else DecisionAction.PAID_BACK_OTHERWISE

    await desk.decide(refund_id, action)

    query = "SELECT id FROM journal_entries WHERE moment = 'charged_back_from_suspense'"
    (item,) = [view.item for view in await desk.desk.show_suspense(await desk.books.value(query))]
    assert (item.posted, item.remains) == (-amount, settled - amount)
    assert (await desk.balances()).get(SUSPENSE, 0) == amount - settled


async def test_what_the_connector_pays_after_the_chargeback_is_a_claim(desk: Desk) -> None:
    office = desk.office
    refund_id = await office.given_back(await office.refused())
    slow = await office.sent(refund_id)
    await office.record(await office.sent(refund_id), NO)
    await _charged_back(desk, refund_id)
    await desk.decide(refund_id, DecisionAction.PAID_BACK)

    await office.refunds.record(slow, given("RFD1", TAKEN))

    assert (await desk.balances())[SUSPENSE] == TAKEN
    assert (await office.entries(slow.payment_id))[-1] == "paid_back_late"


async def test_what_the_connector_gave_back_says_so_to_two_persons(desk: Desk) -> None:
    refund_id = await desk.office.by_hand()
    before = await desk.balances()

    await desk.decide(refund_id, DecisionAction.PAID_BACK)

    assert await _moved(desk, before) == {"refund_due:bkash": TAKEN, RECEIVABLE: -TAKEN}
    assert (await desk.office.row(refund_id))["provider_refund"] == "DOC-1"
    await desk.upkeep.sweep()
    assert await desk.open_alarms() == []


async def test_a_record_of_our_bank_is_news_to_a_decision(desk: Desk) -> None:
    refund_id = await desk.office.by_hand()
    proposed = await desk.propose(refund_id, DecisionAction.PAID_BACK)
    await desk.office.desk.record_paid_by_hand(refund_id, "BANK-1", PROPOSES)
    view = await desk.desk.approve(proposed.id, proposed.code, APPROVES)
    assert view.state is ProposalState.LAPSED


async def test_what_a_file_names_is_decided_where_nobody_may_pay_it_by_hand(desk: Desk) -> None:
    refund_id = await desk.office.by_hand()
    await _named_as_done(desk, refund_id)
    with pytest.raises(PaidByConnectorError):
        await desk.office.desk.record_paid_by_hand(refund_id, "BANK-1", PROPOSES)

    await desk.decide(refund_id, DecisionAction.PAID_BACK)

    assert (await desk.office.row(refund_id))["state"] == "done"


@pytest.mark.parametrize("change", ["state = 'by_hand'", "settles_claim = amount + 1", "settles_claim = -1"])
async def test_the_database_settles_a_claim_with_what_is_done(desk: Desk, change: str) -> None:
    refund_id = await desk.office.by_hand()
    await _charged_back(desk, refund_id)
    await desk.decide(refund_id, DecisionAction.PAID_BACK)
    with pytest.raises(asyncpg.CheckViolationError, match="settles_claim"):
        await desk.books.tell(f"UPDATE refunds SET {change} WHERE id = $1", refund_id)  # noqa: S608 - of the test


# ---- a further movement


async def test_a_chargeback_of_a_further_movement_is_the_end_of_its_refund(desk: Desk) -> None:
    held = await desk.office.disagreed(FIRST)
    await came_again(desk.office.till, held)
    refund = await further_refund(desk.office, held)
    await desk.office.refunds.record(refund, NoRefundRoute("it came beside other money"))
    name = refund.order.provider_transaction

    with pytest.raises(FurtherMovementError, match=f"ekpay decide show {refund.refund_id}"):
        await desk.office.desk.record_chargeback(
            held.payment_id, Money(FURTHER), "CB-1", PROPOSES, UNDOABLE, transaction=name
        )
    before = await desk.balances()
    await desk.decide(refund.refund_id, DecisionAction.PAID_BACK)

    assert await _moved(desk, before) == {"refund_due:bkash": FURTHER, RECEIVABLE: -FURTHER}
    with pytest.raises(FurtherMovementError, match="ekpay decide journal"):
        await desk.office.desk.record_chargeback(
            held.payment_id, Money(FURTHER), "CB-2", PROPOSES, UNDOABLE, transaction=name
        )


# ---- left to finance by a decision


async def test_what_an_answer_says_is_paid_is_not_left_to_finance(desk: Desk) -> None:
    """The connector's late answer is stored, and nobody at its desk knew of it."""
    office = desk.office
    refund_id = await office.given_back(await office.refused())
    slow = await office.sent(refund_id)
    await office.record(await office.sent(refund_id), SILENCE)
    assert await office.refunds.record(slow, given("RFD1", TAKEN)) is None
    await desk.books.tell(LONG_AGO["refunds"], refund_id)
    await desk.upkeep.sweep()

    await desk.decide(refund_id, DecisionAction.NOT_PAID_BACK)

    row = await office.row(refund_id)
    assert (row["state"], row["provider_refund"]) == (RefundState.DONE, "RFD1")
    assert await desk.books.state_of(row["payment_id"]) == State.REFUNDED
    assert await desk.open_alarms() == ["late_refund"]


async def test_what_may_have_left_us_is_asked_about_after_the_decision(desk: Desk) -> None:
    refund_id = await desk.doubtful_refund()
    await desk.decide(refund_id, DecisionAction.NOT_PAID_BACK)
    held = await desk.office.leased(refund_id)
    assert held.state is RefundState.BY_HAND

    await desk.office.record(held, given("RFD1", TAKEN))

    assert (await desk.office.row(refund_id))["state"] == "done"


async def _named_as_done(desk: Desk, refund_id: UUID) -> None:
    answer = FileAnswer(
        payment_id=await _payment_of(desk, refund_id),
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
    connection = await desk.books.database.connect()
    try:
        async with connection.transaction():
            await FileEvidenceStore().tell(connection, [answer])
    finally:
        await connection.close()
