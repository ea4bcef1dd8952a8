"""Which processes use the embedded PostgreSQL of a folder: a locked file for each.

A lock ends with its process, however that ends, so a killed process is not counted. Callers hold the lock of
the folder, so that nobody begins to use a server while it is being stopped.
"""

import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FOLDER = "users"
_NAME_MAX = 100
# Open descriptors by file: each is kept, and with it its lock, until the process ends.
_own: dict[Path, int] = {}


@dataclass(frozen=True, slots=True)
class ServerUser:
    """A live process that uses the server: its id, and the command that it runs."""

    process_id: int
    command: str

    def __str__(self) -> str:
        return f"{self.command} (process {self.process_id})"


def add_user(home: Path, command: str) -> None:
    """Count the calling process as a user until it ends; a second call changes nothing."""
    folder = home / _FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / str(os.getpid())
    if path in _own and path.exists():
        return
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.truncate(handle, 0)
    os.write(handle, command[:_NAME_MAX].encode())
    _own[path] = handle


def other_users(home: Path) -> list[ServerUser]:
    """Every other live process that uses the server, by process id; files of ended ones are removed."""
    return sorted(_live_users(home / _FOLDER), key=lambda user: user.process_id)


def _live_users(folder: Path) -> Iterator[ServerUser]:
    for path in list(folder.glob("*")):
        if not path.name.isdecimal() or int(path.name) == os.getpid():
            continue
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield ServerUser(int(path.name), os.read(handle, _NAME_MAX).decode(errors="replace"))
        else:
            path.unlink()
        finally:
            os.close(handle)
