"""What every implementation of `Collections` promises about findings, and `Callbacks` of waking."""

from dataclasses import replace

import pytest
import pytest_asyncio

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.collections.connector_calls import CallbackHint
from ekpay_switch.domain.collections.funding import LockedTry, TryState
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import RefundKind, RefundState
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.ports.collections import RawCallback, TryRecorded, UnclaimedRefusedError
from tests.contracts.collection_steps import (
    COLLECTED,
    EXECUTE_IN_DOUBT,
    HOLD_SECONDS,
    NEVER_PAID,
    NOT_YET,
    PAGE_ASK_SECONDS,
    PAY_SECONDS,
    collect,
    deliver,
    fund,
    lease,
    lease_awake,
    new_collection,
    new_try,
    open_another_page,
    open_page,
    open_payment,
    record,
    view,
    wake,
)
from tests.contracts.payment_steps import PARTNER
from tests.contracts.setups import CollectionsSetup
from tests.persistence.collections.collection_setup import SUMS, agreed, page

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOTAL = SUMS.total.minor
FUNDED = COLLECTED | {"in_flight": -TOTAL}


@pytest_asyncio.fixture(loop_scope="module")
async def setup(collections_setup: CollectionsSetup) -> CollectionsSetup:
    """A partner, bank1, that collects."""
    await collections_setup.add_partner(PARTNER)
    return collections_setup


async def is_due(setup: CollectionsSetup, held: LockedTry) -> bool:
    return await setup.collections.lease_try(held.order.reference, HOLD_SECONDS) is not None


# ---- money that the payment waits for


async def test_money_that_came_funds_the_payment(setup: CollectionsSetup) -> None:
    held = await open_page(setup)

    assert await collect(setup, held, "TRX1") == TryRecorded(State.FUNDED)

    assert await setup.balances() == FUNDED
    shown = await view(setup, held)
    assert (shown.state, shown.page_url, shown.connector_id) == (State.FUNDED, "", "bkash")
    assert shown.facts == {"payer_account_tail": "770", "provider_transaction": "TRX1"}
    assert [each.payment_id for each in await setup.collections.funded_due(10)] == [held.payment_id]
    assert await setup.notices(held.payment_id) == []
    await setup.pass_by(600)
    assert not await is_due(setup, held)


async def test_an_abandoned_try_may_bring_the_money(setup: CollectionsSetup) -> None:
    first = await open_page(setup)
    second = await open_another_page(setup, first, "nagad")

    assert (await collect(setup, first)).state is State.FUNDED

    assert (await view(setup, first)).connector_id == "bkash"
    assert (await lease_awake(setup, second)).state is TryState.ABANDONED


async def test_money_of_a_payment_between_tries_funds_it(setup: CollectionsSetup) -> None:
    first = await open_page(setup)
    second = await open_another_page(setup, first)
    assert (await record(setup, await lease_awake(setup, second), NEVER_PAID)).state is State.CREATED
    assert (await collect(setup, first)).state is State.FUNDED
    assert await setup.collections.expire_due(10) == 0


async def test_the_same_finding_under_its_epoch_stands_once(setup: CollectionsSetup) -> None:
    held = await lease_awake(setup, await open_page(setup))
    answers = [await setup.collections.record(held, agreed(held)) for _ in range(2)]
    assert answers == [TryRecorded(State.FUNDED)] * 2
    assert await setup.balances() == FUNDED


async def test_an_undecided_finding_under_its_epoch_is_counted_once(setup: CollectionsSetup) -> None:
    held = await lease_awake(setup, await open_page(setup))
    answers = [await setup.collections.record(held, NOT_YET) for _ in range(2)]
    assert answers == [TryRecorded(State.COLLECTING)] * 2
    await setup.pass_by(PAGE_ASK_SECONDS + 1)
    assert (await lease(setup, held)).questions == 1


# ---- no money


