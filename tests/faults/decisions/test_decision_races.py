"""A decision and what happens to its money at that moment: one comes first, and the other one finds out."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.faults.decisions.clerks import Clerk, Done, clerks
from tests.faults.decisions.races import RACES, Meanwhile, Race, in_line
from tests.faults.decisions.stories import outcome
from tests.persistence.decisions.decision_setup import APPROVES, Desk

ROUNDS, SEED, APART_SECONDS = 8, 20, 0.02
# The state of the proposal, and what the books say of its payment.
End = tuple[str, dict[str, Any]]
Decide = Callable[[], Awaitable[Done]]
Order = Callable[[Decide, Meanwhile], Awaitable[Done]]


@pytest.mark.parametrize("race", RACES, ids=str)
async def test_a_decision_and_what_happens_meanwhile_come_one_after_the_other(desk: Desk, race: Race) -> None:
    with clerks(desk.books.database, 1) as (clerk,):
        course = Course(desk, clerk, race)
        decided, overtaken = await course.run(_decision_first), await course.run(_decision_last)
        assert (decided[0], decided[1]["payment"]) == ("approved", race.decided)
        assert (overtaken[0], overtaken[1]["payment"]) == ("lapsed", race.overtaken)
        assert race.evidence in {"", *decided[1]["evidence"]}
        if race.takes_lanes:
            assert await course.run(course.decision_first_in_line) == decided
            assert await course.run(course.decision_last_in_line) == overtaken
        for _ in range(ROUNDS):
            assert await course.run(course.at_once) in (decided, overtaken)


async def _decision_first(decide: Decide, happen: Meanwhile) -> Done:
    done = await decide()
    await happen()
    return done


async def _decision_last(decide: Decide, happen: Meanwhile) -> Done:
    await happen()
    return await decide()


@dataclass
class Course:
    """The rounds of one race, each about money of its own."""

    desk: Desk
    clerk: Clerk
    race: Race

    def __post_init__(self) -> None:
        """Draw the same moments on every run."""
        self._draws = random.Random(SEED)  # noqa: S311 - not a secret, a race that can be repeated

    async def run(self, order: Order) -> End:
        """One round: what came of the decision, and of its money."""
        proposed, meanwhile = await self.race.prepare(self.desk)

        async def decide() -> Done:
            return await self.clerk.ask("approve", proposed.id, proposed.code, APPROVES)

        done = await order(decide, meanwhile)
        return done.state, await outcome(self.desk, proposed.id)

    async def decision_first_in_line(self, decide: Decide, happen: Meanwhile) -> Done:
        done: Done = (await in_line(self.desk.books, decide, happen))[0]
        return done

    async def decision_last_in_line(self, decide: Decide, happen: Meanwhile) -> Done:
        done: Done = (await in_line(self.desk.books, happen, decide))[1]
        return done

    async def at_once(self, decide: Decide, happen: Meanwhile) -> Done:
        async def happen_later() -> None:
            await asyncio.sleep(self._draws.uniform(0, APART_SECONDS))
            await happen()

        happening = asyncio.ensure_future(happen_later())
        await asyncio.sleep(self._draws.uniform(0, APART_SECONDS))
        done = await decide()
        await happening
        return done
