"""How waiting for a payer ends without money: cancelled by whoever asked for it, or over by the clock."""

from ekpay_switch.domain.collections.funding import LockedTry, NothingCollected, TryEnd, TryState
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.ports.collections import NoNewTry
from tests.persistence.collections.collection_setup import NOT_YET, QUOTE_OVER, Till


async def test_a_cancelled_payment_is_declined_its_holder_loses_the_try_and_its_page_is_asked_about_once(
    till: Till,
) -> None:
    held = await till.leased(await till.on_page())

    assert await till.collections.cancel("bank1", held.payment_id) is None
    assert await till.collections.cancel("bank1", held.payment_id) is None

    view, row = await till.view(held), await till.row(held)
    assert (view.state, view.refusal, view.page_url) == (State.DECLINED, Refusal.CANCELLED, "")
    assert await till.events(held) == ["collection_started", "collection_came_to_nothing", "refused"]
    assert await till.notices(held) == [("cancelled", 3)]
    assert (row["state"], row["outcome"], row["epoch"]) == ("closed", "lapsed", held.epoch + 1)
    assert not await till.collections.begin_execute(held, 10, 90)
    assert await till.collections.record(held, NOT_YET) is None
    (asked,) = await till.collections.lease_due_tries(10, 30, per_far_side=8)
    assert (asked.attempt_id, asked.state) == (held.attempt_id, TryState.CLOSED)
    await till.record(asked, NothingCollected(TryEnd.LAPSED, "another try was begun"))
    assert (await till.row(held))["next_action_at"] is None
    assert await till.books.audit() is None


async def test_what_may_still_bring_money_or_a_page_is_not_cancelled(till: Till) -> None:
    asked_for = await till.leased(await till.on_page())
    await till.collections.begin_execute(asked_for, 10, 90)
    page_asked_for, funded = await till.opened(), await till.funded()

    async def cancelled(held: LockedTry) -> object:
        return await till.collections.cancel("bank1", held.payment_id)

    assert await cancelled(asked_for) == await cancelled(page_asked_for) == NoNewTry(State.COLLECTING)
    assert await cancelled(funded) == NoNewTry(State.FUNDED)


async def test_a_payment_between_tries_is_cancelled_in_one_step(till: Till) -> None:
    held = await till.opened()
    await till.record(held, NothingCollected(TryEnd.DECLINED, "the connector is closed"))

    assert await till.collections.cancel("bank1", held.payment_id) is None

    assert (await till.events(held))[-1] == "refused"
    assert (await till.payment(held))["next_action_at"] is None
    assert await till.books.audit() is None


async def test_a_payment_that_waits_for_no_try_expires_with_its_quote(till: Till) -> None:
    over = [await till.opened() for _ in range(3)]
    for held in over:
        await till.record(held, NothingCollected(TryEnd.UNREACHED, "refused"))
        await till.books.tell(QUOTE_OVER, held.payment_id)
    await till.books.tell("UPDATE payments SET next_action_at = quote_expires_at")
    on_page = await till.on_page()
    await till.books.tell(QUOTE_OVER, on_page.payment_id)

    assert await till.collections.expire_due(2) == 2
    assert await till.collections.expire_due(10) == 1
    assert await till.collections.expire_due(10) == 0

    for held in over:
        assert (await till.view(held)).state is State.EXPIRED
        assert (await till.events(held))[-1] == "payer_never_paid"
        assert await till.notices(held) == [("expired", 3)]
        payment = await till.payment(held)
        # A refusal keeps it from ever holding its bill again, even in review.
        assert (payment["next_action_at"], payment["refusal"]) == (None, "quote_expired")
    assert (await till.view(on_page)).state is State.COLLECTING
    assert await till.books.audit() is None
