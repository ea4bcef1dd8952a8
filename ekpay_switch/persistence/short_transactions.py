"""Short transactions beside the group commit, over a few asyncpg connections.

This is not the hot path, but it posts through the same batch writer, so it uses asyncpg. Each piece of work
is idempotent: after a COMMIT that was not acknowledged it is simply repeated.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import asyncpg

from ekpay_switch import telemetry, trouble
from ekpay_switch.domain.errors import CommitUnknownError, DatabaseRefusesError, OverloadedError
from ekpay_switch.domain.ledger.entries import kind_of
from ekpay_switch.persistence.engine import REFUSES, refusal_reason
from ekpay_switch.persistence.group_commit.committer import CONNECTION_LOST, NEW_ACCOUNTS, RETRYABLE

T = TypeVar("T")
# The driver does not type its methods.
Connection = Any
Connect = Callable[[], Awaitable[Connection]]
Work = Callable[[Connection], Awaitable[T]]

_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class TransactionLimits:
    """The number of connections, and for how many seconds work waits for one or is repeated."""

    connections: int = 8
    patience_seconds: float = 8.0


class ShortTransactions:
    """Runs work in transactions, each on a connection of its own."""

    def __init__(self, connect: Connect, limits: TransactionLimits | None = None) -> None:
        self._connect = connect
        self._limits = limits or TransactionLimits()
        self._slots = asyncio.Semaphore(self._limits.connections)
        self._idle: list[Connection] = []
        self._known_accounts: set[str] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def run(self, work: Work[T], accounts: Iterable[str] = ()) -> T:
        """Do `work` in one transaction and return once it is durable; `accounts` get their rows before it.

        Raises:
            OverloadedError: no connection became free, or the database cannot write; nothing was done.
            CommitUnknownError: the database was lost, or locks were not granted, for too long; or it was lost
                and refuses to write now.
        """
        give_up_at = time.monotonic() + self._limits.patience_seconds
        was_lost = False
        while True:
            try:
                async with self._borrow() as connection:
                    await self._add_accounts(connection, accounts)
                    async with connection.transaction():
                        return await work(connection)
            except RETRYABLE as error:
                telemetry.log_warning("transaction_repeated", error=error)
                _give_up_after(give_up_at, error)
            except REFUSES as error:
                trouble.count_database_refusal(refusal_reason(error))
                # What was lost before may have been a COMMIT that stands.
                raise (CommitUnknownError if was_lost else DatabaseRefusesError) from error
            except CONNECTION_LOST as error:
                was_lost = True
                telemetry.log_warning("database_lost", error=error)
                _give_up_after(give_up_at, error)
                await asyncio.sleep(_PAUSE_SECONDS)

    async def close(self) -> None:
        """Close the idle connections."""
        while self._idle:
            await self._idle.pop().close()

    @asynccontextmanager
    async def _borrow(self) -> AsyncIterator[Connection]:
        """Borrow a connection; after an unexpected error it is closed."""
        try:
            async with asyncio.timeout(self._limits.patience_seconds):
                await self._slots.acquire()
        except TimeoutError as error:
            raise OverloadedError from error
        try:
            connection = await self._open_connection()
            try:
                yield connection
            except RETRYABLE:
                self._idle.append(connection)
                raise
            except BaseException:
                with contextlib.suppress(*CONNECTION_LOST):
                    connection.terminate()
                raise
            self._idle.append(connection)
        finally:
            self._slots.release()

    async def _open_connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        try:
            return await self._connect()
        except asyncpg.PostgresError as error:
            raise ConnectionError(str(error)) from error

    async def _add_accounts(self, connection: Connection, accounts: Iterable[str]) -> None:
        """Add account rows outside the transaction, which would lock them until its end."""
        missing = sorted(set(accounts) - self._known_accounts)
        if missing:
            await connection.execute(NEW_ACCOUNTS, missing, [str(kind_of(code)) for code in missing])
            self._known_accounts.update(missing)


def _give_up_after(give_up_at: float, error: Exception) -> None:
    if time.monotonic() > give_up_at:
        raise CommitUnknownError from error
