"""The job behind every doubt: what it asks, when, and what each answer allows."""

from dataclasses import replace

import pytest

from ekpay_switch.domain.ledger.posting_rules import IN_FLIGHT
from ekpay_switch.domain.outcome import Declined, InDoubt, NoAnswer, NotFound, Posted
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.inquiries import SafetyFacts
from ekpay_switch.flows.payments.pay_bill import pay_bill
from ekpay_switch.flows.payments.resolve_in_doubt import resolve_in_doubt
from tests.factories import PREFUND, TAKEN, TOTAL, a_world, an_order
from tests.fakes.billers import LOSES_ANSWER, LOSES_ORDER, SAFETY, Deed
from tests.fakes.world import SmallWorld

START = 1_000_000
FINAL_SECONDS = 10 + 120 + 60  # send deadline, settle time, margin


async def in_doubt(deed: Deed = LOSES_ORDER, **safety: object) -> SmallWorld:
    """A world with one payment that the biller gave no usable answer about."""
    small = a_world()
    facts = SafetyFacts(**(_members(SAFETY) | safety))  # type: ignore[arg-type]
    small.biller.profile = replace(small.biller.profile, safety=facts)
    small.biller.deeds.append(deed)
    await pay_bill(an_order(), small.world)
    small.steps.taken.clear()
    return small


def _members(facts: SafetyFacts) -> dict[str, object]:
    return {name: getattr(facts, name) for name in SafetyFacts.__dataclass_fields__}


async def resolve(small: SmallWorld, after_seconds: float) -> list[str]:
    """Let time pass, resolve what is due, and say which steps that took."""
    small.clock.pass_by(after_seconds)
    small.steps.taken.clear()
    for leased in await small.books.lease_due(16, 60.0):
        await resolve_in_doubt(leased, small.world)
    return small.steps.taken


def seconds_to_next_question(small: SmallWorld) -> float:
    next_at = small.books.only().next_action_at
    assert next_at is not None
    return (next_at - small.clock.now()).total_seconds()


async def test_nothing_is_asked_before_its_time() -> None:
    small = await in_doubt()
    assert await resolve(small, 89) == ["lease_due"]
    assert await resolve(small, 1) == ["lease_due", "budget", "inquire", "postpone"]


async def test_a_payment_that_the_biller_holds_is_completed() -> None:
    small = await in_doubt(LOSES_ANSWER)
    assert await resolve(small, 90) == ["lease_due", "budget", "inquire", "record"]
    assert small.books.only().state is State.COMPLETED
    assert (small.books.balance("payable:desco_postpaid"), small.books.balance(IN_FLIGHT)) == (TOTAL, 0)
    assert small.alarms.raised == []
    assert len(small.biller.orders) == 1


async def test_a_not_found_that_comes_too_early_proves_nothing() -> None:
    small = await in_doubt()
    await resolve(small, 90)
    assert small.books.only().state is State.DELIVERING
    assert small.books.balance(IN_FLIGHT) == TAKEN
    assert seconds_to_next_question(small) == 210  # 300 s after the doubt, when it is final


async def test_the_next_question_is_not_asked_before_its_answer_could_be_final() -> None:
    small = await in_doubt(not_found_settle_seconds=7_200)
    await resolve(small, 90)
    assert seconds_to_next_question(small) == 10 + 7_200 + 60 - 90


async def test_a_not_found_that_is_never_final_is_asked_about_on_schedule_for_ever() -> None:
    small = await in_doubt(not_found_settle_seconds=None)
    waited = []
    for _ in range(5):
        await resolve(small, seconds_to_next_question(small))
        waited.append(seconds_to_next_question(small))
    assert waited == [210, 3_300, 3_600, 3_600, 3_600]
    assert small.books.only().state is State.DELIVERING


async def test_a_final_not_found_is_sent_again_once_under_the_same_reference() -> None:
    small = await in_doubt()
    steps = await resolve(small, FINAL_SECONDS)
    assert steps == ["lease_due", "budget", "inquire", "begin_send", "pay", "record"]
    first, again = small.biller.orders
    assert again == replace(first, send_before=small.clock.monotonic() + 10)
    assert small.books.only().state is State.COMPLETED
    assert small.books.moments(small.books.only().claim.payment_id) == ["accepted", "delivered"]


async def test_a_second_doubt_ends_in_a_give_back_and_no_third_send() -> None:
    small = await in_doubt()
    small.biller.deeds.append(LOSES_ORDER)
    await resolve(small, FINAL_SECONDS)
    assert small.books.only().state is State.DELIVERING
    assert await resolve(small, 90) == ["lease_due", "budget", "inquire", "postpone"]
    assert await resolve(small, 300) == ["lease_due", "budget", "inquire", "record"]
    assert small.books.only().state is State.REFUNDED
    assert len(small.biller.orders) == 2
    assert (small.books.balance(PREFUND), small.books.balance(IN_FLIGHT)) == (START, 0)


