"""Turning stand-in off for a biller, or on again: asked for by one person of finance, approved by another.

Nothing that is cached has to be told: whoever would begin to pay a bill in stand-in reads the newest change
that is approved. A bill whose payer was promised stand-in before keeps its promise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.persistence.parties.staff import refuse_without_asker, require_decider
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.persistence.schema.carts import stand_in_changes
from ekpay_switch.persistence.short_transactions import Connection, ShortTransactions
from ekpay_switch.security.identifiers import uuid7

_CHANGES = stand_in_changes.c
_IS_STOPPED = """
SELECT is_stopped FROM stand_in_changes WHERE biller_id = $1 AND approved_at IS NOT NULL
ORDER BY approved_at DESC LIMIT 1
"""


class StandInStandsError(SwitchError):
    """Stand-in is as it was asked for already."""


class StandInWaitsError(SwitchError):
    """Another change for this biller waits for its second person."""


class StandInNotWaitingError(SwitchError):
    """The change does not wait for this decision."""


@dataclass(frozen=True, slots=True)
class StandInChange:
    """A change with its authors and instants (UTC); it waits while nobody has decided."""

    change_id: UUID
    biller_id: str
    is_stopped: bool
    reason: str
    asked_by: str
    asked_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    rejected_by: str | None

    @property
    def waits(self) -> bool:
        """Whether a second person has still to decide."""
        return self.approved_by is None and self.rejected_by is None


class PostgresStandInStops:
    """The port `StandInStops` over PostgreSQL."""

    def __init__(self, transactions: ShortTransactions) -> None:
        self._transactions = transactions

    async def is_stopped(self, biller_id: str) -> bool:
        """See `ports.carts.StandInStops`."""
        return await self._transactions.run(partial(_is_stopped, biller_id=biller_id))


class StandInChanges:
    """The changes for the staff; each call is one transaction. The caller has verified the person."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def ask(self, biller_id: str, reason: str, asked_by: str, *, is_stopped: bool) -> UUID:
        """Ask that stand-in be turned off for a biller, or on again; the id of the change.

        Raises:
            StandInStandsError: it is so already.
            StandInWaitsError: another change for the biller waits.
        """
        async with self._engine.begin() as connection:
            if await _is_stopped(await _driver(connection), biller_id) is is_stopped:
                raise StandInStandsError("biller: stand-in is so already")
            values = {
                "id": uuid7(),
                "biller_id": biller_id,
                "is_stopped": is_stopped,
                "reason": reason,
                "asked_by": asked_by,
            }
            added = insert(stand_in_changes).values(values).on_conflict_do_nothing()
            change_id: UUID | None = await connection.scalar(added.returning(_CHANGES.id))
            return change_id or await _same_request(connection, values)

    async def approve(self, change_id: UUID, approved_by: str) -> StandInChange:
        """Approve what another person has asked for: it holds from now on.

        Raises:
            OnePersonError: the approver is the person who asked.
            NotAllowedError: the approver may decide nothing any more.
            LeftStaffError: who asked may not.
            StandInNotWaitingError: unknown, rejected, or approved by somebody else.
        """
        async with self._engine.begin() as connection:
            row = await _lock(connection, change_id)
            if row.rejected_by is not None or row.approved_by not in {None, approved_by}:
                raise StandInNotWaitingError(f"id: {change_id} was decided on already")
            if row.approved_by is None:
                if row.asked_by == approved_by:
                    raise OnePersonError(
                        f"approved_by: {approved_by} asked for it, and it takes a second person"
                    )
                driver = await _driver(connection)
                await require_decider(driver, approved_by)
                await refuse_without_asker(driver, row.asked_by)
                decided = {"approved_by": approved_by, "approved_at": func.clock_timestamp()}
                await _decide(connection, change_id, decided)
            return _change(await _lock(connection, change_id))

    async def reject(self, change_id: UUID, rejected_by: str) -> StandInChange:
        """Reject what waits, also one's own request; stand-in stays as it is.

        Raises:
            StandInNotWaitingError: unknown, approved, or rejected by somebody else.
        """
        async with self._engine.begin() as connection:
            row = await _lock(connection, change_id)
            if row.approved_by is not None or row.rejected_by not in {None, rejected_by}:
                raise StandInNotWaitingError(f"id: {change_id} was decided on already")
            if row.rejected_by is None:
                decided = {"rejected_by": rejected_by, "rejected_at": func.clock_timestamp()}
                await _decide(connection, change_id, decided)
            return _change(await _lock(connection, change_id))

    async def list(self) -> Sequence[StandInChange]:
        """Every change, by biller, the oldest first."""
        query = select(stand_in_changes).order_by(_CHANGES.biller_id, _CHANGES.asked_at, _CHANGES.id)
        async with self._engine.connect() as connection:
            return [_change(row) for row in await connection.execute(query)]


async def _is_stopped(connection: Connection, biller_id: str) -> bool:
    return bool(await connection.fetchval(_IS_STOPPED, biller_id))


async def _driver(connection: AsyncConnection) -> Connection:
    """The driver's own connection, in the same transaction."""
    driver: Connection = (await connection.get_raw_connection()).driver_connection
    return driver


async def _same_request(connection: AsyncConnection, values: dict[str, Any]) -> UUID:
    """The request that waits, if it is this one."""
    query = select(stand_in_changes).where(
        _CHANGES.biller_id == values["biller_id"],
        _CHANGES.approved_by.is_(None),
        _CHANGES.rejected_by.is_(None),
    )
    row = (await connection.execute(query)).first()
    if row is None:
        raise StandInWaitsError("biller: somebody has just decided on another change, ask again")
    if (row.asked_by, row.is_stopped) != (values["asked_by"], values["is_stopped"]):
        raise StandInWaitsError(f"biller: {row.asked_by} has asked for another change, {row.id}, which waits")
    change_id: UUID = row.id
    return change_id


async def _lock(connection: AsyncConnection, change_id: UUID) -> Row[Any]:
    query = select(stand_in_changes).where(_CHANGES.id == change_id).with_for_update()
    row = (await connection.execute(query)).first()
    if row is None:
        raise StandInNotWaitingError(f"id: there is no change {change_id}")
    return row


async def _decide(connection: AsyncConnection, change_id: UUID, decided: dict[str, Any]) -> None:
    await connection.execute(update(stand_in_changes).where(_CHANGES.id == change_id).values(decided))


def _change(row: Row[Any]) -> StandInChange:
    return StandInChange(
        change_id=row.id,
        biller_id=row.biller_id,
        is_stopped=row.is_stopped,
        reason=row.reason,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        rejected_by=row.rejected_by,
    )
