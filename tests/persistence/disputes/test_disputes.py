"""Disputes: each step of the money has its posting, belongs to one dispute, and takes two persons."""

import asyncio
from datetime import date

import pytest

from ekpay_switch.domain.disputes.dispute import DisputeEvent, DisputeState
from ekpay_switch.domain.errors import IllegalTransitionError
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.refunds.burden import UNNAMED
from ekpay_switch.persistence.disputes import money
from ekpay_switch.persistence.disputes.desk import (
    DisputeTargetError,
    EvidenceError,
    OtherDisputeError,
    WrongRoundError,
)
from ekpay_switch.persistence.disputes.money import ClaimSettledError, MovementTakenError
from ekpay_switch.persistence.disputes.proposals import DisputeProposalError
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.persistence.refunds.chargebacks import DisputedError
from ekpay_switch.persistence.refunds.staff_actions import RefundRefusedError
from ekpay_switch.ports.disputes import DisputeProposal
from tests.persistence.disputes.dispute_setup import (
    AGREES,
    ASKS,
    BILL,
    COLLECTED,
    DUE,
    WORD,
    DisputeRoom,
)
from tests.persistence.refunds.refund_setup import OUR_LOSS, UNDOABLE

DISPUTED, RECEIVABLE = "disputed:bkash", "receivable:bkash"
PAYABLE, SUSPENSE = "payable:desco_postpaid", "suspense:bkash"
TAKEN = {RECEIVABLE: -COLLECTED, PAYABLE: BILL, SUSPENSE: COLLECTED - BILL}


async def test_money_that_is_held_and_won_comes_back_whole_and_nobody_saw_a_refund(room: DisputeRoom) -> None:
    paid = await room.completed()
    before = await room.office.till.balances()
    dispute = await room.opened(paid, COLLECTED)
    assert await room.moved(before) == {}

    held = await room.held(dispute)

    assert (held["state"], held["asked_by"], held["approved_by"]) == ("held", ASKS, AGREES)
    assert await room.moved(before) == {RECEIVABLE: -COLLECTED, DISPUTED: COLLECTED}
    assert (await room.office.till.row(paid))["charged_back"] == COLLECTED
    assert await room.office.books.audit() is None
    assert await room.office.refunds.of_payment("bank1", paid.payment_id) == []

    await room.represented(dispute)
    won = await room.decided(dispute, DisputeEvent.WON)

    assert (won.state, won.refund_id) == (DisputeState.WON, None)
    assert await room.moved(before) == {}
    assert (await room.office.row(held["id"]))["state"] == "returned"
    row = await room.office.till.row(paid)
    assert (row["refunded"], row["charged_back"]) == (0, 0)
    assert await room.office.refunds.of_payment("bank1", paid.payment_id) == []


@pytest.mark.parametrize("event", [DisputeEvent.LOST, DisputeEvent.ACCEPTED])
async def test_money_that_is_held_is_final_once_it_is_lost_or_accepted(
    room: DisputeRoom, event: DisputeEvent
) -> None:
    paid = await room.completed()
    before = await room.office.till.balances()
    dispute = await room.opened(paid, COLLECTED)
    held = await room.held(dispute)

    ended = await room.decided(dispute, event)

    assert ended.refund_id == held["id"]
    assert await room.moved(before) == TAKEN
    assert (await room.office.row(held["id"]))["state"] == "done"
    assert (await room.office.entries(paid.payment_id))[-4:] == [
        "held_in_dispute",
        "owed_back_by_payee",
        "charged_back_from_suspense",
        "dispute_lost",
    ]
    with pytest.raises(IllegalTransitionError, match="won cannot happen"):
        await room.decided(dispute, DisputeEvent.WON)


@pytest.mark.parametrize("end", [DisputeEvent.LOST, DisputeEvent.ACCEPTED])
async def test_a_further_round_after_an_end_against_us_takes_the_money_back_from_wherever_it_came(
    room: DisputeRoom, end: DisputeEvent
) -> None:
    paid = await room.completed()
    before = await room.office.till.balances()
    dispute = await room.opened(paid, COLLECTED)
    held = await room.held(dispute, burden=OUR_LOSS)
    await room.decided(dispute, end)
    assert (await room.moved(before))["write_off"] == BILL

    with pytest.raises(WrongRoundError, match=f"the next round of dispute {dispute.id} is 2"):
        await room.desk.open_round(dispute.id, 3, DUE, WORD, ASKS)
    await room.desk.open_round(dispute.id, 2, date(2026, 12, 20), WORD, ASKS)
    second = await room.desk.find(dispute.id)
    assert (second.round, second.state, second.answer_due_on.day) == (2, DisputeState.NOTIFIED, 20)
    with pytest.raises(EvidenceError, match="no evidence was added in round 2"):
        await room.desk.represent(dispute.id, WORD, ASKS)
    await room.represented(second)
    await room.decided(second, DisputeEvent.WON)

    assert await room.moved(before) == {}
    assert (await room.office.row(held["id"]))["state"] == "returned"
    claim = "SELECT ended_by FROM alarms WHERE kind = 'chargeback_beyond_the_bill'"
    assert [row[0] for row in await room.office.books.rows(claim)] == ["decision"]


