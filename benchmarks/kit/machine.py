"""The machine and the versions of a measurement."""

import os
import platform
import re
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from typing import Any

_LIBRARIES = ("uvicorn", "uvloop", "fastapi", "joserfc", "asyncpg", "aiohttp", "pydantic")
_PAGE_BYTES = 8_192
_FLUSHES = 101
_MODEL = re.compile(r"^model name\s*: (.+)$", re.MULTILINE)


def machine_facts(folder: Path, server_version: str) -> dict[str, Any]:
    """Date (UTC), machine and versions; `flush_ms` is the median time to flush a page to that disk."""
    libraries = {name: version(name) for name in _LIBRARIES}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": _processor_model(),
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
        "versions": {"Python": platform.python_version(), "PostgreSQL": server_version, **libraries},
        "flush_ms": _flush_ms(folder),
    }


def _processor_model() -> str:
    match = _MODEL.search(Path("/proc/cpuinfo").read_text())
    return match[1] if match else platform.machine()


def _flush_ms(folder: Path) -> float:
    """The time to append one page and flush it to the disk, in milliseconds."""
    durations_ms = []
    with TemporaryFile(dir=folder) as file:
        for _ in range(_FLUSHES):
            os.write(file.fileno(), bytes(_PAGE_BYTES))
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            durations_ms.append(1e3 * (time.perf_counter() - started))
    return median(durations_ms)
