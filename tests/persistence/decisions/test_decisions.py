"""Every decision over real books: what it posts, where its payment ends, and that two persons made it."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import asyncpg
import pytest

from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.decisions.case import CaseKind
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import NextSend
from ekpay_switch.persistence.decisions.desk import (
    MissingFieldError,
    NoCaseError,
    ProposalEndedError,
    ProposalWaitsError,
    UnfitActionError,
    UnknownProposalError,
    WrongCodeError,
)
from ekpay_switch.persistence.ledger.transfer_corrections import PrefundTooLowError
from ekpay_switch.persistence.ledger.windows import SettlementWindows
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.persistence.refunds.staff_actions import ReferenceTakenError
from ekpay_switch.ports.decisions import Proposal, ProposalState
from ekpay_switch.security.identifiers import uuid7
from tests.persistence.books import SILENT, delivery_of
from tests.persistence.collections.collection_setup import KEPT_BASIS_POINTS, TAKEN, Till
from tests.persistence.decisions.decision_setup import (
    APPROVES,
    LONG_AGO,
    PROPOSES,
    THIRD,
    Desk,
    Scene,
    open_desk,
)
from tests.persistence.refunds.refund_setup import SILENCE, given, open_office

# What waits, its kind, each action that fits, and the state of the payment after it.
DECISIONS: tuple[tuple[Scene, CaseKind, DecisionAction, State], ...] = (
    (Desk.late_success, CaseKind.REVIEW, DecisionAction.DEBIT_PARTNER, State.COMPLETED),
    (Desk.late_success, CaseKind.REVIEW, DecisionAction.BILLER_RETURNED, State.REFUNDED),
    (Desk.late_success, CaseKind.REVIEW, DecisionAction.WRITE_OFF, State.REFUNDED),
    (Desk.late_success, CaseKind.REVIEW, DecisionAction.UNDO, State.REFUNDED),
    (Desk.late_echo, CaseKind.REVIEW, DecisionAction.BILLER_RETURNED, State.REFUNDED),
    (Desk.late_echo, CaseKind.REVIEW, DecisionAction.WRITE_OFF, State.REFUNDED),
    (Desk.half_done, CaseKind.REVIEW, DecisionAction.CLOSE, State.REFUNDED),
    (Desk.other_amount, CaseKind.REVIEW, DecisionAction.ACCEPT, State.COMPLETED),
    (Desk.other_amount, CaseKind.REVIEW, DecisionAction.GIVE_BACK, State.REFUNDED),
    (Desk.collected_in_review, CaseKind.REVIEW, DecisionAction.ACCEPT, State.COMPLETED),
    (Desk.collected_in_review, CaseKind.REVIEW, DecisionAction.GIVE_BACK, State.REFUNDING),
    (Desk.collected_in_review, CaseKind.REVIEW, DecisionAction.DELIVER, State.FUNDED),
    (Desk.stuck_delivery, CaseKind.STUCK_DELIVERY, DecisionAction.ACCEPT, State.COMPLETED),
    (Desk.stuck_delivery, CaseKind.STUCK_DELIVERY, DecisionAction.GIVE_BACK, State.REFUNDED),
    (Desk.stuck_undoing, CaseKind.STUCK_DELIVERY, DecisionAction.DEBIT_PARTNER, State.COMPLETED),
    (Desk.stuck_undoing, CaseKind.STUCK_DELIVERY, DecisionAction.BILLER_RETURNED, State.REFUNDED),
    (Desk.stuck_undoing, CaseKind.STUCK_DELIVERY, DecisionAction.WRITE_OFF, State.REFUNDED),
    (Desk.held_money, CaseKind.HELD, DecisionAction.TAKE_HELD, State.FUNDED),
    (Desk.held_money, CaseKind.HELD, DecisionAction.REFUSE_HELD, State.CREATED),
    (Desk.held_money, CaseKind.HELD, DecisionAction.NOTHING_COLLECTED, State.CREATED),
    (Desk.stuck_collection, CaseKind.STUCK_COLLECTION, DecisionAction.COLLECTED, State.FUNDED),
    (Desk.stuck_collection, CaseKind.STUCK_COLLECTION, DecisionAction.NOTHING_COLLECTED, State.CREATED),
    (Desk.short_money, CaseKind.REVIEW, DecisionAction.GIVE_BACK, State.REFUNDING),
    (Desk.short_money, CaseKind.REVIEW, DecisionAction.DELIVER, State.FUNDED),
    (Desk.foreign_money, CaseKind.REVIEW, DecisionAction.CLOSE, State.EXPIRED),
    (Desk.money_beside, CaseKind.REVIEW, DecisionAction.GIVE_BACK, State.COMPLETED),
    (Desk.unbooked_money, CaseKind.UNBOOKED_MONEY, DecisionAction.CLOSE, State.FUNDED),
    (Desk.doubtful_refund, CaseKind.DOUBTFUL_REFUND, DecisionAction.PAID_BACK, State.REFUNDED),
    (Desk.doubtful_refund, CaseKind.DOUBTFUL_REFUND, DecisionAction.NOT_PAID_BACK, State.REFUNDING),
    (Desk.doubtful_refund, CaseKind.DOUBTFUL_REFUND, DecisionAction.PAID_BACK_OTHERWISE, State.REFUNDED),
    (Desk.missing_receipt, CaseKind.MISSING_RECEIPT, DecisionAction.ACCEPT, State.COMPLETED),
)
RETURNS = {
    DecisionAction.RETURN_TO_PREFUND: "payable:desco_postpaid",
    DecisionAction.RETURN_AT_OUR_LOSS: "write_off",
}
NAMES = [f"{scene.__name__}-{action}" for scene, _, action, _ in DECISIONS]


@pytest.fixture
async def desk(till: Till) -> AsyncIterator[Desk]:
    """A desk whose books are proven once the test is through, and its day's lines once they are frozen."""
    async with open_office(till) as office, open_desk(office) as desk:
        yield desk
        assert await till.books.audit() is None
        windows = SettlementWindows(till.books.database.connect, lambda: {"bkash": KEPT_BASIS_POINTS})
        await windows.close(await till.books.value("SELECT (now() AT TIME ZONE 'Asia/Dhaka')::date"))
        assert await till.books.audit() is None