async def test_a_further_round_after_a_win_holds_a_movement_of_its_own(room: DisputeRoom) -> None:
    paid = await room.completed()
    before = await room.office.till.balances()
    dispute = await room.opened(paid, COLLECTED)
    first = await room.held(dispute)
    await room.decided(dispute, DisputeEvent.WON)
    with pytest.raises(OtherDisputeError, match=rf"ekpay disputes open-round {dispute.id}"):
        await room.opened(paid, COLLECTED)
    await room.desk.open_round(dispute.id, 2, DUE, WORD, ASKS)
    with pytest.raises(MovementTakenError, match=f"the money of dispute {dispute.id}"):
        await room.held(dispute, "CB-1")

    second = await room.held(dispute, "CB-2")
    await room.decided(dispute, DisputeEvent.LOST)

    assert second["id"] != first["id"]
    assert await room.moved(before) == TAKEN


async def test_a_loss_without_held_money_waits_for_the_connector_to_take_it(room: DisputeRoom) -> None:
    paid = await room.completed()
    before = await room.office.till.balances()
    dispute = await room.opened(paid, COLLECTED)
    await room.decided(dispute, DisputeEvent.LOST)
    assert await room.moved(before) == {}
    await room.held(dispute)
    assert await room.moved(before) == TAKEN
    assert (await room.office.entries(paid.payment_id))[-1] == "paid_back"


async def test_a_chargeback_of_a_file_and_the_letter_after_it_are_one_dispute(room: DisputeRoom) -> None:
    paid = await room.completed()
    before = await room.office.till.balances()
    desk = room.office.desk
    view = await desk.record_chargeback(paid.payment_id, Money(COLLECTED), "CB-1", ASKS, UNDOABLE)
    dispute = await room.opened(paid, COLLECTED)
    with pytest.raises(MovementTakenError, match=f"approve or reject it first: .* {view.refund_id}"):
        await room.held(dispute)
    await desk.approve(view.refund_id, AGREES)

    taken_over = await room.held(dispute)

    assert taken_over["id"] == view.refund_id
    assert await room.moved(before) == TAKEN
    other = await room.opened(paid, COLLECTED, "D-2")
    with pytest.raises(MovementTakenError, match=f"it is the money of dispute {dispute.id}"):
        await room.held(other)
    with pytest.raises(DisputedError, match=f"the money of dispute {other.id}"):
        await desk.record_chargeback(paid.payment_id, Money(1), "CB-9", ASKS, UNDOABLE)
    await room.decided(other, DisputeEvent.SETTLED_OTHERWISE, settlement="a duplicate of D-1")
    with pytest.raises(DisputedError, match=rf"\(D-1\): ekpay disputes show {dispute.id}"):
        await desk.record_chargeback(paid.payment_id, Money(1), "CB-1", ASKS, UNDOABLE)
    await room.represented(dispute)
    await room.decided(dispute, DisputeEvent.WON)
    assert await room.moved(before) == {}


