"""Keeping links beside other work: each link's trouble is its own, and all end when they are told to."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ekpay_switch.jobs import host_links
from ekpay_switch.jobs.host_links import keep_host_links, run_host_links
from tests.fakes.connectors import FakeConnector
from tests.fakes.world import SmallWorld

Keep = Callable[[asyncio.Event], Awaitable[None]]


class Keeper(FakeConnector):
    """A connector with a link; what keeping it comes to is the test's to say."""

    keeps: Keep

    async def keep_link(self, stop: asyncio.Event) -> None:
        await self.keeps(stop)


def a_keeper(keeps: Keep) -> Keeper:
    small = SmallWorld()
    keeper = Keeper(small.clock, small.steps)
    keeper.keeps = keeps
    return keeper


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_links, "AGAIN_SECONDS", 0.01)


async def test_who_keeps_no_link_is_left_alone() -> None:
    """It ends at once, though nobody has told it to stop."""
    connector, stop = SmallWorld().connector, asyncio.Event()
    async with asyncio.timeout(60):
        await run_host_links([connector], stop)
    assert (connector.asked, stop.is_set()) == ({}, False)


async def test_a_link_whose_keeping_fails_is_kept_again_and_the_others_are_not_touched() -> None:
    kept: list[str] = []
    are_up = asyncio.Event()

    async def fails_twice(stop: asyncio.Event) -> None:
        kept.append("sick")
        if kept.count("sick") < 3:
            raise ConnectionError
        are_up.set()
        await stop.wait()

    async def keeps(stop: asyncio.Event) -> None:
        kept.append("well")
        await stop.wait()

    async with asyncio.timeout(60), keep_host_links([a_keeper(fails_twice), a_keeper(keeps)]):
        await are_up.wait()
    assert sorted(kept) == ["sick", "sick", "sick", "well"]


async def test_there_is_nothing_to_keep_again_once_it_ended_by_itself() -> None:
    kept: list[int] = []

    async def without_keys(stop: asyncio.Event) -> None:
        del stop
        kept.append(1)

    async with asyncio.timeout(60):
        await run_host_links([a_keeper(without_keys)], asyncio.Event())
    assert kept == [1]


async def test_on_the_way_out_links_are_told_to_end_and_waited_for() -> None:
    ended: list[str] = []

    began = asyncio.Event()

    async def signs_off(stop: asyncio.Event) -> None:
        began.set()
        await stop.wait()
        await asyncio.sleep(0.02)
        ended.append("signed off")

    async def broken_work() -> None:
        async with keep_host_links([a_keeper(signs_off)]):
            await began.wait()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await broken_work()
    assert ended == ["signed off"]


async def test_one_that_does_not_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_links, "LEAVE_SECONDS", 0.05)

    began = asyncio.Event()

    async def hangs(stop: asyncio.Event) -> None:
        del stop
        began.set()
        await asyncio.Event().wait()

    async with asyncio.timeout(60), keep_host_links([a_keeper(hangs)]):
        await began.wait()


async def test_a_failure_after_being_told_to_stop_is_not_tried_again() -> None:
    kept: list[int] = []

    began = asyncio.Event()

    async def fails(stop: asyncio.Event) -> None:
        began.set()
        await stop.wait()
        kept.append(1)
        raise ConnectionError

    async with asyncio.timeout(60), keep_host_links([a_keeper(fails)]):
        await began.wait()
    assert kept == [1]