async def _payment_of(desk: Desk, subject: UUID) -> UUID:
    view = await desk.desk.show(subject)
    return view.case.payment_id


@pytest.mark.parametrize(("scene", "kind", "action", "state"), DECISIONS, ids=NAMES)
async def test_two_persons_end_what_waits(
    desk: Desk, scene: Scene, kind: CaseKind, action: DecisionAction, state: State
) -> None:
    subject = await scene(desk)
    (listed,) = await desk.desk.list(None, 10)
    assert (listed.kind, listed.subject) == (kind, subject)
    payment_id = await _payment_of(desk, subject)
    before = await desk.balances()

    proposed = await desk.propose(subject, action)

    assert await desk.balances() == before
    decided = await desk.desk.approve(proposed.id, proposed.code, APPROVES)
    assert (decided.state, decided.ended_by) == (ProposalState.APPROVED, APPROVES)
    assert await desk.books.state_of(payment_id) == state
    assert await desk.desk.list(None, 10) == []
    with pytest.raises((NoCaseError, UnfitActionError)):
        await desk.propose(subject, action)
    # Nothing of the case is left, and no alarm of it stays open.
    left = {"refund_needs_a_person"} if action is DecisionAction.NOT_PAID_BACK else set()
    await desk.upkeep.sweep()
    assert set(await desk.open_alarms()) == left


def test_every_action_of_a_case_is_tried() -> None:
    tried = {action for _, _, action, _ in DECISIONS}
    assert tried | {DecisionAction.JOURNAL, *RETURNS} == set(DecisionAction)
    others = {CaseKind.COMPLETED, CaseKind.JOURNAL, CaseKind.MISMATCHED_MONEY}
    assert {kind for _, kind, _, _ in DECISIONS} | others == set(CaseKind)


