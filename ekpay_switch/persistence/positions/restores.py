"""The rows of restores: opened by what compares, checked, and released by two persons.

The passphrase of whoever asks or approves was verified by the caller; that they are two is held by the table
as well.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm, restore_subject
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.positions import Divergence, DivergenceKind, Position
from ekpay_switch.persistence.alarms.rows import AlarmEnd, end_alarms, raise_alarms
from ekpay_switch.persistence.parties.staff import refuse_without_asker, require_decider
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.persistence.positions.position_file import as_json
from ekpay_switch.persistence.schema.restores import IS_OPEN, restores
from ekpay_switch.security.identifiers import uuid7

# An asyncpg connection; the driver does not type its methods.
Connection = Any
CHECK_COMMAND = "ekpay restore check"
_R = restores.c
_IS_OPEN = _R.released_at.is_(None) & _R.found_again_at.is_(None)
_OPEN = f"""
INSERT INTO restores (id, place, reason, missing, recorded, recorded_digest, found)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (place, recorded_digest) WHERE {IS_OPEN} DO NOTHING RETURNING id
"""  # noqa: S608 - constants
_STANDS = f"""
SELECT id FROM restores WHERE place = $1 AND recorded_digest = $2 AND {IS_OPEN}
"""  # noqa: S608 - constants
_RELEASED = """
SELECT id FROM restores WHERE place = $1 AND recorded_digest = $2
  AND released_at IS NOT NULL AND resumed_at IS NULL ORDER BY released_at DESC LIMIT 1
"""
_RESUMED = "UPDATE restores SET resumed_at = now() WHERE id = $1 AND resumed_at IS NULL"
# A release that was not needed any more must not serve a later restore.
_UNUSED = """
UPDATE restores SET resumed_at = now() WHERE place = $1 AND released_at IS NOT NULL AND resumed_at IS NULL
"""
_FOUND_AGAIN = f"""
UPDATE restores SET found_again_at = now() WHERE place = $1 AND {IS_OPEN} RETURNING id
"""  # noqa: S608 - constants


class UnknownRestoreError(SwitchError):
    """There is no such restore, or it is over."""


class RestoreNotCheckedError(SwitchError):
    """What the restore has lost was not asked back to the end."""


class RestoreNotAskedError(SwitchError):
    """Nobody has asked for its release."""


@dataclass(frozen=True, slots=True)
class NewRestore:
    """A database that does not hold the position recorded at `place`; `recorded` is None where none is."""

    place: str
    divergence: Divergence
    recorded: Position | None
    recorded_digest: str
    found: Position


@dataclass(frozen=True, slots=True)
class Restore:
    """A row as people read it, instants in UTC; positions in the form of their file."""

    restore_id: UUID
    place: str
    reason: DivergenceKind
    missing: str
    recorded: dict[str, Any] | None
    found: dict[str, Any]
    found_at: datetime
    checked_at: datetime | None
    differences_open: int | None
    asked_by: str | None
    release_reason: str | None
    approved_by: str | None
    released_at: datetime | None
    resumed_at: datetime | None
    found_again_at: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether it still keeps the switch from starting at its place."""
        return self.released_at is None and self.found_again_at is None


async def open_restore(connection: Connection, new: NewRestore) -> UUID:
    """Write the row with its alarm, in a transaction of its own; one that stands is left as it is."""
    values = (
        uuid7(),
        new.place,
        str(new.divergence.why),
        new.divergence.text,
        json.dumps(as_json(new.recorded)) if new.recorded else None,
        new.recorded_digest,
        json.dumps(as_json(new.found)),
    )
    async with connection.transaction():
        added: UUID | None = await connection.fetchval(_OPEN, *values)
        if added is None:
            stands: UUID = await connection.fetchval(_STANDS, new.place, new.recorded_digest)
            return stands
        facts = {"place": new.place, "why": str(new.divergence.why), "missing": new.divergence.row}
        alarm = RaisedAlarm(Alarm.DATABASE_RESTORED, restore_subject(added), facts=facts)
        await raise_alarms(connection, [alarm])
    return added


async def is_released(connection: Connection, place: str, digest: str) -> UUID | None:
    """The release of just this recorded position at this place that was not used yet."""
    released: UUID | None = await connection.fetchval(_RELEASED, place, digest)
    return released


async def mark_resumed(connection: Connection, restore_id: UUID) -> None:
    """Use a release up: the position was recorded anew."""
    await connection.execute(_RESUMED, restore_id)


