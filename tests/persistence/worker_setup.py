"""A whole worker over a test's own books, whose chores begin with its first round."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ekpay_switch.composition.worker import run_worker
from ekpay_switch.settings import Settings
from tests.persistence.books import Books

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="  # 32 bytes that open nothing
WAIT_SECONDS = 60


@asynccontextmanager
async def a_worker(books: Books, home: Path, config: Path | None = None) -> AsyncIterator[None]:
    """The worker, with the configuration of this repository unless there is another; stopped at the end."""
    settings = Settings(home=home, master_key=KEY, time_divisor=10, worker_operations_port=0)
    if config is not None:
        settings = settings.model_copy(update={"config": config})
    stop = asyncio.Event()
    worker = asyncio.create_task(run_worker(settings, books.database, stop))
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            yield
    finally:
        stop.set()
        await worker