async def test_a_partner_that_consents_pays_what_the_biller_holds(desk: Desk) -> None:
    payment_id = await desk.late_success()
    before = await desk.books.balance()

    await desk.decide(payment_id, DecisionAction.DEBIT_PARTNER)

    assert before - await desk.books.balance() == 6_000
    assert (await desk.balances()).get("suspense:desco_postpaid", 0) == 0
    events = await desk.books.rows(
        "SELECT event, actor, facts FROM history WHERE payment_id = $1 ORDER BY seq DESC", payment_id
    )
    assert (events[0]["event"], events[0]["actor"]) == ("reviewed_as_completed", APPROVES)


async def test_a_prefund_that_does_not_cover_it_refuses_and_the_proposal_still_waits(desk: Desk) -> None:
    payment_id = await desk.late_success()
    await desk.books.start(total=await desk.books.balance())
    proposed = await desk.propose(payment_id, DecisionAction.DEBIT_PARTNER)

    with pytest.raises(PrefundTooLowError, match="amount"):
        await desk.desk.approve(proposed.id, proposed.code, APPROVES)

    view = await desk.desk.find(proposed.id)
    assert view is not None
    assert view.state is ProposalState.WAITING
    assert await desk.books.state_of(payment_id) == State.IN_REVIEW


async def test_short_money_is_taken_and_what_is_short_is_our_loss(desk: Desk) -> None:
    payment_id = await desk.short_money()

    await desk.decide(payment_id, DecisionAction.DELIVER)

    balances = await desk.balances()
    assert balances["write_off"] == TAKEN - 99_900
    assert balances["in_flight"] == -TAKEN
    row = (await desk.books.rows("SELECT * FROM payments WHERE id = $1", payment_id))[0]
    assert (row["collected_by"], row["next_action_at"] is not None) == ("bkash", True)


async def test_a_reference_of_another_refund_proves_nothing(desk: Desk) -> None:
    await desk.decide(await desk.doubtful_refund(), DecisionAction.PAID_BACK)
    refund_id = await desk.doubtful_refund()
    proposed = await desk.propose(refund_id, DecisionAction.PAID_BACK)

    with pytest.raises(ReferenceTakenError, match="reference"):
        await desk.desk.approve(proposed.id, proposed.code, APPROVES)

    assert (await desk.office.row(refund_id))["state"] == "in_doubt"


# ---- who may, and what they have seen


async def test_nobody_approves_their_own_proposal(desk: Desk) -> None:
    proposed = await desk.propose(await desk.late_success(), DecisionAction.WRITE_OFF)
    with pytest.raises(OnePersonError):
        await desk.desk.approve(proposed.id, proposed.code, PROPOSES)
    with pytest.raises(asyncpg.CheckViolationError, match="two_persons"):
        await desk.books.tell(
            "UPDATE decisions SET approved_by = proposed_by, approved_at = now() WHERE id = $1", proposed.id
        )


async def test_whoever_approves_has_seen_it(desk: Desk) -> None:
    proposed = await desk.propose(await desk.late_success(), DecisionAction.WRITE_OFF)
    with pytest.raises(WrongCodeError):
        await desk.desk.approve(proposed.id, "00000000", APPROVES)


async def test_an_approval_that_is_said_twice_posts_once(desk: Desk) -> None:
    payment_id = await desk.late_success()
    proposed = await desk.propose(payment_id, DecisionAction.WRITE_OFF)

    views = [await desk.desk.approve(proposed.id, proposed.code, APPROVES) for _ in range(2)]

    assert views[0] == views[1]
    assert (await desk.office.entries(payment_id)).count("late_success_written_off") == 1
    with pytest.raises(ProposalEndedError):
        await desk.desk.approve(proposed.id, proposed.code, THIRD)
    with pytest.raises(ProposalEndedError):
        await desk.desk.reject(proposed.id, "too late", THIRD)


