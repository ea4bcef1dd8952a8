"""The file that keeps a position outside the database: signed, written whole, shared by all processes.

One file for each database of the folder. Whoever may write it can put an older one of ours back, and whoever
has the master key can make one: it is as safe as the folder and the key are (docs/adr/0087).
"""

import asyncio
import fcntl
import hashlib
import hmac
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.positions import Head, Position
from ekpay_switch.persistence.embedded.roles import replace_file

POSITION_KEY = "positions/1"
_BYTES_MAX = 1_000_000
_LOCK_POLL_SECONDS = 0.02
_WHAT = b"ekpay position 1\n"


class PositionFileError(SwitchError):
    """The file of the position cannot be believed."""

    def __init__(self, text: str, digest: str) -> None:
        super().__init__(text)
        self.digest = digest


@dataclass(frozen=True, slots=True)
class RecordedPosition:
    """A position as its file holds it, with the digest of the file's text."""

    position: Position
    digest: str


class PositionFile:
    """The file of one database; its key is derived from the master key for this purpose alone."""

    def __init__(self, folder: Path, database: str, key: bytes) -> None:
        self._folder = folder
        self.path = path_of(folder, database)
        self._key = key

    def read(self) -> RecordedPosition | None:
        """What was recorded last; None where there is no file.

        Raises:
            PositionFileError: it cannot be read, or we have not signed it.
        """
        try:
            with os.fdopen(os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as opened:
                written = opened.read(_BYTES_MAX)
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise PositionFileError(f"{self.path}: {problem.strerror}", "unreadable") from problem
        digest = hashlib.sha256(written).hexdigest()
        body, _, signature = written.rstrip(b"\n").rpartition(b"\n")
        if not hmac.compare_digest(self._sign(body), signature):
            raise PositionFileError(
                f"{self.path} was changed, or signed with another master key than ours", digest
            )
        return RecordedPosition(_decode(body), digest)

    def write(self, position: Position) -> None:
        """Replace the file, durably and whole; the caller holds the lock."""
        body = _encode(position)
        replace_file(self.path, f"{body.decode()}\n{self._sign(body).decode()}\n", 0o600)

    @property
    def age_seconds(self) -> float:
        """Since when the file stands as it is; infinite where there is none."""
        try:
            return time.time() - self.path.stat().st_mtime
        except OSError:
            return float("inf")

    @asynccontextmanager
    async def lock(self) -> AsyncIterator[None]:
        """Hold the file's lock, against other processes and against others of this one."""
        while True:
            with self.lock_if_free() as is_ours:
                if is_ours:
                    yield
                    return
            await asyncio.sleep(_LOCK_POLL_SECONDS)

    @contextmanager
    def lock_if_free(self) -> Iterator[bool]:
        """Hold the file's lock if nobody does now; whether that was so."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            yield False
            return
        try:
            yield True
        finally:
            os.close(handle)

    def _sign(self, body: bytes) -> bytes:
        return hmac.new(self._key, _WHAT + body, hashlib.sha256).hexdigest().encode()


def path_of(folder: Path, database: str) -> Path:
    """The file of a database of this name."""
    return folder / f"{quote(database, safe='')}.position"


def as_json(position: Position) -> dict[str, object]:
    """A position in the form of its file and of the table `restores`; numbers of 64 bits as text."""
    return {
        "database": position.database,
        "system_identifier": str(position.system_identifier),
        "timeline": position.timeline,
        "at": position.at.isoformat(),
        "heads": {
            str(lane): [str(head.seq), head.hash.hex()] for lane, head in sorted(position.heads.items())
        },
        "newest": {table: str(row_id) for table, row_id in sorted(position.newest.items())},
    }


def _encode(position: Position) -> bytes:
    return json.dumps(as_json(position), separators=(",", ":"), ensure_ascii=True).encode()


def _decode(body: bytes) -> Position:
    """Of a text that we have signed ourselves, so its form is ours."""
    read = json.loads(body)
    return Position(
        database=read["database"],
        system_identifier=int(read["system_identifier"]),
        timeline=read["timeline"],
        heads={int(lane): Head(int(seq), bytes.fromhex(text)) for lane, (seq, text) in read["heads"].items()},
        newest={table: UUID(text) for table, text in read["newest"].items()},
        at=datetime.fromisoformat(read["at"]),
    )
