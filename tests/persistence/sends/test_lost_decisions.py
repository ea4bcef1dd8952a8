"""Two persons about a lost send: what they may decide, and that one alone decides nothing."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest

from ekpay_switch.domain.payments.lost_sends import LostFinding, LostState
from ekpay_switch.persistence.parties.staff import NotAllowedError
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.persistence.sends.lost import PostgresLostSends
from ekpay_switch.persistence.sends.lost_decisions import LostDecisions, RefusedDecisionError
from ekpay_switch.persistence.short_transactions import ShortTransactions
from tests.persistence.books import Books
from tests.persistence.sends.a_send import SEALER, a_send
from tests.persistence.sends.test_lost import POSTED, a_line
from tests.persistence.staff_rows import persons


@dataclass
class Desk:
    sends: PostgresLostSends
    decisions: LostDecisions
    lost_id: UUID

    async def state(self) -> tuple[LostState, bool]:
        (lost,) = await self.sends.all()
        return lost.state, lost.is_open


@pytest.fixture
async def desk(books: Books) -> AsyncIterator[Desk]:
    transactions = ShortTransactions(books.database.connect_hot)
    sends = PostgresLostSends(transactions, SEALER)
    await books.tell(persons("rahela", "karim"))
    await books.tell(persons("operator", roles='["operator"]'))
    await sends.keep_unknown([a_line(a_send())])
    (lost,) = await sends.all()
    yield Desk(sends, LostDecisions(transactions), lost.lost_id)
    await transactions.close()


async def test_two_persons_decide_and_one_alone_does_not(desk: Desk) -> None:
    await desk.decisions.propose(desk.lost_id, LostState.NOT_POSTED, "their file lacks it", "rahela")
    assert await desk.state() == (LostState.UNKNOWN, True)
    with pytest.raises(OnePersonError):
        await desk.decisions.approve(desk.lost_id, "rahela")
    for _ in range(2):
        assert await desk.decisions.approve(desk.lost_id, "karim") is LostState.NOT_POSTED
    assert await desk.state() == (LostState.NOT_POSTED, False)
    assert await desk.sends.to_book() == []


async def test_a_proposal_that_waits_may_be_replaced_and_a_decision_may_not(desk: Desk) -> None:
    await desk.decisions.propose(desk.lost_id, LostState.NOT_POSTED, "a guess", "rahela")
    await desk.decisions.propose(desk.lost_id, LostState.POSTED, "their letter", "karim")
    assert await desk.decisions.approve(desk.lost_id, "rahela") is LostState.POSTED
    with pytest.raises(RefusedDecisionError, match="rahela has approved posted"):
        await desk.decisions.propose(desk.lost_id, LostState.NOT_POSTED, "again", "karim")
    assert [lost.lost_id for lost in await desk.sends.to_book()] == [desk.lost_id]


async def test_who_is_not_of_finance_decides_nothing(desk: Desk) -> None:
    with pytest.raises(NotAllowedError):
        await desk.decisions.propose(desk.lost_id, LostState.POSTED, "why", "operator")
    await desk.decisions.propose(desk.lost_id, LostState.POSTED, "why", "rahela")
    with pytest.raises(NotAllowedError):
        await desk.decisions.approve(desk.lost_id, "operator")


async def test_nothing_contradicts_the_far_side_or_the_books(desk: Desk) -> None:
    await desk.sends.record(desk.lost_id, LostFinding(LostState.POSTED, "there", POSTED))
    with pytest.raises(RefusedDecisionError, match="says that it is posted"):
        await desk.decisions.propose(desk.lost_id, LostState.NOT_POSTED, "why", "rahela")
    await desk.decisions.propose(desk.lost_id, LostState.POSTED, "why", "rahela")
    await desk.sends.mark_booked(desk.lost_id, timedelta())
    with pytest.raises(RefusedDecisionError, match="is booked"):
        await desk.decisions.approve(desk.lost_id, "karim")


async def test_bad_input_names_its_field_and_changes_nothing(desk: Desk) -> None:
    for state, reason, why in (
        (LostState.UNKNOWN, "why", "state: posted or not_posted"),
        (LostState.POSTED, " ", "reason: it is empty"),
    ):
        with pytest.raises(RefusedDecisionError, match=why):
            await desk.decisions.propose(desk.lost_id, state, reason, "rahela")
    with pytest.raises(RefusedDecisionError, match="nothing is proposed"):
        await desk.decisions.approve(desk.lost_id, "karim")
    with pytest.raises(RefusedDecisionError, match="there is no lost send"):
        await desk.decisions.approve(UUID(int=9), "karim")
    await desk.sends.record(desk.lost_id, LostFinding(LostState.NOT_POSTED, "not found"))
    with pytest.raises(RefusedDecisionError, match="proven not posted"):
        await desk.decisions.propose(desk.lost_id, LostState.POSTED, "why", "rahela")
    assert await desk.state() == (LostState.NOT_POSTED, False)