async def test_two_who_approve_at_once_post_once(desk: Desk) -> None:
    payment_id = await desk.late_success()
    proposed = await desk.propose(payment_id, DecisionAction.WRITE_OFF)

    answers = await asyncio.gather(
        *(desk.desk.approve(proposed.id, proposed.code, by) for by in (APPROVES, THIRD)),
        return_exceptions=True,
    )

    assert sorted(type(answer).__name__ for answer in answers) == ["ProposalEndedError", "ProposalView"]
    assert (await desk.office.entries(payment_id)).count("late_success_written_off") == 1


async def test_a_rejected_proposal_moves_nothing_and_another_may_follow(desk: Desk) -> None:
    payment_id = await desk.late_success()
    before = await desk.balances()
    proposed = await desk.propose(payment_id, DecisionAction.WRITE_OFF)
    with pytest.raises(ProposalWaitsError):
        await desk.propose(payment_id, DecisionAction.DEBIT_PARTNER, THIRD)

    assert (await desk.desk.reject(proposed.id, "ask them first", PROPOSES)).state is ProposalState.REJECTED

    assert await desk.balances() == before
    await desk.decide(payment_id, DecisionAction.BILLER_RETURNED)


async def test_what_changed_since_is_not_carried_out(desk: Desk) -> None:
    payment_id = await desk.short_money()
    proposed = await desk.propose(payment_id, DecisionAction.DELIVER)
    asked = await desk.office.desk.request_review_give_back(payment_id, "the payer wants it", PROPOSES)
    await desk.office.desk.approve(asked.refund_id, APPROVES)
    before = await desk.balances()

    view = await desk.desk.approve(proposed.id, proposed.code, APPROVES)

    assert view.state is ProposalState.LAPSED
    assert "changed" in view.end_reason
    assert await desk.balances() == before
    with pytest.raises(ProposalEndedError):
        await desk.desk.approve(proposed.id, proposed.code, APPROVES)


async def test_an_answer_that_came_too_late_is_news_to_a_decision(desk: Desk) -> None:
    """The connector says that it has paid, after its epoch and before the second person approves."""
    refund_id = await desk.office.given_back(await desk.office.refused())
    first = await desk.office.sent(refund_id)
    await desk.office.record(await desk.office.sent(refund_id), SILENCE)
    await desk.books.tell(LONG_AGO["refunds"], refund_id)
    await desk.upkeep.sweep()
    proposed = await desk.propose(refund_id, DecisionAction.NOT_PAID_BACK)
    assert await desk.office.refunds.record(first, given("R-1", TAKEN)) is None

    view = await desk.desk.approve(proposed.id, proposed.code, APPROVES)

    assert view.state is ProposalState.LAPSED
    assert (await desk.office.row(refund_id))["state"] == "in_doubt"


async def test_a_delivery_that_is_sent_again_is_news_to_a_decision(desk: Desk) -> None:
    started = await desk.books.start()
    await desk.books.finish(started, SILENT)
    await desk.books.tell(LONG_AGO["payments"], started.claim.payment_id)
    await desk.upkeep.sweep()
    proposed = await desk.propose(started.claim.payment_id, DecisionAction.GIVE_BACK)
    await desk.books.submit(NextSend(delivery_of(started), "pay", 2, 10.0, 30.0))

    view = await desk.desk.approve(proposed.id, proposed.code, APPROVES)

    assert view.state is ProposalState.LAPSED
    assert await desk.books.state_of(started.claim.payment_id) == State.DELIVERING


async def test_what_somebody_proposed_who_has_left_is_not_carried_out(desk: Desk) -> None:
    payment_id = await desk.late_success()
    proposed = await desk.propose(payment_id, DecisionAction.WRITE_OFF)
    await desk.books.tell(
        "UPDATE staff SET disabled_at = now(), disabled_by = 'Salma' WHERE name = $1", PROPOSES
    )

    view = await desk.desk.approve(proposed.id, proposed.code, APPROVES)

    assert view.state is ProposalState.LAPSED
    assert PROPOSES in view.end_reason
    assert await desk.books.state_of(payment_id) == State.IN_REVIEW
    await desk.books.tell("UPDATE staff SET disabled_at = NULL, disabled_by = NULL")


