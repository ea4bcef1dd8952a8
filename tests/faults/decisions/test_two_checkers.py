"""Two processes at the desk at once: one of them decides, and the other one is told so."""

import asyncio

from ekpay_switch.domain.decisions.actions import DecisionAction
from tests.faults.decisions.clerks import Done, clerks
from tests.faults.decisions.races import in_line
from tests.faults.decisions.stories import LATE_SUCCESS, outcome, proposal_of
from tests.persistence.decisions.decision_setup import APPROVES, PROPOSES, THIRD, Desk

ROUNDS = 30


async def test_two_checkers_at_once_post_once(desk: Desk) -> None:
    with clerks(desk.books.database, 2) as pair:
        winners = set()
        for number in range(ROUNDS):
            proposed = await LATE_SUCCESS.proposed(desk)
            before = await desk.books.balance()
            order = pair if number % 2 else pair[::-1]
            first, second = await asyncio.gather(
                order[0].ask("approve", proposed.id, proposed.code, APPROVES),
                order[1].ask("approve", proposed.id, proposed.code, THIRD),
            )
            assert sorted((first.state, second.state)) == ["ProposalEndedError", "approved"]
            ends = await outcome(desk, proposed.id)
            winners.add(ends["approved_by"])
            assert ends["entries"].count("debited_after_late_success") == 1
            assert before - await desk.books.balance() == 6_000
        assert winners <= {APPROVES, THIRD}


async def test_one_who_approves_and_one_who_rejects_at_once_end_it_once(desk: Desk) -> None:
    with clerks(desk.books.database, 2) as pair:
        for number in range(ROUNDS):
            proposed = await LATE_SUCCESS.proposed(desk)
            order = pair if number % 2 else pair[::-1]
            ends = await asyncio.gather(
                order[0].ask("approve", proposed.id, proposed.code, APPROVES),
                order[1].ask("reject", proposed.id, "ask them first", THIRD),
            )
            states = sorted(done.state for done in ends)
            assert states in (["ProposalEndedError", "approved"], ["ProposalEndedError", "rejected"])
            entries = (await outcome(desk, proposed.id))["entries"]
            assert entries.count("debited_after_late_success") == ("approved" in states)


async def test_one_person_in_two_windows_posts_once(desk: Desk) -> None:
    with clerks(desk.books.database, 2) as pair:
        for _ in range(ROUNDS // 3):
            proposed = await LATE_SUCCESS.proposed(desk)
            ends = await asyncio.gather(
                *(clerk.ask("approve", proposed.id, proposed.code, APPROVES) for clerk in pair)
            )
            assert [done.state for done in ends] == ["approved", "approved"]
            entries = (await outcome(desk, proposed.id))["entries"]
            assert entries.count("debited_after_late_success") == 1


async def test_two_who_propose_at_once_leave_one_proposal(desk: Desk) -> None:
    with clerks(desk.books.database, 2) as pair:
        for _ in range(ROUNDS // 3):
            subject = await desk.late_success()
            said = [
                proposal_of(subject, DecisionAction.WRITE_OFF, PROPOSES),
                proposal_of(subject, DecisionAction.BILLER_RETURNED, THIRD),
            ]
            ends = await asyncio.gather(
                *(clerk.ask("propose", one) for clerk, one in zip(pair, said, strict=True))
            )
            assert sorted(done.state for done in ends) == ["ProposalWaitsError", "waiting"]


async def test_one_who_approves_and_one_who_proposes_anew_do_not_wait_for_each_other(desk: Desk) -> None:
    """Both want the payment and its proposal: taken in one order, no deadlock has to end it."""
    with clerks(desk.books.database, 2) as (checker, proposer):
        for is_approved_first in (True, False):
            proposed = await LATE_SUCCESS.proposed(desk)
            anew = proposal_of(proposed.subject, DecisionAction.WRITE_OFF, THIRD)

            async def approve() -> Done:
                return await checker.ask("approve", proposed.id, proposed.code, APPROVES)  # noqa: B023

            async def propose() -> Done:
                return await proposer.ask("propose", anew)  # noqa: B023

            calls = (approve, propose) if is_approved_first else (propose, approve)
            ends = await in_line(desk.books, *calls)
            approval, proposal = ends if is_approved_first else reversed(ends)
            assert approval.state == "approved"
            assert proposal.state == ("UnfitActionError" if is_approved_first else "ProposalWaitsError")
            assert (approval.repeats, proposal.repeats) == (0, 0)
