"""The sends journal: one line before each money call, in a folder that no backup contains (docs/adr/0088).

A file a day (UTC), a line a send: what may be read, a tab, and a code by which a line that was cut off or
changed is recognised. What names a payer or a bill is sealed. A line is one `write` of an appending file, so
that it outlives the process, and lines of several processes do not mix; it begins with a line break, so that
a line that was cut off spoils none after it.
"""

import asyncio
import errno
import os
import threading
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from ekpay_switch import telemetry
from ekpay_switch.domain.business_day import business_date
from ekpay_switch.domain.host_messages import Trace
from ekpay_switch.domain.payments.sends import Send
from ekpay_switch.persistence.sends.parts import JournalLine, TraceLine, line_of, line_of_trace, read_line
from ekpay_switch.security.sealed_fields import Sealer

SYNC_SECONDS = 1.0
NAME, SUFFIX = "sends-", ".journal"


class FileSendsJournal:
    """The port `SendsJournal` over files of one folder, which is made when the first line is written.

    `code_key` makes the code of each line, `sealer` seals what is personal.
    """

    def __init__(self, folder: Path, code_key: bytes, sealer: Sealer) -> None:
        self._folder, self._code_key, self._sealer = folder, code_key, sealer
        self._day: date | None = None
        self._handle = -1
        self._is_dirty = False
        # Taken by the thread that syncs, so that no file is closed under it.
        self._lock = threading.Lock()

    def write(self, send: Send) -> bool:
        """See `ports.sends.SendsJournal`. Costs some thirty microseconds."""
        return self._write(send.sent_at.date(), line_of(send, self._code_key, self._sealer))

    def keep_trace(self, acquirer: str, trace: Trace) -> bool:
        """Append a number that is about to be used; False where it cannot be written."""
        line = TraceLine(acquirer, business_date(trace.at), trace.stan)
        return self._write(trace.at.date(), line_of_trace(line, self._code_key))

    def _write(self, day: date, line: bytes) -> bool:
        try:
            self._append(day, line)
        except OSError as error:
            telemetry.count_error("sends_journal_failed", error=error)
            return False
        return True

    def _append(self, day: date, line: bytes) -> None:
        if day != self._day:
            self._open(day)
        if os.write(self._handle, line) != len(line):
            raise OSError(errno.ENOSPC, "only a part of the line was written")
        self._is_dirty = True

    def _open(self, day: date) -> None:
        self.sync()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self._folder / file_name(day), flags, 0o600)
        with self._lock:
            self._close()
            self._handle, self._day = handle, day

    def sync(self) -> None:
        """Put what was written since the last time on the disk."""
        with self._lock:
            if self._is_dirty:
                # Before the sync: a line that is written meanwhile makes it dirty again.
                self._is_dirty = False
                try:
                    os.fsync(self._handle)
                except OSError:
                    self._is_dirty = True
                    raise

    def close(self) -> None:
        """Sync and close the file; the next line would open it again."""
        self.sync()
        with self._lock:
            self._close()
            self._handle, self._day = -1, None

    def _close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)

    async def keep_synced(self) -> None:
        """Sync each second, until cancelled."""
        while True:
            await asyncio.sleep(SYNC_SECONDS)
            try:
                await asyncio.to_thread(self.sync)
            except OSError as error:
                telemetry.count_error("sends_journal_failed", error=error)


def holds_journal(folder: Path) -> bool:
    """Whether any day's file is in the folder."""
    return any(folder.glob(f"{NAME}*{SUFFIX}"))


def read_journal(folder: Path, code_key: bytes) -> Iterator[JournalLine | None]:
    """Every line of the folder, the oldest day first; None for one that was cut off or changed.

    Raises:
        OSError: a file cannot be read.
    """
    for file in sorted(folder.glob(f"{NAME}*{SUFFIX}")):
        with file.open("rb") as lines:
            for line in lines:
                if line != b"\n":
                    yield read_line(line.rstrip(b"\n"), code_key)


def file_name(day: date) -> str:
    """The name of a day's file."""
    return f"{NAME}{day.isoformat()}{SUFFIX}"


def drop_old_sends(folder: Path, keep_days: int, today: date) -> int:
    """Remove the files of days that are over for more than `keep_days`; returns how many."""
    first = file_name(today - timedelta(days=keep_days))
    old = [file for file in folder.glob(f"{NAME}*{SUFFIX}") if file.name < first]
    for file in old:
        file.unlink(missing_ok=True)
    return len(old)
