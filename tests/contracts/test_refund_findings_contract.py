"""What every implementation of the port `Refunds` promises: findings, late answers, give-backs."""

import pytest
import pytest_asyncio

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import (
    NoRefundRoute,
    RefundKind,
    RefundState,
)
from ekpay_switch.ports.collections import RefundOpened, RefundRecorded
from tests.contracts.collection_steps import (
    COLLECTED,
    collect,
    open_another_page,
    open_page,
    view,
)
from tests.contracts.payment_steps import PARTNER
from tests.contracts.refund_steps import (
    ASK_SECONDS,
    BILLED,
    DECLINED,
    NOT_SENT,
    RECEIVABLE,
    SEND_SECONDS,
    SILENT,
    TOTAL,
    ask,
    balances_with,
    complete,
    lease,
    lease_only,
    new_refund,
    open_give_back,
    record,
    refund_confirmation,
    refuse_delivery,
    send,
    take_on,
    view_of,
)
from tests.contracts.setups import RefundsSetup

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def setup(refunds_setup: RefundsSetup) -> RefundsSetup:
    """A partner, bank1, that collects."""
    await refunds_setup.add_partner(PARTNER)
    return refunds_setup


# ---- findings


async def test_a_refund_that_was_given_is_done(setup: RefundsSetup) -> None:
    paid = await complete(setup)
    refund = await take_on(setup, paid)
    held = await send(setup)

    answers = [await setup.refunds.record(held, refund_confirmation("R-1")) for _ in range(2)]

    assert answers == [RefundRecorded(RefundState.DONE)] * 2
    assert (await view_of(setup, refund)).state is RefundState.DONE
    assert await setup.balances() == balances_with(0, receivable_of_bkash=RECEIVABLE - BILLED)
    assert await setup.notices(paid.payment_id) == ["completed", "refund_done"]
    assert (await view(setup, paid)).state is State.COMPLETED
    await setup.pass_by(90_000)
    assert await lease(setup) == []


async def test_a_refund_that_was_declined_fails_and_frees_the_total(setup: RefundsSetup) -> None:
    paid = await complete(setup)
    refund = await take_on(setup, paid)
    assert await record(setup, await send(setup), DECLINED) == RefundRecorded(RefundState.FAILED)
    assert (await view_of(setup, refund)).state is RefundState.FAILED
    assert await setup.balances() == balances_with(BILLED)
    assert await setup.notices(paid.payment_id) == ["completed", "refund_failed"]
    await setup.pass_by(90_000)
    assert await lease(setup) == []
    assert isinstance(await ask(setup, new_refund(paid.payment_id), 1), RefundOpened)


async def test_a_refund_in_doubt_is_asked_about_later(setup: RefundsSetup) -> None:
    await take_on(setup, await complete(setup))
    assert await record(setup, await send(setup), SILENT) == RefundRecorded(RefundState.IN_DOUBT)
    assert await lease(setup) == []
    await setup.pass_by(ASK_SECONDS + 1)
    held = await lease_only(setup)
    assert (held.state, held.questions, held.sends) == (RefundState.IN_DOUBT, 1, 1)
    assert held.order.may_have_been_heard
    assert await setup.refunds.begin_send(held, SEND_SECONDS)
    assert (await record(setup, held, refund_confirmation("R-1"))).state is RefundState.DONE


async def test_a_refund_that_never_left_us_is_as_it_was_before(setup: RefundsSetup) -> None:
    await take_on(setup, await complete(setup))
    assert await record(setup, await send(setup), NOT_SENT) == RefundRecorded(RefundState.APPROVED)
    await setup.pass_by(ASK_SECONDS + 1)
    held = await lease_only(setup)
    assert (held.state, held.sends, held.order.may_have_been_heard) == (RefundState.APPROVED, 0, False)


