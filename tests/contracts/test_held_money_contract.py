"""What every implementation of `Collections` promises about money that a connector holds for its risk."""

import pytest
import pytest_asyncio

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.payment import State
from ekpay_switch.ports.collections import NoNewTry, TryRecorded
from tests.contracts.collection_steps import (
    COLLECTED,
    HELD_ASK_SECONDS,
    HOLD_SECONDS,
    NEVER_PAID,
    NOT_YET,
    PAGE_ASK_SECONDS,
    collect,
    held_money,
    hold,
    lease,
    lease_awake,
    new_try,
    open_another_page,
    open_page,
    record,
    view,
)
from tests.contracts.payment_steps import PARTNER
from tests.contracts.setups import CollectionsSetup
from tests.persistence.collections.collection_setup import SUMS, agreed

pytestmark = pytest.mark.asyncio(loop_scope="module")

FUNDED = COLLECTED | {"in_flight": -SUMS.total.minor}


@pytest_asyncio.fixture(loop_scope="module")
async def setup(collections_setup: CollectionsSetup) -> CollectionsSetup:
    """A partner, bank1, that collects."""
    await collections_setup.add_partner(PARTNER)
    return collections_setup


async def is_due(setup: CollectionsSetup, held: LockedTry) -> bool:
    return await setup.collections.lease_try(held.order.reference, HOLD_SECONDS) is not None


async def test_a_hold_is_marked_raised_once_and_asked_about_rarely(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    assert await hold(setup, held) == TryRecorded(State.COLLECTING, Alarm.HELD_FOR_RISK)
    assert await setup.balances() == {}
    shown = await view(setup, held)
    assert (shown.state, shown.page_url) == (State.COLLECTING, "")
    await setup.pass_by(HELD_ASK_SECONDS - 1)
    assert not await is_due(setup, held)
    await setup.pass_by(2)
    again = await lease(setup, held)
    assert again.held_at is not None
    assert (again.order.is_held, again.may_be_executed, again.questions) == (True, False, 1)
    assert await record(setup, again, held_money(again)) == TryRecorded(State.COLLECTING)
    await setup.pass_by(HELD_ASK_SECONDS + 1)
    later = await lease(setup, held)
    assert later.held_at is not None
    assert (later.now - later.held_at).total_seconds() > 2 * HELD_ASK_SECONDS


async def test_a_hold_under_its_epoch_raises_the_same_alarm_again(setup: CollectionsSetup) -> None:
    held = await lease_awake(setup, await open_page(setup))
    finding = held_money(held, unproven=(agreed(held, "TRX2").judged.collected,))
    answers = [await setup.collections.record(held, finding) for _ in range(2)]
    assert answers == [TryRecorded(State.COLLECTING, Alarm.HELD_FOR_RISK, Alarm.PAID_TWICE)] * 2
    await setup.pass_by(6)
    again = await lease_awake(setup, held)
    finding = held_money(again, unproven=finding.money.unproven)
    answers = [await setup.collections.record(again, finding) for _ in range(2)]
    assert answers == [TryRecorded(State.COLLECTING)] * 2


async def test_a_payment_with_held_money_is_neither_tried_again_nor_executed_nor_cancelled(
    setup: CollectionsSetup,
) -> None:
    first = await open_page(setup)
    second = await open_another_page(setup, first)
    executing = await lease_awake(setup, second)
    await hold(setup, first)
    assert not await setup.collections.begin_execute(executing, 10.0, 60.0)
    await record(setup, executing, NOT_YET)
    waiting = NoNewTry(State.COLLECTING)
    assert await setup.collections.open_try(PARTNER, first.payment_id, new_try(), 0.0) == waiting
    assert await setup.collections.cancel(PARTNER, first.payment_id) == waiting
    await setup.pass_by(PAGE_ASK_SECONDS + 1)
    again = await lease(setup, second)
    assert (again.held_at, again.is_other_held, again.may_be_executed) == (None, True, False)


async def test_held_money_that_is_released_funds_the_payment(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    await hold(setup, held)
    await setup.pass_by(6)
    assert await collect(setup, held) == TryRecorded(State.FUNDED)
    assert await setup.balances() == FUNDED


async def test_held_money_that_came_to_nothing_frees_the_payment(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    await hold(setup, held)
    await setup.pass_by(6)
    await record(setup, await lease_awake(setup, held), NEVER_PAID)
    assert isinstance(await setup.collections.open_try(PARTNER, held.payment_id, new_try(), 0.0), LockedTry)


async def test_money_that_was_paid_twice_is_collected_once_and_raises_an_alarm(
    setup: CollectionsSetup,
) -> None:
    held = await lease_awake(setup, await open_page(setup))
    twice = agreed(held, further=(agreed(held, "TRX2").judged.collected,))
    answers = [await setup.collections.record(held, twice) for _ in range(2)]
    assert answers == [TryRecorded(State.FUNDED, None, Alarm.PAID_TWICE)] * 2
    balances = await setup.balances()
    # The further money is owed to its payer, once.
    assert balances["refund_due:bkash"] == balances["in_flight"] == FUNDED["in_flight"]
    assert balances["receivable:bkash"] == 2 * FUNDED["receivable:bkash"]


async def test_money_that_is_unproven_beside_a_collection_is_booked_nowhere(setup: CollectionsSetup) -> None:
    held = await lease_awake(setup, await open_page(setup))
    finding = agreed(held, unproven=(agreed(held, "TRX2").judged.collected,))
    answers = [await setup.collections.record(held, finding) for _ in range(2)]
    assert answers == [TryRecorded(State.FUNDED, None, Alarm.PAID_TWICE)] * 2
    assert await setup.balances() == FUNDED
    assert (await view(setup, held)).refunds == ()
