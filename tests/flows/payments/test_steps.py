"""A biller that wants several calls: each durable before it is sent, and nothing given back between them."""

from collections import deque
from dataclasses import dataclass, field, replace

import pytest

from ekpay_switch.domain.ledger.posting_rules import IN_FLIGHT
from ekpay_switch.domain.outcome import (
    Approved,
    Declined,
    HalfDone,
    InDoubt,
    Inquiry,
    NoAnswer,
    NotFound,
    Outcome,
    Posted,
    Unreached,
)
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.flows.payments.pay_bill import PaymentAnswer, pay_bill
from ekpay_switch.flows.payments.resolve_in_doubt import resolve_in_doubt
from ekpay_switch.ports.world import LeasedPayment
from tests.factories import BILL_NO, PREFUND, TAKEN, TOTAL, a_bill, a_world, an_order
from tests.fakes.billers import PROFILE, FakeBiller
from tests.fakes.crash_points import CrashError
from tests.fakes.payments import books_balance
from tests.fakes.world import SmallWorld

START = 1_000_000
STEPS = ("save", "acknowledge")


@dataclass
class ThreeStepBiller(FakeBiller):
    """Fetching locks, then save, then acknowledge; what it holds half-done it says when it is asked."""

    says: dict[str, deque[Outcome]] = field(default_factory=dict)
    loses: set[str] = field(default_factory=set)
    saved: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    sent: list[str] = field(default_factory=list)

    async def pay(self, order: PayOrder) -> Outcome:
        with self.steps.step(order.step):
            if self.clock.monotonic() >= order.send_before:
                return Unreached("the deadline to send passed")
            self.sent.append(order.step)
            self.orders.append(order)
            queue = self.says.get(order.step)
            outcome = queue.popleft() if queue else Approved({f"{order.step}d": "1"})
            happened = self.saved if order.step == "save" else self.acknowledged
            if not isinstance(outcome, Declined | Unreached) and order.step not in self.loses:
                happened.add(order.reference)
            return outcome

    async def inquire(self, order: PayOrder) -> Inquiry:
        with self.steps.step("inquire"):
            if self.inquiries:
                return self.inquiries.popleft()
            if order.reference not in self.saved:
                return NotFound()
            if order.reference not in self.acknowledged:
                return HalfDone("acknowledge")
            return Posted(order.reference, None)


def a_three_step_world() -> tuple[SmallWorld, ThreeStepBiller]:
    small = a_world()
    biller = ThreeStepBiller(small.clock, small.steps, replace(PROFILE, steps=STEPS), {BILL_NO: a_bill()})
    small.biller = biller
    small.billers.known[:] = [biller]
    return small, biller


async def lease(small: SmallWorld, after_seconds: float = 200) -> LeasedPayment:
    small.clock.pass_by(after_seconds)
    (leased,) = await small.books.lease_due(16, 60.0)
    return leased


async def paid(small: SmallWorld) -> PaymentAnswer:
    answer = await pay_bill(an_order(), small.world)
    assert isinstance(answer, PaymentAnswer)
    return answer


async def test_each_step_is_durable_before_it_is_sent() -> None:
    small, biller = a_three_step_world()
    assert (await paid(small)).state is State.COMPLETED
    assert small.steps.taken == ["claim", "save", "begin_send", "acknowledge", "record"]
    assert biller.sent == ["save", "acknowledge"]
    assert len({order.reference for order in biller.orders}) == 1
    assert small.books.moments(small.books.only().claim.payment_id) == ["accepted", "delivered"]


async def test_a_refused_save_gives_everything_back_and_acknowledges_nothing() -> None:
    small, biller = a_three_step_world()
    biller.says["save"] = deque([Declined("refused", "1282")])
    assert (await paid(small)).state is State.REFUNDED
    assert biller.sent == ["save"]
    assert small.books.balance(PREFUND) == START


@pytest.mark.parametrize(
    "outcome", [Declined("refused", "1283"), Unreached("breaker open"), InDoubt("cut off")]
)
async def test_an_acknowledge_that_came_to_nothing_is_a_doubt_and_is_sent_again(outcome: Outcome) -> None:
    small, biller = a_three_step_world()
    biller.says["acknowledge"] = deque([outcome])
    biller.loses.add("acknowledge")
    assert (await paid(small)).state is State.DELIVERING
    assert small.books.balance(IN_FLIGHT) == TAKEN
    biller.loses.clear()
    await resolve_in_doubt(await lease(small), small.world)
    assert small.books.only().state is State.COMPLETED
    assert biller.sent == ["save", "acknowledge", "acknowledge"]
    assert len(biller.saved) == 1


async def test_an_acknowledge_whose_answer_was_lost_is_found_complete() -> None:
    small, biller = a_three_step_world()
    biller.says["acknowledge"] = deque([InDoubt("cut off")])
    await paid(small)
    await resolve_in_doubt(await lease(small), small.world)
    assert small.books.only().state is State.COMPLETED
    assert biller.sent == ["save", "acknowledge"]


