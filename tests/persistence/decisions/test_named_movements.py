"""A decision that names a movement of money, beside the switch that books the same one."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from ekpay_switch.domain.decisions.actions import DecisionAction
from ekpay_switch.domain.payment import State
from ekpay_switch.persistence.payment_rows import MOVEMENT_LOCK, lock_name
from ekpay_switch.persistence.refunds.staff_actions import ReferenceTakenError
from tests.persistence.collections.collection_setup import QUOTE_OVER, Till, agreed
from tests.persistence.collections.test_held import held_page
from tests.persistence.decisions.decision_setup import APPROVES, Desk, open_desk
from tests.persistence.refunds.refund_setup import open_office

NAME = "DOC-1"  # what `Desk.propose` refers to


@pytest.fixture
async def desk(till: Till) -> AsyncIterator[Desk]:
    """A desk whose books are proven once the test is through."""
    async with open_office(till) as office, open_desk(office) as desk:
        yield desk
        assert await till.books.audit() is None


async def test_a_movement_that_is_booked_beside_a_try_collects_for_no_other(desk: Desk) -> None:
    till = desk.office.till
    held = await till.funded()
    payment_id = await desk.stuck_collection()
    again = await till.leased(held)
    await till.record(again, agreed(again, NAME))
    with pytest.raises(ReferenceTakenError):
        await desk.decide(payment_id, DecisionAction.COLLECTED)


async def test_the_decision_waits_for_whoever_writes_about_the_same_movement(desk: Desk) -> None:
    payment_id = await desk.stuck_collection()
    proposed = await desk.propose(payment_id, DecisionAction.COLLECTED)
    connection = await desk.books.database.connect()
    try:
        async with connection.transaction():
            await lock_name(connection, MOVEMENT_LOCK, "bkash", NAME)
            approval = asyncio.create_task(desk.desk.approve(proposed.id, proposed.code, APPROVES))
            done, _ = await asyncio.wait([approval], timeout=0.5)
            assert not done
        await approval
    finally:
        await connection.close()
    assert await desk.books.state_of(payment_id) == State.FUNDED


async def test_a_bill_whose_quote_is_over_may_be_delivered_for_an_hour_once_its_money_is_accepted(
    desk: Desk,
) -> None:
    held = await held_page(desk.office.till)
    await desk.books.tell(QUOTE_OVER, held.payment_id)
    await desk.decide(held.payment_id, DecisionAction.TAKE_HELD)
    (due,) = await desk.office.till.collections.funded_due(10)
    assert (due.payment_id, due.is_quote_expired) == (held.payment_id, False)
