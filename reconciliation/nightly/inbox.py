"""The inbox: files wait in it, a run takes them, and they leave it once the run is committed.

    inbox/<name> · inbox/sftp/<name> · inbox/upload/<name>     laid there, complete, by a rename
    inbox/.run-<seq>/<sha256>/<source>/<name>                  taken by the run of that number
    archive/<2 hex>/<sha256>                                   the bytes, kept for ever

What is taken is archived and written through to the disk first, then renamed. A run that is killed finds what
it took and judges it again; a run that was committed is the proof that what it took has been judged. So a
file that an institution sends twice is distinguished from one that a killed run meets again.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from reconciliation.digests import file_digest
from reconciliation.engine.row_store import sync_to_disk
from reconciliation.errors import MonthError
from reconciliation.intake.file_names import parse_file_name
from reconciliation.intake.receive_files import IncomingFile
from reconciliation.results.night_folders import NightFolders

FOLDER: Final = "folder"
# Subfolders of the inbox by source; files in the inbox itself were put there by hand.
SOURCES: Final = ("sftp", "upload")
_RUN: Final = ".run-"
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True, order=True)
class TakenFile:
    """A file of a run: `received_at` is when it was last written in the inbox."""

    name: str
    sha256: str
    source: str
    received_at: datetime
    path: Path

    @property
    def as_incoming_file(self) -> IncomingFile:
        """The file in the form that intake reads."""
        return IncomingFile(self.name, self.path)


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A file in the inbox; `day` is its date, None where its name is not that of a settlement file."""

    path: Path
    source: str
    day: date | None


class Inbox:
    """The inbox of an installation, and the archive beside it."""

    def __init__(self, folders: NightFolders) -> None:
        self._inbox = folders.inbox
        self._archive = folders.archive

    def waiting_files(self) -> list[WaitingFile]:
        """The files that no run has taken yet, ordered by name."""
        files = [WaitingFile(path, source, _day(path.name)) for source, path in self._waiting_paths()]
        return sorted(files, key=lambda file: (file.path.name, file.source))

    def uncommitted_files(self) -> list[WaitingFile]:
        """The files that no committed run has taken: those that wait, and those that a killed run took."""
        taken = [
            WaitingFile(path, path.parts[-2], _day(path.name)) for path in self._inbox.glob(f"{_RUN}*/*/*/*")
        ]
        return sorted([*self.waiting_files(), *taken], key=lambda file: (file.path.name, file.source))

    def take(self, run: int, night: date) -> list[TakenFile]:
        """Take every file of dates up to a night, and those that a killed run took, in a fixed order."""
        for file in self.waiting_files():
            if file.day is not None and file.day <= night:
                self._take(file, run)
        return sorted(self._taken_files(run))

    def remove_committed(self, last: int) -> None:
        """Delete the files taken by runs up to this number: these runs are committed."""
        for folder in self._inbox.glob(f"{_RUN}*"):
            if int(folder.name.removeprefix(_RUN)) <= last:
                shutil.rmtree(folder)

    def archived_path(self, sha256: str) -> Path:
        """The path of the archived file with this digest."""
        return self._archive / sha256[:2] / sha256

    def _waiting_paths(self) -> Iterator[tuple[str, Path]]:
        for source, folder in ((FOLDER, self._inbox), *((name, self._inbox / name) for name in SOURCES)):
            if folder.is_dir():
                files = (path for path in folder.iterdir() if path.is_file() and not path.is_symlink())
                yield from ((source, path) for path in files if not path.name.startswith("."))

    def _take(self, waiting_file: WaitingFile, run: int) -> None:
        sha256 = self._archive_file(waiting_file.path)
        place = self._inbox / f"{_RUN}{run}" / sha256 / waiting_file.source
        place.mkdir(parents=True, exist_ok=True)
        waiting_file.path.rename(place / waiting_file.path.name)
        sync_to_disk(place)

    def _archive_file(self, source: Path) -> str:
        """Copy a file into the archive, whatever its size; the SHA-256 of what was copied."""
        checksum = hashlib.sha256()
        unfinished = self._archive / f".{source.name}"
        with source.open("rb") as file, unfinished.open("wb") as copy:
            while chunk := file.read(_CHUNK):
                checksum.update(chunk)
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
        sha256 = checksum.hexdigest()
        path = self.archived_path(sha256)
        if path.exists():
            unfinished.unlink()
            return sha256
        path.parent.mkdir(exist_ok=True)
        unfinished.chmod(0o440)
        unfinished.rename(path)
        sync_to_disk(path.parent)
        return sha256

    def _taken_files(self, run: int) -> Iterator[TakenFile]:
        for path in (self._inbox / f"{_RUN}{run}").glob("*/*/*"):
            sha256, source = path.parts[-3:-1]
            written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            yield TakenFile(path.name, sha256, source, written, self.archived_path(sha256))


def missing_from(archive: Inbox, digests: Sequence[str]) -> str | None:
    """The first of these digests whose archived file is missing or changed; None where all are whole."""
    for sha256 in digests:
        path = archive.archived_path(sha256)
        if not path.is_file() or file_digest(path) != sha256:
            return sha256
    return None


def _day(name: str) -> date | None:
    try:
        return parse_file_name(name).key.day
    except MonthError:
        return None
