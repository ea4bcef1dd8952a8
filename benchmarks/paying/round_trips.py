"""SQL round trips a payment: messages after which the switch waits for PostgreSQL ÷ payments.

All connections of the switch and of a worker beside it go through a counting relay
(`benchmarks.paying.sql_relay`). The relay delays answers a little, so that batches grow and the count
shrinks: no rate is measured in these turns, and their batch size is reported for comparison with the main
turn.
"""

import argparse
import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from rich.console import Console
from rich.table import Table

from benchmarks.kit import open_loop
from benchmarks.kit.bench_part import run_alone
from benchmarks.kit.load import Load
from benchmarks.kit.payment_counts import Books, BooksError, check_against_books
from benchmarks.kit.stage import (
    STOP_SECONDS,
    Stage,
    StageError,
    Staging,
    ekpay_command,
    environment,
    open_stage,
)
from benchmarks.kit.turns import Turns
from benchmarks.paying.sql_relay import GROUP_COMMIT, SOCKET, WORKER, SqlRelay, Tally, open_sql_relay
from ekpay_switch.persistence.engine import Database

AIM_ROUND_TRIPS = 3.0
PARTNERS = 16
ACCOUNTS = 1_000_000
CONNECTIONS = 128
_FETCH_RATE_MAX = 5_000.0
_WARM_UP_SECONDS = 2
# More than one turn will reach, so that wrk does not run dry; unused messages wait for the next turn.
_MARGIN = 1.6
_IDLE_SECONDS = 4
_ALONE_PER_SECOND = 5
_AGREE = 0.02
_STATEMENTS_LISTED = 24


@dataclass(frozen=True, slots=True)
class CountedTurn:
    """The round trips of one turn; `done` are payments or fetches counted in the database."""

    done: int
    tally: Tally
    batch_size: float

    @property
    def each(self) -> float:
        """Round trips for one payment or fetch."""
        return self.tally.round_trips / self.done

    @property
    def each_batch(self) -> float:
        """Round trips for one batch of the group commit, of payments: each takes two steps."""
        return self.tally.of(GROUP_COMMIT) * self.batch_size / (2 * self.done)


@dataclass(frozen=True, slots=True)
class RoundTripsResult:
    """Turns of paying and of fetching, single payments, and the round trips of an idle switch.

    Turns include the worker. `idle` are round trips a second of the switch and of the worker; `alone` are
    those of the switch for a single payment, without the worker, whose jobs run by the clock.
    """

    pays: tuple[CountedTurn, ...]
    fetches: tuple[CountedTurn, ...]
    alone: float
    idle: tuple[float, float]
    audit: str

    @property
    def each(self) -> float:
        """Round trips a payment, the median of the turns."""
        return median(turn.each for turn in self.pays)

    def figures(self) -> dict[str, Any]:
        """The flat figure, and its parts."""
        payments = sum(turn.done for turn in self.pays)
        return {
            "round_trips_per_payment": round(self.each, 3),
            "round_trips": {
                "aim": AIM_ROUND_TRIPS,
                "per_payment_by_turn": [round(turn.each, 3) for turn in self.pays],
                "payments": payments,
                "group_commit_per_payment": self._round_trips_of(GROUP_COMMIT),
                "worker_per_payment": self._round_trips_of(WORKER),
                "turns_of_conversation_per_payment": round(
                    sum(turn.tally.turns for turn in self.pays) / payments, 3
                ),
                "per_batch": round(median(turn.each_batch for turn in self.pays), 2),
                "batch_size": round(median(turn.batch_size for turn in self.pays), 1),
                "per_fetch": round(median(turn.each for turn in self.fetches), 3),
                "payment_alone": round(self.alone, 1),
                "idle_per_second": {
                    "switch": round(self.idle[0], 1),
                    "worker": round(self.idle[1], 1),
                },
                "by_statement": {
                    f"{group}: {statement}": each for group, statement, each in self.by_statement()
                },
                "audit": self.audit,
            },
        }

    def _round_trips_of(self, group: str) -> float:
        """Round trips a payment on one group of connections."""
        return round(sum(t.tally.of(group) for t in self.pays) / sum(t.done for t in self.pays), 3)

    def by_statement(self) -> list[tuple[str, str, float]]:
        """Group of connections, beginning of the statement and round trips a payment, most first."""
        kinds: Counter[tuple[str, str]] = sum((turn.tally.kinds for turn in self.pays), Counter())
        payments = sum(turn.done for turn in self.pays)
        return [(*named, round(count / payments, 4)) for named, count in kinds.most_common()]

    def show(self, console: Console) -> None:
        """Print the round trips of a payment as a table."""
        sizes = ", ".join(f"{turn.batch_size:.0f}" for turn in self.pays)
        table = Table(title=f"SQL round trips a payment (batches of {sizes} steps)", title_justify="left")
        table.add_column("connections", no_wrap=True)
        table.add_column("statement", no_wrap=True, overflow="ellipsis")
        table.add_column("each", justify="right")
        for group, statement, each in self.by_statement()[:_STATEMENTS_LISTED]:
            table.add_row(group, statement, f"{each:.4f}")
        table.add_section()
        aim = f"a payment, {CONNECTIONS} at once (aim: at most {AIM_ROUND_TRIPS:g})"
        table.add_row("all", aim, f"{self.each:.3f}")
        table.add_row("all", f"a fetch, {CONNECTIONS} at once", f"{median(t.each for t in self.fetches):.3f}")
        table.add_row("switch", "a payment by itself", f"{self.alone:.1f}")
        for group, idle in zip(("switch", WORKER), self.idle, strict=True):
            table.add_row(group, "a second in which nothing is asked", f"{idle:.1f}")
        console.print(table)
        console.print(f"audit: {self.audit}", markup=False, highlight=False)


