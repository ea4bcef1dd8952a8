"""Commands of the switch that a demo runs side by side."""

import asyncio

import pytest

from sandbox.rehearsals.installation.ekpay_command import CommandFailedError, run_few_at_once


async def test_a_few_run_at_once_and_all_of_them_in_the_end() -> None:
    running: set[int] = set()
    crowds, done = [], []

    async def run(item: int) -> None:
        running.add(item)
        crowds.append(len(running))
        await asyncio.sleep(0)
        running.remove(item)
        done.append(item)

    await run_few_at_once(run, range(10))
    assert sorted(done) == list(range(10))
    assert max(crowds) == 4


async def test_one_that_fails_ends_the_others() -> None:
    async def run(item: int) -> None:
        if item == 1:
            raise CommandFailedError("refused")
        await asyncio.sleep(600)

    with pytest.raises(ExceptionGroup) as failed:
        await run_few_at_once(run, range(10))
    assert [str(one) for one in failed.value.exceptions] == ["refused"]
