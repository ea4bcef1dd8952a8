"""Disputes beside other ways in which the same money goes back: refunds, claims, shares and receipts."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ekpay_switch.domain.disputes.dispute import DisputeEvent, DisputeState
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.new_refund import RefundRefusal
from ekpay_switch.domain.refunds.refund import RefundState
from ekpay_switch.persistence.disputes.desk import PostgresDisputes
from ekpay_switch.persistence.disputes.money import ClaimSettledError
from ekpay_switch.persistence.ledger.suspense_items import lock_items
from ekpay_switch.persistence.payment_rows import ADJUSTMENT_LANE, lock_books
from ekpay_switch.persistence.payments.receipts import PostgresReceipts
from ekpay_switch.persistence.refunds.chargebacks import DisputedError
from ekpay_switch.persistence.refunds.decisions import AlreadyWithPayerError
from ekpay_switch.ports.decisions import JournalProposal, ProposalState
from ekpay_switch.ports.disputes import DisputeProposal
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.books import CUSTOMERS
from tests.persistence.collections.collection_setup import TAKEN
from tests.persistence.collections.merchant_money_setup import AMOUNT, SPLIT, Stall
from tests.persistence.decisions.decision_setup import open_desk
from tests.persistence.disputes.dispute_setup import (
    AGREES,
    ASKS,
    BILL,
    COLLECTED,
    DUE,
    WORD,
    DisputeRoom,
)
from tests.persistence.refunds.refund_setup import NO, UNDOABLE, wanted

CLAIM = COLLECTED - BILL
SUSPENSE = "suspense:bkash"
BEYOND = """
SELECT coalesce(sum(count), 0)::int FROM alarms WHERE kind = 'chargeback_beyond_the_bill' AND ended_at IS NULL
"""
CLAIMED = "SELECT id FROM journal_entries WHERE moment = 'charged_back_from_suspense'"


@pytest.fixture
async def receipts(room: DisputeRoom) -> AsyncIterator[PostgresReceipts]:
    engine = room.office.books.database.engine()
    yield PostgresReceipts(engine, CUSTOMERS)
    await engine.dispose()


async def test_a_receipt_shows_what_was_lost_and_neither_what_is_held_nor_what_came_back(
    room: DisputeRoom, receipts: PostgresReceipts
) -> None:
    paid = await room.completed()
    dispute = await room.opened(paid, COLLECTED)
    shown = []
    for event in (None, DisputeEvent.LOST, DisputeEvent.WON):
        if event is None:
            await room.held(dispute)
        else:
            await room.decided(dispute, event)
        told = await receipts.by_id(paid.payment_id)
        assert told is not None
        shown.append((told.refunded.minor, told.on_its_way.minor))
        if event is DisputeEvent.LOST:
            await room.desk.open_round(dispute.id, 2, DUE, WORD, ASKS)
    assert shown == [(0, 0), (COLLECTED, 0), (0, 0)]


async def test_nothing_more_goes_back_while_money_is_held_and_all_of_it_may_once_it_came_back(
    room: DisputeRoom,
) -> None:
    paid = await room.completed()
    dispute = await room.opened(paid, COLLECTED)
    await room.held(dispute)
    assert await room.office.ask(wanted(paid.payment_id, 1)) is RefundRefusal.EXCEEDS_REMAINING
    await room.decided(dispute, DisputeEvent.WON)
    await room.office.take(paid, BILL)


async def test_finance_pays_nothing_by_hand_while_the_same_money_is_held(room: DisputeRoom) -> None:
    paid = await room.office.refused()
    refund_id = await room.office.given_back(paid)
    await room.office.record(await room.office.sent(refund_id), NO)
    dispute = await room.opened(paid, TAKEN)
    await room.held(dispute)
    with pytest.raises(AlreadyWithPayerError):
        await room.office.desk.record_paid_by_hand(refund_id, "BANK-1", ASKS)
    await room.decided(dispute, DisputeEvent.WON)
    await room.office.desk.record_paid_by_hand(refund_id, "BANK-1", ASKS)
    await room.office.desk.confirm_paid_by_hand(refund_id, AGREES)


async def test_money_under_the_name_of_a_dispute_that_was_settled_without_any_is_a_chargeback(
    room: DisputeRoom,
) -> None:
    paid = await room.completed()
    dispute = await room.opened(paid, COLLECTED)
    taken = (paid.payment_id, Money(COLLECTED), dispute.name, ASKS, UNDOABLE)
    with pytest.raises(DisputedError, match=f"the money of dispute {dispute.id}"):
        await room.office.desk.record_chargeback(*taken)
    await room.decided(dispute, DisputeEvent.SETTLED_OTHERWISE, settlement="MAIL-1")
    view = await room.office.desk.record_chargeback(*taken)
    assert (await room.office.desk.approve(view.refund_id, AGREES)).state is RefundState.DONE


async def test_a_chargeback_approved_again_raises_its_alarm_only_while_it_stands(room: DisputeRoom) -> None:
    dispute = await room.opened(await room.completed(), COLLECTED)
    held = await room.held(dispute)
    counts = []
    for event in (None, DisputeEvent.LOST, DisputeEvent.WON):
        if event is not None:
            await room.decided(dispute, event)
        await room.office.desk.approve(held["id"], AGREES)
        counts.append(await room.office.books.value(BEYOND))
        if event is DisputeEvent.LOST:
            await room.desk.open_round(dispute.id, 2, DUE, WORD, ASKS)
    assert counts == [0, 2, 0]


async def test_a_claim_that_a_journal_has_settled_does_not_come_back_by_a_win(room: DisputeRoom) -> None:
    dispute = await room.opened(await room.completed(), COLLECTED)
    await room.held(dispute)
    await room.decided(dispute, DisputeEvent.LOST)
    claim = (await room.office.books.rows(CLAIMED))[0][0]
    lines = ((SUSPENSE, -CLAIM), ("write_off", CLAIM))
    async with open_desk(room.office) as decisions:
        journal = JournalProposal(uuid7(), lines, "nobody pays it", "MAIL-1", ASKS, claim)
        view = await decisions.desk.propose_journal(journal)
        await decisions.desk.approve(view.id, view.code, AGREES)
    await room.desk.open_round(dispute.id, 2, DUE, WORD, ASKS)

    with pytest.raises(ClaimSettledError, match=f"ekpay disputes settle {dispute.id}"):
        await room.decided(dispute, DisputeEvent.WON)

    await room.desk.reject(dispute.id, "its claim is written off", AGREES)
    ended = await room.decided(dispute, DisputeEvent.SETTLED_OTHERWISE, settlement="MAIL-1")
    assert (ended.state, ended.settlement) == (DisputeState.SETTLED, "MAIL-1")


async def test_a_journal_takes_the_books_before_a_claim_as_a_win_does(room: DisputeRoom) -> None:
    dispute = await room.opened(await room.completed(), COLLECTED)
    await room.held(dispute)
    await room.decided(dispute, DisputeEvent.LOST)
    claim = (await room.office.books.rows(CLAIMED))[0][0]
    lines = ((SUSPENSE, -CLAIM), ("write_off", CLAIM))
    winner = await room.office.books.superuser()
    async with open_desk(room.office) as decisions:
        journal = JournalProposal(uuid7(), lines, "nobody pays it", "MAIL-1", ASKS, claim)
        view = await decisions.desk.propose_journal(journal)
        async with winner.transaction():
            await lock_books(winner, ADJUSTMENT_LANE)
            approving = asyncio.ensure_future(decisions.desk.approve(view.id, view.code, AGREES))
            async with asyncio.timeout(30):
                while not await room.office.books.count("pg_locks", "NOT granted"):
                    assert not approving.done()
            # Less than it takes to find out that two wait for each other.
            await winner.execute("SET LOCAL lock_timeout = '200ms'")
            assert [item.remains for item in await lock_items(winner, claim)] == [-CLAIM]
        assert (await approving).state is ProposalState.APPROVED
    await winner.close()


async def test_a_claim_that_came_back_is_none_that_a_journal_could_settle(room: DisputeRoom) -> None:
    dispute = await room.opened(await room.completed(), COLLECTED)
    await room.held(dispute)
    await room.decided(dispute, DisputeEvent.LOST)
    await room.desk.open_round(dispute.id, 2, DUE, WORD, ASKS)
    await room.decided(dispute, DisputeEvent.WON)
    claim = (await room.office.books.rows(CLAIMED))[0][0]
    async with open_desk(room.office) as decisions:
        (view,) = await decisions.desk.show_suspense(claim)
    assert (view.item.posted, view.item.remains) == (-CLAIM, 0)


async def test_a_chargeback_and_the_dispute_of_the_same_money_never_both_take_it(room: DisputeRoom) -> None:
    paid = await room.completed()
    dispute = await room.opened(paid, COLLECTED)
    proposal = DisputeProposal(DisputeEvent.MONEY_HELD, WORD, "CB-1", burden=UNDOABLE)
    await room.desk.propose(dispute.id, proposal, ASKS)
    answers = await asyncio.gather(
        room.desk.approve(dispute.id, AGREES),
        room.office.desk.record_chargeback(paid.payment_id, Money(COLLECTED), "CB-1", ASKS, UNDOABLE),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers if isinstance(answer, Exception)] == [DisputedError]
    assert (await room.office.till.row(paid))["charged_back"] == COLLECTED


async def test_a_shop_sees_no_refund_of_what_is_held_or_came_back(stall: Stall) -> None:
    room = DisputeRoom(stall.office, PostgresDisputes(stall.transactions))
    sold = await stall.sold(SPLIT)
    await stall.office.take(sold, 100, partner_id="shop")
    dispute = await room.opened(sold, AMOUNT - 100)
    shown = []
    for event in (None, DisputeEvent.LOST, DisputeEvent.WON):
        if event is None:
            await room.held(dispute)
        else:
            await room.decided(dispute, event)
        payment = await stall.shop.payments.by_id(sold.payment_id)
        assert payment is not None
        shown.append(payment.refunded.minor)
        if event is DisputeEvent.LOST:
            await room.desk.open_round(dispute.id, 2, DUE, WORD, ASKS)
    assert shown == [100, AMOUNT, 100]


async def test_the_shares_of_a_merchants_payment_give_once_it_is_lost_and_have_it_again_once_it_is_won(
    stall: Stall,
) -> None:
    room = DisputeRoom(stall.office, PostgresDisputes(stall.transactions))
    sold = await stall.sold(SPLIT)
    before = await stall.till.balances()
    dispute = await room.opened(sold, AMOUNT)
    await room.held(dispute)
    assert (await stall.refunded(sold), await stall.owed()) == ([0, 0, 0, 0], AMOUNT)

    await room.decided(dispute, DisputeEvent.LOST)
    assert (await stall.refunded(sold), await stall.owed()) == (
        [share.amount.minor for share in SPLIT],
        0,
    )

    await room.desk.open_round(dispute.id, 2, DUE, WORD, ASKS)
    await room.decided(dispute, DisputeEvent.WON)
    assert (await stall.refunded(sold), await stall.owed()) == ([0, 0, 0, 0], AMOUNT)
    assert await room.moved(before) == {}
