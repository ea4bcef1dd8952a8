"""The home folder of the installation, determined as the switch does."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOCK = "run.lock"


def home_folder() -> Path:
    """EKPAY_HOME, or `.ekpay` in the current folder."""
    return Path(os.environ.get("EKPAY_HOME") or ".ekpay").resolve()


class HomeInUseError(Exception):
    """Another process keeps an installation open in this folder; the text names it."""


@contextmanager
def hold_home(folder: Path, command: str) -> Iterator[None]:
    """Keep the folder for this process and its command: two installations would share their sandbox's books.

    Raises:
        HomeInUseError: another process keeps it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            lock.seek(0)
            holder = lock.read().strip() or "another installation"
            raise HomeInUseError(f"{holder} runs in {folder}") from taken
        lock.truncate(0)
        lock.write(f"{command} (process {os.getpid()})\n")
        lock.flush()
        # The lock ends with the process, however it ends.
        yield