async def test_what_a_billers_scroll_has_told_does_not_come_back_by_a_win(
    room: DisputeRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispute = await room.opened(await room.completed(), COLLECTED)
    await room.held(dispute)
    await room.decided(dispute, DisputeEvent.LOST)
    await room.desk.open_round(dispute.id, 2, DUE, WORD, ASKS)
    monkeypatch.setattr(money, "IS_TOLD", "SELECT $1::uuid IS NOT NULL")
    with pytest.raises(ClaimSettledError, match="scroll has told it"):
        await room.decided(dispute, DisputeEvent.WON)
    await room.desk.reject(dispute.id, "it was told", AGREES)


async def test_two_persons_move_the_money_and_a_racing_decider_finds_nothing_left(room: DisputeRoom) -> None:
    paid = await room.completed()
    before = await room.office.till.balances()
    dispute = await room.opened(paid, COLLECTED)
    await room.held(dispute)
    proposal = DisputeProposal(DisputeEvent.WON, WORD)
    await room.desk.propose(dispute.id, proposal, ASKS)
    await room.desk.propose(dispute.id, proposal, ASKS)
    with pytest.raises(DisputeProposalError, match="won waits already"):
        await room.desk.propose(dispute.id, DisputeProposal(DisputeEvent.LOST, WORD), AGREES)
    with pytest.raises(OnePersonError, match=f"approved_by: {ASKS}"):
        await room.desk.approve(dispute.id, ASKS)

    racing = (room.desk.approve(dispute.id, AGREES), room.desk.approve(dispute.id, "Nasima"))
    answers = await asyncio.gather(*racing, return_exceptions=True)

    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [type(problem) for problem in refused] == [DisputeProposalError]
    assert await room.moved(before) == {}


async def test_two_disputes_that_race_for_one_movement_hold_it_once(room: DisputeRoom) -> None:
    disputes = [await room.opened(await room.completed(), COLLECTED, name) for name in ("D-1", "D-2")]
    # Each was proposed before the other was: only the approvals meet.
    proposal = DisputeProposal(DisputeEvent.MONEY_HELD, WORD, "CB-1", burden=UNDOABLE)
    await room.desk.propose(disputes[0].id, proposal, ASKS)
    with pytest.raises(MovementTakenError, match=f"the money of dispute {disputes[0].id}"):
        await room.desk.propose(disputes[1].id, proposal, ASKS)
    await room.desk.propose(
        disputes[1].id, DisputeProposal(DisputeEvent.MONEY_HELD, WORD, "CB-2", burden=UNDOABLE), ASKS
    )
    same = "UPDATE disputes SET proposed = jsonb_set(proposed, '{movement}', '\"CB-1\"') WHERE id = $1"
    await room.office.books.tell(same, disputes[1].id)

    answers = await asyncio.gather(
        *(room.desk.approve(dispute.id, AGREES) for dispute in disputes), return_exceptions=True
    )

    refused = [answer for answer in answers if isinstance(answer, BaseException)]
    assert len(refused) <= 2
    assert {type(problem) for problem in refused} == {MovementTakenError}


async def test_a_proposal_about_a_dispute_that_has_moved_on_is_not_carried_out(room: DisputeRoom) -> None:
    dispute = await room.opened(await room.completed(), COLLECTED)
    await room.desk.propose(dispute.id, DisputeProposal(DisputeEvent.ACCEPTED, WORD), ASKS)
    await room.represented(dispute)
    with pytest.raises(DisputeProposalError, match="moved on"):
        await room.desk.approve(dispute.id, AGREES)
    rejected = await room.desk.reject(dispute.id, "we answered", AGREES)
    assert (rejected.state, rejected.proposed_event) == (DisputeState.REPRESENTED, None)
    assert (await room.desk.steps(dispute.id))[-1].facts["reason"] == "we answered"


async def test_what_cannot_be_is_refused_by_its_field(room: DisputeRoom) -> None:
    paid = await room.completed()
    with pytest.raises(DisputeTargetError, match=r"amount: 1689\.77 BDT were collected"):
        await room.opened(paid, COLLECTED + 1)
    with pytest.raises(DisputeTargetError, match="payment: "):
        await room.opened(paid, COLLECTED, transaction="another's")
    dispute = await room.opened(paid, COLLECTED)
    assert await room.opened(paid, COLLECTED) == dispute
    with pytest.raises(OtherDisputeError, match=f"name: dispute {dispute.id}"):
        await room.opened(paid, COLLECTED - 1)
    with pytest.raises(DisputeProposalError, match="movement: it is missing"):
        await room.desk.propose(dispute.id, DisputeProposal(DisputeEvent.MONEY_HELD, WORD), ASKS)
    with pytest.raises(RefundRefusedError, match=r"bearer: .* --our-loss"):
        await room.held(dispute, burden=UNNAMED)
    await room.desk.reject(dispute.id, "nobody bears it", AGREES)


async def test_evidence_is_kept_once_and_shows_no_card_number(room: DisputeRoom) -> None:
    dispute = await room.opened(await room.completed(), COLLECTED)
    kept = await room.desk.attach(dispute.id, "card 4111111111111111.txt", b"the receipt", ASKS)
    assert kept == await room.desk.attach(dispute.id, "again.txt", b"the receipt", ASKS)
    assert "4111111111111111" not in kept.name
    assert await room.desk.file(dispute.id, kept.sha256[:8]) == b"the receipt"
    for content, why in ((b"", "0 bytes"), (b"card 4111 1111 1111 1111", "black it out")):
        with pytest.raises(EvidenceError, match=why):
            await room.desk.attach(dispute.id, "x", content, ASKS)
