"""While it is not known whether a lost payment was paid, nothing of it is sent: no second token."""

from dataclasses import replace

from ekpay_switch.domain.bill import Quote
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.bills.fetch_bill import fetch_bill
from ekpay_switch.flows.payments.ask_lost_sends import ask_lost_sends
from ekpay_switch.flows.payments.pay_bill import PaymentAnswer, pay_bill
from tests.factories import a_fetch, a_world, an_order
from tests.fakes.sends import FakeLostSends
from tests.fakes.world import SmallWorld


async def a_restored_world() -> SmallWorld:
    """Books of before a payment with their quote of it still alive, and what a check has found lost."""
    before, small = a_world(), a_world()
    await pay_bill(an_order(), before.world)
    small.lost_sends.rows = FakeLostSends.of(before.sends.lines).rows
    small.biller.book = before.biller.book
    return small


async def test_a_repeat_of_what_is_lost_is_in_progress_and_is_not_sent() -> None:
    small = await a_restored_world()
    answer = await pay_bill(an_order(), small.world)
    assert isinstance(answer, PaymentAnswer)
    assert (answer.state, answer.payment_id, small.biller.orders) == (State.DELIVERING, None, [])


async def test_another_reference_for_the_same_bill_is_told_to_come_later_and_burns_nothing() -> None:
    small = await a_restored_world()
    assert await pay_bill(an_order("R2"), small.world) is Refusal.BILLER_UNAVAILABLE
    assert (small.books.payments, small.biller.orders) == ({}, [])


async def test_the_bill_gets_no_new_quote() -> None:
    small = await a_restored_world()
    assert await fetch_bill(a_fetch(), small.world) is Refusal.BILLER_UNAVAILABLE


async def test_another_partner_may_fetch_it() -> None:
    small = await a_restored_world()
    assert isinstance(await fetch_bill(replace(a_fetch(), partner_id="bank2"), small.world), Quote)


async def test_what_is_proven_not_posted_is_free_again() -> None:
    small = await a_restored_world()
    small.biller.book.clear()
    small.clock.pass_by(300)
    await ask_lost_sends(small.lost_sends, small.world)
    assert isinstance(await fetch_bill(a_fetch(), small.world), Quote)
    answer = await pay_bill(an_order(), small.world)
    assert isinstance(answer, PaymentAnswer)
    assert answer.state is State.COMPLETED
