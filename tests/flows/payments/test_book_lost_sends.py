"""Booking what a restored database has lost: as it was, without sending anything, and once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ekpay_switch.domain.alarms import Alarm
from ekpay_switch.domain.carts.bill_cart import PORTAL
from ekpay_switch.domain.outcome import HalfDone
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.lost_sends import CartBillState, LostState
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.payments.ask_lost_sends import ask_lost_sends
from ekpay_switch.flows.payments.book_lost_sends import book_lost_sends
from ekpay_switch.flows.payments.pay_bill import PaymentAnswer, pay_bill
from tests.factories import PREFUND, TAKEN, TOTAL, a_world, an_order
from tests.fakes.sends import FakeLostSends
from tests.fakes.world import SmallWorld
from tests.scenarios.job_rounds import resolve_due

START = 1_000_000
CART_BILL = "cart:0123456789abcdef0123456789abcdef:1:2"


async def a_restored_world(
    *, prefund: int = START, is_asked: bool = True
) -> tuple[SmallWorld, FakeLostSends]:
    """Books of before a payment, its biller of after it, and the journal between them."""
    before = a_world()
    await pay_bill(an_order(), before.world)
    small = a_world(prefund=prefund)
    small.books.quotes.clear()
    small.biller.book = before.biller.book
    small.clock.pass_by(3_600)
    lost_sends = FakeLostSends.of(before.sends.lines)
    if is_asked:
        await ask_lost_sends(lost_sends, small.world)
    small.steps.taken.clear()
    return small, lost_sends


async def repeat(small: SmallWorld) -> PaymentAnswer | Refusal:
    return await pay_bill(an_order(), small.world)


async def test_what_its_biller_holds_is_booked_as_it_was_and_a_repeat_is_told_so() -> None:
    small, lost_sends = await a_restored_world()
    await book_lost_sends(lost_sends, small.world)
    (lost,) = lost_sends.rows.values()
    assert (lost.is_open, lost.booking_refusal) == (False, "")
    assert small.books.balance(PREFUND) == START - TAKEN
    assert small.books.balance("payable:desco_postpaid") == TOTAL
    answer = await repeat(small)
    assert isinstance(answer, PaymentAnswer)
    assert (answer.state, answer.payment_id) == (State.COMPLETED, lost.send.payment_id)
    assert "pay" not in small.steps.taken


async def test_booking_twice_books_once() -> None:
    small, lost_sends = await a_restored_world()
    (lost,) = lost_sends.rows.values()
    await book_lost_sends(lost_sends, small.world)
    lost_sends.rows[lost.lost_id] = lost
    await book_lost_sends(lost_sends, small.world)
    assert lost_sends.rows[lost.lost_id].booked_at is not None
    assert small.books.balance(PREFUND) == START - TAKEN


async def test_what_is_not_proven_is_in_doubt_and_the_resolver_goes_on() -> None:
    small, lost_sends = await a_restored_world(is_asked=False)
    await book_lost_sends(lost_sends, small.world)
    assert small.books.only().standing.state is State.DELIVERING
    small.clock.pass_by(600)
    await resolve_due(small.world, 45.0)
    assert small.books.only().standing.state is State.COMPLETED
    assert "pay" not in small.steps.taken


async def test_what_waits_for_a_step_is_left_to_the_resolver() -> None:
    small, lost_sends = await a_restored_world(is_asked=False)
    small.biller.inquiries.append(HalfDone("pay"))
    await ask_lost_sends(lost_sends, small.world)
    await book_lost_sends(lost_sends, small.world)
    assert small.books.only().standing.state is State.DELIVERING


async def test_another_amount_at_the_biller_is_for_two_persons() -> None:
    small, lost_sends = await a_restored_world(is_asked=False)
    small.biller.book = dict.fromkeys(small.biller.book, TOTAL - 1)
    await ask_lost_sends(lost_sends, small.world)
    await book_lost_sends(lost_sends, small.world)
    assert small.books.only().standing.state is State.IN_REVIEW
    assert [event for event, _ in small.alarms.raised] == [Alarm.AMOUNT_ECHO_MISMATCH]


async def test_what_is_not_posted_is_not_booked() -> None:
    small, lost_sends = await a_restored_world(is_asked=False)
    small.biller.book.clear()
    await ask_lost_sends(lost_sends, small.world)
    assert [lost.state for lost in lost_sends.rows.values()] == [LostState.NOT_POSTED]
    await book_lost_sends(lost_sends, small.world)
    assert small.books.payments == {}


async def test_a_prefund_that_is_too_low_says_so_and_is_tried_again() -> None:
    small, lost_sends = await a_restored_world(prefund=TAKEN - 1)
    await book_lost_sends(lost_sends, small.world)
    (lost,) = lost_sends.rows.values()
    assert (lost.booking_refusal, lost.is_open) == ("it cannot be booked yet: prefund_too_low", True)
    assert small.books.payments == {}
    small.books.top_up("bank1", "postpaid", 1)
    await book_lost_sends(lost_sends, small.world)
    assert small.books.balance(PREFUND) == 0


async def test_a_reference_that_was_used_again_is_said() -> None:
    small, lost_sends = await a_restored_world()
    other = a_world()
    small.books.quotes.update(other.books.quotes)
    answer = await repeat(small)
    assert isinstance(answer, PaymentAnswer)
    await book_lost_sends(lost_sends, small.world)
    (lost,) = lost_sends.rows.values()
    assert lost.booking_refusal == f"its reference is that of another payment by now, {answer.payment_id}"


async def test_a_biller_that_is_gone_and_an_error_of_the_books_hold_up_nobody() -> None:
    small, lost_sends = await a_restored_world()
    (lost,) = lost_sends.rows.values()
    gone = replace(lost, lost_id=lost.send.payment_id, send=replace(lost.send, far_side="gone"))
    lost_sends.rows = {gone.lost_id: gone, lost.lost_id: lost}
    small.books.trouble.append(OSError())
    await book_lost_sends(lost_sends, small.world)
    assert lost_sends.rows[gone.lost_id].booking_refusal == "its biller is no longer one of ours"
    assert lost_sends.rows[lost.lost_id].booking_refusal == "it could not be booked: OSError"


# ---- bills of carts


async def a_lost_cart_bill(bill_state: CartBillState | None) -> tuple[SmallWorld, FakeLostSends]:
    small, lost_sends = await a_restored_world()
    (lost,) = lost_sends.rows.values()
    assert lost.send.claim is not None
    send = replace(lost.send, partner_id=PORTAL, claim=replace(lost.send.claim, reference=CART_BILL))
    lost_sends.rows[lost.lost_id] = replace(lost, send=send)
    if bill_state is not None:
        lost_sends.bill_states[CART_BILL] = bill_state
    small.books.top_up(PORTAL, "postpaid", START)
    return small, lost_sends


async def test_a_bill_of_a_cart_that_waits_is_booked_with_its_stand_in() -> None:
    small, lost_sends = await a_lost_cart_bill(CartBillState.OPEN)
    small.biller.profile = replace(small.biller.profile, stand_in_seconds=86_400.0)
    await book_lost_sends(lost_sends, small.world)
    (lost,) = lost_sends.rows.values()
    assert (lost.is_open, lost.booking_refusal) == (False, "")
    assert lost_sends.stand_ins == {lost.lost_id: timedelta(days=1)}
    assert small.books.only().standing.state is State.COMPLETED


@pytest.mark.parametrize(
    ("bill_state", "why"),
    [
        (None, "its cart is lost too"),
        (CartBillState.NOT_FUNDED, "its cart is not funded yet: book again"),
        (CartBillState.TAKEN, "another payment of its bill may count"),
        (CartBillState.ENDED, "its bill has ended without it"),
    ],
)
async def test_a_bill_of_a_cart_that_does_not_wait_takes_no_money(
    bill_state: CartBillState | None, why: str
) -> None:
    small, lost_sends = await a_lost_cart_bill(bill_state)
    await book_lost_sends(lost_sends, small.world)
    (lost,) = lost_sends.rows.values()
    assert lost.booking_refusal.startswith(why)
    assert lost.is_open
    assert small.books.payments == {}
