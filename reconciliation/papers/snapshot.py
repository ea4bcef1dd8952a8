"""One snapshot of the database for everything that a paper says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ekpay_switch.ports.finance import Connection, Finance

# A paper reads whole months; the guards of payments would cut it short. It writes nothing and locks nothing.
_NO_LIMITS = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"


@asynccontextmanager
async def read_snapshot(finance: Finance) -> AsyncIterator[Connection]:
    """A connection that reads one snapshot, however long that takes, and can write nothing."""
    connection = await finance.connect()
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.execute(_NO_LIMITS)
            yield connection
    finally:
        await connection.close()
