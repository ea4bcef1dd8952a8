"""What was fetched from a server: a line of JSON a file, only ever appended.

A file is known by its folder, name, size and time; one that changed is another one, and is fetched again. A
last line that a killed process left unfinished is none.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as a server shows it; `changed` is its time in seconds since 1970, of its marker too."""

    folder: str
    name: str
    size: int
    changed: str


class FetchLog:
    """The files that came from one server."""

    def __init__(self, path: Path) -> None:
        """Read what stands in the file, if there is one."""
        self._path = path
        self._seen = set(_read(path))

    def __contains__(self, file: RemoteFile) -> bool:
        return file in self._seen

    def add(self, remote_file: RemoteFile, sha256: str) -> None:
        """Note that a file came; a note that is lost costs one more fetch of the same bytes."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # What a killed process left unfinished is ended, so that it spoils no line but its own.
        ends = b"\n" if _is_unfinished(self._path) else b""
        with self._path.open("ab") as file:
            file.write(ends + json.dumps(asdict(remote_file) | {"sha256": sha256}).encode() + b"\n")
        self._seen.add(remote_file)


def _is_unfinished(path: Path) -> bool:
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def _read(path: Path) -> list[RemoteFile]:
    if not path.exists():
        return []
    files = []
    for line in path.read_bytes().splitlines():
        try:
            fields = json.loads(line)
            files.append(RemoteFile(fields["folder"], fields["name"], fields["size"], fields["changed"]))
        except (ValueError, KeyError, TypeError):
            continue
    return files
