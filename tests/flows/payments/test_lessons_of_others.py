"""Bugs that other payment switches had, each by its own name (docs/lessons-of-others.md)."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekpay_switch.domain.ledger.posting_rules import IN_FLIGHT
from ekpay_switch.domain.money import Money, format_taka, parse_taka, total
from ekpay_switch.domain.outcome import Approved, Declined, NoAnswer, Posted, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.claims import RefusedClaim, StartedClaim
from ekpay_switch.domain.payments.delivery import (
    Recorded,
    Recording,
    Stale,
    plan_not_posted,
    plan_posted,
)
from ekpay_switch.domain.refusals import Refusal
from ekpay_switch.flows.payments.pay_bill import PaymentAnswer, pay_bill
from ekpay_switch.flows.payments.resolve_in_doubt import resolve_in_doubt
from ekpay_switch.ports.world import LeasedPayment
from tests.factories import (
    CHARGED,
    PREFUND,
    TAKEN,
    TOTAL,
    a_claim,
    a_world,
    an_order,
    quote_another,
)
from tests.fakes.billers import LOSES_ANSWER, LOSES_ORDER, Deed
from tests.fakes.payments import books_balance
from tests.fakes.world import SmallWorld

START = 1_000_000


async def lease(small: SmallWorld, after_seconds: float) -> LeasedPayment:
    small.clock.pass_by(after_seconds)
    (leased,) = await small.books.lease_due(16, 60.0)
    return leased


async def given_back_too_early() -> SmallWorld:
    """A payment that was given back on a final "not found", which the biller posts all the same."""
    small = a_world()
    small.biller.profile = replace(
        small.biller.profile, safety=replace(small.biller.profile.safety, deduplicates=False)
    )
    small.biller.deeds.append(LOSES_ORDER)
    await pay_bill(an_order(), small.world)
    await resolve_in_doubt(await lease(small, 200), small.world)
    payment = small.books.only()
    assert payment.state is State.REFUNDED
    small.biller.book[payment.claim.attempt_reference] = TOTAL
    payment.next_action_at = small.clock.now()  # a callback or the settlement file wakes the resolver
    return small


async def test_late_success_after_timeout() -> None:
    small = await given_back_too_early()
    await resolve_in_doubt(await lease(small, 1), small.world)
    payment = small.books.only()
    assert payment.state is State.IN_REVIEW
    assert small.alarms.raised == [("late_success", payment.claim.payment_id)]
    assert small.books.balance("suspense:desco_postpaid") == -TOTAL
    assert small.books.balance("payable:desco_postpaid") == TOTAL
    assert (small.books.balance(PREFUND), small.books.balance(IN_FLIGHT)) == (START, 0)


async def test_late_success_of_a_stalled_process_is_evidence_and_wakes_the_resolver() -> None:
    small = a_world()
    small.biller.gate = asyncio.Event()
    stalled = asyncio.create_task(pay_bill(an_order(), small.world))
    await asyncio.sleep(0)
    small.biller.book.clear()  # nothing to be found yet: it is still on its way
    small.biller.profile = replace(
        small.biller.profile, safety=replace(small.biller.profile.safety, deduplicates=False)
    )
    await resolve_in_doubt(await lease(small, 200), small.world)
    assert small.books.only().state is State.REFUNDED
    small.biller.book[small.books.only().claim.attempt_reference] = TOTAL
    small.biller.gate.set()
    answer = await stalled
    assert isinstance(answer, PaymentAnswer)
    assert answer.state is State.REFUNDED
    await resolve_in_doubt(await lease(small, 1), small.world)
    assert small.books.only().state is State.IN_REVIEW
    assert small.books.balance("suspense:desco_postpaid") == -TOTAL


async def test_pending_without_peer_id_not_failed() -> None:
    small = a_world()
    small.biller.deeds.append(LOSES_ORDER)
    await pay_bill(an_order(), small.world)
    assert [kind for _, kind in small.books.evidence] == ["in_doubt"]
    small.biller.inquiries.extend([NoAnswer("timed out")] * 20)
    for _ in range(20):
        await resolve_in_doubt(await lease(small, 4_000), small.world)
    assert small.books.only().state is State.DELIVERING
    assert small.books.balance(IN_FLIGHT) == TAKEN


@pytest.mark.parametrize("echoed", [TOTAL - 1, TOTAL + 1, TOTAL * 100, TAKEN, 0])
async def test_amount_echo_mismatch(echoed: int) -> None:
    small = a_world()
    small.biller.deeds.append(LOSES_ORDER)
    await pay_bill(an_order(), small.world)
    small.biller.inquiries.append(Posted("A1", echoed))
    await resolve_in_doubt(await lease(small, 90), small.world)
    payment = small.books.only()
    assert payment.state is State.IN_REVIEW
    assert small.alarms.raised == [("amount_echo_mismatch", payment.claim.payment_id)]
    assert (small.books.balance("payable:desco_postpaid"), small.books.balance(IN_FLIGHT)) == (0, TAKEN)
    assert books_balance(small.books)


async def test_amount_echo_mismatch_after_a_give_back_takes_nothing_from_anybody() -> None:
    small = await given_back_too_early()
    small.biller.inquiries.append(Posted("A1", TOTAL - 1))
    await resolve_in_doubt(await lease(small, 1), small.world)
    assert small.books.only().state is State.IN_REVIEW
    assert small.alarms.raised[0][0] == "late_echo_mismatch"
    assert small.books.balance(PREFUND) == START


@pytest.mark.parametrize("deed", [LOSES_ANSWER, LOSES_ORDER])
async def test_duplicate_timeout_events(deed: Deed) -> None:
    small = a_world()
    small.biller.deeds.append(deed)
    await pay_bill(an_order(), small.world)
    first = await lease(small, 200)
    second = await lease(small, 61)
    await resolve_in_doubt(second, small.world)
    assert small.books.only().state is State.COMPLETED
    entries, notices = list(small.books.entries), list(small.books.notices)
    small.clock.pass_by(1)
    await resolve_in_doubt(first, small.world)
    await resolve_in_doubt(second, small.world)
    assert small.books.only().state is State.COMPLETED
    assert (small.books.entries, small.books.notices) == (entries, notices)
    assert list(await small.books.lease_due(16, 60.0)) == []
    assert len(small.biller.book) == 1


async def test_inflight_counts_as_used() -> None:
    small = a_world(prefund=2 * TAKEN - 1)
    quote_another(small, "Q2")
    small.biller.deeds.append(LOSES_ORDER)
    await pay_bill(an_order(), small.world)
    second = await pay_bill(an_order("R2", "Q2"), small.world)
    assert isinstance(second, PaymentAnswer)
    assert second.refusal is Refusal.PREFUND_TOO_LOW
    assert small.books.balance(PREFUND) == TAKEN - 1


@pytest.mark.parametrize("first", ["complete", "give back"])
async def test_two_commits_of_one_reservation(first: str) -> None:
    small = a_world()
    small.biller.deeds.append(LOSES_ORDER)
    await pay_bill(an_order(), small.world)
    leased = await lease(small, 200)
    delivery = leased.delivery
    completing = Recording(delivery, plan_posted(delivery, State.DELIVERING, Posted("A1", TOTAL)))
    giving_back = Recording(delivery, plan_not_posted(delivery))
    pair = (completing, giving_back) if first == "complete" else (giving_back, completing)
    answers = await asyncio.gather(*(small.books.record(recording) for recording in pair))
    assert [type(answer) for answer in answers] == [Recorded, Stale]
    assert small.books.only().state is (State.COMPLETED if first == "complete" else State.REFUNDED)
    assert len(small.books.moments(delivery.payment_id)) == 2
    assert small.books.balance(IN_FLIGHT) == 0


async def test_client_gives_up_in_bounded_time() -> None:
    small = a_world()
    small.biller.deeds.append(LOSES_ANSWER)
    await pay_bill(an_order(), small.world)
    started_at = small.clock.monotonic()
    answer = await pay_bill(replace(an_order(), answer_before=started_at + 25), small.world)
    assert isinstance(answer, PaymentAnswer)
    assert answer.state is State.DELIVERING
    assert small.clock.monotonic() - started_at <= 25
    # And the far side's own deadline travels with the order.
    assert small.biller.orders[0].send_before == started_at + small.biller.profile.timing.send_seconds


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        ((6_000, 6_000, 6_000), [None, Refusal.PREFUND_TOO_LOW, Refusal.PREFUND_TOO_LOW]),
        ((6_000, 6_000, 3_000 - CHARGED), [None, Refusal.PREFUND_TOO_LOW, None]),
    ],
)
def test_batch_cap_overshoot(amounts: tuple[int, ...], expected: list[Refusal | None]) -> None:
    small = a_world(prefund=10_000)
    claims = []
    for number, amount in enumerate(amounts, 1):
        quote_another(small, f"B{number}", amount)
        claims.append(a_claim(number, f"B{number}", paid=amount))
    answers = small.books.claim_batch(claims)
    assert all(isinstance(answer, StartedClaim | RefusedClaim) for answer in answers)
    assert [a.refusal if isinstance(a, RefusedClaim) else None for a in answers] == expected
    assert small.books.balance(PREFUND) >= 0
    assert books_balance(small.books)


@given(minor=st.integers(min_value=0, max_value=10**15 - 1))
def test_decimal_no_float(minor: int) -> None:
    assert parse_taka(format_taka(minor)) == Money(minor)


def test_decimal_no_float_in_a_million_sums() -> None:
    assert total([Money(10)] * 1_000_000) == Money(10_000_000)
    assert str(parse_taka("9999999999999.99")) == "9999999999999.99 BDT"


@pytest.mark.parametrize("says", [Unreached("refused"), Declined("blocked"), Approved()])
async def test_timeout_resets_position(says: Unreached | Declined | Approved) -> None:
    small = a_world()
    for number in range(2, 6):
        quote_another(small, f"Q{number}")
    for number in range(1, 6):
        small.biller.deeds.append(LOSES_ORDER if number % 2 else Deed(says, posts=isinstance(says, Approved)))
        await pay_bill(an_order(f"R{number}", f"Q{number}"), small.world)
    assert small.books.balance(IN_FLIGHT) == small.books.held() == 3 * TAKEN
    used = 3 if not isinstance(says, Approved) else 5
    assert small.books.balance(PREFUND) == START - used * TAKEN


async def test_a_bill_whose_payment_came_to_nothing_may_be_paid_again() -> None:
    small = a_world()
    quote_another(small, "Q2", number=small.books.quotes["bank1", "Q1"].bill.bill_number)
    small.biller.deeds.append(Deed(Unreached("refused")))
    await pay_bill(an_order(), small.world)
    again = await pay_bill(an_order("R2", "Q2"), small.world)
    assert isinstance(again, PaymentAnswer)
    assert again.state is State.COMPLETED
