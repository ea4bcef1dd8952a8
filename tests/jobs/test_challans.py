"""The job behind treasury challans: what is open is taken up, a few at a time, each by itself."""

import asyncio

import pytest

from ekpay_switch.domain.challans import Progress
from ekpay_switch.flows.challans.raise_challan import raise_challan
from ekpay_switch.jobs.challans import AT_ONCE, ChallanWorker, run_challans
from ekpay_switch.jobs.slots import Pace
from tests.fakes.challans import Scene, an_order
from tests.fakes.crash_points import CrashError

PACE = Pace(poll_seconds=0.001, lease_seconds=45.0, leave_seconds=0.01)


async def left_lying(scene: Scene, count: int) -> None:
    """Requests whose money is set aside and whose process is gone."""
    for number in range(count):
        scene.small.steps.crash_at = "after set_aside"
        with pytest.raises(CrashError):
            await raise_challan(an_order(f"R{number}", 500), scene.office)
    scene.small.clock.pass_by(60)


async def test_what_a_process_left_lying_is_seen_through() -> None:
    scene = Scene()
    await left_lying(scene, 3)
    stop = asyncio.Event()
    job = asyncio.create_task(run_challans(scene.office, PACE, stop))
    async with asyncio.timeout(10):
        while any(scene.standing(f"R{number}").progress is not Progress.DONE for number in range(3)):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    stop.set()
    await job
    assert len(scene.treasury.book) == 3


async def test_a_treasury_that_hangs_keeps_a_few_places_and_no_more_is_taken_up() -> None:
    scene = Scene()
    await left_lying(scene, AT_ONCE + 2)
    scene.treasury.gate = asyncio.Event()
    clerk = ChallanWorker(scene.office, 45.0)
    assert await clerk.take_up() == AT_ONCE
    assert await clerk.take_up() == 0
    scene.treasury.gate.set()
    await clerk.slots.settle(5)
    assert await clerk.take_up() == 2
    await clerk.slots.settle(5)
    assert len(scene.treasury.book) == AT_ONCE + 2


async def test_a_request_that_breaks_keeps_nobody_else_waiting() -> None:
    scene = Scene()
    await left_lying(scene, 2)
    scene.small.books.trouble.append(RuntimeError("a bug"))
    clerk = ChallanWorker(scene.office, 45.0)
    await clerk.take_up()
    await clerk.slots.settle(5)
    assert sorted(scene.standing(f"R{number}").progress for number in range(2)) == ["done", "in_progress"]
    scene.small.clock.pass_by(45)
    await clerk.take_up()
    await clerk.slots.settle(5)
    assert {scene.standing(f"R{number}").progress for number in range(2)} == {Progress.DONE}
