"""A relay between the switch and PostgreSQL that counts round trips by parsing the frontend's messages.

A round trip is a message after which the frontend waits for the database: Sync, which ends a prepared
statement, and Query, which is a simple one. The turns of the conversation are counted as well, without
parsing: bytes of the frontend after bytes of the server. The two counts must agree. A process of its own,
`python -m benchmarks.paying.sql_relay FOLDER FAR-SOCKET`; it answers each input line with all counts so far,
as one line of JSON, and ends with its input.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import orjson
import uvloop
from typing_extensions import override

from benchmarks.kit.errors import BenchError

_REPOSITORY = Path(__file__).resolve().parents[2]
SOCKET = ".s.PGSQL.5432"
GROUP_COMMIT, OTHER_CONNECTIONS, WORKER = "group commit", "others", "worker"
# By the startup message: the group commit sets its plan cache mode (persistence/engine.py), the worker has an
# application name in its URL.
_MARKS = {f"application_name\0{WORKER}\0".encode(): WORKER, b"plan_cache_mode\0": GROUP_COMMIT}
_UNTYPED_AGAIN = frozenset({80_877_103, 80_877_104})  # requests for TLS and for GSSAPI
_LABEL_LENGTH = 48
_HEADER = 5
_LENGTH = 4
_STARTED = "ready\n"


class RelayError(BenchError):
    """The relay did not start, or it ended."""


@dataclass
class Tally:
    """Round trips by kind of message and by statement, and turns of the conversation."""

    syncs: int = 0
    queries: int = 0
    turns: int = 0
    connections: int = 0
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def round_trips(self) -> int:
        """Every message after which a frontend waited."""
        return self.syncs + self.queries

    def of(self, group: str) -> int:
        """The round trips of one group of connections."""
        return sum(count for (connection_group, _), count in self.kinds.items() if connection_group == group)

    def since(self, before: "Tally") -> "Tally":
        """The difference to an earlier tally."""
        return Tally(
            self.syncs - before.syncs,
            self.queries - before.queries,
            self.turns - before.turns,
            self.connections - before.connections,
            self.kinds - before.kinds,
        )


def statement_label(statement: str) -> str:
    """The beginning of a statement, enough to recognise it."""
    words = " ".join(statement.split())
    return words.rstrip(";") or words if len(words) <= _LABEL_LENGTH else f"{words[:_LABEL_LENGTH]}…"


class Frontend:
    """Parses what one connection of a frontend sends, chunk by chunk."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._group = OTHER_CONNECTIONS
        self._rest = bytearray()
        self._is_started = False
        self._statements: dict[bytes, str] = {}
        self._parsed = ""
        self._bound = ""

    def feed(self, chunk: bytes) -> None:
        """Count the complete messages; the rest waits for its next chunk."""
        self._rest += chunk
        at = 0
        while size := self._size(at):
            message = bytes(self._rest[at : at + size])
            at += size
            if self._is_started:
                self._count_message(message[:1], message[_HEADER:])
            else:
                self._start(message)
        del self._rest[:at]

    def _size(self, at: int) -> int:
        """The length of the message at this place, 0 if it is not whole."""
        typed = 1 if self._is_started else 0  # the first message has no letter
        if len(self._rest) < at + typed + _LENGTH:
            return 0
        size = typed + int.from_bytes(self._rest[at + typed : at + typed + _LENGTH])
        return size if len(self._rest) >= at + size else 0

    def _start(self, message: bytes) -> None:
        self._is_started = int.from_bytes(message[4:8]) not in _UNTYPED_AGAIN
        self._group = next((group for mark, group in _MARKS.items() if mark in message), OTHER_CONNECTIONS)

    def _count_message(self, letter: bytes, content: bytes) -> None:
        if letter == b"P":
            name, text, *_ = content.split(b"\0", 2)
            self._parsed = self._statements[name] = statement_label(text.decode(errors="replace"))
        elif letter == b"B":
            _, name, *_ = content.split(b"\0", 2)
            self._bound = self._statements.get(name, "?")
        elif letter == b"S":
            self._tally.syncs += 1
            self._count(self._bound or (f"prepare {self._parsed}" if self._parsed else "close a statement"))
        elif letter == b"Q":
            self._tally.queries += 1
            self._count(statement_label(content.rstrip(b"\0").decode(errors="replace")))

    def _count(self, statement: str) -> None:
        self._tally.kinds[self._group, statement] += 1
        self._parsed = self._bound = ""


