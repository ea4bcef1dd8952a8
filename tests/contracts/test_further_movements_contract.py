"""What every implementation of `Collections` promises of further movements under a try that has collected."""

import pytest
import pytest_asyncio

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import Collected
from ekpay_switch.domain.collections.funding import LockedTry
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import RefundKind, RefundState
from ekpay_switch.ports.collections import TryRecorded
from tests.contracts.collection_steps import (
    HELD_ASK_SECONDS,
    HOLD_SECONDS,
    collect,
    held_money,
    lease_awake,
    open_page,
    record,
    view,
    wake,
)
from tests.contracts.payment_steps import PARTNER
from tests.contracts.setups import CollectionsSetup
from tests.persistence.collections.collection_setup import agreed

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def setup(collections_setup: CollectionsSetup) -> CollectionsSetup:
    """A partner, bank1, that collects."""
    await collections_setup.add_partner(PARTNER)
    return collections_setup


def told(held: LockedTry, name: str) -> Collected:
    return agreed(held, name).judged.collected


async def test_a_further_movement_is_booked_and_owed_once(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    await collect(setup, held, "TRX1", amount=Money(100_000))
    for _ in range(3):
        recorded = await collect(setup, held, "TRX2", amount=Money(7_000))
        assert recorded == TryRecorded(State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
    assert await setup.balances() == {
        "receivable:bkash": 98_500 + 6_895,
        "connector_fee:bkash": 1_500 + 105,
        "suspense:bkash": -100_000,
        "refund_due:bkash": -7_000,
    }
    (refund,) = (await view(setup, held)).refunds
    assert (refund.kind, refund.amount, refund.state) == (
        RefundKind.UNEXPECTED, Money(7_000), RefundState.APPROVED,
    )  # fmt: skip


async def test_a_repeated_further_movement_under_its_epoch_raises_its_alarm(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    await collect(setup, held, "TRX1", amount=Money(100_000))
    again = await lease_awake(setup, held)
    finding = agreed(again, "TRX2")
    answers = [await setup.collections.record(again, finding) for _ in range(2)]
    assert answers == [TryRecorded(State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)] * 2


async def test_a_further_movement_funds_no_other_payment(setup: CollectionsSetup) -> None:
    held, other = await open_page(setup), await open_page(setup)
    await collect(setup, held, "TRX1", amount=Money(100_000))
    await collect(setup, held, "TRX2")
    before = await setup.balances()
    assert await collect(setup, other, "TRX2") == TryRecorded(State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
    assert await setup.balances() == before


@pytest.mark.parametrize("changes", [{"amount": Money(7_000, "USD")}, {"amount": Money(0)}])
async def test_a_further_movement_that_is_no_taka_is_not_booked(
    setup: CollectionsSetup, changes: dict[str, Money]
) -> None:
    held = await open_page(setup)
    await collect(setup, held, "TRX1", amount=Money(100_000))
    before = await setup.balances()
    recorded = await collect(setup, held, "TRX2", **changes)
    assert recorded == TryRecorded(State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
    assert await setup.balances() == before


async def test_a_late_further_movement_is_asked_about_at_once(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    await collect(setup, held, "TRX1", amount=Money(100_000))
    late = await lease_awake(setup, held)
    await setup.pass_by(HOLD_SECONDS + 1)
    await lease_awake(setup, held)
    assert await setup.collections.record(late, agreed(late, "TRX2")) is None
    await setup.pass_by(HOLD_SECONDS + 1)
    assert await setup.collections.lease_try(held.order.reference, HOLD_SECONDS) is not None


async def test_what_is_told_beside_the_first_movement_later_is_booked_and_owed_once(
    setup: CollectionsSetup,
) -> None:
    """The page is paid again after its first money was recorded."""
    held = await open_page(setup)
    await collect(setup, held, "TRX1", amount=Money(100_000))
    twice = {"amount": Money(100_000), "further": (told(held, "TRX2"),)}
    assert await collect(setup, held, "TRX1", **twice) == TryRecorded(State.IN_REVIEW, None, Alarm.PAID_TWICE)
    assert await collect(setup, held, "TRX1", **twice) == TryRecorded(State.IN_REVIEW)
    (refund,) = (await view(setup, held)).refunds
    assert (refund.kind, refund.amount) == (RefundKind.UNEXPECTED, told(held, "TRX2").amount)


async def test_a_late_answer_with_further_movements_is_asked_about_at_once(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    await collect(setup, held, "TRX1", amount=Money(100_000))
    late = await lease_awake(setup, held)
    await setup.pass_by(HOLD_SECONDS + 1)
    newer = await lease_awake(setup, held)
    twice = agreed(late, "TRX1", amount=Money(100_000), further=(told(held, "TRX2"),))
    assert await setup.collections.record(late, twice) is None
    # Its holder has asked before that, and says the same as ever.
    await record(setup, newer, agreed(newer, "TRX1", amount=Money(100_000)))
    await setup.pass_by(6)
    assert await setup.collections.lease_try(held.order.reference, HOLD_SECONDS) is not None


async def test_a_callback_during_an_inquiry_about_collected_money_is_not_lost(
    setup: CollectionsSetup,
) -> None:
    held = await open_page(setup)
    await collect(setup, held, "TRX1", amount=Money(100_000))
    asking = await lease_awake(setup, held)
    await wake(setup, held)
    await record(setup, asking, agreed(asking, "TRX1", amount=Money(100_000)))
    await setup.pass_by(6)
    assert await setup.collections.lease_try(held.order.reference, HOLD_SECONDS) is not None


async def test_money_that_is_held_beside_a_collection_is_asked_about_when_its_connector_calls(
    setup: CollectionsSetup,
) -> None:
    """A try that has funded its payment is asked about no more, unless money under it is in no account."""
    funded, other = await open_page(setup), await open_page(setup)
    await collect(setup, funded, "TRX1", unproven=(told(funded, "TRX2"),))
    await collect(setup, other, "TRX3")
    await setup.pass_by(HELD_ASK_SECONDS)
    for held in (funded, other):
        await wake(setup, held)
    assert await setup.collections.lease_try(other.order.reference, HOLD_SECONDS) is None
    again = await setup.collections.lease_try(funded.order.reference, HOLD_SECONDS)
    assert again is not None
    before = await setup.balances()
    assert await record(setup, again, held_money(again, "TRX2")) == TryRecorded(State.FUNDED)
    assert await setup.balances() == before
    released = {"further": (told(funded, "TRX2"),)}
    assert await collect(setup, funded, "TRX1", **released) == TryRecorded(
        State.FUNDED, None, Alarm.PAID_TWICE
    )
    (refund,) = (await view(setup, funded)).refunds
    assert refund.kind is RefundKind.UNEXPECTED
    await wake(setup, funded)
    assert await setup.collections.lease_try(funded.order.reference, HOLD_SECONDS) is None
