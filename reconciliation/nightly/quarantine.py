"""Files that cannot be read: those that nights refused, and those that a person took out of the inbox.

    quarantine/<sha256>/<source>/<name>      taken out of the inbox; no run sees it

A person who takes a file out, or puts it back, is recorded before the file is moved. Where that was
interrupted, the same command again moves the file; where it lies is always the truth.
"""

import os
import shutil
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Final

from ekpay_switch.ports.finance import Finance
from reconciliation.digests import file_digest
from reconciliation.engine.row_store import sync_to_disk
from reconciliation.errors import NightError, SourceError
from reconciliation.intake.file_register import FileState
from reconciliation.intake.inbox_delivery import InboxDelivery
from reconciliation.nightly.inbox import FOLDER, Inbox
from reconciliation.nightly.night_run import LOCK
from reconciliation.results.file_results import KeptFile, kept_files
from reconciliation.results.night_folders import NightFolders
from reconciliation.results.table_values import Connection

_RECORD: Final = """
INSERT INTO reconciliation.quarantine_events (event, name, sha256, source, person, reason)
VALUES ($1, $2, $3, $4, $5, $6)
"""
_NEWEST: Final = """
SELECT DISTINCT ON (name, sha256, source) name, sha256, source, event, person, reason
FROM reconciliation.quarantine_events ORDER BY name, sha256, source, id DESC
"""
# What waits for a file is borne by the first break about it, which may be that it was missing.
_EXPOSURE: Final = """
SELECT b.institution, b.day, b.cycle, sum(b.exposure) AS exposure
FROM reconciliation.breaks b
CROSS JOIN LATERAL (
  SELECT state FROM reconciliation.break_events WHERE break_id = b.id ORDER BY seq DESC LIMIT 1
) e
WHERE e.state NOT IN ('closed', 'resolved') AND b.reference = b.file
GROUP BY b.institution, b.day, b.cycle
"""
_ASIDE: Final = "upload"


class FilePlace(StrEnum):
    """Where a file that cannot be read lies."""

    ARCHIVE = "archive"
    INBOX = "inbox"
    QUARANTINE = "quarantine"


