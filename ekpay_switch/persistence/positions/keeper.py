"""Comparing a database with its recorded position, and recording it further.

A position is only ever recorded from a database that holds the one recorded before. Where it does not, a row
in `restores` says so with an alarm, and nothing is served until two persons have released it.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import restore_subject
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.positions import Divergence, DivergenceKind, Position, advance, compare, is_further
from ekpay_switch.persistence.positions.position_file import PositionFile, PositionFileError, RecordedPosition
from ekpay_switch.persistence.positions.reading import Reading, mark_kept, read_position
from ekpay_switch.persistence.positions.restores import (
    NewRestore,
    end_found_again,
    is_released,
    mark_resumed,
    open_restore,
)

# An asyncpg connection; the driver does not type its methods.
Connection = Any
Connect = Callable[[], Awaitable[Connection]]

# Another process of this place has recorded the position less than this ago.
FRESH_SECONDS = 0.9
_NO_FILE = "missing"
_SERVER_START = "SELECT pg_postmaster_start_time()"


class RestoredDatabaseError(SwitchError):
    """The database does not hold its recorded position, so it was restored or cut, and is not served."""


@dataclass(frozen=True, slots=True)
class PositionRules:
    """Where the position of a database is kept, and how it is judged.

    `place` names the host and the folder; `standby_synchronous` says that whatever is promoted has lost
    nothing.
    """

    file: PositionFile
    place: str
    standby_synchronous: bool


@dataclass(frozen=True, slots=True)
class Inspection:
    """A database compared with its recorded position; `divergence` is None where it continues it."""

    recorded: Position | None
    digest: str
    reading: Reading
    divergence: Divergence | None


def read_file(rules: PositionRules) -> RecordedPosition | PositionFileError | None:
    """What the file holds, or why it is not believed; None where there is no file."""
    try:
        return rules.file.read()
    except PositionFileError as problem:
        return problem


async def inspect(
    connection: Connection, rules: PositionRules, recorded: RecordedPosition | PositionFileError | None
) -> Inspection:
    """Compare with what the file held, and change nothing.

    A transaction of `connection` begins after the file was read, so that it sees all that is recorded.
    """
    if isinstance(recorded, PositionFileError):
        reading = await read_position(connection, None)
        refused = Divergence(DivergenceKind.FILE_REFUSED, str(recorded))
        return Inspection(None, recorded.digest, reading, refused)
    if recorded is None:
        reading = await read_position(connection, None)
        is_missing = reading.is_kept and not reading.position.is_empty
        text = f"{rules.file.path} is missing, in which the position of this database is kept"
        divergence = Divergence(DivergenceKind.FILE_MISSING, text) if is_missing else None
        return Inspection(None, _NO_FILE, reading, divergence)
    position = recorded.position
    reading = await read_position(connection, position)
    divergence = compare(
        position, reading.position, reading.missing, standby_synchronous=rules.standby_synchronous
    )
    return Inspection(position, recorded.digest, reading, divergence)


class PositionKeeper:
    """Keeps the position of one process's database.

    `lost` is the error of a database that was found restored while the process runs.
    """

    def __init__(self, connect: Connect, rules: PositionRules) -> None:
        self._connect = connect
        self._rules = rules
        self._connection: Connection | None = None
        self._kept: Position | None = None
        self._server: datetime | None = None
        self.lost: RestoredDatabaseError | None = None

    async def start(self) -> None:
        """Let a process start only over a database that holds the recorded position, and record it anew.

        Raises:
            RestoredDatabaseError: it does not, and no release says that it may be served all the same.
        """
        async with self._rules.file.lock():
            connection = await self._connected()
            seen = await inspect(connection, self._rules, read_file(self._rules))
            if seen.divergence is None:
                await self._record(seen)
                await mark_kept(connection)
                await end_found_again(connection, self._rules.place)
            elif (released := await is_released(connection, self._rules.place, seen.digest)) is not None:
                await self._resume(connection, seen, released)
            else:
                await self._refuse(connection, seen, seen.divergence)

    async def admit(self, connection: Connection) -> None:
        """Let a new connection of this process be used, unless the database was replaced meanwhile.

        A server is compared once after its start: whoever replaces a database restarts it. Before this keeper
        has started nothing is served, and everybody is let in.

        Raises:
            ConnectionRefusedError: the database does not hold the recorded position.
        """
        if self._kept is None:
            return
        if self.lost is None:
            server = await connection.fetchval(_SERVER_START)
            if server == self._server:
                return
            seen = await inspect(connection, self._rules, self._recorded())
            if seen.divergence is None:
                self._server = server
                return
            with contextlib.suppress(RestoredDatabaseError):
                await self._refuse(connection, seen, seen.divergence)
        raise ConnectionRefusedError(str(self.lost))

    def forget_server(self) -> None:
        """Compare anew with the next connection."""
        self._server = None

    async def keep(self) -> None:
        """Record how far the database has come, unless another process of this place has just done so.

        Raises:
            RestoredDatabaseError: the database is not the one that this process began with.
        """
        if self.lost is not None:
            raise self.lost
        # An age below zero is that of a clock that was set back.
        if 0 <= self._rules.file.age_seconds < FRESH_SECONDS:
            return
        with self._rules.file.lock_if_free() as is_ours:
            if is_ours:
                await self._keep()

    async def keep_last(self) -> None:
        """Record the last position of a process that leaves, however fresh the file is.

        Raises:
            RestoredDatabaseError: as `keep`.
        """
        if self.lost is None:
            async with self._rules.file.lock():
                await self._keep()

    async def close(self) -> None:
        """Close the connection; the next call opens another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _keep(self) -> None:
        connection = await self._connected()
        try:
            seen = await inspect(connection, self._rules, self._recorded())
        except Exception:
            # Whatever it was: the next round begins with a connection of its own, perhaps of another server.
            self.forget_server()
            await self.close()
            raise
        if seen.divergence is not None:
            await self._refuse(connection, seen, seen.divergence)
        await self._record(seen)

    def _recorded(self) -> RecordedPosition | None:
        """What the file holds, or what this process has found last where the file was taken away."""
        assert self._kept is not None, "start first"
        recorded = read_file(self._rules)
        if isinstance(recorded, PositionFileError):
            telemetry.log_error("position_file_refused", error=recorded)
            recorded = None
        return recorded or RecordedPosition(self._kept, _NO_FILE)

    async def _record(self, seen: Inspection) -> None:
        position = advance(seen.recorded, seen.reading.position)
        has_file = self._rules.file.path.exists()
        if is_further(seen.recorded, position) or not has_file:
            await self._write(position)
        if seen.recorded is not None and seen.recorded.timeline != position.timeline:
            telemetry.log_warning(
                "timeline_changed",
                from_state=str(seen.recorded.timeline),
                to_state=str(position.timeline),
            )
        self._kept = position

    async def _write(self, position: Position) -> None:
        """Write the file in a thread, since disks are slow; whoever is cancelled waits for it."""
        writing = asyncio.ensure_future(asyncio.to_thread(self._rules.file.write, position))
        try:
            await asyncio.shield(writing)
        finally:
            # A lock that is given back earlier would let another process write the same draft.
            await asyncio.wait({writing})

    async def _resume(self, connection: Connection, seen: Inspection, restore_id: UUID) -> None:
        """Record the position of a released database as it is: the release was about what it lost."""
        await self._write(seen.reading.position)
        self._kept = seen.reading.position
        await mark_kept(connection)
        await mark_resumed(connection, restore_id)
        telemetry.log_warning("restored_database_resumed", subject=restore_subject(restore_id))

    async def _refuse(self, connection: Connection, seen: Inspection, divergence: Divergence) -> None:
        new = NewRestore(
            place=self._rules.place,
            divergence=divergence,
            recorded=seen.recorded,
            recorded_digest=seen.digest,
            found=seen.reading.position,
        )
        telemetry.log_error("database_restored", notice=divergence.why, subject=divergence.row)
        text = f"{divergence.text}: it was restored or cut, and nothing is served from it"
        # Known before it is written down, so that nothing that fails there lets the process go on.
        self.lost = RestoredDatabaseError(f"{text}; ekpay restore status says what to do")
        try:
            await open_restore(connection, new)
        except Exception as error:
            self.lost = RestoredDatabaseError(f"{text}; not written down: {error} (ekpay migrate?)")
            raise self.lost from error
        raise self.lost

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._connect()
        return self._connection
