"""A process dies at each step of a payment over a host link; money is taken once, or it is back (law 14)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from connectors.families.iso8583 import link_owner
from ekpay_switch.domain.payment import State
from tests.fakes.crash_points import CrashError
from tests.persistence.collections.collection_setup import Till
from tests.persistence.host_links.crash_point_setup import Scene, a_scene

REQUESTER = ("next_trace", "hand_over", "await_news", "begin_execute", "record")
OWNER = ("take", "send", "answer")
REVERSER = ("settle", "reverse", "take_reversals", "send", "answer_reversal", "await_news", "record")
SIDES = ("before", "after")


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease that has run out is taken soon; it runs out where a test says so, on any machine."""
    monkeypatch.setattr(link_owner, "RENEW_SECONDS", 0.1)


@pytest.fixture
async def scene(till: Till) -> AsyncIterator[Scene]:
    async with a_scene(till) as scene:
        yield scene


def points(steps: tuple[str, ...]) -> list[str]:
    return [f"{side} {step}" for step in steps for side in SIDES]


async def test_a_payment_that_nothing_befalls_is_collected(scene: Scene) -> None:
    scene.divisor = 1.0
    process = scene.process()
    process.keep()
    held = await scene.agreed()
    assert await process.follow_up(held) is State.FUNDED
    await scene.assert_right(held, await scene.till.row(held))
    assert len(scene.bank.host.of("0200")) == 1


async def test_a_web_process_asks_over_the_workers_link(scene: Scene) -> None:
    scene.divisor = 1.0
    worker, web = scene.process(), scene.process()
    worker.keep()
    await scene.bank.host.until(lambda: bool(scene.bank.host.purposes))
    held = await scene.agreed()
    assert await web.follow_up(held) is State.FUNDED
    assert scene.bank.host.connections == 1


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("point", points(REQUESTER))
async def test_a_requester_dies(scene: Scene, point: str) -> None:
    # The bank answers, on a slow machine too: nobody waits for a time to run out.
    scene.divisor = 1.0
    worker, web = scene.process(), scene.process(point)
    worker.keep()
    held = await scene.agreed()
    with pytest.raises(CrashError):
        await web.follow_up(held)
    await scene.until_answered()
    row = await scene.until_over(worker, held)
    await scene.assert_right(held, row)
    assert worker.bell.rung == []
    assert row["outcome"] == "approved", "nothing was lost that could not be found here"


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("point", points(OWNER))
async def test_the_owner_of_the_link_dies(scene: Scene, point: str) -> None:
    # The sign-on is sent first.
    first, worker = scene.process(point, after=1 if "send" in point else 0), scene.process()
    first.keep()
    await scene.bank.host.until(lambda: bool(scene.bank.host.purposes))
    held = await scene.agreed()
    looking = asyncio.create_task(worker.follow_up(held))
    await scene.until_set(first.life.ended)
    await scene.pass_lease()
    worker.keep()
    await looking
    await scene.assert_right(held, await scene.until_over(worker, held))


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("point", points(REVERSER))
async def test_somebody_dies_while_taking_back(scene: Scene, point: str) -> None:
    """The answer was lost; one process both asks and keeps the link, and then the other does."""
    scene.bank.loses_answers = 1
    before = scene.process()
    before.keep()
    held = await scene.agreed()
    await before.follow_up(held)
    await before.end()
    first, worker = scene.process(point, after=1 if "send" in point else 0), scene.process()
    first.keep()
    await scene.bank.host.until(lambda: scene.bank.host.purposes.count("001") == 2)
    with suppress(CrashError):
        await first.follow_up(await scene.till.leased(held))
    if first.life.is_over:
        await scene.pass_lease()
    worker.keep()
    row = await scene.until_over(worker, held)
    await scene.assert_right(held, row)
    assert row["outcome"] == "never_paid"


@pytest.mark.usefixtures("hurried")
async def test_a_requester_that_was_stopped_hands_nothing_over_once_its_try_was_taken_over(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGSTOP between its durable word and the row; another process looks meanwhile, and sends by itself."""
    worker, web = scene.process(), scene.process()
    worker.keep()
    held = await scene.agreed()
    usual, may_go, has_come = web.hosts.messages.hand_over, asyncio.Event(), asyncio.Event()

    async def stopped(*values: Any) -> Any:  # noqa: ANN401 - as it is
        has_come.set()
        await may_go.wait()
        return await usual(*values)

    monkeypatch.setattr(web.hosts.messages, "hand_over", stopped)
    looking = asyncio.create_task(web.follow_up(held))
    await scene.until_set(has_come)
    row = await scene.until_over(worker, held)
    assert row["outcome"] == "approved"
    may_go.set()
    assert await looking is None
    assert len(scene.bank.host.of("0200")) == 1
    await scene.assert_right(held, row)


async def test_an_owner_that_was_stopped_writes_nothing_once_its_request_was_taken_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGSTOP between taking the row and the write: the host confirms that it knows nothing of it."""
    # Here a lease has to run out by itself: the owner has to know that it did.
    monkeypatch.setattr(link_owner, "LEASE_SECONDS", 4.0)
    monkeypatch.setattr(link_owner, "RENEW_SECONDS", 0.1)
    first, worker = scene.process(), scene.process()
    first.keep()
    await scene.bank.host.until(lambda: bool(scene.bank.host.purposes))
    usual, may_go, has_come = first.hosts.links.take, asyncio.Event(), asyncio.Event()

    async def stopped(*values: Any) -> Any:  # noqa: ANN401 - as it is
        taken = await usual(*values)
        if taken:
            has_come.set()
            await may_go.wait()
        return taken

    monkeypatch.setattr(first.hosts.links, "take", stopped)
    renew = first.hosts.links.renew

    async def late(*values: Any) -> bool:  # noqa: ANN401 - as it is
        if has_come.is_set():
            await may_go.wait()
        return await renew(*values)

    monkeypatch.setattr(first.hosts.links, "renew", late)
    held = await scene.agreed()
    looking = asyncio.create_task(worker.follow_up(held))
    await scene.until_set(has_come)
    worker.keep()
    await looking
    row = await scene.until_over(worker, held)
    assert row["outcome"] == "never_paid"
    may_go.set()
    await asyncio.sleep(0.3)
    assert scene.bank.host.of("0200") == []
    await scene.assert_right(held, row)
