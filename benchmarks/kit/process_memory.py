"""The peak memory of the processes that a process starts, read from /proc while it runs."""

import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_PROC: Final = Path("/proc")
_BETWEEN_SECONDS: Final = 0.05
_KILOBYTE: Final = 1024


class ChildMemory:
    """Watches the children of a process from a thread of its own, as a context manager.

    A child's peak is the kernel's, as last seen: what it still grows in the last twentieth of a second before
    its end is missed.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_mb = 0.0
        self.together_peak_mb = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _problem: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_BETWEEN_SECONDS):
            children = [memory_mb(child) for child in child_pids(self._pid)]
            self.peak_mb = max([self.peak_mb, *(peak for _, peak in children)])
            together = memory_mb(self._pid)[0] + sum(resident for resident, _ in children)
            self.together_peak_mb = max(self.together_peak_mb, together)


def child_pids(pid: int) -> list[int]:
    """The children that a process has now, whichever thread of it started them."""
    children: list[int] = []
    for path in (_PROC / str(pid) / "task").glob("*/children"):
        try:
            children += map(int, path.read_text(encoding="ascii").split())
        except OSError:
            continue  # the thread has just ended
    return children


def memory_mb(pid: int) -> tuple[float, float]:
    """Resident memory of a process and its peak, in MB; nothing once it has ended."""
    try:
        status = (_PROC / str(pid) / "status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0, 0.0
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    resident, peak = (int(fields.get(name, "0 kB").split()[0]) for name in ("VmRSS", "VmHWM"))
    return resident * _KILOBYTE / 1e6, peak * _KILOBYTE / 1e6