async def test_a_try_that_came_to_nothing_leaves_the_payment_to_the_next(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    assert await record(setup, await lease_awake(setup, held), NEVER_PAID) == TryRecorded(State.CREATED)
    shown = await view(setup, held)
    assert (shown.state, shown.page_url, shown.refusal) == (State.CREATED, "", None)
    assert shown.next_look_at == shown.pay_until
    again = await setup.collections.open_try(PARTNER, held.payment_id, new_try(), 600.0)
    assert isinstance(again, LockedTry)
    assert (await view(setup, held)).state is State.COLLECTING


async def test_a_try_that_comes_to_nothing_after_the_quote_ends_the_payment(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    await setup.pass_by(PAY_SECONDS + 1)
    assert (await record(setup, await lease(setup, held), NEVER_PAID)).state is State.EXPIRED
    assert (await view(setup, held)).refusal is Refusal.QUOTE_EXPIRED
    assert await setup.notices(held.payment_id) == ["expired"]


async def test_an_abandoned_try_that_came_to_nothing_moves_no_payment(setup: CollectionsSetup) -> None:
    first = await open_page(setup)
    await open_another_page(setup, first)
    assert (await record(setup, await lease_awake(setup, first), NEVER_PAID)).state is State.COLLECTING


async def test_a_try_is_looked_at_once_more_where_its_end_asks_for_it(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    await record(setup, await lease_awake(setup, held), replace(NEVER_PAID, look_again_seconds=300.0))
    assert not await is_due(setup, held)
    await setup.pass_by(301)
    assert (await lease(setup, held)).state is TryState.CLOSED


# ---- not decided


async def test_a_try_that_is_still_open_is_asked_about_later_and_counted(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    for asked in (1, 2):
        await setup.pass_by(PAGE_ASK_SECONDS + 1)
        assert await record(setup, await lease(setup, held), NOT_YET) == TryRecorded(State.COLLECTING)
        assert not await is_due(setup, held)
        await setup.pass_by(PAGE_ASK_SECONDS + 1)
        again = await lease(setup, held)
        assert again.questions == asked
        await record(setup, again, replace(NOT_YET, was_asked=False, ask_again_seconds=0.0))


async def test_a_new_doubt_counts_its_own_questions(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    await setup.pass_by(PAGE_ASK_SECONDS + 1)
    await record(setup, await lease(setup, held), NOT_YET)
    await setup.pass_by(PAGE_ASK_SECONDS + 1)
    executing = await lease(setup, held)
    assert await setup.collections.begin_execute(executing, 10.0, 60.0)
    await record(setup, executing, EXECUTE_IN_DOUBT)
    await setup.pass_by(91)
    again = await lease(setup, held)
    assert (again.questions, again.executes_begun) == (0, 1)


async def test_an_execute_that_never_left_us_does_not_count(setup: CollectionsSetup) -> None:
    held = await lease_awake(setup, await open_page(setup))
    assert await setup.collections.begin_execute(held, 10.0, 60.0)
    await record(setup, held, replace(NOT_YET, was_asked=False, is_execute_undone=True))
    await setup.pass_by(PAGE_ASK_SECONDS + 1)
    assert (await lease(setup, held)).executes_begun == 0


async def test_what_is_never_asked_about_again_is_not_leased(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    await record(setup, await lease_awake(setup, held), replace(NOT_YET, ask_again_seconds=None))
    await setup.pass_by(600)
    assert not await is_due(setup, held)


# ---- under an old epoch


async def test_a_finding_under_an_old_epoch_is_evidence_only(setup: CollectionsSetup) -> None:
    stale = await open_payment(setup)
    await setup.pass_by(HOLD_SECONDS + 1)
    current = await lease(setup, stale)
    assert await setup.collections.record(stale, NEVER_PAID) is None
    assert (await view(setup, stale)).state is State.COLLECTING
    assert not await is_due(setup, stale)
    assert (await record(setup, current, NEVER_PAID)).state is State.CREATED


async def test_money_under_an_old_epoch_is_asked_about_at_once(setup: CollectionsSetup) -> None:
    stale = await lease_awake(setup, await open_page(setup))
    await setup.pass_by(HOLD_SECONDS + 1)
    await record(setup, await lease(setup, stale), replace(NOT_YET, was_asked=False))
    assert not await is_due(setup, stale)
    assert await setup.collections.record(stale, agreed(stale)) is None
    assert await setup.balances() == {}
    assert await is_due(setup, stale)


# ---- money that the payment does not wait for


async def test_a_second_success_goes_back_out_of_suspense(setup: CollectionsSetup) -> None:
    first = await open_page(setup)
    second = await open_another_page(setup, first)
    await collect(setup, first)

    recorded = await collect(setup, second)

    assert recorded == TryRecorded(State.FUNDED, Alarm.UNEXPECTED_MONEY)
    twice = {account: 2 * amount for account, amount in COLLECTED.items()}
    assert await setup.balances() == twice | {"in_flight": -TOTAL, "refund_due:bkash": -TOTAL}
    (refund,) = (await view(setup, first)).refunds
    assert (refund.kind, refund.state) == (RefundKind.UNEXPECTED, RefundState.APPROVED)
    assert (refund.amount, refund.reason) == (SUMS.total, "the payment did not wait for this money")


@pytest.mark.parametrize("end", [State.EXPIRED, State.DECLINED, State.COMPLETED])
async def test_a_late_success_goes_back_and_leaves_the_payment_as_it_ended(
    setup: CollectionsSetup, end: State
) -> None:
    late = await open_page(setup)
    if end is State.EXPIRED:
        await setup.pass_by(PAY_SECONDS + 1)
        await record(setup, await lease(setup, late), NEVER_PAID)
    elif end is State.DECLINED:
        await setup.collections.cancel(PARTNER, late.payment_id)
    else:
        paid = await open_another_page(setup, late)
        await collect(setup, paid)
        await deliver(setup, paid)

    recorded = await collect(setup, late)

    assert recorded == TryRecorded(end, Alarm.UNEXPECTED_MONEY)
    shown = await view(setup, late)
    assert shown.state is end
    assert [refund.kind for refund in shown.refunds] == [RefundKind.UNEXPECTED]
    assert (await setup.balances())["refund_due:bkash"] == -TOTAL


# ---- money that disagrees


async def test_money_that_disagrees_is_reviewed_out_of_suspense(setup: CollectionsSetup) -> None:
    held = await open_page(setup)

    recorded = await collect(setup, held, amount=Money(100_000))

    assert recorded == TryRecorded(State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
    kept = {"receivable:bkash": 98_500, "connector_fee:bkash": 1_500, "suspense:bkash": -100_000}
    assert await setup.balances() == kept
    shown = await view(setup, held)
    assert (shown.state, shown.refunds) == (State.IN_REVIEW, ())
    assert shown.facts["collected_amount"] == "100000"
    assert await setup.notices(held.payment_id) == ["collected_mismatch"]


async def test_one_movement_of_money_funds_one_payment(setup: CollectionsSetup) -> None:
    first, second = await open_page(setup), await open_page(setup)
    await collect(setup, first, "TRX1")
    assert await collect(setup, second, "TRX1") == TryRecorded(State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
    assert await setup.balances() == FUNDED


async def test_contrary_money_sends_a_completed_payment_to_review(setup: CollectionsSetup) -> None:
    late = await open_page(setup)
    paid = await open_another_page(setup, late)
    await collect(setup, paid)
    await deliver(setup, paid)
    recorded = await collect(setup, late, amount=Money(100))
    assert recorded == TryRecorded(State.IN_REVIEW, Alarm.COLLECTED_MISMATCH)
    shown = await view(setup, late)
    assert (shown.facts["receipt"], shown.facts["collected_amount"]) == ("R-1", "100")


# ---- callbacks


async def test_a_callback_is_kept_once_and_wakes_its_try(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    assert not await is_due(setup, held)
    raw = RawCallback("bkash", "call-1", {}, b"body")
    hint = CallbackHint("call-1", f"P-{held.attempt_id.hex}", "success", is_agreed=True, consent="C-1")
    assert await setup.callbacks.keep(raw, hint)
    assert not await setup.callbacks.keep(raw, hint)
    again = await lease(setup, held)
    assert (again.is_agreed, again.order.consent) == (True, "C-1")


async def test_an_invented_name_is_not_kept_where_strangers_have_used_up_their_room(
    setup: CollectionsSetup,
) -> None:
    held = await open_page(setup)
    invented = CallbackHint("call-1", "P-invented", "success")
    with pytest.raises(UnclaimedRefusedError):
        await setup.callbacks.keep(RawCallback("bkash", "call-1", {}, b""), invented, lambda: False)
    assert await setup.callbacks.keep(RawCallback("bkash", "call-1", {}, b""), invented), "nothing was kept"

    ours = CallbackHint("call-2", f"P-{held.attempt_id.hex}", "success", is_agreed=True)
    assert await setup.callbacks.keep(RawCallback("bkash", "call-2", {}, b""), ours, lambda: False)
    assert (await lease(setup, held)).is_agreed


async def test_callbacks_wake_a_try_once_in_five_seconds(setup: CollectionsSetup) -> None:
    held = await open_page(setup)
    await record(setup, await lease_awake(setup, held), NOT_YET)
    await wake(setup, held)
    assert not await is_due(setup, held)
    await setup.pass_by(6)
    assert await is_due(setup, held)


async def test_a_callback_that_comes_before_its_page_is_known_wakes_it_then(setup: CollectionsSetup) -> None:
    held = await open_payment(setup)
    hint = CallbackHint("call-1", "P-1", "success", is_agreed=True, consent="C-1")
    await setup.callbacks.keep(RawCallback("bkash", "call-1", {}, b""), hint)
    await record(setup, held, page("P-1"))
    again = await lease(setup, held)
    assert (again.is_agreed, again.order.consent) == (True, "C-1")


@pytest.mark.parametrize("is_before", [True, False])
async def test_a_forged_callback_wakes_nothing(setup: CollectionsSetup, *, is_before: bool) -> None:
    held = await open_payment(setup)
    raw = RawCallback("bkash", "call-1", {}, b"", is_forged=True)
    if not is_before:
        await record(setup, held, page("P-1"))
    assert await setup.callbacks.keep(raw, CallbackHint("call-1", "P-1", "success", is_agreed=True))
    if is_before:
        await record(setup, held, page("P-1"))
    assert not await is_due(setup, held)


async def test_a_callback_wakes_no_try_whose_money_is_there(setup: CollectionsSetup) -> None:
    held = await fund(setup)
    await wake(setup, held)
    assert not await is_due(setup, held)


async def test_a_callback_while_the_try_is_held_has_it_asked_again(setup: CollectionsSetup) -> None:
    held = await open_page(setup, new_collection(setup))
    leased = await lease_awake(setup, held)
    await wake(setup, held)
    await record(setup, leased, replace(NOT_YET, was_asked=False))
    assert await is_due(setup, held)
