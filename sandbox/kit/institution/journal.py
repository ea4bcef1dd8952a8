"""An append-only file of JSON lines that survives a kill of the process, but not of the machine.

Each line reaches the operating system before the call that wrote it returns. There is no fsync:
the simulator must cost less than what is measured against it.
"""

import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import orjson

JournalLine = dict[str, object]


class JournalInUseError(Exception):
    """Another process keeps this journal open."""


class BrokenJournalError(Exception):
    """A whole line of the journal cannot be read, so the book would be wrong."""


class Journal:
    """One journal file, open for one process at a time."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            JournalInUseError: another process has it open.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise JournalInUseError(f"{path.name} is open in another process") from None
        self._length = self._cut_torn_line()

    def lines(self) -> Iterator[JournalLine]:
        """Yield what was written, oldest first.

        Raises:
            BrokenJournalError: a line is no JSON object.
        """
        with self._path.open("rb") as file:
            for number, text in enumerate(file, start=1):
                try:
                    line = orjson.loads(text)
                except orjson.JSONDecodeError:
                    raise BrokenJournalError(f"line {number} is no JSON") from None
                if not isinstance(line, dict):
                    raise BrokenJournalError(f"line {number} is no JSON object")
                yield line

    def append(self, line: JournalLine) -> None:
        """Write one line, whole or not at all.

        Raises:
            OSError: the line did not reach the operating system; the file is as it was before.
        """
        text = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
        written = os.write(self._descriptor, text)
        if written != len(text):
            os.ftruncate(self._descriptor, self._length)
            raise OSError("the journal took only a part of the line")
        self._length += written

    def close(self) -> None:
        """Close the file; a second close does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _cut_torn_line(self) -> int:
        # A line without its end was never answered for: its caller is in doubt anyway.
        content = self._path.read_bytes()
        length = content.rfind(b"\n") + 1
        if length != len(content):
            os.ftruncate(self._descriptor, length)
        return length