# ---- the relay process -----------------------------------------------------------------------------------


class _Server(asyncio.Protocol):
    """The side towards PostgreSQL."""

    def __init__(self, near: "_Switch") -> None:
        self._near = near

    @override
    def data_received(self, data: bytes) -> None:
        self._near.was_heard = True
        self._near.link.write(data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._near.link.close()


class _Switch(asyncio.Protocol):
    """The side towards the switch: one connection, passed on to one of its own."""

    link: asyncio.Transport

    def __init__(self, far_socket: str, tally: Tally) -> None:
        self._far_socket = far_socket
        self._tally = tally
        self._frontend = Frontend(tally)
        self._far: asyncio.WriteTransport | None = None
        self._task: asyncio.Task[None] | None = None
        self._early = bytearray()
        self.was_heard = True

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._tally.connections += 1
        self.link = cast("asyncio.Transport", transport)
        self._task = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            loop = asyncio.get_running_loop()
            self._far, _ = await loop.create_unix_connection(lambda: _Server(self), self._far_socket)
        except OSError:
            self.link.close()
            return
        self._far.write(bytes(self._early))

    @override
    def data_received(self, data: bytes) -> None:
        if self._far is None:
            self._early += data
        else:
            self._far.write(data)
        # After forwarding, so that counting delays nothing.
        if self.was_heard:
            self._tally.turns += 1
            self.was_heard = False
        self._frontend.feed(data)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._far is not None:
            self._far.close()


async def _serve(folder: Path, far_socket: str) -> None:
    """Relay until the input ends; answer each input line with the tally."""
    tally, loop = Tally(), asyncio.get_running_loop()
    server = await loop.create_unix_server(lambda: _Switch(far_socket, tally), str(folder / SOCKET))
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    sys.stdout.write(_STARTED)
    sys.stdout.flush()
    while await lines.readline():
        kinds = [[*named, count] for named, count in tally.kinds.items()]
        counts = [tally.syncs, tally.queries, tally.turns, tally.connections]
        sys.stdout.write(orjson.dumps([*counts, kinds]).decode() + "\n")
        sys.stdout.flush()
    server.close()


# ---- whoever counts --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SqlRelay:
    """A running relay, queried over its pipes."""

    process: asyncio.subprocess.Process

    async def tally(self) -> Tally:
        """All that was counted since the relay started.

        Raises:
            RelayError: it has ended.
        """
        requests, answers = self.process.stdin, self.process.stdout
        if requests is None or answers is None:
            raise RelayError("the relay has no pipes")
        requests.write(b"\n")
        if not (line := await answers.readline()):
            raise RelayError("the relay has ended")
        syncs, queries, turns, connections, kinds = orjson.loads(line)
        return Tally(
            syncs,
            queries,
            turns,
            connections,
            Counter({(group, statement): count for group, statement, count in kinds}),
        )


@asynccontextmanager
async def open_sql_relay(folder: Path, far_socket: Path) -> AsyncIterator[SqlRelay]:
    """A relay that listens in this folder like PostgreSQL, before the server at that socket.

    Raises:
        RelayError: it did not start.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.paying.sql_relay", str(folder), str(far_socket),
        cwd=_REPOSITORY,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        if process.stdout is None or (await process.stdout.readline()).decode() != _STARTED:
            raise RelayError("the relay did not start")
        yield SqlRelay(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        with suppress(ProcessLookupError):
            await process.wait()


if __name__ == "__main__":
    uvloop.run(_serve(Path(sys.argv[1]), sys.argv[2]))
