"""The job behind collected money: everything due is taken up, and no far side holds up another."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from ekpay_switch.domain.collections.connector_calls import (
    CollectInquiry,
    CollectOrder,
    RefundOrder,
    RefundOutcome,
)
from ekpay_switch.domain.outcome import Declined, Outcome, Unreached
from ekpay_switch.domain.payment import State
from ekpay_switch.domain.payments.delivery import PayOrder
from ekpay_switch.jobs.collector import PER_FAR_SIDE_MAX, Collector, run_collector
from ekpay_switch.jobs.slots import AT_ONCE, Pace
from ekpay_switch.ports.collections import FundedPayment
from tests.factories import BILL_NO, a_bill
from tests.fakes.billers import PROFILE, Deed, FakeBiller
from tests.fakes.connectors import BKASH, FakeConnector
from tests.fakes.world import SmallWorld
from tests.scenarios.collections import Payer

PACE = Pace(poll_seconds=0.001, lease_seconds=45.0, leave_seconds=0.01)
PATIENCE_SECONDS = 120


@dataclass
class HangingConnector(FakeConnector):
    """Answers questions and refunds only when the light is back."""

    light: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0

    async def inquire(self, order: CollectOrder) -> CollectInquiry:
        self.waiting += 1
        await self.light.wait()
        return await super().inquire(order)

    async def refund(self, order: RefundOrder) -> RefundOutcome:
        self.waiting += 1
        await self.light.wait()
        return await super().refund(order)


@dataclass
class HangingBiller(FakeBiller):
    """Takes a payment only when the light is back."""

    light: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0

    async def pay(self, order: PayOrder) -> Outcome:
        self.waiting += 1
        await self.light.wait()
        return await super().pay(order)


class FreeBudget:
    """Every question may be asked: what is looked at here is who waits for whom."""

    async def take(self, far_side: str, per_second: float) -> float:
        del far_side, per_second
        return 0.0


def a_free_world() -> SmallWorld:
    small = Payer().small
    small.world = replace(small.world, budget=FreeBudget())
    return small


async def payments(small: SmallWorld, count: int, *, until: State = State.COLLECTING) -> list[Payer]:
    """So many payments, each of its own bill, that are only opened or paid for already."""
    payers = []
    for number in range(count):
        small.biller.bills[BILL_NO] = a_bill(f"{len(small.books.payments):012d}")
        payer = Payer(small)
        await payer.order(f"v1:{len(small.books.payments)}-{number}")
        if until is State.FUNDED:
            await payer.fund()
        payers.append(payer)
    return payers


def another_biller(small: SmallWorld, payers: list[Payer], biller: FakeBiller) -> None:
    """Let these payments be another biller's."""
    small.billers.known.append(biller)
    for payer in payers:
        new = small.tables.collections[payer.payment_id]
        small.tables.collections[payer.payment_id] = replace(new, biller_id=biller.profile.id)


async def some_turns() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_a_dark_connector_keeps_its_own_few_places() -> None:
    small = a_free_world()
    dark = HangingConnector(small.clock, small.steps, replace(BKASH, id="dark"))
    small.connectors.known.append(dark)
    await payments(small, 20)
    for one in small.tables.tries:
        one.new = replace(one.new, connector_id="dark")
    dark.pages = dict(small.connector.pages)
    bright = await payments(small, 3)
    for payer in bright:
        payer.small.tables.tries_of(payer.payment_id)[0].is_agreed = True
        small.connector.pages[payer.tries()[0].provider_reference].is_agreed = True
    small.clock.pass_by(180)
    collector = Collector(small.world, 45.0)
    for _ in range(4):
        await collector.take_up()
        await some_turns()
    assert dark.waiting == PER_FAR_SIDE_MAX
    assert {payer.state for payer in bright} == {State.COMPLETED}
    dark.light.set()
    await collector.slots.settle()


async def test_a_dark_biller_keeps_its_own_few_places() -> None:
    small = a_free_world()
    dark = HangingBiller(small.clock, small.steps, replace(PROFILE, id="dark_biller", ekpay_id="b999"))
    another_biller(small, await payments(small, 20, until=State.FUNDED), dark)
    bright = await payments(small, 3, until=State.FUNDED)
    collector = Collector(small.world, 45.0)
    for _ in range(4):
        await collector.take_up()
        await some_turns()
    assert dark.waiting == PER_FAR_SIDE_MAX
    assert {payer.state for payer in bright} == {State.COMPLETED}
    dark.light.set()
    await collector.slots.settle()


