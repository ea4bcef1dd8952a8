"""`ekpay serve` with two instruments that the bench switches on.

It runs as the product does. The bench writes a mode into `mode` in the folder that BENCH_PROFILE names and
sends SIGUSR1; once the mode is active it is written into `applied`.

- `samples`: the stack is counted at every tick of processor time (SIGPROF).
- `statements`: every statement of the group commit is timed from the driver's side.
- `off`: neither; the results since the last change are written into `found.json`.

The sampler is in Python because faulthandler's, in C and exact, reads incomplete frames and sometimes crashes
the process (seen with 3.11).
"""

import dis
import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Any
from unittest.mock import patch

import asyncpg

from ekpay_switch.cli.main import run
from ekpay_switch.persistence.engine import Database

FOLDER_VARIABLE = "BENCH_PROFILE"
OFF, SAMPLES, STATEMENTS = "off", "samples", "statements"
MODE, APPLIED, RESULTS = "mode", "applied", "found.json"
# The kernel checks processor time at its ticks, 100 to 1,000 times a second, and samples no more often.
_SAMPLE_SECONDS = 0.001
_RESUME = dis.opmap["RESUME"]

_connect_hot = Database.connect_hot


class Instruments:
    """The instruments that the bench switches on and off in this process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hot: list[asyncpg.Connection] = []
        self._stacks: Counter[tuple[CodeType, ...]] = Counter()
        self._calls: Counter[str] = Counter()
        self._seconds: Counter[str] = Counter()
        self._mode = OFF

    def install(self) -> None:
        """Install the signal handlers; SIGUSR1 switches the instruments."""
        signal.signal(signal.SIGPROF, lambda _, frame: self._tick(frame))
        signal.siginterrupt(signal.SIGPROF, False)  # noqa: FBT003 - its only way to say so
        signal.signal(signal.SIGUSR1, lambda *_: self._apply())

    async def connect_hot(self, database: Database) -> asyncpg.Connection:
        """A connection of the group commit that can be timed."""
        connection = await _connect_hot(database)
        self._hot.append(connection)
        return connection

    def _tick(self, frame: FrameType | None) -> None:
        self._stacks[stack_of(frame)] += 1

    def _time(self, record: Any) -> None:  # noqa: ANN401 - asyncpg's LoggedQuery, which it does not export
        self._calls[record.query] += 1
        self._seconds[record.query] += record.elapsed

    def _apply(self) -> None:
        """Apply the mode in `mode`: one instrument at a time."""
        before, self._mode = self._mode, (self._folder / MODE).read_text()
        interval = _SAMPLE_SECONDS if self._mode == SAMPLES else 0.0
        signal.setitimer(signal.ITIMER_PROF, interval, interval)
        self._hot = [connection for connection in self._hot if not connection.is_closed()]
        for connection in self._hot:
            if self._mode == STATEMENTS:
                connection.add_query_logger(self._time)
            elif before == STATEMENTS:
                connection.remove_query_logger(self._time)
        self._write_results()
        (self._folder / APPLIED).write_text(self._mode)

    def _write_results(self) -> None:
        """Write the results and reset them; a tick may still come in between."""
        stacks, self._stacks = self._stacks, Counter()
        results = {
            "stacks": [
                [[[code.co_filename, code.co_name] for code in stack], count]
                for stack, count in stacks.items()
            ],
            "statements": {text: [count, self._seconds[text]] for text, count in self._calls.items()},
            "backends": [connection.get_server_pid() for connection in self._hot],
        }
        (self._folder / RESULTS).write_text(json.dumps(results))
        self._calls.clear()
        self._seconds.clear()


def stack_of(frame: FrameType | None) -> tuple[CodeType, ...]:
    """The code of a frame and of its callers, the innermost first.

    A Python handler runs when the interpreter next checks for signals: as a native call returns, in the
    calling frame, or as a Python function is entered. That function has used no time yet, so the tick counts
    for its caller.
    """
    if frame is not None and frame.f_lasti >= 0 and frame.f_code.co_code[frame.f_lasti] == _RESUME:
        frame = frame.f_back
    codes: list[CodeType] = []
    while frame is not None:
        codes.append(frame.f_code)
        frame = frame.f_back
    return tuple(codes)


def main() -> None:
    """Run `ekpay` with the given arguments and the instruments installed."""
    instruments = Instruments(Path(os.environ[FOLDER_VARIABLE]))
    instruments.install()
    sys.argv[0] = "ekpay"
    with patch.object(Database, "connect_hot", _timed_connect(instruments)):
        run()


def _timed_connect(instruments: Instruments) -> Any:  # noqa: ANN401 - a method, whatever the patched one takes
    async def connect_hot(database: Database) -> asyncpg.Connection:
        return await instruments.connect_hot(database)

    return connect_hot


if __name__ == "__main__":
    main()
