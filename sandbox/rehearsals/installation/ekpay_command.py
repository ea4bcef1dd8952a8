"""Runs the command `ekpay`: the only way in which the sandbox changes or reads the switch."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sandbox.rehearsals.installation.command_server import CommandServer

Item = TypeVar("Item")

# Starting the command keeps a processor busy for a second or two.
_AT_ONCE = 4


class CommandMissingError(Exception):
    """There is no command `ekpay` beside this Python: install the package, or make setup in a checkout."""


class CommandFailedError(Exception):
    """A command failed; the text is its output."""


@dataclass(frozen=True, slots=True)
class EkpayCommand:
    """Runs `ekpay` with a given environment, which sets EKPAY_HOME.

    Where a command server runs with that environment, it carries the commands out; else each is started.
    """

    environment: Mapping[str, str] = field(repr=False)
    server: CommandServer | None = field(default=None, repr=False)

    @classmethod
    def in_current_environment(cls) -> "EkpayCommand":
        """The command in this process's own environment."""
        return cls(dict(os.environ))

    @property
    def home_folder(self) -> Path | None:
        """The folder of the installation, where the environment names one."""
        folder = self.environment.get("EKPAY_HOME")
        return Path(folder) if folder else None

    def command(self, *arguments: str) -> list[str]:
        """The command line of a process that keeps running.

        Raises:
            CommandMissingError: it is not installed.
        """
        # An installation for one user has its commands in a folder without Python.
        for program in (Path(sys.executable).with_name("ekpay"), Path(sys.argv[0]).absolute()):
            if program.name == "ekpay" and program.is_file():
                return [str(program), *arguments]
        raise CommandMissingError(CommandMissingError.__doc__)

    def command_text(self) -> str:
        """The command as a user would type it in the current folder."""
        program = Path(self.command()[0])
        current_folder = Path.cwd()
        return str(program.relative_to(current_folder) if program.is_relative_to(current_folder) else program)

    async def run(self, *arguments: str, **secrets: str) -> str:
        """Run a command until it exits and return its output; `secrets` are added to its environment.

        Raises:
            CommandFailedError: it ended with another code than 0.
        """
        code, output, complaint = await self._run_to_end(arguments, secrets)
        if code != 0:
            command_name = " ".join(("ekpay", *arguments[:2]))
            raise CommandFailedError(f"{command_name}: {(complaint or output).strip()}")
        return output

    async def ask(self, *arguments: str, **secrets: str) -> tuple[bool, str]:
        """Run a command that answers with its exit code: whether it was 0, and its last line."""
        code, output, complaint = await self._run_to_end(arguments, secrets)
        lines = (output.strip() or complaint.strip()).splitlines()
        return code == 0, lines[-1] if lines else ""

    async def read(self, *arguments: str, **secrets: str) -> Any:  # noqa: ANN401 - JSON is what it is
        """Run a command that prints JSON and return its value.

        Raises:
            CommandFailedError: it ended with another code than 0.
        """
        return json.loads(await self.run(*arguments, **secrets))

    async def read_answer(self, *arguments: str, **secrets: str) -> tuple[bool, Any]:
        """Run a command that prints JSON and answers with its exit code too: whether it was 0, and the value.

        Raises:
            CommandFailedError: it printed no JSON.
        """
        code, output, complaint = await self._run_to_end(arguments, secrets)
        try:
            return code == 0, json.loads(output)
        except ValueError:
            raise CommandFailedError(f"{' '.join(('ekpay', *arguments[:2]))}: {complaint.strip()}") from None

    async def read_lines(self, *arguments: str) -> list[Any]:
        """Run a command that prints a JSON value a line and return them all.

        Raises:
            CommandFailedError: it ended with another code than 0.
        """
        return [json.loads(line) for line in (await self.run(*arguments)).splitlines()]

    async def _run_to_end(
        self, arguments: tuple[str, ...], secrets: Mapping[str, str]
    ) -> tuple[int, str, str]:
        if self.server is not None:
            answer = await self.server.run(arguments, secrets)
            return answer.code, answer.output, answer.complaint
        process = await asyncio.create_subprocess_exec(
            *self.command(*arguments),
            env={**self.environment, **secrets},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            output, complaint = await process.communicate()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            raise
        return process.returncode or 0, output.decode(), complaint.decode(errors="replace")


async def run_few_at_once(run: Callable[[Item], Awaitable[object]], items: Iterable[Item]) -> None:
    """Run a command for each of these, some at a time; the first that fails ends the others."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def _run(item: Item) -> None:
        async with places:
            await run(item)

    async with asyncio.TaskGroup() as running:
        for item in items:
            running.create_task(_run(item))