async def end_found_again(connection: Connection, place: str) -> None:
    """End what this place has open, since the database holds the recorded position after all."""
    async with connection.transaction():
        await connection.execute(_UNUSED, place)
        ended = [row["id"] for row in await connection.fetch(_FOUND_AGAIN, place)]
        if ended:
            subjects = [restore_subject(restore_id) for restore_id in ended]
            reason = "the database holds the recorded position"
            await end_alarms(connection, subjects, AlarmEnd.EVIDENCE, reason, [Alarm.DATABASE_RESTORED])


async def record_check(engine: AsyncEngine, place: str, differences_open: int) -> bool:
    """Say how much of what a place has lost is not settled yet; False where it has no open restore.

    A request to release waits on, and is refused at its approval while anything is open.
    """
    checked = {"checked_at": func.now(), "differences_open": differences_open}
    async with engine.begin() as connection:
        done = await connection.execute(update(restores).where(_R.place == place, _IS_OPEN).values(checked))
    return bool(done.rowcount)


class Restores:
    """Restores in PostgreSQL; each call is one short transaction under a lock of the row."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def list(self) -> Sequence[Restore]:
        """All of them, the newest first."""
        query = select(restores).order_by(_R.found_at.desc(), _R.id.desc())
        async with self._engine.connect() as connection:
            return [_restore(row) for row in await connection.execute(query)]

    async def ask(self, restore_id: UUID, reason: str, asked_by: str) -> Restore:
        """Ask that a checked restore be released; a request of somebody else before is replaced.

        Raises:
            UnknownRestoreError: there is none, or it is over.
            RestoreNotCheckedError: it was not checked, or differences are open.
        """
        async with self._engine.begin() as connection:
            _require_checked(await _lock(connection, restore_id))
            asked = {"asked_by": asked_by, "asked_at": func.now(), "release_reason": reason}
            return await _change(connection, restore_id, asked)

    async def approve(self, restore_id: UUID, approved_by: str) -> Restore:
        """Release what another person has asked for: the next process that starts records it as it is.

        Raises:
            UnknownRestoreError: there is none, or it is over.
            RestoreNotCheckedError: differences are open by now.
            RestoreNotAskedError: nobody has asked for it.
            OnePersonError: the approver is the person who asked.
            LeftStaffError: who asked may decide nothing any more; somebody else may ask anew.
        """
        async with self._engine.begin() as connection:
            row = await _lock(connection, restore_id)
            _require_checked(row)
            if row.asked_by is None:
                raise RestoreNotAskedError(f"id: nobody has asked for the release of {restore_id}")
            if row.asked_by == approved_by:
                raise OnePersonError(f"approved_by: {approved_by} asked for it, and it takes a second person")
            driver = (await connection.get_raw_connection()).driver_connection
            await require_decider(driver, approved_by)
            await refuse_without_asker(driver, row.asked_by)
            released = {"approved_by": approved_by, "released_at": func.now()}
            changed = await _change(connection, restore_id, released)
            subjects, kinds = [restore_subject(restore_id)], [Alarm.DATABASE_RESTORED]
            await end_alarms(driver, subjects, AlarmEnd.DECISION, f"released by {approved_by}", kinds)
            return changed


async def _lock(connection: AsyncConnection, restore_id: UUID) -> Row[Any]:
    query = select(restores).where(_R.id == restore_id).with_for_update()
    row = (await connection.execute(query)).first()
    if row is None:
        raise UnknownRestoreError(f"id: there is no restore {restore_id}")
    if not _restore(row).is_open:
        raise UnknownRestoreError(f"id: the restore {restore_id} is over")
    return row


def _require_checked(row: Row[Any]) -> None:
    if row.checked_at is None:
        raise RestoreNotCheckedError(f"nobody has asked back what was lost: run {CHECK_COMMAND} first")
    if row.differences_open:
        raise RestoreNotCheckedError(
            f"{row.differences_open} differences are open: settle them, then run {CHECK_COMMAND} again"
        )


async def _change(connection: AsyncConnection, restore_id: UUID, values: dict[str, Any]) -> Restore:
    changed = update(restores).where(_R.id == restore_id).values(values).returning(restores)
    return _restore((await connection.execute(changed)).one())


def _restore(row: Row[Any]) -> Restore:
    return Restore(
        restore_id=row.id,
        place=row.place,
        reason=DivergenceKind(row.reason),
        missing=row.missing,
        recorded=row.recorded,
        found=row.found,
        found_at=row.found_at,
        checked_at=row.checked_at,
        differences_open=row.differences_open,
        asked_by=row.asked_by,
        release_reason=row.release_reason,
        approved_by=row.approved_by,
        released_at=row.released_at,
        resumed_at=row.resumed_at,
        found_again_at=row.found_again_at,
    )
