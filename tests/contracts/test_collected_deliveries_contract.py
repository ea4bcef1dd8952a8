"""What every implementation of the port `Collections` promises about funded payments."""

from dataclasses import replace

import pytest
import pytest_asyncio

from ekpay_switch.domain.outcome import Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.ports.collections import (
    FundedPayment,
)
from ekpay_switch.security.identifiers import uuid7
from tests.contracts.collection_steps import (
    COLLECTED,
    HOLD_SECONDS,
    PAY_SECONDS,
    collect,
    deliver,
    delivery_of,
    fund,
    new_collection,
    open_page,
    start_delivery,
    view,
)
from tests.contracts.payment_steps import BILLER, OTHER_BILLER, PARTNER, SILENT
from tests.contracts.setups import CollectionsSetup
from tests.persistence.collections.collection_setup import SUMS

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def setup(collections_setup: CollectionsSetup) -> CollectionsSetup:
    """A partner, bank1, that collects."""
    await collections_setup.add_partner(PARTNER)
    return collections_setup


# ---- deliveries


async def test_a_funded_payment_is_delivered_once(setup: CollectionsSetup) -> None:
    held = await fund(setup)
    assert await setup.collections.funded_due(10) == [
        FundedPayment(held.payment_id, BILLER, is_quote_expired=False)
    ]

    start = delivery_of(held)
    started = await setup.collections.start_delivery(start)

    assert started is not None
    assert (started.delivery.attempt_id, started.delivery.collected_by) == (start.attempt_id, "bkash")
    assert (started.delivery.prefund, started.delivery.sums, started.delivery.sends) == ("", SUMS, 1)
    assert (started.order.reference, started.order.scroll_no) == (start.attempt_reference, 1)
    assert (started.order.step, started.order.biller_quote) == ("pay", {"billToken": "T"})
    assert await setup.collections.start_delivery(delivery_of(held)) is None
    assert await setup.collections.start_delivery(replace(delivery_of(held), payment_id=uuid7())) is None
    assert await setup.collections.funded_due(10) == []
    assert (await view(setup, held)).state is State.DELIVERING


async def test_a_delivered_payment_is_completed(setup: CollectionsSetup) -> None:
    held = await fund(setup)
    assert await deliver(setup, held) is State.COMPLETED
    assert await setup.notices(held.payment_id) == ["completed"]
    parts = {"payable:desco_postpaid": -105_000, "charge_income": -1_575}
    assert await setup.balances() == COLLECTED | parts | {"fee_income": -500, "vat_payable": -75}


async def test_a_biller_that_was_not_reached_is_told_once_more_under_the_same_number(
    setup: CollectionsSetup,
) -> None:
    held, other = await fund(setup), await fund(setup)
    assert await deliver(setup, held, Unreached("connection refused")) is State.FUNDED
    assert (await start_delivery(setup, other)).order.scroll_no == 2
    assert (await start_delivery(setup, held)).order.scroll_no == 1


async def test_a_delivery_in_doubt_is_leased_with_its_own_order(setup: CollectionsSetup) -> None:
    held = await fund(setup)
    assert await deliver(setup, held, SILENT) is State.DELIVERING
    await setup.pass_by(1)
    (leased,) = await setup.payments.lease_due(10, HOLD_SECONDS)
    assert (leased.delivery.collected_by, leased.delivery.prefund) == ("bkash", "")
    assert (leased.order.scroll_no, leased.order.sums) == (1, SUMS)


async def test_no_biller_takes_more_than_its_share_of_deliveries(setup: CollectionsSetup) -> None:
    for biller_id in (BILLER, BILLER, OTHER_BILLER):
        await fund(setup, new_collection(setup, biller_id=biller_id))
    shared = await setup.collections.funded_due(10, per_far_side=1)
    rest = await setup.collections.funded_due(10, passing_over=[BILLER])
    assert sorted(each.biller_id for each in shared) == [BILLER, OTHER_BILLER]
    assert [each.biller_id for each in rest] == [OTHER_BILLER]
    assert len(await setup.collections.funded_due(2)) == 2


async def test_the_longest_funded_payment_is_delivered_first(setup: CollectionsSetup) -> None:
    first, second = await open_page(setup), await open_page(setup)
    await collect(setup, second)
    await setup.pass_by(1)
    await collect(setup, first)
    due = await setup.collections.funded_due(10)
    assert [each.payment_id for each in due] == [second.payment_id, first.payment_id]


async def test_a_dead_quote_is_given_up_whatever_its_biller_does(setup: CollectionsSetup) -> None:
    held = await fund(setup)
    assert not await setup.collections.give_up_delivery(held.payment_id)
    await setup.pass_by(PAY_SECONDS + 1)
    assert await setup.collections.funded_due(10, passing_over=[BILLER]) == [
        FundedPayment(held.payment_id, BILLER, is_quote_expired=True)
    ]
    assert await setup.collections.start_delivery(delivery_of(held)) is None

    assert await setup.collections.give_up_delivery(held.payment_id)

    assert not await setup.collections.give_up_delivery(held.payment_id)
    shown = await view(setup, held)
    assert (shown.state, shown.refusal) == (State.REFUNDING, Refusal.BILLER_UNAVAILABLE)
    assert await setup.balances() == COLLECTED | {"refund_due:bkash": -SUMS.total.minor}


async def test_only_a_funded_payment_is_given_up_and_only_a_merchants_is_credited(
    setup: CollectionsSetup,
) -> None:
    waiting, funded = await open_page(setup), await fund(setup)
    await setup.pass_by(PAY_SECONDS + 1)
    for payment_id in (waiting.payment_id, uuid7()):
        assert not await setup.collections.give_up_delivery(payment_id)
    for payment_id in (waiting.payment_id, funded.payment_id, uuid7()):
        assert not await setup.collections.credit_merchant(payment_id)
