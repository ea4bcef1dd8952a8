"""What two persons want undone at its biller: undone once, asked for again, or reviewed once more."""

from dataclasses import replace
from uuid import UUID

import pytest

from ekpay_switch.domain.outcome import Declined, InDoubt, Unreached
from ekpay_switch.domain.payment import Event, State
from ekpay_switch.domain.payments.delivery import UNDO_WANTED
from ekpay_switch.flows.payments.pay_bill import pay_bill
from ekpay_switch.flows.payments.resolve_in_doubt import resolve_in_doubt
from tests.factories import TOTAL, a_world, an_order
from tests.fakes.billers import LOSES_ORDER, SAFETY, FakeBillers, FakeUndoingBiller
from tests.fakes.world import SmallWorld

DECISION = str(UUID(int=7))
SUSPENSE = "suspense:desco_postpaid"
FINAL_SECONDS = 10 + 120 + 60  # send deadline, settle time, margin


async def _resolve(small: SmallWorld, after_seconds: float) -> list[str]:
    small.clock.pass_by(after_seconds)
    small.steps.taken.clear()
    for leased in await small.books.lease_due(16, 60.0):
        await resolve_in_doubt(leased, small.world)
    return small.steps.taken


async def _late_success(*, can_be_undone: bool = True) -> tuple[SmallWorld, FakeUndoingBiller]:
    """A payment that was given back, that its biller holds, and that two persons want undone there."""
    small = a_world()
    safety = replace(SAFETY, deduplicates=False, can_be_undone=can_be_undone)
    profile = replace(small.biller.profile, safety=safety)
    biller = FakeUndoingBiller(small.clock, small.steps, profile, bills=small.biller.bills)
    biller.deeds.append(LOSES_ORDER)
    billers = small.world.billers
    assert isinstance(billers, FakeBillers)
    billers.known = [biller]
    await pay_bill(an_order(), small.world)
    await _resolve(small, FINAL_SECONDS)
    payment = small.books.only()
    biller.book[payment.claim.attempt_reference] = TOTAL
    await _resolve(small, 3_600)
    assert payment.state is State.IN_REVIEW
    small.alarms.raised.clear()
    payment.standing = replace(
        payment.standing, state=State.REFUNDED, facts={"receipt_no": "D-1", UNDO_WANTED: DECISION}
    )
    payment.next_action_at = small.clock.now()
    return small, biller


async def test_an_undone_payment_stays_refunded_and_suspense_is_empty() -> None:
    small, biller = await _late_success()
    assert small.books.balance(SUSPENSE) == -TOTAL

    assert await _resolve(small, 1) == ["lease_due", "budget", "undo", "record"]

    payment = small.books.only()
    assert payment.state is State.REFUNDED
    assert payment.standing.facts == {"undone_by_decision": DECISION}
    assert [event for _, event, _ in payment.history[-2:]] == [
        Event.CONTRARY_EVIDENCE,
        Event.REVIEWED_AS_REFUNDED,
    ]
    assert small.books.balance(SUSPENSE) == 0
    assert not biller.book
    assert payment.next_action_at is None


@pytest.mark.parametrize("lost", [InDoubt("the answer was cut off"), Unreached("no connection")])
async def test_after_a_lost_answer_it_is_called_again(lost: InDoubt | Unreached) -> None:
    small, biller = await _late_success()
    biller.undo_answers.append(lost)

    assert await _resolve(small, 1) == ["lease_due", "budget", "undo", "postpone"]
    assert small.books.balance(SUSPENSE) == -TOTAL
    assert await _resolve(small, 3_600) == ["lease_due", "budget", "undo", "record"]
    assert small.books.balance(SUSPENSE) == 0


async def test_what_is_not_undone_is_reviewed_again_with_its_reason() -> None:
    small, biller = await _late_success()
    biller.undo_answers.append(Declined("not_open", "71"))

    await _resolve(small, 1)

    payment = small.books.only()
    assert payment.state is State.IN_REVIEW
    assert payment.standing.facts == {"receipt_no": "D-1", "not_undone": "not_open 71"}
    assert small.books.balance(SUSPENSE) == -TOTAL
    assert small.alarms.raised == [("late_success", payment.claim.payment_id)]


async def test_a_refusal_after_a_lost_answer_is_settled_by_an_inquiry() -> None:
    """The first call has undone it, its answer was lost, and then the day was over."""
    small, biller = await _late_success()
    biller.undo_answers += [InDoubt("the answer was cut off"), Declined("not_open")]
    await _resolve(small, 1)
    biller.book.clear()

    assert await _resolve(small, 3_600) == ["lease_due", "budget", "undo", "inquire", "record"]

    assert small.books.only().state is State.REFUNDED
    assert small.books.balance(SUSPENSE) == 0


async def test_a_biller_that_undoes_no_more_is_not_called() -> None:
    small, biller = await _late_success(can_be_undone=False)

    assert await _resolve(small, 1) == ["lease_due", "record"]

    assert small.books.only().state is State.IN_REVIEW
    assert biller.book


async def test_the_budget_of_inquiries_holds_for_it_too() -> None:
    small, _ = await _late_success()
    small.budget.next_at["desco_postpaid"] = small.clock.monotonic() + 5
    assert await _resolve(small, 1) == ["lease_due", "budget", "postpone"]
    assert small.books.only().state is State.REFUNDED


async def test_who_was_held_up_until_the_lease_may_be_over_does_not_call() -> None:
    small, biller = await _late_success()
    small.clock.pass_by(1)
    small.steps.taken.clear()
    (leased,) = await small.books.lease_due(1, 60.0)
    await resolve_in_doubt(replace(leased, ask_before=small.clock.monotonic()), small.world)
    assert small.steps.taken == ["lease_due", "budget"]
    assert biller.book