ALREADY_PAID = Deed(Declined("already_paid", "09"))


async def refused_the_second_time(first: Deed, **safety: object) -> SmallWorld:
    """A world whose payment was sent again after a "not found", and was declined then."""
    small = await in_doubt(first, **safety)
    if first.posts:
        small.biller.inquiries.append(NotFound())
    small.biller.deeds.append(ALREADY_PAID)
    await resolve(small, FINAL_SECONDS)
    assert len(small.biller.orders) == 2
    return small


async def test_decline_after_a_second_send_is_in_doubt() -> None:
    """The biller took the first send and says so to the second: the partner must not be refunded."""
    small = await refused_the_second_time(LOSES_ANSWER)
    assert (small.books.only().state, small.books.balance(IN_FLIGHT)) == (State.DELIVERING, TAKEN)
    await resolve(small, 90)
    assert small.books.only().state is State.COMPLETED
    assert (small.books.balance("payable:desco_postpaid"), small.books.balance(IN_FLIGHT)) == (TOTAL, 0)
    assert len(small.biller.orders) == 2


async def test_a_decline_after_a_second_send_is_given_back_once_an_inquiry_has_proven_it() -> None:
    small = await refused_the_second_time(LOSES_ORDER)
    await resolve(small, 90)
    assert small.books.only().state is State.DELIVERING
    await resolve(small, 300)
    assert small.books.only().state is State.REFUNDED
    assert (small.books.balance(PREFUND), small.books.balance(IN_FLIGHT)) == (START, 0)
    assert len(small.biller.orders) == 2


async def test_a_decline_after_a_second_send_is_believed_where_the_biller_answers_repeats_alike() -> None:
    small = await refused_the_second_time(LOSES_ORDER, answers_repeats_alike=True)
    assert small.books.only().state is State.REFUNDED
    assert (small.books.balance(PREFUND), small.books.balance(IN_FLIGHT)) == (START, 0)


async def test_a_biller_that_does_not_deduplicate_is_never_sent_the_same_twice() -> None:
    small = await in_doubt(deduplicates=False)
    await resolve(small, FINAL_SECONDS)
    assert small.books.only().state is State.REFUNDED
    assert len(small.biller.orders) == 1


async def test_an_expired_quote_is_given_back_instead_of_sent_again() -> None:
    small = await in_doubt()
    await resolve(small, 900)
    assert small.books.only().state is State.REFUNDED
    assert len(small.biller.orders) == 1


async def test_a_payment_that_somebody_else_took_over_meanwhile_is_not_sent_again() -> None:
    small = await in_doubt()
    small.clock.pass_by(FINAL_SECONDS)
    (stalled,) = await small.books.lease_due(16, 60.0)
    small.clock.pass_by(61)
    (taken_over,) = await small.books.lease_due(16, 60.0)
    await resolve_in_doubt(stalled, small.world)
    assert len(small.biller.orders) == 1
    small.clock.pass_by(1)
    await resolve_in_doubt(taken_over, small.world)
    assert (len(small.biller.orders), small.books.only().state) == (2, State.COMPLETED)


async def test_no_answer_teaches_nothing_and_is_asked_again_later() -> None:
    small = await in_doubt(LOSES_ANSWER)
    small.biller.inquiries.append(NoAnswer("timed out"))
    await resolve(small, 90)
    assert small.books.only().state is State.DELIVERING
    assert (small.books.only().asked, seconds_to_next_question(small)) == (1, 210)


async def test_a_question_that_never_left_us_uses_up_none_of_the_schedule() -> None:
    small = await in_doubt(LOSES_ANSWER)
    small.biller.inquiries.append(NoAnswer("breaker open", was_asked=False))
    await resolve(small, 90)
    assert (small.books.only().asked, seconds_to_next_question(small)) == (0, 90)


async def test_a_biller_that_does_not_let_us_in_heard_no_question_and_is_tried_again_soon() -> None:
    small = await in_doubt(LOSES_ANSWER)
    small.biller.inquiries += [NoAnswer("timed out")] * 3
    for seconds in (90, 210, 6_900):
        await resolve(small, seconds)
    assert small.books.only().asked == 3
    small.biller.inquiries += [NoAnswer("reply code 401", was_asked=False, is_shut_out=True)] * 2
    waited = seconds_to_next_question(small)
    for seconds in (int(waited), 90):
        await resolve(small, seconds)
        assert (small.books.only().asked, seconds_to_next_question(small)) == (3, 90)
    assert small.books.only().state is State.DELIVERING
    assert [event for event, _ in small.alarms.raised] == ["shut_out"] * 2
    small.biller.inquiries.append(NoAnswer("timed out"))
    await resolve(small, 90)
    assert (small.books.only().asked, seconds_to_next_question(small)) == (4, waited)


