"""Delivering what was collected: begun once, under one scroll number, again if unsent, or owed back."""

from dataclasses import replace
from datetime import date

import pytest

from ekpay_switch.domain.outcome import Approved, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import Recorded, Recording, Stale, plan_outcome
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.persistence.payments.store import PostgresPayments
from ekpay_switch.ports.collections import FundedPayment, StartedDelivery
from tests.persistence.books import APPROVED, BILLER, REFUSED, SILENT, Books
from tests.persistence.collections.collection_setup import NOT_YET, QUOTE_OVER, SUMS, TAKEN, Till, agreed

LEFT_ALONE = "UPDATE payments SET next_action_at = now() - interval '1 second', lease_until = NULL"
OF_YESTERDAY = "UPDATE payments SET business_date = business_date - 1"


async def test_a_funded_payment_is_due_and_its_delivery_is_durable_before_the_biller_is_told(
    till: Till,
) -> None:
    held = await till.funded()
    await till.books.tell(OF_YESTERDAY)
    assert await till.collections.funded_due(10) == [
        FundedPayment(held.payment_id, BILLER, is_quote_expired=False)
    ]

    start = till.delivery_of(held)
    started = await till.collections.start_delivery(start)

    assert started is not None
    delivery, order = started.delivery, started.order
    assert (delivery.attempt_id, delivery.epoch, delivery.prefund) == (start.attempt_id, 1, "")
    assert (delivery.collected_by, delivery.sums, delivery.sends) == ("bkash", SUMS, 1)
    assert (order.reference, order.step, order.scroll_no) == (start.attempt_reference, "pay", 1)
    assert (order.biller_quote, order.send_before) == ({"billToken": "T"}, 0.0)
    today: date = await till.books.value("SELECT business_date FROM settlement_windows")
    payment = await till.payment(held)
    assert order.business_date == payment["business_date"] == today
    assert (payment["state"], payment["epoch"], payment["asked"]) == ("delivering", 1, 0)
    assert 85 < payment["due_seconds"] <= 90
    assert payment["lease_until"] == payment["next_action_at"]
    assert (await till.view(held)).facts["provider_transaction"] == "TRX1"
    assert await till.collections.funded_due(10) == []
    assert await till.books.audit() is None


async def test_a_delivery_written_twice_is_itself_and_another_is_none(till: Till) -> None:
    held = await till.funded()
    start = till.delivery_of(held)
    started = await till.collections.start_delivery(start)

    assert await till.collections.start_delivery(start) == started
    assert await till.collections.start_delivery(till.delivery_of(held)) is None
    await till.books.tell(LEFT_ALONE)
    assert await till.collections.start_delivery(start) is None
    assert await till.books.count("attempts", "leg = 'delivery'") == 1
    assert await till.books.value("SELECT last FROM scroll_counters") == 1


async def test_what_has_no_money_or_no_time_left_is_not_delivered(till: Till) -> None:
    on_page, over = await till.on_page(), await till.funded()
    await till.books.tell(QUOTE_OVER, over.payment_id)

    for held in (on_page, over):
        assert await till.collections.start_delivery(till.delivery_of(held)) is None
    assert await till.books.count("scroll_counters") == 0
    assert await till.collections.funded_due(10) == [
        FundedPayment(over.payment_id, BILLER, is_quote_expired=True)
    ]


async def test_a_biller_that_is_passed_over_keeps_its_payments_and_gives_up_those_out_of_time(
    till: Till,
) -> None:
    alive, over, crowded = await till.funded(), await till.funded(), await till.funded()
    await till.books.tell(QUOTE_OVER, over.payment_id)

    assert await till.collections.funded_due(10, passing_over=[BILLER]) == [
        FundedPayment(over.payment_id, BILLER, is_quote_expired=True)
    ]
    due = await till.collections.funded_due(10, per_far_side=1)
    assert {one.payment_id for one in due} == {alive.payment_id, over.payment_id}
    assert len(await till.collections.funded_due(10)) == len({alive, over, crowded}) == 3


async def test_a_biller_that_wants_no_scroll_gets_no_number(till: Till) -> None:
    held = await till.funded()
    await till.books.tell(OF_YESTERDAY)
    before = (await till.payment(held))["business_date"]

    started = await till.collections.start_delivery(till.delivery_of(held, series=""))

    assert started is not None
    assert (started.order.scroll_no, started.order.business_date) == (0, before)


async def test_after_nothing_was_sent_it_is_delivered_again_under_another_reference_and_the_same_number(
    till: Till,
) -> None:
    held = await till.funded()
    first = await till.delivering(held)
    assert await _ended(till, first, 90.0) is State.FUNDED
    assert await till.collections.funded_due(10) == []
    assert await till.collections.start_delivery(till.delivery_of(held)) is None
    await till.books.tell(LEFT_ALONE)

    second = await till.delivering(held)

    assert second.delivery.epoch == first.delivery.epoch + 1
    assert second.order.reference != first.order.reference
    assert (second.order.scroll_no, second.order.business_date) == (1, first.order.business_date)
    assert isinstance(await till.delivered(first, APPROVED), Stale)
    assert isinstance(await till.delivered(second, APPROVED), Recorded)
    assert await till.books.value("SELECT last FROM scroll_counters") == 1
    assert await till.notices(held) == [("completed", 6)]
    assert await till.books.audit() is None


