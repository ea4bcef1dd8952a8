"""Read files of far sides in a process of their own, under the limits of `config/reconciliation.toml`.

One process reads one file after another. Whatever becomes of it over a file is a refusal of that file: a
crash, a kill, an error of any kind, too much memory or time. The next file has a new process. A file that
broke a process which had read others before is tried once more in a new one, so that no file is refused for
what an earlier one left behind.
"""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import IO, Any, Final, Self

import polars as pl

from reconciliation.canonical_row import SCHEMA
from reconciliation.errors import ControlTotalError, NightError, UnreadableFileError
from reconciliation.statement.formats.file_limits import FileLimits
from reconciliation.statement.layout import Layout
from reconciliation.statement.reader import Reading

_MODULE: Final = "reconciliation.statement.reading_process"
_ANSWER_BYTES_MAX: Final = 1 << 21
_CHUNK: Final = 1 << 16
_START_SECONDS: Final = 60
_TAIL_BYTES: Final = 400
# Rows that take no more than this are read at once, which takes less of the processor.
_WHOLE_BYTES: Final = 32 << 20
# A file is refused in the same words wherever and whenever it is read, so that a run can be proven again.
_REFUSALS: Final[Mapping[str, type[UnreadableFileError]]] = {
    refusal.code: refusal for refusal in (UnreadableFileError, ControlTotalError)
}


class _BrokenError(Exception):
    """The process broke off over a file."""


class _TooLongError(Exception):
    """The process took longer over a file than the limits allow."""


