"""File descriptors of a process: how many connections may have, and whether any is left.

Where none is left uvloop takes a connection and drops it without a word, so nothing would ever be logged.
"""

import asyncio
import errno
import os
import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ekpay_switch import trouble

# For the database, the billers, log and files: a quarter of all, and of a small limit these many.
KEPT_SHARE, KEPT_MIN = 4, 64
CONNECTIONS_MIN = 16
WATCH_SECONDS = 1.0
_SPENT = frozenset({errno.EMFILE, errno.ENFILE})


def connections_max() -> int:
    """How many connections callers may have, so that we keep descriptors of our own."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        limit = 1_000_000
    return max(limit - max(limit // KEPT_SHARE, KEPT_MIN), CONNECTIONS_MIN)


def look_for_a_descriptor() -> None:
    """Open one and close it; notes where that fails, and where it works again."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        if error.errno in _SPENT:
            trouble.DESCRIPTORS.note("no descriptor is left")
    else:
        if trouble.are_connections_few():
            trouble.DESCRIPTORS.clear()


@asynccontextmanager
async def descriptors_watched() -> AsyncIterator[None]:
    """Look once in `WATCH_SECONDS` while a process serves."""

    async def watch() -> None:
        while True:
            look_for_a_descriptor()
            await asyncio.sleep(WATCH_SECONDS)

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
