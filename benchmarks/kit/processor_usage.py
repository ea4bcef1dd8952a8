"""Processor use by process during a turn, read from /proc: it shows what limits a number."""

import os
import resource
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class UsageReading:
    """Seconds of processor time used up to one instant; `load` is what our own ended children used."""

    parts: dict[str, float]
    load: float
    busy: float
    waiting_for_disk: float
    at: float


def read(pids: dict[str, int]) -> UsageReading:
    """One reading; a part is its root process with its children, the ended ones included."""
    uptime = float((_PROC / "uptime").read_text().split()[0])
    whole = [int(ticks) / _TICKS for ticks in (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
    user, nice, system, _, iowait, irq, softirq, steal = whole
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return UsageReading(
        parts={name: _used_seconds(pid) for name, pid in pids.items()},
        load=ended.ru_utime + ended.ru_stime,
        busy=user + nice + system + irq + softirq + steal,
        waiting_for_disk=iowait,
        at=uptime,
    )


def shares(before: UsageReading, after: UsageReading, load: str) -> dict[str, float]:
    """Cores used by each part between two readings; `load` names the generator, 1.0 is one core."""
    seconds = after.at - before.at
    used = {name: (after.parts[name] - start) / seconds for name, start in before.parts.items()}
    used[load] = (after.load - before.load) / seconds
    other_cores = (after.busy - before.busy) / seconds - sum(used.values())
    used["others"] = max(other_cores, 0.0)
    used["waiting for disk"] = (after.waiting_for_disk - before.waiting_for_disk) / seconds
    return used


def memory_mib(pid: int) -> float:
    """Resident memory of one process, in MiB."""
    pages = int((_PROC / str(pid) / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _used_seconds(pid: int) -> float:
    """Processor seconds of a process, its living children, and those children it has seen end."""
    ticks = _ticks(pid, with_ended=True)
    for child in (_PROC / str(pid) / "task" / str(pid) / "children").read_text().split():
        ticks += _ticks(int(child), with_ended=False)
    return ticks / _TICKS


def _ticks(pid: int, *, with_ended: bool) -> int:
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return 0  # it has just ended, and its parent counts it
    # The name in brackets may hold anything; the numbers follow its last bracket.
    fields = text.rpartition(")")[2].split()
    used = fields[11:15] if with_ended else fields[11:13]
    return sum(map(int, used))
