"""kill -9 at every statement of a decision and around its COMMIT: said again, it is carried out once."""

import asyncio
from collections.abc import Sequence

import pytest

from ekpay_switch.ports.decisions import JournalProposal, ProposalView
from tests.faults.decisions.clerks import (
    AFTER_COMMIT,
    DURING_COMMIT,
    NEVER,
    Done,
    Place,
    clerks,
    killed,
    places,
)
from tests.faults.decisions.stories import LATE_SUCCESS, OF_EACH_FORM, STORIES, Story, outcome
from tests.persistence.decisions.decision_setup import APPROVES, Desk

WHY = "ask them first"


@pytest.mark.parametrize("story", STORIES, ids=str)
async def test_an_approval_that_is_killed_anywhere_is_carried_out_once(desk: Desk, story: Story) -> None:
    """One process after another takes up the same approval and dies a step later than the one before."""
    database = desk.books.database
    with clerks(database, 2) as (first, second):
        unharmed = await story.proposed(desk)
        done = await first.ask("approve", unharmed.id, unharmed.code, APPROVES)
        ends = await outcome(desk, unharmed.id)
        assert (done.state, str(ends["payment"]), ends["approved_by"]) == ("approved", story.end, APPROVES)
        assert done.statements > 10
        before, after = _sides(done)
        odd, even = await story.proposed(desk), await story.proposed(desk)
        await asyncio.gather(_taken_up(desk, odd, before[::2]), _taken_up(desk, even, before[1::2]))
        killed_last = [odd, even]
        for place in after:
            killed_last.append(proposed := await story.proposed(desk))
            await killed(database, place, "approve", proposed.id, proposed.code, APPROVES)
        # The last one died after its COMMIT.
        assert await outcome(desk, killed_last[-1].id) == ends
        for proposed in killed_last:
            again = await second.ask("approve", proposed.id, proposed.code, APPROVES)
            assert again.state == "approved"
            assert await outcome(desk, proposed.id) == ends


async def _taken_up(desk: Desk, proposed: ProposalView, at: Sequence[Place]) -> None:
    """Let one process after another take up an approval and die; nothing of it stands then."""
    waits = await outcome(desk, proposed.id)
    for place in at:
        await killed(desk.books.database, place, "approve", proposed.id, proposed.code, APPROVES)
        assert await outcome(desk, proposed.id) == waits, place


@pytest.mark.parametrize("story", OF_EACH_FORM, ids=str)
async def test_a_proposal_that_is_killed_anywhere_waits_once(desk: Desk, story: Story) -> None:
    database = desk.books.database
    with clerks(database, 2) as (first, second):
        said = await story.proposal(desk)
        method = "propose_journal" if isinstance(said, JournalProposal) else "propose"
        done = await first.ask(method, said)
        assert done.state == "waiting"
        standing, said = await desk.books.count("decisions"), await story.proposal(desk)
        before, after = _sides(done)
        for place in before:
            await killed(database, place, method, said)
            assert await desk.books.count("decisions") == standing, place
        for place in [NEVER, *after]:
            if place != NEVER:
                said = await story.proposal(desk)
                await killed(database, place, method, said)
            again = await second.ask(method, said)
            standing += 1
            assert again.view is not None, (place, again.refusal)
            assert (again.state, again.view.id) == ("waiting", said.id), place
            assert await desk.books.count("decisions") == standing, place
            approved = await second.ask("approve", said.id, again.view.code, APPROVES)
            assert approved.state == "approved", place
            ends = await outcome(desk, said.id)
            assert (str(ends["payment"]), ends["approved_by"]) == (story.end, APPROVES), place


async def test_a_rejection_that_is_killed_anywhere_ends_the_proposal_once(desk: Desk) -> None:
    database = desk.books.database
    with clerks(database, 2) as (first, second):
        unharmed = await LATE_SUCCESS.proposed(desk)
        done = await first.ask("reject", unharmed.id, WHY, APPROVES)
        ends = await outcome(desk, unharmed.id)
        assert (done.state, ends["rejected_by"]) == ("rejected", APPROVES)
        for place in places(done):
            proposed = await LATE_SUCCESS.proposed(desk)
            await killed(database, place, "reject", proposed.id, WHY, APPROVES)
            again = await second.ask("reject", proposed.id, WHY, APPROVES)
            assert again.state == "rejected", place
            assert await outcome(desk, proposed.id) == ends, place


def _sides(done: Done) -> tuple[list[Place], list[Place]]:
    """The places at which nothing is written yet, and those at which something may be."""
    after = [(kind, done.transactions) for kind in (DURING_COMMIT, AFTER_COMMIT)]
    return [place for place in places(done) if place not in after], after