class IsolatedReader:
    """Reads files in a process that it starts with the first of them, or before; `close` ends it."""

    def __init__(self, limits: FileLimits, scratch: Path | None = None) -> None:
        """Rows lie in `scratch` until they are taken over, by default where temporary files do."""
        self._limits = limits
        self._folder = TemporaryDirectory(prefix="ekpay-reading-", dir=scratch)
        self._process: _Process | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _problem: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start the process and go on: it imports while the caller prepares what files are judged by.

        Raises:
            NightError: no process can be started.
        """
        self._started()

    def close(self) -> None:
        """End the process, and remove what it left."""
        self._end_process()
        self._folder.cleanup()

    def read(self, path: Path, layout: Layout, name: str, file_date: date) -> Reading:
        """All rows of a file, which is called `name` wherever its bytes lie.

        Raises:
            UnreadableFileError: the file is refused as a whole.
            NightError: no process can be started; it is not the file's fault.
        """
        rows_path = Path(self._folder.name) / "rows.arrow"
        request = {
            "path": str(path.absolute()),
            "layout": layout.model_dump_json(),
            "name": name,
            "date": file_date.isoformat(),
            "rows": str(rows_path),
        }
        try:
            return self._reading_of(self._answer(request), rows_path)
        except _TooLongError as problem:
            raise UnreadableFileError(
                f"it takes more than {self._limits.processor_seconds} s of the processor, or"
                f" {self._limits.clock_seconds} s, to read"
            ) from problem
        except _BrokenError as problem:
            raise UnreadableFileError(
                f"it is damaged, or takes more than {self._limits.memory_megabytes} MB to read"
            ) from problem
        finally:
            rows_path.unlink(missing_ok=True)

    def _answer(self, request: Mapping[str, str]) -> Mapping[str, Any]:
        """The answer of a process; after an answer that says so, it ends."""
        is_new = self._process is None or self._process.is_new
        try:
            answer = self._ask(request)
        except _BrokenError:
            self._end_process()
            if is_new:
                raise
            return self._answer(request)
        except BaseException:
            self._end_process()
            raise
        if answer.get("is_used_up") or "failure" in answer:
            self._end_process()
        return answer

    def _ask(self, request: Mapping[str, str]) -> Mapping[str, Any]:
        line = self._started().ask(request, self._limits.clock_seconds)
        try:
            answer = json.loads(line)
        except ValueError as problem:
            raise _BrokenError from problem
        if not isinstance(answer, dict):
            raise _BrokenError
        return answer

    def _started(self) -> "_Process":
        if self._process is None:
            self._process = _Process(self._limits, Path(self._folder.name))
        return self._process

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None

    @staticmethod
    def _reading_of(answer: Mapping[str, Any], rows_path: Path) -> Reading:
        if "refusal" in answer:
            refusal = dict(answer["refusal"])
            raise _REFUSALS[refusal.pop("code")](**refusal)
        if "failure" in answer:
            raise _BrokenError(answer["failure"])
        try:
            rows = read_rows(rows_path)
        except (OSError, pl.exceptions.PolarsError) as problem:
            raise _BrokenError from problem
        if rows is None:
            raise _BrokenError
        return Reading(
            rows,
            answer["header"],
            answer["settled"],
            answer["opening"],
            answer["closing"],
            answer["controls"],
        )


def read_rows(path: Path) -> pl.DataFrame | None:
    """The canonical rows of a file of Arrow IPC, or None where it holds other columns.

    Polars copies what it reads out of a file that it maps. Of a large file it takes one column after another
    here, so that no more than a column of it is in memory beside the copies.

    Raises:
        OSError: it cannot be read.
        PolarsError: it is no such file.
    """
    if dict(pl.read_ipc_schema(path)) != dict(SCHEMA):
        return None
    if path.stat().st_size <= _WHOLE_BYTES:
        return pl.read_ipc(path)
    return pl.DataFrame([pl.read_ipc(path, columns=[name])[name] for name in SCHEMA])


class _Process:
    """One running process; `is_new` until it is asked for the first file."""

    def __init__(self, limits: FileLimits, folder: Path) -> None:
        """Start it.

        Raises:
            NightError: it cannot be started.
        """
        self.is_new = True
        self._errors = (folder / "errors").open("w+b")
        try:
            self._running = subprocess.Popen(  # noqa: S603 - our own interpreter with our own module
                [sys.executable, "-m", _MODULE, limits.model_dump_json()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=_environment(),
                bufsize=0,
            )
        except OSError as problem:
            self._errors.close()
            raise NightError(f"no process to read files in: {problem}") from problem

    def ask(self, request: Mapping[str, str], seconds: float) -> bytes:
        """The line that answers a request.

        Raises:
            NightError: the process does not come to read.
            _BrokenError: the process ended, or said too much.
            _TooLongError: it did not answer in time.
        """
        if self.is_new:
            self._await_ready()
            self.is_new = False
        try:
            _pipe(self._running.stdin).write(json.dumps(request).encode() + b"\n")
        except OSError as problem:
            raise _BrokenError from problem
        return self._line(time.monotonic() + seconds)

    def end(self) -> None:
        """Kill it; it has nothing to lose."""
        self._running.kill()
        self._running.wait()
        for pipe in (self._running.stdin, self._running.stdout, self._errors):
            with contextlib.suppress(OSError):
                _pipe(pipe).close()

    def _await_ready(self) -> None:
        try:
            is_ready = self._line(time.monotonic() + _START_SECONDS) == b"ready\n"
        except (_BrokenError, _TooLongError):
            is_ready = False
        if not is_ready:
            raise NightError(
                f"no process to read files in: {self._last_words() or 'it did not start in time'}"
            )

    def _line(self, deadline: float) -> bytes:
        pipe, line = _pipe(self._running.stdout), bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise _TooLongError
                chunk = os.read(pipe.fileno(), _CHUNK)
                line += chunk
                if not chunk or len(line) > _ANSWER_BYTES_MAX:
                    self._running.kill()
                    is_slow = self._running.wait() == -signal.SIGXCPU
                    raise _TooLongError if is_slow else _BrokenError
        return bytes(line)

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read()[-_TAIL_BYTES:].decode(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe


def _environment() -> dict[str, str]:
    """What the process needs to find our modules; no address and no secret of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TZ", "TMPDIR") if name in os.environ}
    return kept | {"PYTHONPATH": os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)}
