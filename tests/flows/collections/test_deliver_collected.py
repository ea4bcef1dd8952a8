"""What a payer has paid for is delivered, tried again, or owed back."""

import asyncio
from dataclasses import replace

import pytest

from ekpay_switch.domain.ledger.posting_rules import IN_FLIGHT
from ekpay_switch.domain.outcome import Declined, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refunds.refund import RefundKind, RefundState
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.collections.deliver_collected import deliver_collected
from ekpay_switch.jobs.resolver import Resolver
from tests.factories import TAKEN, TOTAL, a_world
from tests.fakes.billers import LOSES_ANSWER, LOSES_ORDER, Deed
from tests.fakes.payments import books_balance
from tests.scenarios.collections import COLLECTED, KEPT, RECEIVABLE, REFUND_DUE, Payer
from tests.scenarios.job_rounds import collect_due, resolve_due

UNREACHED = Deed(Unreached("refused"))


async def a_funded_payment(*deeds: Deed) -> Payer:
    """A payer has paid; nobody has told the biller yet."""
    payer = Payer()
    await payer.order()
    payer.small.biller.deeds.extend(deeds)
    await payer.fund()
    return payer


async def deliver(payer: Payer) -> None:
    await deliver_collected(payer.payment_id, "desco_postpaid", payer.small.world)


async def test_what_was_paid_for_is_delivered_under_a_reference_of_its_own() -> None:
    payer = await a_funded_payment()
    await deliver(payer)
    (order,) = payer.small.biller.orders
    assert payer.state is State.COMPLETED
    assert (order.payment_id, order.scroll_no, order.step) == (payer.payment_id, 1, "pay")
    assert order.sums.billed_amount.minor == TOTAL
    assert order.reference != payer.tries()[0].new.reference
    assert order.biller_quote == {"billToken": "token of 092512345678"}


async def test_the_delivery_is_durable_before_the_biller_is_told() -> None:
    payer = await a_funded_payment()
    await deliver(payer)
    steps = payer.small.steps.taken
    assert steps[steps.index("start_delivery") :] == ["start_delivery", "pay", "record"]


async def test_whoever_comes_second_delivers_nothing() -> None:
    payer = await a_funded_payment()
    await asyncio.gather(deliver(payer), deliver(payer))
    await deliver(payer)
    assert (payer.state, len(payer.small.biller.orders)) == (State.COMPLETED, 1)


async def test_a_biller_without_a_scroll_gets_no_number() -> None:
    payer = await a_funded_payment()
    payer.small.biller.profile = replace(payer.small.biller.profile, has_scroll=False)
    await deliver(payer)
    assert (payer.small.biller.orders[0].scroll_no, payer.small.books.scrolls) == (0, {})


async def test_without_its_biller_a_payment_waits() -> None:
    payer = await a_funded_payment()
    payer.small.billers.known.clear()
    await payer.wait(1)
    assert payer.state is State.FUNDED


# ---- the biller says no


async def test_a_biller_that_refuses_makes_everything_owed_back_and_given_back() -> None:
    payer = await a_funded_payment(Deed(Declined("blocked", "17")))
    await deliver(payer)
    standing = payer.small.books.payments[payer.payment_id].standing
    assert (standing.state, standing.refusal) == (State.REFUNDING, Refusal.BILLER_REFUSED)
    assert (payer.balance(IN_FLIGHT), payer.balance(REFUND_DUE)) == (0, COLLECTED)
    assert payer.notices() == []
    await payer.wait(1)
    refund = payer.small.refunds.only()
    assert (refund.new.kind, refund.state) == (RefundKind.GIVE_BACK, RefundState.DONE)
    assert (payer.state, payer.notices()) == (State.REFUNDED, ["given_back"])
    assert payer.moments() == ["collected", "owed_back", "paid_back"]
    assert (payer.balance(REFUND_DUE), payer.balance(RECEIVABLE)) == (0, -KEPT)
    assert payer.small.connector.given_back() == COLLECTED


async def test_what_was_given_back_is_given_back_once() -> None:
    payer = await a_funded_payment(Deed(Declined("blocked", "17")))
    await payer.wait_for_days()
    assert payer.small.connector.given_back() == COLLECTED
    assert payer.small.connector.asked["refund"] == 1
    assert len(payer.small.tables.refunds) == 1


async def test_a_payment_that_was_given_back_frees_its_bill() -> None:
    payer = await a_funded_payment(Deed(Declined("blocked", "17")))
    await payer.wait(1)
    await payer.wait(1)
    again = Payer(payer.small)
    await again.order("v1:K2")
    await again.pay()
    assert (payer.state, again.state) == (State.REFUNDED, State.COMPLETED)


# ---- the biller is not reached


async def test_a_biller_that_is_not_reached_is_tried_again() -> None:
    payer = await a_funded_payment(UNREACHED)
    await deliver(payer)
    assert (payer.state, payer.balance(IN_FLIGHT)) == (State.FUNDED, COLLECTED)
    await payer.wait(89)
    assert len(payer.small.biller.orders) == 1
    await payer.wait(1)
    assert payer.state is State.COMPLETED
    first, second = payer.small.biller.orders
    assert first.reference != second.reference
    assert first.scroll_no == second.scroll_no == 1