class QuarantineEvent(StrEnum):
    """What a person did with a file."""

    HELD = "held"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that cannot be read. `exposure` is what waits for it, in paisa; `person` who took it out."""

    name: str
    place: FilePlace
    reason: str
    sha256: str
    exposure: int = 0
    night: date | None = None
    person: str = ""


@dataclass(frozen=True, slots=True)
class _MovedFile:
    """A file on its way into the quarantine or out of it; `name` is what institutions call it."""

    name: str
    path: Path
    source: str
    sha256: str


@dataclass(frozen=True, slots=True)
class _Order:
    """What a person wants done with a file, and why."""

    event: QuarantineEvent
    person: str
    reason: str


async def refused_files(finance: Finance) -> list[RefusedFile]:
    """Files that nights refused and that none has replaced since, then those in quarantine; by name."""
    folders = NightFolders.of(finance.home_folder)
    connection = await finance.connect("audit")
    try:
        kept = await kept_files(connection)
        exposures = {
            (row["institution"], row["day"], row["cycle"]): int(row["exposure"])
            for row in await connection.fetch(_EXPOSURE)
        }
        newest = await connection.fetch(_NEWEST)
    finally:
        await connection.close()
    recorded = {(row["name"], row["sha256"], row["source"]): row for row in newest}
    refused = {
        (kept_file.file.name, kept_file.file.sha256): _refused_file(kept_file, exposures)
        for kept_file in _standing_refusals(kept)
    }
    held = []
    for file in _held_files(folders):
        row = recorded.get((file.name, file.sha256, file.source))
        is_told = row is not None and row["event"] == QuarantineEvent.HELD
        reason, person = (row["reason"], row["person"]) if row is not None and is_told else ("", "")
        held.append(RefusedFile(file.name, FilePlace.QUARANTINE, reason, file.sha256, person=person))
    return sorted([*refused.values(), *held], key=lambda file: (file.name, file.place))


async def hold(finance: Finance, name: str, person: str, reason: str) -> list[RefusedFile]:
    """Take every file of this name out of the inbox, those too that an uncommitted run took.

    Raises:
        NightError: a run is going on.
        SourceError: no such file waits.
    """
    folders = NightFolders.of(finance.home_folder)
    async with _no_run(finance) as connection:
        waiting = [file for file in Inbox(folders).uncommitted_files() if file.path.name == name]
        if not waiting:
            raise SourceError(f"{name} is not in the inbox")
        held = []
        for file in waiting:
            moved = _MovedFile(name, file.path, file.source, file_digest(file.path))
            await _record(connection, moved, _Order(QuarantineEvent.HELD, person, reason))
            place = _folder(folders) / moved.sha256 / moved.source / name
            place.parent.mkdir(parents=True, exist_ok=True)
            moved.path.rename(place)
            sync_to_disk(place.parent)
            sync_to_disk(moved.path.parent)
            held.append(RefusedFile(name, FilePlace.QUARANTINE, reason, moved.sha256, person=person))
    return held


async def release(finance: Finance, name: str, person: str, reason: str) -> list[RefusedFile]:
    """Put every file of this name back into the inbox for another try, of those in quarantine or refused.

    Raises:
        NightError: a run is going on.
        SourceError: there is no such file, or another one waits under this name.
    """
    folders = NightFolders.of(finance.home_folder)
    order = _Order(QuarantineEvent.RELEASED, person, reason)
    async with _no_run(finance) as connection:
        held = [file for file in _held_files(folders) if file.name == name]
        for file in held:
            place = _inbox_path(folders, file)
            if place.exists() and file_digest(place) != file.sha256:
                raise SourceError(f"{name}: another file of this name waits in the inbox")
            await _record(connection, file, order)
            place.parent.mkdir(parents=True, exist_ok=True)
            # It is there already where a release was killed; else a link fails where a rename would replace.
            if not place.exists():
                os.link(file.path, place)
            sync_to_disk(place.parent)
            file.path.unlink()
            shutil.rmtree(file.path.parents[1], ignore_errors=True)
        if not held:
            held = await _release_refused(finance, connection, name, order)
    return [RefusedFile(name, FilePlace.INBOX, reason, file.sha256, person=person) for file in held]


async def _release_refused(
    finance: Finance, connection: Connection, name: str, order: _Order
) -> list[_MovedFile]:
    """Lay a copy of a file that a night refused into the inbox; its bytes stay in the archive."""
    inbox = Inbox(NightFolders.of(finance.home_folder))
    refusals = [
        kept_file.file
        for kept_file in _standing_refusals(await kept_files(connection))
        if kept_file.file.name == name
    ]
    if not refusals:
        raise SourceError(f"{name} is neither in quarantine nor refused")
    newest = refusals[-1]
    file = _MovedFile(name, inbox.archived_path(newest.sha256), _ASIDE, newest.sha256)
    await _record(connection, file, order)
    with file.path.open("rb") as stream:
        InboxDelivery.of(finance.home_folder, _ASIDE).copy_stream(stream, name)
    return [file]


@asynccontextmanager
async def _no_run(finance: Finance) -> AsyncIterator[Connection]:
    """A connection that keeps nights from running."""
    connection = await finance.connect()
    try:
        if not await connection.fetchval(LOCK):
            raise NightError("a run is going on; nothing was changed")
        yield connection
    finally:
        await connection.close()


async def _record(connection: Connection, file: _MovedFile, order: _Order) -> None:
    await connection.execute(
        _RECORD, order.event.value, file.name, file.sha256, file.source, order.person, order.reason
    )


def _standing_refusals(kept: Sequence[KeptFile]) -> list[KeptFile]:
    """The refused files of whose institution, date and cycle no file is loaded."""
    loaded = {_key(file) for file in kept if file.file.state == FileState.LOADED}
    return [file for file in kept if file.file.state == FileState.REFUSED and _key(file) not in loaded]


def _key(kept_file: KeptFile) -> tuple[str, date, int]:
    return kept_file.file.institution, kept_file.file.day, kept_file.file.cycle


def _refused_file(kept_file: KeptFile, exposures: dict[tuple[str, date, int], int]) -> RefusedFile:
    file = kept_file.file
    return RefusedFile(
        file.name,
        FilePlace.ARCHIVE,
        file.controls.get("refused", ""),
        file.sha256,
        exposures.get(_key(kept_file), 0),
        file.night,
    )


def _folder(folders: NightFolders) -> Path:
    return folders.root / "quarantine"


def _held_files(folders: NightFolders) -> Iterator[_MovedFile]:
    for path in sorted(_folder(folders).glob("*/*/*")):
        sha256, source = path.parts[-3:-1]
        yield _MovedFile(path.name, path, source, sha256)


def _inbox_path(folders: NightFolders, file: _MovedFile) -> Path:
    folder = folders.inbox if file.source == FOLDER else folders.inbox / file.source
    return folder / file.name
