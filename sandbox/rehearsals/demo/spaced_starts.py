"""Starting many pieces of work one by one, some of them at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

Order = TypeVar("Order")


async def start_spaced(
    orders: Sequence[Order],
    carry_out: Callable[[Order], Awaitable[None]],
    *,
    at_once: int,
    every_seconds: float,
) -> None:
    """Carry out the orders, one begun every so many seconds and at most `at_once` open; return with the last.

    What `carry_out` raises ends all others.
    """
    places = asyncio.Semaphore(at_once)

    async def begin(order: Order) -> None:
        try:
            await carry_out(order)
        finally:
            places.release()

    async with asyncio.TaskGroup() as work:
        for order in orders:
            await places.acquire()
            work.create_task(begin(order))
            await asyncio.sleep(every_seconds)