async def measure(rounds: int = 2, seconds: int = 5) -> RoundTripsResult:
    """Fetch and pay in turns through the relay, then pay one at a time.

    Raises:
        StageError, RelayError, LoadError, OpenLoopError: something did not start, or the load failed.
        BooksError: the database does not confirm the load, or two ways of counting differ.
    """
    async with _relayed_stage() as (stage, relay):
        counting = _Counting(stage, relay)
        turns = Turns(stage, Load(1, CONNECTIONS))
        await turns.fetch(2 * _WARM_UP_SECONDS, _FETCH_RATE_MAX)
        rate = (await turns.pay(_WARM_UP_SECONDS)).rate
        await stage.connection.execute("ANALYZE")
        pays, fetches = [], []
        for _ in range(rounds):
            fetches.append(await counting.fetch(turns, seconds))
            while len(turns.payments) < rate * seconds * _MARGIN:
                fetches.append(await counting.fetch(turns, seconds))
            pays.append(await counting.pay(turns, seconds))
        idle = await counting.idle()
        alone = await counting.alone(turns, idle[0])
        return RoundTripsResult(tuple(pays), tuple(fetches), alone, idle, await stage.audit())


class _Counting:
    """Takes turns between two readings of the relay."""

    def __init__(self, stage: Stage, relay: SqlRelay) -> None:
        self._stage = stage
        self._relay = relay
        self._books = Books(stage.connection)

    async def fetch(self, turns: Turns, seconds: int) -> CountedTurn:
        before, books = await self._relay.tally(), await self._books.settled_counts()
        turn = await turns.fetch(seconds, _FETCH_RATE_MAX)
        tally = (await self._relay.tally()).since(before)
        return CountedTurn((await self._books.settled_counts()).quotes - books.quotes, tally, turn.batch_size)

    async def pay(self, turns: Turns, seconds: int) -> CountedTurn:
        before, books = await self._relay.tally(), await self._books.settled_counts()
        turn = await turns.pay(seconds)
        tally = (await self._relay.tally()).since(before)
        done = (await self._books.settled_counts()).completed - books.completed
        _check_agreement(tally)
        return CountedTurn(done, tally, turn.batch_size)

    async def idle(self) -> tuple[float, float]:
        """Round trips a second without payments, of the switch and of the worker."""
        before = await self._relay.tally()
        await asyncio.sleep(_IDLE_SECONDS)
        tally = (await self._relay.tally()).since(before)
        return _of_switch(tally) / _IDLE_SECONDS, tally.of(WORKER) / _IDLE_SECONDS

    async def alone(self, turns: Turns, idle: float) -> float:
        """Round trips of a single payment, less those of an idle switch."""
        instants = open_loop.steady_instants(_ALONE_PER_SECOND, _IDLE_SECONDS)
        bodies, turns.payments = turns.payments[: len(instants)], turns.payments[len(instants) :]
        loop, books = asyncio.get_running_loop(), await self._books.settled_counts()
        before, start = await self._relay.tally(), loop.time()
        observed = await open_loop.offer_load(open_loop.switch_target(self._stage), instants, bodies)
        tally, spent = (await self._relay.tally()).since(before), loop.time() - start
        done = (await self._books.settled_counts()).completed - books.completed
        check_against_books("alone", len(instants) - observed.failed_count, done, len(instants))
        return (_of_switch(tally) - idle * spent) / done


