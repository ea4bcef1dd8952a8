"""Somebody leaves between the two acts, or at the moment of the second: nothing of theirs is done later."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from ekpay_switch.persistence.parties.staff import Staff
from tests.faults.decisions.clerks import Done, clerks
from tests.faults.decisions.races import ALARMS, held, until_there_wait
from tests.faults.decisions.stories import LATE_SUCCESS, OF_EACH_FORM, Story, outcome
from tests.persistence.decisions.decision_setup import APPROVES, PROPOSES, THIRD, Desk

ROUNDS, SEED, APART_SECONDS = 20, 20, 0.02
BACK_AGAIN = "UPDATE staff SET disabled_at = NULL, disabled_by = NULL"


@pytest.fixture
async def staff(desk: Desk) -> AsyncIterator[Staff]:
    engine = desk.books.database.engine()
    yield Staff(engine)
    await engine.dispose()


@pytest.mark.parametrize("story", OF_EACH_FORM, ids=str)
async def test_a_proposal_of_somebody_who_has_left_lapses(desk: Desk, staff: Staff, story: Story) -> None:
    proposed = await story.proposed(desk)
    before, money = await outcome(desk, proposed.id), await desk.balances()
    await staff.disable(PROPOSES, THIRD)
    with clerks(desk.books.database, 1) as (clerk,):
        done = await clerk.ask("approve", proposed.id, proposed.code, APPROVES)
        assert (done.state, done.view and done.view.end_reason) == (
            "lapsed",
            f"{PROPOSES} may decide nothing any more",
        )
        assert await outcome(desk, proposed.id) == before | {"has_lapsed": True}
        assert await desk.balances() == money
        # What they proposed does not come back with them; it is proposed anew.
        await desk.books.tell(BACK_AGAIN)
        again = await clerk.ask("approve", proposed.id, proposed.code, APPROVES)
        assert again.state == "ProposalEndedError"


async def test_whoever_removes_somebody_waits_for_what_is_being_carried_out(desk: Desk, staff: Staff) -> None:
    """An approval that has found its proposer on the staff is over before `disable` says that they left."""
    proposed = await LATE_SUCCESS.proposed(desk)
    connection = await desk.books.superuser()
    with clerks(desk.books.database, 1) as (clerk,):
        async with held(connection, ALARMS):
            approving = asyncio.ensure_future(clerk.ask("approve", proposed.id, proposed.code, APPROVES))
            await until_there_wait(connection, 1)
            leaving = asyncio.ensure_future(staff.disable(PROPOSES, THIRD))
            await until_there_wait(connection, 2, leaving)
            assert not leaving.done()
        assert (await approving).state == "approved"
        await leaving
    await connection.close()


async def test_somebody_removed_at_that_moment_is_obeyed_or_was_too_late(desk: Desk, staff: Staff) -> None:
    draws = random.Random(SEED)  # noqa: S311 - not a secret, a race that can be repeated
    with clerks(desk.books.database, 1) as (clerk,):
        for _ in range(ROUNDS):
            proposed = await LATE_SUCCESS.proposed(desk)

            async def approve() -> Done:
                await asyncio.sleep(draws.uniform(0, APART_SECONDS))
                return await clerk.ask("approve", proposed.id, proposed.code, APPROVES)  # noqa: B023

            async def leave() -> bool:
                await asyncio.sleep(draws.uniform(0, APART_SECONDS))
                await staff.disable(PROPOSES, THIRD)
                stands = await outcome(desk, proposed.id)  # noqa: B023
                return bool(stands["approved_by"] == APPROVES)

            done, was_approved_when_they_left = await asyncio.gather(approve(), leave())
            assert done.state == ("approved" if was_approved_when_they_left else "lapsed")
            entries = (await outcome(desk, proposed.id))["entries"]
            assert entries.count("debited_after_late_success") == was_approved_when_they_left
            await desk.books.tell(BACK_AGAIN)


async def test_somebody_who_has_left_approves_nothing(desk: Desk, staff: Staff) -> None:
    proposed = await LATE_SUCCESS.proposed(desk)
    await staff.disable(APPROVES, THIRD)
    with clerks(desk.books.database, 1) as (clerk,):
        done = await clerk.ask("approve", proposed.id, proposed.code, APPROVES)
        assert done.state == "NotAllowedError"
        by_another = await clerk.ask("approve", proposed.id, proposed.code, THIRD)
        assert by_another.state == "approved"
    await desk.books.tell(BACK_AGAIN)
