"""`ekpay command-server`: carries out the commands of a program, each in a process that is ready at once.

A command imports for a second or two before it does anything. The server imports all of them once and forks
for each request, so a rehearsal that types a hundred commands waits for their work alone
(docs/adr/0117-a-command-server-for-programs.md).
"""

import gc
import json
import os
import selectors
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pkgutil import resolve_name
from typing import IO, Final

import typer
from pydantic import BaseModel, ConfigDict, ValidationError

from ekpay_switch.cli.billers.profiles import profiles_of as biller_profiles_of
from ekpay_switch.cli.command_table import CORE, FINANCE, FREQUENT
from ekpay_switch.cli.connectors.profiles import profiles_of as connector_profiles_of
from ekpay_switch.cli.operations.plugin_commands import installed_apps
from ekpay_switch.cli.terminal import complain
from ekpay_switch.settings import read_settings

EARLY_IMPORTS: Final = "ekpay.early_imports"
"""Entry points to names of modules that a wing's commands import late, and that start no thread."""

# The library of linear algebra starts a thread for each core where it is imported; no command needs them.
_ONE_THREAD: Final = "OPENBLAS_NUM_THREADS"
# Whoever serves imports more than all others together, and is started once.
_NOT_IMPORTED: Final = frozenset({"serve", "worker", "command-server"})
_CHUNK: Final = 65_536
_STANDARD: Final = (0, 1, 2)
_UNREADABLE: Final = 2
_FAILED: Final = 1

_RUN: Final = "ekpay_switch.cli.main:run"


class CommandRequest(BaseModel):
    """A line of the program: `id` comes back with the answer, `environment` is added to the server's own."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    id: int
    arguments: list[str]
    environment: dict[str, str] = {}


@dataclass(slots=True)
class _Running:
    """A command that was forked; `outputs` are what it has written so far to its open descriptors."""

    request_id: int
    process_id: int
    stdout: int
    stderr: int
    outputs: dict[int, bytearray] = field(default_factory=dict)
    open_count: int = 2

    def __post_init__(self) -> None:
        self.outputs = {self.stdout: bytearray(), self.stderr: bytearray()}


def import_commands() -> None:
    """Import every command but those that serve, and what wings import late.

    A wing that cannot be imported is complained about.
    """
    for name, command in CORE.items():
        if name not in _NOT_IMPORTED:
            resolve_name(command.place)
    for place in (*FREQUENT.values(), FINANCE):
        resolve_name(place)
    for point in installed_apps():
        _import_wing(point)
    for names in entry_points(group=EARLY_IMPORTS):
        for name in names.load():
            # Of an extra that is not installed.
            with suppress(ImportError):
                import_module(name)


def _import_wing(point: EntryPoint) -> None:
    try:
        point.load()
    except Exception as problem:  # noqa: BLE001 - whatever a stranger's module does at import
        complain(f"{point.name} cannot be loaded from {point.value}: {type(problem).__name__}: {problem}")


def read_manifests() -> None:
    """Read every manifest once: whoever is forked finds a file of the same text already parsed.

    A fault says nothing here: it is told by each command that needs the manifest.
    """
    # Of settings, of a wing, or of a manifest.
    with suppress(Exception):
        settings = read_settings()
        biller_profiles_of(settings)
        connector_profiles_of(settings)


class CommandServer:
    """Reads requests from a descriptor until it ends, and answers each on a stream when its command ends.

    It has one thread, so that a fork copies no lock that another thread holds.
    """

    def __init__(self, requests: int, answers: IO[str], run: Callable[[], None]) -> None:
        self._requests = requests
        self._answers = answers
        self._run = run
        self._selector = selectors.DefaultSelector()
        self._typed = bytearray()
        self._line_count = 0
        self._is_readable = True
        self._exit_code = 0

    def serve(self) -> int:
        """Serve until requests and commands have ended; 2 if a line was no request: it was the last then."""
        self._selector.register(self._requests, selectors.EVENT_READ)
        while self._selector.get_map():
            for key, _ in self._selector.select():
                if key.data is None:
                    self._read_requests()
                else:
                    self._read_output(key.fd, key.data)
        return self._exit_code

    def _read_requests(self) -> None:
        chunk = os.read(self._requests, _CHUNK)
        self._typed += chunk
        while self._is_readable and (end := self._typed.find(b"\n")) >= 0:
            line, self._typed = bytes(self._typed[:end]), self._typed[end + 1 :]
            self._take(line)
        if not chunk or not self._is_readable:
            self._selector.unregister(self._requests)

    def _take(self, line: bytes) -> None:
        self._line_count += 1
        try:
            request = CommandRequest.model_validate_json(line)
        except ValidationError as problem:
            first = problem.errors(include_input=False, include_url=False)[0]
            member = ".".join(map(str, first["loc"])) or "the whole line"
            complain(f"command-server: line {self._line_count}: {member}: {first['msg']}")
            self._is_readable, self._exit_code = False, _UNREADABLE
            return
        self._start(request)

    def _start(self, request: CommandRequest) -> None:
        (out_read, out_write), (error_read, error_write) = os.pipe(), os.pipe()
        process_id = os.fork()
        if process_id == 0:
            self._selector.close()
            _become_command(request, out_write, error_write, self._run)
        os.close(out_write)
        os.close(error_write)
        running = _Running(request.id, process_id, out_read, error_read)
        for descriptor in running.outputs:
            self._selector.register(descriptor, selectors.EVENT_READ, running)

    def _read_output(self, descriptor: int, running: _Running) -> None:
        if chunk := os.read(descriptor, _CHUNK):
            running.outputs[descriptor] += chunk
            return
        self._selector.unregister(descriptor)
        os.close(descriptor)
        running.open_count -= 1
        if running.open_count == 0:
            self._answer(running)

    def _answer(self, running: _Running) -> None:
        _, status = os.waitpid(running.process_id, 0)
        answer = {
            "id": running.request_id,
            "code": os.waitstatus_to_exitcode(status),
            "stdout": running.outputs[running.stdout].decode(errors="replace"),
            "stderr": running.outputs[running.stderr].decode(errors="replace"),
        }
        self._answers.write(json.dumps(answer) + "\n")
        self._answers.flush()


def _become_command(request: CommandRequest, stdout: int, stderr: int, run: Callable[[], None]) -> None:
    """Go on as the process of a command, with nothing to read, and never come back."""
    code = _FAILED
    try:
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123 - a device
            for source, target in zip((nothing.fileno(), stdout, stderr), _STANDARD, strict=True):
                os.dup2(source, target)
        os.environ.update(request.environment)
        sys.argv = ["ekpay", *request.arguments]
        run()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else _FAILED
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def command_server() -> None:
    """Carry out commands that a program sends, each within milliseconds; ends with its input.

    One JSON object a line: `id` (a number), `arguments` (a list of words), `environment` (names and values,
    may be left out). When a command has ended, one line answers it: `id`, `code`, `stdout`, `stderr`.
    Commands run side by side, each in a process of its own.
    """
    os.environ.setdefault(_ONE_THREAD, "1")
    import_commands()
    read_manifests()
    # What is imported stays, and is shared by all commands as long as the collector does not touch it.
    gc.collect()
    gc.freeze()
    raise typer.Exit(CommandServer(sys.stdin.fileno(), sys.stdout, resolve_name(_RUN)).serve())
