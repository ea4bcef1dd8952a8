"""Waiting for what other tasks of the same loop do: for a condition, never for a time."""

import asyncio
from collections.abc import Callable


async def until(is_so: Callable[[], bool]) -> None:
    """Return once it is so; fails after ten seconds."""
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - what the fakes do, they tell nobody
            await asyncio.sleep(0)