async def test_a_save_whose_answer_was_lost_is_acknowledged_by_the_resolver() -> None:
    small, biller = a_three_step_world()
    biller.says["save"] = deque([InDoubt("cut off")])
    await paid(small)
    assert biller.sent == ["save"]
    await resolve_in_doubt(await lease(small), small.world)
    assert small.books.only().state is State.COMPLETED
    assert biller.sent == ["save", "acknowledge"]


async def test_a_lost_save_is_sent_once_more_from_the_first_step() -> None:
    small, biller = a_three_step_world()
    biller.says["save"] = deque([InDoubt("cut off")])
    biller.loses.add("save")
    await paid(small)
    biller.loses.clear()
    await resolve_in_doubt(await lease(small, 300), small.world)
    assert small.books.only().state is State.COMPLETED
    assert biller.sent == ["save", "save", "acknowledge"]
    assert small.books.only().sends == 2


async def test_a_save_that_fell_back_before_its_acknowledge_is_sent_from_the_first_step_and_only_once() -> (
    None
):
    small, biller = a_three_step_world()
    biller.says["acknowledge"] = deque([InDoubt("cut off")] * 2)
    biller.loses.add("acknowledge")
    await paid(small)
    biller.saved.clear()
    await resolve_in_doubt(await lease(small, 300), small.world)
    assert biller.sent == ["save", "acknowledge", "save", "acknowledge"]
    biller.saved.clear()
    await resolve_in_doubt(await lease(small, 300), small.world)
    assert small.books.only().state is State.REFUNDED
    assert small.books.balance(PREFUND) == START


async def test_what_was_given_back_is_never_acknowledged_after_all() -> None:
    small, biller = a_three_step_world()
    biller.profile = replace(biller.profile, safety=replace(biller.profile.safety, deduplicates=False))
    biller.says["save"] = deque([InDoubt("cut off")])
    biller.loses.add("save")
    await paid(small)
    await resolve_in_doubt(await lease(small, 300), small.world)
    payment = small.books.only()
    biller.saved.add(payment.claim.attempt_reference)
    payment.next_action_at = small.clock.now()
    await resolve_in_doubt(await lease(small, 1), small.world)
    assert list(await small.books.lease_due(16, 60.0)) == []
    assert [state for _, _, state in payment.history[-2:]] == [State.REFUNDED, State.IN_REVIEW]
    assert biller.sent == ["save"]
    assert small.alarms.raised == [("half_done_after_give_back", payment.claim.payment_id)]
    assert small.books.balance(PREFUND) == START


async def test_who_lost_the_payment_between_two_steps_sends_no_more() -> None:
    small, biller = a_three_step_world()

    class Overtaken(ThreeStepBiller):
        async def pay(self, order: PayOrder) -> Outcome:
            outcome = await super().pay(order)
            if order.step == "save" and len(self.sent) == 1:
                small.books.only().next_action_at = small.clock.now()
                small.books.only().lease_until = None
                await small.books.lease_due(1, 60)
            return outcome

    overtaken = Overtaken(small.clock, small.steps, biller.profile, biller.bills)
    small.billers.known[:] = [overtaken]
    assert (await paid(small)).state is State.DELIVERING
    assert overtaken.sent == ["save"]


async def test_nothing_is_sent_by_a_resolver_that_lost_the_payment() -> None:
    small, biller = a_three_step_world()
    biller.says["save"] = deque([InDoubt("cut off")])
    await paid(small)
    old = await lease(small)
    await lease(small, 61)
    await resolve_in_doubt(old, small.world)
    assert biller.sent == ["save"]
    assert small.books.only().state is State.DELIVERING


@pytest.mark.parametrize(
    "point",
    ["after claim", "before save", "after save", "before begin_send", "after begin_send",
     "before acknowledge", "after acknowledge", "before record", "after record"],
)  # fmt: skip
async def test_a_crash_at_any_step_ends_paid_once(point: str) -> None:
    small, biller = a_three_step_world()
    small.steps.crash_at = point
    with pytest.raises(CrashError):
        await paid(small)
    for _ in range(3):
        small.clock.pass_by(400)
        for leased in await small.books.lease_due(16, 60.0):
            await resolve_in_doubt(leased, small.world)
    assert small.books.only().state is State.COMPLETED
    assert len(biller.saved) == len(biller.acknowledged) == 1
    assert small.books.balance("payable:desco_postpaid") == TOTAL
    assert books_balance(small.books)


@pytest.mark.parametrize("point", ["before begin_send", "after begin_send", "after acknowledge"])
async def test_a_resolver_that_dies_on_the_way_is_followed_by_another(point: str) -> None:
    small, biller = a_three_step_world()
    biller.says["save"] = deque([InDoubt("cut off")])
    await paid(small)
    small.steps.crash_at = point
    with pytest.raises(CrashError):
        await resolve_in_doubt(await lease(small), small.world)
    await resolve_in_doubt(await lease(small, 400), small.world)
    assert small.books.only().state is State.COMPLETED
    assert books_balance(small.books)


async def test_half_done_and_unanswered_stay_open() -> None:
    small, biller = a_three_step_world()
    biller.says["save"] = deque([InDoubt("cut off")])
    await paid(small)
    biller.inquiries.append(NoAnswer("silence"))
    await resolve_in_doubt(await lease(small), small.world)
    assert small.books.only().state is State.DELIVERING
