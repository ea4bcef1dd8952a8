"""A connection that is lost at a statement of a decision, at its COMMIT or after it: carried out once."""

from typing import Any

import pytest

from ekpay_switch.persistence.decisions.desk import PostgresDecisionDesk
from ekpay_switch.persistence.short_transactions import ShortTransactions, TransactionLimits
from ekpay_switch.ports.decisions import ProposalState
from tests.faults.crash_points.test_merchant_lost_connections import Patient
from tests.faults.decisions.stories import STORIES, Story, outcome, propose
from tests.persistence.collections.test_collection_lost_connections import Outermost
from tests.persistence.decisions.decision_setup import APPROVES, BILLERS, CHART, Desk
from tests.persistence.group_commit.test_lost_connections import AFTER_COMMIT, BEFORE_COMMIT, NEVER

# The proposal is read in a transaction of its own, before the one that carries it out.
AROUND_COMMIT = [(where, before) for where in (BEFORE_COMMIT, AFTER_COMMIT) for before in (0, 1)]
# What moves money twice in one transaction; the others are struck around their COMMIT alone. Every statement
# is met by a kill in test_killed_decisions.py: each sixth one says whether the same process goes on.
IN_THE_MIDDLE, STRIDE = STORIES[3], 6


@pytest.mark.parametrize("story", STORIES, ids=str)
async def test_an_approval_is_carried_out_once_wherever_its_connection_is_lost(
    desk: Desk, story: Story
) -> None:
    trouble = Patient()
    transactions, unlucky = _unlucky(desk, trouble)
    unharmed = await story.proposed(desk)
    await unlucky.approve(unharmed.id, unharmed.code, APPROVES)
    ends = await outcome(desk, unharmed.id)
    statements = range(1, len(trouble.seen), STRIDE) if story is IN_THE_MIDDLE else ()
    for place, spares in [*((number, 0) for number in statements), *AROUND_COMMIT]:
        proposed = await story.proposed(desk)
        trouble.at, trouble.spares, trouble.statement = place, spares, 0
        decided = await unlucky.approve(proposed.id, proposed.code, APPROVES)
        assert (trouble.at, decided.state) == (NEVER, ProposalState.APPROVED), place
        assert await outcome(desk, proposed.id) == ends, place
    await transactions.close()


@pytest.mark.parametrize("story", [STORIES[0], STORIES[-1]], ids=str)
@pytest.mark.parametrize("where", [BEFORE_COMMIT, AFTER_COMMIT])
async def test_a_proposal_whose_commit_was_not_heard_of_waits_once(
    desk: Desk, story: Story, where: str
) -> None:
    transactions, unlucky = _unlucky(desk, trouble := Patient())
    said = await story.proposal(desk)
    trouble.at = where
    proposed = await propose(unlucky, said)
    assert trouble.strikes(NEVER), "the connection did not die"
    assert (proposed.id, proposed.state) == (said.id, ProposalState.WAITING)
    assert await desk.books.count("decisions") == 1
    decided = await desk.desk.approve(said.id, proposed.code, APPROVES)
    assert decided.state is ProposalState.APPROVED
    await transactions.close()


def _unlucky(desk: Desk, trouble: Patient) -> tuple[ShortTransactions, PostgresDecisionDesk]:
    async def connect() -> Any:  # noqa: ANN401 - stands in for asyncpg's
        return Outermost(await desk.books.database.connect_hot(), desk.books, trouble)

    transactions = ShortTransactions(connect, TransactionLimits(1))
    return transactions, PostgresDecisionDesk(transactions, BILLERS, CHART)