async def test_a_refund_that_was_begun_over_there_keeps_its_name(setup: RefundsSetup) -> None:
    await take_on(setup, await complete(setup))
    begun = refund_confirmation("R-1", is_done=False)
    assert (await record(setup, await send(setup), begun)).state is RefundState.IN_DOUBT
    await setup.pass_by(ASK_SECONDS + 1)
    assert (await lease_only(setup)).order.provider_refund == "R-1"


async def test_another_amount_than_ordered_is_a_doubt(setup: RefundsSetup) -> None:
    await take_on(setup, await complete(setup))
    assert (
        await record(setup, await send(setup), refund_confirmation("R-1", 1))
    ).state is RefundState.IN_DOUBT


# ---- under an old epoch


async def test_a_finding_under_an_old_epoch_sets_nothing_and_is_asked_about_at_once(
    setup: RefundsSetup,
) -> None:
    refund = await take_on(setup, await complete(setup))
    stale = await send(setup)
    await setup.pass_by(SEND_SECONDS + 1)
    current = await lease_only(setup)
    assert await setup.refunds.begin_send(current, SEND_SECONDS)
    await record(setup, current, SILENT)
    assert await lease(setup) == []

    assert await setup.refunds.record(stale, refund_confirmation("R-1")) is None

    assert (await view_of(setup, refund)).state is RefundState.IN_DOUBT
    assert (await lease_only(setup)).refund_id == refund.refund_id


async def test_a_refund_that_was_given_after_it_failed_is_an_alarm(setup: RefundsSetup) -> None:
    await take_on(setup, await complete(setup))
    stale = await send(setup)
    await setup.pass_by(SEND_SECONDS + 1)
    current = await lease_only(setup)
    assert await setup.refunds.begin_send(current, SEND_SECONDS)
    await record(setup, current, DECLINED)

    recorded = await setup.refunds.record(stale, refund_confirmation("R-1"))

    assert recorded == RefundRecorded(RefundState.FAILED, Alarm.LATE_REFUND)
    claim = {"receivable_of_bkash": RECEIVABLE - BILLED, "suspense_of_bkash": BILLED}
    assert await setup.balances() == balances_with(BILLED, **claim)
    assert await setup.refunds.record(stale, refund_confirmation("R-1")) == recorded
    assert await setup.balances() == balances_with(BILLED, **claim)


async def test_a_refund_that_was_given_after_it_was_paid_by_hand_is_an_alarm(setup: RefundsSetup) -> None:
    refund = await open_give_back(setup)
    stale = await send(setup)
    await setup.pass_by(SEND_SECONDS + 1)
    current = await lease_only(setup)
    assert await setup.refunds.begin_send(current, SEND_SECONDS)
    await record(setup, current, DECLINED)
    assert await setup.refunds.record(stale, SILENT) is None
    await setup.confirm_paid_by_hand(refund.refund_id, "BEFTN-1")
    recorded = await setup.refunds.record(stale, refund_confirmation("R-1", TOTAL))
    assert recorded == RefundRecorded(RefundState.DONE, Alarm.LATE_REFUND)
    balances = await setup.balances()
    assert (balances["suspense:bkash"], balances["settlement_bank"]) == (TOTAL, -TOTAL)
    assert balances["receivable:bkash"] == RECEIVABLE - TOTAL


async def test_a_refund_that_was_given_after_it_was_left_to_finance_is_done_and_an_alarm(
    setup: RefundsSetup,
) -> None:
    refund = await open_give_back(setup)
    stale = await send(setup)
    await setup.pass_by(SEND_SECONDS + 1)
    current = await lease_only(setup)
    assert await setup.refunds.begin_send(current, SEND_SECONDS)
    await record(setup, current, DECLINED)
    for _ in range(2):
        recorded = await setup.refunds.record(stale, refund_confirmation("R-1", TOTAL))
        assert recorded == RefundRecorded(RefundState.DONE, Alarm.LATE_REFUND)
    assert (await view_of(setup, refund)).state is RefundState.DONE
    assert await setup.balances() == COLLECTED | {"receivable:bkash": RECEIVABLE - TOTAL}
    assert await setup.notices(refund.payment_id) == ["given_back"]


