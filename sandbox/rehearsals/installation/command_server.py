"""`ekpay command-server` as a rehearsal uses it: commands that need no start of their own."""

import asyncio
import itertools
import json
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

# One line holds all that a command has printed.
_LINE_BYTES_MAX = 256 * 1024 * 1024
# What still runs when a rehearsal breaks off has so long to end.
_LEAVE_SECONDS = 40.0


class CommandServerEndedError(Exception):
    """The command server ended before it answered."""


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """How a command ended, and what it printed."""

    code: int
    output: str
    complaint: str


class CommandServer:
    """A running `ekpay command-server`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[CommandAnswer]] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str]) -> "CommandServer":
        """Start it; what it complains of goes to our own stderr."""
        process = await asyncio.create_subprocess_exec(
            *command,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES_MAX,
            start_new_session=True,
        )
        return cls(process)

    async def run(self, arguments: Sequence[str], secrets: Mapping[str, str]) -> CommandAnswer:
        """Run a command until it ends.

        Raises:
            CommandServerEndedError: the server ended first.
        """
        if self._reader.done():
            raise CommandServerEndedError(CommandServerEndedError.__doc__)
        number = next(self._numbers)
        waiting: asyncio.Future[CommandAnswer] = asyncio.get_running_loop().create_future()
        self._waiting[number] = waiting
        request = {"id": number, "arguments": list(arguments), "environment": dict(secrets)}
        try:
            _input_of(self._process).write(json.dumps(request).encode() + b"\n")
            return await waiting
        finally:
            self._waiting.pop(number, None)

    async def stop(self) -> None:
        """Let the running commands end, for at most 40 seconds, and the server after them."""
        _input_of(self._process).close()
        try:
            await asyncio.wait_for(self._process.wait(), _LEAVE_SECONDS)
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        await self._reader

    async def _read(self) -> None:
        answers = self._process.stdout
        assert answers is not None
        try:
            while line := await answers.readline():
                answer = json.loads(line)
                waiting = self._waiting.get(answer["id"])
                if waiting is not None and not waiting.done():
                    waiting.set_result(CommandAnswer(answer["code"], answer["stdout"], answer["stderr"]))
        finally:
            # Also where an answer cannot be read: nobody may wait for one that never comes.
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(CommandServerEndedError(CommandServerEndedError.__doc__))


def _input_of(process: asyncio.subprocess.Process) -> asyncio.StreamWriter:
    assert process.stdin is not None
    return process.stdin