async def test_a_biller_that_is_never_reached_is_given_up_when_the_quote_dies() -> None:
    payer = await a_funded_payment(*[UNREACHED] * 20)
    for _ in range(9):
        await payer.wait(91)
    assert (payer.state, len(payer.small.biller.orders)) == (State.FUNDED, 9)
    payer.small.clock.pass_by(91)
    await collect_due(payer.small.world)
    standing = payer.small.books.payments[payer.payment_id].standing
    assert (standing.state, standing.refusal) == (State.REFUNDING, Refusal.BILLER_UNAVAILABLE)
    assert payer.events[-1] == "delivery_given_up"
    assert (payer.balance(IN_FLIGHT), payer.balance(REFUND_DUE)) == (0, COLLECTED)
    assert payer.small.biller.book == {}
    await payer.wait(1)
    await payer.wait(1)
    assert (payer.state, payer.small.connector.given_back()) == (State.REFUNDED, COLLECTED)


async def test_nothing_is_delivered_after_the_quotes_death() -> None:
    payer = await a_funded_payment()
    payer.small.clock.pass_by(900)
    await deliver(payer)
    assert (payer.state, payer.small.biller.orders) == (State.FUNDED, [])
    await payer.wait(0)
    assert (payer.events[-2:], payer.small.biller.orders) == (["delivery_given_up", "given_back"], [])


async def test_a_payment_is_not_given_up_while_its_quote_lives() -> None:
    payer = await a_funded_payment()
    assert not await payer.small.collections.give_up_delivery(payer.payment_id)
    assert payer.state is State.FUNDED


async def test_a_delivery_whose_moment_passed_is_not_sent() -> None:
    payer = await a_funded_payment()
    payer.small.biller.stalls_seconds = 11
    await deliver(payer)
    assert (payer.state, payer.small.biller.orders) == (State.FUNDED, [])


# ---- nobody knows


async def test_an_answer_that_was_lost_is_asked_about_by_the_resolver() -> None:
    payer = await a_funded_payment(LOSES_ANSWER)
    await deliver(payer)
    assert payer.state is State.DELIVERING
    await payer.wait(90)
    assert (payer.state, payer.moments()) == (State.COMPLETED, ["collected", "delivered"])


async def test_an_order_that_was_lost_is_sent_again_once_it_is_proven_lost() -> None:
    payer = await a_funded_payment(LOSES_ORDER)
    await deliver(payer)
    await payer.wait(200)
    assert (payer.state, len(payer.small.biller.orders)) == (State.COMPLETED, 2)
    assert len({order.reference for order in payer.small.biller.orders}) == 1


async def test_what_is_proven_not_posted_is_owed_back_by_the_connector() -> None:
    payer = await a_funded_payment(LOSES_ORDER)
    payer.small.biller.profile = replace(
        payer.small.biller.profile, safety=replace(payer.small.biller.profile.safety, deduplicates=False)
    )
    await deliver(payer)
    await payer.wait(200)
    assert (payer.state, payer.balance(REFUND_DUE)) == (State.REFUNDING, COLLECTED)
    await payer.wait(1)
    assert payer.state is State.REFUNDED


async def test_a_biller_that_posts_what_was_given_back_is_owed_out_of_suspense() -> None:
    payer = await a_funded_payment(LOSES_ORDER)
    payer.small.biller.profile = replace(
        payer.small.biller.profile, safety=replace(payer.small.biller.profile.safety, deduplicates=False)
    )
    await deliver(payer)
    await payer.wait(200)
    await payer.wait(1)
    payer.small.biller.book[payer.small.biller.orders[0].reference] = TOTAL
    await payer.wait(3_600)
    assert (payer.state, payer.alarms()) == (State.IN_REVIEW, ["late_success"])
    assert payer.balance("suspense:desco_postpaid") == -TOTAL
    assert payer.balance("payable:desco_postpaid") == TOTAL
    assert books_balance(payer.small.books)


async def test_a_process_that_dies_while_it_delivers_is_asked_about() -> None:
    payer = await a_funded_payment()
    payer.small.steps.crash_at = "after pay"
    with pytest.raises(Exception, match="after pay"):
        await deliver(payer)
    await payer.wait(91)
    assert (payer.state, len(payer.small.biller.orders)) == (State.COMPLETED, 1)


async def test_a_delivery_that_was_taken_over_is_recorded_once() -> None:
    payer = await a_funded_payment(LOSES_ANSWER)
    await deliver(payer)
    payer.small.clock.pass_by(90)
    first = Resolver(payer.small.world, 10)
    await first.take_up()
    payer.small.clock.pass_by(11)
    await resolve_due(payer.small.world, 45)
    await first.slots.settle()
    await payer.wait(1)
    assert payer.moments() == ["collected", "delivered"]


async def test_a_prefund_is_not_touched_by_what_a_payer_pays() -> None:
    payer = Payer(a_world(prefund=TAKEN))
    await payer.order()
    await payer.pay()
    assert payer.balance("prefund:bank1:postpaid") == TAKEN