async def test_a_used_up_budget_postpones_and_asks_nobody() -> None:
    small = await in_doubt(LOSES_ANSWER)
    small.clock.pass_by(90)
    await small.budget.take("desco_postpaid", 0.5)
    assert await resolve(small, 0) == ["lease_due", "budget", "postpone"]
    assert (small.books.only().asked, small.books.only().state) == (0, State.DELIVERING)
    assert seconds_to_next_question(small) == 2


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_biller_that_cannot_be_asked_leaves_the_doubt_standing(*, is_known: bool) -> None:
    small = await in_doubt(can_be_asked=False)
    if not is_known:
        small.billers.known.clear()
    assert await resolve(small, 90) == ["lease_due", "postpone"]
    assert (small.books.only().state, seconds_to_next_question(small)) == (State.DELIVERING, 3_600)


async def test_another_amount_is_for_people_to_decide() -> None:
    small = await in_doubt()
    small.biller.inquiries.append(Posted("A1", TOTAL - 1))
    await resolve(small, 90)
    payment = small.books.only()
    assert payment.state is State.IN_REVIEW
    assert small.books.moments(payment.claim.payment_id) == ["accepted"]
    assert small.alarms.raised == [("amount_echo_mismatch", payment.claim.payment_id)]


async def test_a_biller_that_echoes_no_amount_is_believed() -> None:
    small = await in_doubt()
    small.biller.inquiries.append(Posted("A1", None))
    await resolve(small, 90)
    assert small.books.only().state is State.COMPLETED


async def test_a_give_back_that_the_biller_confirms_stays_as_it_is() -> None:
    small = await in_doubt(deduplicates=False)
    await resolve(small, FINAL_SECONDS)
    small.books.only().next_action_at = small.clock.now()
    assert await resolve(small, 0) == ["lease_due", "budget", "postpone"]  # the budget spaces questions
    assert await resolve(small, 1) == ["lease_due", "budget", "inquire", "postpone"]
    assert (small.books.only().state, seconds_to_next_question(small)) == (State.REFUNDED, 3_600)
    assert small.books.balance(PREFUND) == START


async def test_a_second_send_that_never_left_gives_the_money_back_and_the_first_is_watched() -> None:
    small = await in_doubt(Deed(InDoubt("cut off")))
    small.biller.stalls_seconds = 11.0  # the deadline of the second send passes before a byte leaves
    await resolve(small, FINAL_SECONDS)
    assert small.books.only().state is State.REFUNDED
    assert len(small.biller.orders) == 1
    assert seconds_to_next_question(small) == 3_600


async def test_what_was_given_back_on_a_not_found_is_watched_for_two_days_and_no_longer() -> None:
    small = await in_doubt(deduplicates=False)
    await resolve(small, FINAL_SECONDS)
    assert small.books.only().state is State.REFUNDED
    for _ in range(47):
        assert seconds_to_next_question(small) == 3_600
        assert await resolve(small, 3_600) == ["lease_due", "budget", "inquire", "postpone"]
    await resolve(small, 3_600)
    assert small.books.only().next_action_at is None
    assert small.books.only().asked == 48


async def test_a_watched_payment_that_arrives_after_all_goes_to_review() -> None:
    small = await in_doubt(deduplicates=False)
    await resolve(small, FINAL_SECONDS)
    small.biller.book[small.books.only().claim.attempt_reference] = TOTAL
    await resolve(small, 3_600)
    payment = small.books.only()
    assert payment.state is State.IN_REVIEW
    assert small.alarms.raised == [("late_success", payment.claim.payment_id)]
    assert small.books.balance("suspense:desco_postpaid") == -TOTAL


async def test_a_plain_refusal_is_not_watched() -> None:
    small = a_world()
    small.biller.deeds.append(Deed(Declined("blocked")))
    await pay_bill(an_order(), small.world)
    assert small.books.only().state is State.REFUNDED
    assert small.books.only().next_action_at is None


async def test_who_was_held_up_until_the_lease_may_be_over_leaves_the_question_to_the_next() -> None:
    small = await in_doubt()
    small.clock.pass_by(90)
    (leased,) = await small.books.lease_due(16, 60.0)
    small.steps.taken.clear()
    await resolve_in_doubt(replace(leased, ask_before=small.clock.monotonic()), small.world)
    assert small.steps.taken == ["budget"]
    assert await resolve(small, 61) == ["lease_due", "budget", "inquire", "postpone"]
