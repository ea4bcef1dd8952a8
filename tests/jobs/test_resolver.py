"""One far side never holds up another: what hangs keeps its own few places."""

import asyncio
from dataclasses import dataclass, field, replace

from ekpay_switch.domain.outcome import Inquiry, Posted
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.flows.payments.pay_bill import pay_bill
from ekpay_switch.jobs.resolver import PER_FAR_SIDE_MAX, Resolver, run_resolver
from ekpay_switch.jobs.slots import Pace
from tests.factories import TOTAL, a_world, an_order, quote_another
from tests.fakes.billers import LOSES_ANSWER, PROFILE, FakeBiller
from tests.fakes.world import SmallWorld

DARK, HEALTHY = "dark_biller", "desco_postpaid"
FIRST_QUESTION_SECONDS = 90.0


@dataclass
class HangingBiller(FakeBiller):
    """Answers an inquiry only when the light is back."""

    light: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0

    async def inquire(self, order: PayOrder) -> Inquiry:
        self.asked += 1
        await self.light.wait()
        return Posted(order.reference, TOTAL)


class FreeBudget:
    """Every question may be asked: what is looked at here is who waits for whom."""

    async def take(self, far_side: str, per_second: float) -> float:
        del far_side, per_second
        return 0.0


async def _doubtful(small: SmallWorld, biller_id: str, ekpay_id: str, names: range) -> None:
    """Payments to one biller whose answers were lost; the quotes are made on the way."""
    for number in names:
        quote_another(small, f"Q{biller_id}{number}")
        key = ("bank1", f"Q{biller_id}{number}")
        small.books.quotes[key] = replace(small.books.quotes[key], biller_id=biller_id)
        order = replace(an_order(f"R{biller_id}{number}", key[1]), ekpay_biller_id=ekpay_id)
        small.billers.by_id(biller_id).deeds.append(LOSES_ANSWER)  # type: ignore[union-attr]
        await pay_bill(order, small.world)


async def a_half_dark_world(dark: int, healthy: int) -> tuple[SmallWorld, HangingBiller]:
    small = a_world(prefund=10**9)
    small.world = replace(small.world, budget=FreeBudget())
    hanging = HangingBiller(small.clock, small.steps, replace(PROFILE, id=DARK, ekpay_id="b999"))
    small.billers.known.append(hanging)
    await _doubtful(small, DARK, "b999", range(dark))
    await _doubtful(small, HEALTHY, "b025", range(healthy))
    small.clock.pass_by(FIRST_QUESTION_SECONDS)
    return small, hanging


def states_of(small: SmallWorld, biller_id: str) -> list[State]:
    return [p.state for p in small.books.payments.values() if p.claim.biller_id == biller_id]


async def _run(rounds: int = 20) -> None:
    for _ in range(rounds):
        await asyncio.sleep(0)


async def test_a_far_side_that_hangs_keeps_its_own_places_and_no_others() -> None:
    small, hanging = await a_half_dark_world(dark=50, healthy=3)
    resolver = Resolver(small.world, 45.0)
    await resolver.take_up()
    await _run()
    assert hanging.asked == PER_FAR_SIDE_MAX
    assert states_of(small, HEALTHY) == [State.COMPLETED] * 3

    await _doubtful(small, HEALTHY, "b025", range(10, 14))
    small.clock.pass_by(1)
    for payment in small.books.payments.values():
        if payment.claim.biller_id == HEALTHY and payment.state is State.DELIVERING:
            payment.next_action_at, payment.lease_until = small.clock.now(), None
    assert await resolver.take_up() == 4
    await _run()
    assert states_of(small, HEALTHY) == [State.COMPLETED] * 7
    assert hanging.asked == PER_FAR_SIDE_MAX, "nothing more of it is leased while it hangs"
    assert states_of(small, DARK) == [State.DELIVERING] * 50

    hanging.light.set()
    await _run()
    while await resolver.take_up():
        await _run()
    assert states_of(small, DARK) == [State.COMPLETED] * 50


async def test_the_job_goes_on_while_a_far_side_hangs_and_leaves_when_it_is_told_to() -> None:
    small, hanging = await a_half_dark_world(dark=9, healthy=2)
    stop = asyncio.Event()
    pace = Pace(poll_seconds=0.001, lease_seconds=45.0, leave_seconds=0.01)
    job = asyncio.create_task(run_resolver(small.world, pace, stop))
    for _ in range(1_000):
        if states_of(small, HEALTHY) == [State.COMPLETED] * 2:
            break
        await asyncio.sleep(0.001)
    stop.set()
    await job
    assert states_of(small, HEALTHY) == [State.COMPLETED] * 2
    assert hanging.asked == PER_FAR_SIDE_MAX
    assert states_of(small, DARK) == [State.DELIVERING] * 9, (
        "what was cut off stays leased to nobody but time"
    )


class SlowBudget(FreeBudget):
    """Lets every question through, long after it was asked for one."""

    def __init__(self, small: SmallWorld, seconds: float) -> None:
        self._small = small
        self._seconds = seconds

    async def take(self, far_side: str, per_second: float) -> float:
        self._small.clock.pass_by(self._seconds)
        return await super().take(far_side, per_second)


async def test_a_question_that_was_held_up_for_half_a_lease_is_left_to_the_next() -> None:
    for seconds, asked in ((22.0, ["inquire"]), (23.0, [])):
        small = a_world()
        await _doubtful(small, HEALTHY, "b025", range(1))
        small.clock.pass_by(FIRST_QUESTION_SECONDS)
        small.world = replace(small.world, budget=SlowBudget(small, seconds))
        small.steps.taken.clear()
        resolver = Resolver(small.world, 45.0)
        await resolver.take_up()
        await resolver.slots.settle(5)
        assert [step for step in small.steps.taken if step == "inquire"] == asked
