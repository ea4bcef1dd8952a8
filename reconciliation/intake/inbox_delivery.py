"""Delivery of files into the inbox: whole, by a rename, and never over another file.

    inbox/<source>/<name>      complete; the night takes it from there (`nightly.inbox`)
    arriving/…                 still being written; only its writer reads it

Same bytes under the same name are the same file. Other bytes under a name that still waits are not taken
until the night has judged the first: both count (the second is `FILE_REPLAYED`), and one must not hide the
other.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from reconciliation.digests import file_digest
from reconciliation.errors import MonthError, SourceError
from reconciliation.intake.file_names import FileName, parse_file_name
from reconciliation.statement.layout import Layout

# Far above a day of the largest institution, far below what memory holds: a night reads a file whole.
BYTES_MAX: Final = 256_000_000
_CHUNK: Final = 1 << 20
# A name is part of another name while it arrives, and the correction's number has no end of its own.
_LETTERS_MAX: Final = 100


class StillWaitingError(SourceError):
    """Another file of this name waits in the inbox: it is judged first."""


def parse_expected_name(name: str, layouts: Mapping[str, Layout]) -> FileName:
    """Parse the name of a file that a known institution sends.

    Raises:
        SourceError: it is no such name.
    """
    if len(name) > _LETTERS_MAX:
        raise SourceError(f"{name[:_LETTERS_MAX]}…: a name of {len(name)} letters")
    try:
        file_name = parse_file_name(name)
    except MonthError as problem:
        raise SourceError(f"{problem}: <institution>_<yyyymmdd>_<cycle>[_c<n>].<extension>") from problem
    layout = layouts.get(file_name.key.institution)
    if layout is None:
        raise SourceError(f"{name}: no layout of an institution {file_name.key.institution}")
    extension = name.rpartition(".")[2]
    if extension != layout.extension:
        raise SourceError(f"{name}: files of {layout.institution} end in .{layout.extension}")
    return file_name


@dataclass(frozen=True, slots=True)
class InboxDelivery:
    """The inbox of one source: a folder of its own, and one for files that are still arriving."""

    root: Path
    source: str

    @classmethod
    def of(cls, home: Path, source: str) -> "InboxDelivery":
        """The places of an installation, made where they are missing."""
        delivery = cls(home / "reconciliation", source)
        for folder in (delivery.inbox, delivery.arriving_folder):
            folder.mkdir(parents=True, exist_ok=True)
        return delivery

    @property
    def inbox(self) -> Path:
        """Where complete files of this source are laid."""
        return self.root / "inbox" / self.source

    @property
    def arriving_folder(self) -> Path:
        """Where files are written until they are complete; on the same file system."""
        return self.root / "arriving"

    def move_into_inbox(self, whole: Path, name: str) -> bool:
        """Move a complete file of `arriving` into the inbox; False if the same bytes are there already.

        The bytes are on the disk before the name is.

        Raises:
            StillWaitingError: other bytes wait under this name.
        """
        with whole.open("rb") as file:
            os.fsync(file.fileno())
        place = self.inbox / name
        try:
            # A link fails where a rename would replace.
            os.link(whole, place)
        except FileExistsError:
            if file_digest(place) != file_digest(whole):
                raise StillWaitingError(f"{name}: {StillWaitingError.__doc__}") from None
            whole.unlink()
            return False
        whole.unlink()
        _written_through(self.inbox)
        return True

    def copy_stream(self, stream: BinaryIO, name: str, bytes_max: int = BYTES_MAX) -> bool:
        """Take the bytes of a stream in under a name; as `lay`.

        Raises:
            SourceError: there are more than `bytes_max`, or other bytes wait under this name.
        """
        unfinished = self.arriving_folder / f"{self.source}.{os.getpid()}.{name}.part"
        try:
            with unfinished.open("xb") as file:
                for chunk in _chunks(stream):
                    if file.tell() + len(chunk) > bytes_max:
                        raise SourceError(f"{name}: more than {bytes_max} bytes")
                    file.write(chunk)
            return self.move_into_inbox(unfinished, name)
        finally:
            unfinished.unlink(missing_ok=True)


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while chunk := stream.read(_CHUNK):
        yield chunk


def _written_through(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
