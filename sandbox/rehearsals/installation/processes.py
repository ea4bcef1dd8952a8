"""The processes that a demo consists of: started, watched and stopped together.

A child that exits unasked ends the demo; its last log lines are shown.
"""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

Result = TypeVar("Result")

_LAST_LINES = 15
# In linux/prctl.h.
_PR_SET_PDEATHSIG = 1
# Longer than the switch itself waits for payments that are still being delivered.
_LEAVE_SECONDS = 40.0


class ChildDiedError(Exception):
    """A process exited unexpectedly; the text holds its last log lines."""


@dataclass(slots=True)
class _Child:
    name: str
    log: Path
    process: asyncio.subprocess.Process
    is_leaving: bool = False


class Children:
    """A group of processes; leaving the context stops them all, the last started first."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs = logs
        self._environment = dict(environment)
        self._children: dict[str, _Child] = {}
        self._watchers: set[asyncio.Task[None]] = set()
        self._death: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        """Create the log folder."""
        self._logs.mkdir(parents=True, exist_ok=True)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop all processes that still run."""
        for name in reversed(list(self._children)):
            await self.stop(name)
        if not self._death.cancel():
            self._death.exception()  # nobody awaits the result any more; this keeps asyncio from warning

    async def start(self, name: str, command: Sequence[str]) -> None:
        """Start a process whose output goes to its own log file; a second one may follow a stopped first."""
        log = self._logs / f"{name}.log"
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=self._environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # A new session, so that Ctrl-C reaches only us: we stop the children in the right order.
                start_new_session=True,
                preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            )
        child = self._children[name] = _Child(name, log, process)
        watcher = asyncio.create_task(self._watch(child))
        self._watchers.add(watcher)
        watcher.add_done_callback(self._watchers.discard)

    async def stop(self, name: str, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a process this signal and wait until it has exited; kill it if it does not."""
        child = self._children.pop(name)
        child.is_leaving = True
        with suppress(ProcessLookupError):
            child.process.send_signal(number)
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await child.process.wait()
        except TimeoutError:
            pass  # it had enough time to exit by itself
        finally:
            if child.process.returncode is None:
                child.process.kill()
                await child.process.wait()

    async def watched(self, work: Coroutine[None, None, Result]) -> Result:
        """Await some work while all processes run.

        Raises:
            ChildDiedError: one of them exited by itself; the work was cancelled.
        """
        task = asyncio.create_task(work)
        try:
            await asyncio.wait((task, self._death), return_when=asyncio.FIRST_COMPLETED)
            if self._death.done():
                self._death.result()
            return await task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task

    async def _watch(self, child: _Child) -> None:
        code = await child.process.wait()
        if child.is_leaving or self._death.done():
            return
        text = f"{child.name} ended by itself with {code}; the last lines of {child.log}:\n{_tail(child.log)}"
        self._death.set_exception(ChildDiedError(text))


def _end_with_parent() -> None:
    """Ask the kernel to end this child with SIGTERM when its parent is killed: nobody else would."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
    return os.linesep.join(f"  {line}" for line in lines) or "  (nothing)"
