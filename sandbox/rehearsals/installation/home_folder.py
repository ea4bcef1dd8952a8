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
def hold_home(folder: Path) -> Iterator[None]:
    """Keep the folder for this process: a second installation in it would end the first one's database.

    Raises:
        HomeInUseError: another process keeps it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise HomeInUseError(f"another installation runs in {folder}") from taken
        # The lock ends with the process, however it ends.
        yield
