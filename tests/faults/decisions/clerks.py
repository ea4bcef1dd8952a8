"""Processes of the desk of two persons: each does one act after another, and dies where it is told to.

They are forked from a process that has imported everything, so that hundreds can be killed in seconds.
"""

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any
from unittest import mock

from ekpay_switch.config_files.journal import read_journal_chart
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.persistence.decisions.desk import PostgresDecisionDesk
from ekpay_switch.persistence.engine import Database
from ekpay_switch.persistence.short_transactions import ShortTransactions, TransactionLimits
from ekpay_switch.ports.decisions import ProposalView
from tests.persistence.decisions.decision_setup import BILLERS

ROOT = Path(__file__).parents[3]
PATIENCE_SECONDS = 300
STATEMENTS = ("execute", "fetch", "fetchrow", "fetchval")
NEVER = ("never", 0)
BEFORE_COMMIT, DURING_COMMIT, AFTER_COMMIT = "before COMMIT", "during COMMIT", "after COMMIT"
# Where a process dies: before a statement, or around a COMMIT, each by its number.
Place = tuple[str, int]
_FORKS = multiprocessing.get_context("forkserver")


@dataclass(frozen=True, slots=True)
class Act:
    """One call of the desk, and where the process that makes it is killed."""

    method: str
    arguments: tuple[Any, ...]
    dies: Place = NEVER


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an act: the proposal, or the name of the refusal.

    It took so many statements and transactions, of which so many were begun again.
    """

    view: ProposalView | None
    refusal: str
    statements: int
    transactions: int
    repeats: int

    @property
    def state(self) -> str:
        """The state of the proposal, or the name of the refusal."""
        return self.refusal if self.view is None else str(self.view.state)


@dataclass(slots=True)
class Death:
    """SIGKILL at one place of an act: nothing is flushed, closed or rolled back by us."""

    place: Place = NEVER
    reached: dict[str, int] = field(default_factory=dict)

    def at(self, kind: str) -> None:
        """Say that a place of this kind is reached."""
        if self.strikes(kind):
            die()

    def strikes(self, kind: str) -> bool:
        self.reached[kind] = self.reached.get(kind, 0) + 1
        return self.place == (kind, self.reached[kind])


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Mortal:
    """An asyncpg connection whose process may die before each statement and around each outermost COMMIT."""

    def __init__(self, connection: Any, death: Death) -> None:  # noqa: ANN401 - the driver's
        self._connection = connection
        self._death = death

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the real one has
        found = getattr(self._connection, name)
        return self._counted(found) if name in STATEMENTS else found

    def _counted(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def counted(query: str, *values: object) -> Any:  # noqa: ANN401 - the real one's answer
            self._death.at("statement")
            return await call(query, *values)

        return counted

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        if self._connection.is_in_transaction():
            async with self._connection.transaction():
                yield
            return
        self._death.reached["begun"] = self._death.reached.get("begun", 0) + 1
        transaction = self._connection.transaction()
        await transaction.start()
        try:
            yield
        except BaseException:
            await transaction.rollback()
            raise
        self._death.at(BEFORE_COMMIT)
        if self._death.strikes(DURING_COMMIT):
            on_its_way = asyncio.ensure_future(transaction.commit())
            await asyncio.sleep(0)
            die()
            await on_its_way
        await transaction.commit()
        self._death.at(AFTER_COMMIT)


async def _mortal(database: Database, death: Death) -> Any:  # noqa: ANN401 - stands in for asyncpg's
    return Mortal(await database.connect(), death)


def serve(database: Database, pipe: Pipe) -> None:
    """One process: acts come in, what came of them goes out, until the pipe is closed."""
    chart, death = read_journal_chart(ROOT / "config/journal.toml"), Death()
    with asyncio.Runner() as runner:
        transactions = ShortTransactions(partial(_mortal, database, death), TransactionLimits(1))
        desk = PostgresDecisionDesk(transactions, BILLERS, chart)
        try:
            while True:
                pipe.send(runner.run(_done(desk, death, pipe.recv())))
        except EOFError:
            runner.run(transactions.close())


async def _done(desk: PostgresDecisionDesk, death: Death, act: Act) -> Done:
    death.place, death.reached = act.dies, {}
    view, refusal = None, ""
    try:
        view = await getattr(desk, act.method)(*act.arguments)
    except SwitchError as problem:
        refusal = type(problem).__name__
    begun, ended = death.reached.get("begun", 0), death.reached.get(BEFORE_COMMIT, 0)
    repeats = begun - ended - (view is None)
    return Done(view, refusal, death.reached.get("statement", 0), ended, repeats)


class Clerk:
    """A process at the desk, from the test's side."""

    def __init__(self, database: Database) -> None:
        _FORKS.set_forkserver_preload([__name__])
        self._pipe, theirs = _FORKS.Pipe()
        self._process = _FORKS.Process(target=serve, args=(database, theirs), daemon=True)
        # Each process would import the program that it was started from: all of pytest.
        with mock.patch.object(sys.modules["__main__"], "__file__", None, create=True):
            self._process.start()
        theirs.close()

    async def ask(self, method: str, *arguments: object) -> Done:
        """Do one act; a refusal is an answer."""
        self._pipe.send(Act(method, arguments))
        return await asyncio.to_thread(self._answer)

    async def dies_in(self, place: Place, method: str, *arguments: object) -> None:
        """Begin one act and be killed in it."""
        self._pipe.send(Act(method, arguments, place))
        # How it ended is read once, and by this thread: whoever starts another process reads it as well.
        await asyncio.to_thread(wait, [self._process.sentinel], PATIENCE_SECONDS)
        self._process.join(PATIENCE_SECONDS)
        assert self._process.exitcode == -signal.SIGKILL, (place, self._process.exitcode)

    def close(self) -> None:
        """End the process, if it still runs."""
        self._pipe.close()
        self._process.join(PATIENCE_SECONDS)

    def _answer(self) -> Done:
        assert self._pipe.poll(PATIENCE_SECONDS), "the process does not answer"
        done: Done = self._pipe.recv()
        return done


@contextmanager
def clerks(database: Database, count: int) -> Iterator[list[Clerk]]:
    """So many processes at the desk of one database."""
    working = [Clerk(database) for _ in range(count)]
    try:
        yield working
    finally:
        for clerk in working:
            clerk.close()


async def killed(database: Database, place: Place, method: str, *arguments: object) -> None:
    """Let a process of its own begin an act and be killed in it."""
    clerk = Clerk(database)
    try:
        await clerk.dies_in(place, method, *arguments)
    finally:
        clerk.close()


def places(done: Done) -> list[Place]:
    """Every place at which the process that did this act could have died."""
    around = (BEFORE_COMMIT, DURING_COMMIT, AFTER_COMMIT)
    commits = [(kind, number) for number in range(1, done.transactions + 1) for kind in around]
    return [*(("statement", number) for number in range(1, done.statements + 1)), *commits]