async def test_an_action_that_does_not_fit_is_refused_by_its_name(desk: Desk) -> None:
    payment_id = await desk.half_done()
    with pytest.raises(UnfitActionError, match="action: write_off does not fit; it allows close"):
        await desk.propose(payment_id, DecisionAction.WRITE_OFF)


@pytest.mark.parametrize("field", ["reason", "reference"])
async def test_a_missing_field_is_named(desk: Desk, field: str) -> None:
    texts = {"reason": "they said so", "reference": "DOC-1"} | {field: " "}
    proposal = Proposal(
        uuid7(),
        await desk.late_success(),
        DecisionAction.DEBIT_PARTNER,
        texts["reason"],
        PROPOSES,
        texts["reference"],
    )
    with pytest.raises(MissingFieldError, match=field):
        await desk.desk.propose(proposal)
    assert await desk.books.count("decisions") == 0


async def test_what_does_not_wait_is_no_case(desk: Desk) -> None:
    started = await desk.books.start()
    for subject in (started.claim.payment_id, uuid7()):
        with pytest.raises(NoCaseError):
            await desk.propose(subject, DecisionAction.ACCEPT)
    with pytest.raises(UnknownProposalError):
        await desk.desk.approve(uuid7(), "12345678", APPROVES)


# ---- completed payments from a prefund


@pytest.mark.parametrize("action", RETURNS)
async def test_a_completed_payment_returns_to_its_prefund_once(desk: Desk, action: DecisionAction) -> None:
    started = await desk.books.start()
    await desk.books.finish(started)
    payment_id, bill = started.claim.payment_id, started.quote.sums.amount.minor
    assert await desk.desk.list(None, 10) == []
    before, prefund = await desk.balances(), await desk.books.balance()

    await desk.decide(payment_id, action)

    assert await desk.books.balance() - prefund == bill
    after = await desk.balances()
    assert after.get(RETURNS[action], 0) - before.get(RETURNS[action], 0) == bill
    assert await desk.books.state_of(payment_id) == State.COMPLETED
    with pytest.raises(NoCaseError):
        await desk.propose(payment_id, action)


async def test_a_give_back_frees_the_total_of_the_day_on_which_it_was_taken(desk: Desk) -> None:
    payment_id = await desk.other_amount()
    taken = "SELECT sum(taken)::bigint FROM accounts WHERE code LIKE 'prefund:bank1:%'"
    before = await desk.books.value(taken)
    assert before > 0

    await desk.decide(payment_id, DecisionAction.GIVE_BACK)

    assert await desk.books.value(taken) == 0
    assert await desk.books.audit() is None


# ---- refunds of another amount


@pytest.mark.parametrize(
    ("given", "account", "amount"), [(TAKEN - 500, "settlement_bank", -500), (TAKEN + 700, "write_off", 700)]
)
async def test_what_was_given_back_differs_and_the_rest_has_its_place(
    desk: Desk, given: int, account: str, amount: int
) -> None:
    refund_id = await desk.doubtful_refund()
    before = await desk.balances()
    view = await desk.propose(refund_id, DecisionAction.PAID_BACK_OTHERWISE, stated=Money(given))

    await desk.desk.approve(view.id, view.code, APPROVES)

    after = await desk.balances()
    moved = {name: after.get(name, 0) - before.get(name, 0) for name in (account, "receivable:bkash")}
    assert moved == {account: amount, "receivable:bkash": -given}
    assert (await desk.office.row(refund_id))["state"] == "done"


async def test_an_amount_that_must_be_stated_is_asked_for(desk: Desk) -> None:
    refund_id = await desk.doubtful_refund()
    with pytest.raises(MissingFieldError, match="amount"):
        await desk.propose(refund_id, DecisionAction.PAID_BACK_OTHERWISE, stated=Money(0))