async def test_what_is_left_to_finance_is_asked_about_where_an_earlier_send_may_have_arrived(
    setup: RefundsSetup,
) -> None:
    await open_give_back(setup)
    await send(setup)
    await setup.pass_by(SEND_SECONDS + 1)
    current = await lease_only(setup)
    assert await setup.refunds.begin_send(current, SEND_SECONDS)
    await record(setup, current, DECLINED)
    assert await lease(setup) == []
    await setup.pass_by(ASK_SECONDS + 1)
    asked = await lease_only(setup)
    assert asked.state is RefundState.BY_HAND
    recorded = await record(setup, asked, refund_confirmation("R-1", TOTAL))
    assert recorded == RefundRecorded(RefundState.DONE, Alarm.LATE_REFUND)


# ---- give-backs


async def test_a_payment_that_is_refunding_is_given_back_once(setup: RefundsSetup) -> None:
    held = await refuse_delivery(setup)
    await complete(setup)

    assert [await setup.refunds.open_give_backs(10) for _ in range(2)] == [1, 0]

    (refund,) = await setup.refunds.of_payment(PARTNER, held.payment_id)
    assert (refund.kind, refund.state) == (RefundKind.GIVE_BACK, RefundState.APPROVED)
    assert (refund.amount, refund.reason) == (Money(TOTAL), "the bill was not paid")
    assert (
        await record(setup, await send(setup), refund_confirmation("R-1", TOTAL))
    ).state is RefundState.DONE
    assert (await view(setup, held)).state is State.REFUNDED
    assert await setup.notices(held.payment_id) == ["given_back"]
    assert (await setup.balances()).get("refund_due:bkash", 0) == 0


async def test_no_more_give_backs_are_made_at_once_than_asked_for(setup: RefundsSetup) -> None:
    for _ in range(3):
        await refuse_delivery(setup)
    assert [await setup.refunds.open_give_backs(2) for _ in range(3)] == [2, 1, 0]


async def test_what_the_connector_refuses_and_is_owed_is_paid_by_hand(setup: RefundsSetup) -> None:
    refund = await open_give_back(setup)

    recorded = await record(setup, await send(setup), DECLINED)

    assert recorded == RefundRecorded(RefundState.BY_HAND, Alarm.REFUND_NEEDS_A_PERSON)
    await setup.pass_by(90_000)
    assert await lease(setup) == []
    assert await setup.balances() == COLLECTED | {"refund_due:bkash": -TOTAL}
    await setup.confirm_paid_by_hand(refund.refund_id, "BEFTN-1")
    assert (await view_of(setup, refund)).state is RefundState.DONE
    found = await setup.collections.view(PARTNER, refund.payment_id)
    assert found is not None
    assert found.state is State.REFUNDED
    assert await setup.balances() == COLLECTED | {"settlement_bank": -TOTAL}
    assert await setup.notices(refund.payment_id) == ["given_back"]


async def test_a_connector_that_gives_nothing_back_leaves_it_to_finance(setup: RefundsSetup) -> None:
    await take_on(setup, await complete(setup))
    recorded = await record(setup, await lease_only(setup), NoRefundRoute("the connector gives nothing back"))
    assert recorded == RefundRecorded(RefundState.BY_HAND, Alarm.REFUND_NEEDS_A_PERSON)


async def test_a_second_success_is_due_by_itself(setup: RefundsSetup) -> None:
    late = await open_page(setup)
    paid = await open_another_page(setup, late)
    await collect(setup, paid)
    await collect(setup, late)
    held = await lease_only(setup)
    assert (held.kind, held.order.amount) == (RefundKind.UNEXPECTED, Money(TOTAL))
    assert held.order.provider_transaction == f"TRX-{late.attempt_id.hex}"
    assert await setup.refunds.begin_send(held, SEND_SECONDS)
    assert (await record(setup, held, refund_confirmation("R-1", TOTAL))).state is RefundState.DONE
    assert (await view(setup, paid)).state is State.FUNDED