def _of_switch(tally: Tally) -> int:
    return tally.round_trips - tally.of(WORKER)


def _check_agreement(tally: Tally) -> None:
    """Refuse a count that the conversation's turns do not confirm: a message was misread.

    Raises:
        BooksError: they differ by more than connection starts and pipelining explain.
    """
    if abs(tally.turns - tally.round_trips) > _AGREE * tally.round_trips:
        raise BooksError(f"{tally.round_trips} round trips were read, but {tally.turns} turns were taken")


@asynccontextmanager
async def _relayed_stage() -> AsyncIterator[tuple[Stage, SqlRelay]]:
    """A stage whose switch alone reaches PostgreSQL through the relay."""
    environ: dict[str, str] = {}
    relays: list[SqlRelay] = []
    async with AsyncExitStack() as opened:
        folder = Path(opened.enter_context(TemporaryDirectory(prefix="ekpay-relay-")))

        async def before(database: Database) -> None:
            url = database.url("app")
            relays.append(await opened.enter_async_context(open_sql_relay(folder, far_socket(url))))
            environ["EKPAY_DATABASE_URL"] = relayed_url(url, folder)

        staging = Staging(prepare_database=before, environ=environ)
        stage = await opened.enter_async_context(open_stage(PARTNERS, ACCOUNTS, staging))
        opened.enter_context(_worker(stage))
        yield stage, relays[0]


@contextmanager
def _worker(stage: Stage) -> Iterator[None]:
    """A worker beside the switch; the relay knows it by its application name."""
    url = f"{stage.environ['EKPAY_DATABASE_URL']}&application_name={WORKER}"
    environ = environment(stage.home_folder, **(dict(stage.environ) | {"EKPAY_DATABASE_URL": url}))
    with (
        (stage.home_folder / "worker.log").open("wb") as log,
        subprocess.Popen(ekpay_command("worker"), env=environ, stderr=log) as process,  # noqa: S603 - our own command
    ):
        try:
            yield
            if process.poll() is not None:
                raise StageError(f"the worker ended by itself with exit {process.returncode}")
        finally:
            process.terminate()
            process.wait(STOP_SECONDS)


def far_socket(url: str) -> Path:
    """The socket file of a server whose URL names the socket's folder."""
    query = parse_qs(urlsplit(url).query)
    return Path(query["host"][0]) / f".s.PGSQL.{query['port'][0]}"


def relayed_url(url: str, folder: Path) -> str:
    """The same URL, through the relay in this folder."""
    port = SOCKET.rpartition(".")[2]
    return urlsplit(url)._replace(query=f"host={quote(str(folder))}&port={port}").geturl()


def main() -> int:
    """Count alone; 0 if the audit holds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paying.round_trips", description=__doc__)
    parser.add_argument("--rounds", type=int, default=2, help="how often each side takes its turn")
    parser.add_argument("--seconds", type=int, default=5, help="length of a turn")
    arguments = parser.parse_args()
    return run_alone("round_trips", measure(arguments.rounds, arguments.seconds))


if __name__ == "__main__":
    sys.exit(main())
