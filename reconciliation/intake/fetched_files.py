"""The log of files fetched from a server: one line of JSON for each file, append-only.

A file is identified by folder, name, size and time; a changed one is another file and is fetched again. An
unfinished last line of a killed process is ignored.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as a server lists it; `changed` is its time in seconds since 1970, of its marker too."""

    folder: str
    name: str
    size: int
    changed: str


class FetchLog:
    """The files that came from one server."""

    def __init__(self, path: Path) -> None:
        """Read the log, if there is one."""
        self._path = path
        self._seen = set(_read(path))

    def __contains__(self, file: RemoteFile) -> bool:
        return file in self._seen

    def add(self, remote_file: RemoteFile, sha256: str) -> None:
        """Log a fetched file; a lost line only costs one more fetch of the same bytes."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # An unfinished line of a killed process is ended first, so that it spoils no other line.
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