async def _ended(till: Till, started: StartedDelivery, again_seconds: float) -> State:
    plan = plan_outcome(started.delivery, Unreached("refused"))
    recorded = await till.books.submit(Recording(started.delivery, plan, again_seconds))
    assert isinstance(recorded, Recorded)
    again = await till.books.submit(Recording(started.delivery, plan, again_seconds))
    assert again == replace(recorded, recorded_at=again.recorded_at)
    return recorded.state


async def test_a_refused_delivery_is_owed_back_and_frees_its_bill(till: Till) -> None:
    held = await till.funded(till.new(bill="42"))

    recorded = await till.delivered(await till.delivering(held), REFUSED)

    assert isinstance(recorded, Recorded)
    assert (recorded.state, recorded.refusal) == (State.REFUNDING, Refusal.BILLER_REFUSED)
    payment = await till.payment(held)
    assert payment["due_seconds"] <= 0
    assert payment["lease_until"] is None
    assert (await till.balances())["refund_due:bkash"] == -TAKEN
    assert await till.notices(held) == []
    await till.opened(till.new(bill="42"))
    assert await till.books.audit() is None


async def test_a_doubtful_delivery_is_leased_with_who_collected_its_money(
    till: Till, payments: PostgresPayments
) -> None:
    held = await till.funded()
    started = await till.delivering(held)
    await till.delivered(started, SILENT)
    await till.books.tell(LEFT_ALONE)

    (leased,) = await payments.lease_due(10, 30)

    assert (leased.delivery.collected_by, leased.delivery.prefund) == ("bkash", "")
    assert (leased.delivery.attempt_id, leased.delivery.epoch) == (started.delivery.attempt_id, 2)
    assert (leased.order.reference, leased.order.scroll_no) == (started.order.reference, 1)
    plan = plan_outcome(leased.delivery, Approved({"receipt": "R-9"}))
    await till.books.submit(Recording(leased.delivery, plan))
    assert (await till.view(held)).state is State.COMPLETED
    assert await till.books.audit() is None


async def test_a_delivery_from_a_prefund_names_its_prefund_still(
    books: Books, payments: PostgresPayments
) -> None:
    await books.partner(prefund=6_000)
    await books.finish(await books.start(), SILENT)
    await books.tell(LEFT_ALONE)
    (leased,) = await payments.lease_due(10, 30)
    assert (leased.delivery.collected_by, leased.delivery.prefund) == ("", "prefund:bank1:postpaid")


async def test_a_payment_whose_quote_died_before_its_delivery_is_owed_back_once(till: Till) -> None:
    held = await till.funded(till.new(bill="42"))
    assert not await till.collections.give_up_delivery(held.payment_id)
    await till.books.tell(QUOTE_OVER, held.payment_id)

    assert await till.collections.give_up_delivery(held.payment_id)
    assert not await till.collections.give_up_delivery(held.payment_id)

    view, payment = await till.view(held), await till.payment(held)
    assert (view.state, view.refusal) == (State.REFUNDING, Refusal.BILLER_UNAVAILABLE)
    assert payment["due_seconds"] <= 0
    assert (await till.events(held))[-1] == "delivery_given_up"
    balances = await till.balances()
    assert (balances["refund_due:bkash"], balances.get("in_flight")) == (-TAKEN, None)
    await till.opened(till.new(bill="42"))
    assert await till.books.audit() is None


async def test_only_what_is_funded_can_be_given_up(till: Till) -> None:
    waiting = await till.on_page()
    await till.books.tell(QUOTE_OVER, waiting.payment_id)
    assert not await till.collections.give_up_delivery(waiting.payment_id)


@pytest.mark.parametrize("hours", [1, 30])
async def test_a_scroll_number_belongs_to_the_day_on_which_it_was_given(till: Till, hours: int) -> None:
    """Collected before midnight and delivered after: the number is one of the new day's."""
    first, second = await till.funded(), await till.funded()
    await till.books.tell("UPDATE payments SET business_date = business_date - ($1 / 24)", hours)
    numbers = [(await till.delivering(held)).order for held in (first, second)]
    assert [order.scroll_no for order in numbers] == [1, 2]
    assert numbers[0].business_date == numbers[1].business_date
    assert await till.books.audit() is None


async def test_what_is_found_about_another_try_meanwhile_leaves_the_delivery_alone(till: Till) -> None:
    first = await till.on_page()
    second = await till.leased(await till.another(first))
    await till.record(second, agreed(second))
    started = await till.delivering(second)
    before = await till.payment(second)
    held = await till.leased(first)

    recorded = await till.record(held, NOT_YET)

    assert recorded.state is State.DELIVERING
    after = await till.payment(second)
    assert {**after, "due_seconds": 0} == {**before, "due_seconds": 0}
    assert isinstance(await till.delivered(started), Recorded)
    assert await till.books.audit() is None