async def test_refunds_of_a_dark_connector_leave_places_to_everybody_else() -> None:
    small = a_free_world()
    dark = HangingConnector(small.clock, small.steps)
    payers = await payments(small, 80, until=State.FUNDED)
    small.biller.deeds.extend([Deed(Declined("blocked"))] * len(payers))
    collector = Collector(small.world, 45.0)
    while any(payer.state is State.FUNDED for payer in payers):
        await collector.take_up()
        await collector.slots.settle()
    dark.pages = small.connector.pages
    small.connectors.known[:] = [dark]
    for _ in range(6):
        await collector.take_up()
        await some_turns()
    assert PER_FAR_SIDE_MAX <= dark.waiting < 2 * PER_FAR_SIDE_MAX
    dark.light.set()
    await collector.slots.settle()


async def test_what_a_dark_biller_was_never_told_is_given_up_all_the_same() -> None:
    small = a_free_world()
    dark = HangingBiller(small.clock, small.steps, replace(PROFILE, id="dark_biller", ekpay_id="b999"))
    payers = await payments(small, 20, until=State.FUNDED)
    another_biller(small, payers, dark)
    collector = Collector(small.world, 45.0)
    await collector.take_up()
    await some_turns()
    small.clock.pass_by(900)
    await collector.take_up()
    await some_turns()
    states = [payer.state for payer in payers]
    assert states.count(State.DELIVERING) == PER_FAR_SIDE_MAX
    assert states.count(State.REFUNDING) == len(payers) - PER_FAR_SIDE_MAX
    dark.light.set()
    await collector.slots.settle()


async def test_there_is_an_end_to_what_one_process_does_at_once() -> None:
    small = a_free_world()
    for number in range(AT_ONCE // PER_FAR_SIDE_MAX + 2):
        dark = HangingBiller(
            small.clock, small.steps, replace(PROFILE, id=f"dark{number}", ekpay_id=f"b9{number:02d}")
        )
        another_biller(small, await payments(small, PER_FAR_SIDE_MAX, until=State.FUNDED), dark)
    collector = Collector(small.world, 45.0)
    await collector.take_up()
    assert len(collector.slots.running) == AT_ONCE
    await collector.slots.settle(within_seconds=0.01)
    assert all(task.done() for task in collector.slots.running)


async def test_what_is_due_is_taken_up_until_nothing_is_left() -> None:
    payer = Payer()
    small = payer.small
    await payer.order()
    payer.agree()
    small.biller.deeds.append(Deed(Declined("blocked")))
    stop = asyncio.Event()
    job = asyncio.create_task(run_collector(small.world, PACE, stop))
    async with asyncio.timeout(PATIENCE_SECONDS):
        small.clock.pass_by(180)
        while payer.state is not State.REFUNDED:
            await asyncio.sleep(0.001)
            small.clock.pass_by(0.01)
    stop.set()
    await job
    assert small.connector.given_back() == small.connector.taken()


async def test_a_payment_that_fails_does_not_fail_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    small = a_free_world()
    first, second = await payments(small, 2)
    for payer in (first, second):
        small.connector.pages[payer.tries()[0].provider_reference].is_agreed = True
    del small.connector.pages[first.tries()[0].provider_reference]
    await second.wait(180)
    assert (first.state, second.state) == (State.COLLECTING, State.COMPLETED)
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "collecting_failed" in line]
    assert [line["error"].split()[0] for line in said] == ["KeyError"]


@pytest.mark.parametrize("error", [ConnectionRefusedError, TimeoutError])
async def test_a_database_that_fails_is_said_and_tried_again(
    error: Callable[[], Exception], capsys: pytest.CaptureFixture[str]
) -> None:
    payer = Payer()
    small = payer.small
    await payer.order()
    payer.agree()
    small.clock.pass_by(180)
    small.books.trouble.append(error())
    stop = asyncio.Event()
    job = asyncio.create_task(run_collector(small.world, PACE, stop))
    async with asyncio.timeout(PATIENCE_SECONDS):
        while payer.state is not State.COMPLETED:
            await asyncio.sleep(0.001)
            small.clock.pass_by(0.01)
    stop.set()
    await job
    assert small.books.trouble == []
    assert "collector_failed" in capsys.readouterr().err


async def test_a_payment_is_found_due_until_it_is_delivered() -> None:
    small = a_free_world()
    (payer,) = await payments(small, 1, until=State.FUNDED)
    small.biller.deeds.append(Deed(Unreached("refused")))
    due = [FundedPayment(payer.payment_id, PROFILE.id, is_quote_expired=False)]
    assert await small.collections.funded_due(10) == due
    await payer.wait(0)
    assert await small.collections.funded_due(10) == []
    small.clock.pass_by(90)
    assert await small.collections.funded_due(10) == due
