"""Changes of access: who may act and with which keys, asked for by one person, approved by another.

What an approval brings about is written in its own transaction, so a change is in force or it is not. A
secret that it makes is handed to who approved, once, and stored in no row; where that answer is lost, what
was made is replaced by another change (docs/adr/0083).
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.parties.access import STAFF_KINDS, AccessKind
from ekpay_switch.persistence.parties.staff import refuse_without_asker, require_decider
from ekpay_switch.persistence.parties.top_ups import OnePersonError
from ekpay_switch.persistence.schema.access import access_changes
from ekpay_switch.persistence.schema.books import staff
from ekpay_switch.security.identifiers import uuid7

Result = TypeVar("Result")
_CHANGES = access_changes.c


class AccessWaitsError(SwitchError):
    """Another change of this kind about the same person or client waits for its second person."""


class AccessNotWaitingError(SwitchError):
    """The change does not wait for this decision."""


class RefusedAccessError(SwitchError):
    """The change names nobody, or a rejection has no reason."""


class AccessState(StrEnum):
    """Where a change stands. What has lapsed is approved by nobody: who asked may decide nothing any more."""

    WAITS = "waits"
    LAPSED = "lapsed"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class AccessOrder:
    """A change that somebody asks for; `terms` is JSON without any secret."""

    kind: AccessKind
    subject: str
    terms: Mapping[str, Any]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AccessChange:
    """A change with its authors and instants (UTC)."""

    change_id: UUID
    kind: AccessKind
    subject: str
    terms: Mapping[str, Any]
    reason: str
    state: AccessState
    asked_by: str
    asked_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    rejected_by: str | None
    rejection_reason: str


CarryOut = Callable[[AsyncConnection, AccessChange], Awaitable[Result]]


class AccessChanges:
    """The changes in PostgreSQL; each call is one short transaction. The caller has verified the person.

    That two persons decide, both of finance at that moment, is held by the table as well.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def ask(self, order: AccessOrder, asked_by: str, first_part_hash: bytes | None = None) -> UUID:
        """Ask for a change; nothing is given yet. Returns its id, that of before where it waits already.

        Raises:
            RefusedAccessError: it is about nobody.
            NotAllowedError: who asks may decide nothing any more.
            AccessWaitsError: another one about the same person or client waits, or one with a code.
        """
        if not order.subject.strip():
            raise RefusedAccessError("subject: it is empty")
        async with self._engine.begin() as connection:
            await require_decider(await _driver_of(connection), asked_by)
            values = {
                "id": uuid7(),
                "kind": order.kind,
                "subject": order.subject,
                "terms": dict(order.terms),
                "reason": order.reason.strip(),
                "asked_by": asked_by,
                "first_part_hash": first_part_hash,
            }
            added = insert(access_changes).values(values).on_conflict_do_nothing()
            change_id: UUID | None = await connection.scalar(added.returning(_CHANGES.id))
            return change_id or await _same_request(connection, order, asked_by)

    async def approve(
        self,
        change_id: UUID,
        approved_by: str,
        carry_out: CarryOut[Result],
        *,
        kinds: AbstractSet[AccessKind],
        code: Mapping[str, Any] | None = None,
    ) -> Result:
        """Approve what another person has asked for, and carry it out in the same transaction.

        `code` is what is stored of the code that a change of `CODED_KINDS` gives.

        Raises:
            OnePersonError: the approver is the person who asked, or whom it is about.
            NotAllowedError: the approver may decide nothing any more.
            LeftStaffError: who asked may not.
            AccessNotWaitingError: unknown, of another kind, or decided; what it gave is not shown again.
        """
        async with self._engine.begin() as connection:
            row = await _lock_waiting(connection, change_id, kinds)
            if row.asked_by == approved_by:
                raise OnePersonError(f"approved_by: {approved_by} asked for it, and it takes a second person")
            if row.subject == approved_by and row.kind in STAFF_KINDS:
                raise OnePersonError(f"approved_by: it is about {approved_by}, and takes another person")
            driver = await _driver_of(connection)
            await require_decider(driver, approved_by)
            await refuse_without_asker(driver, row.asked_by)
            decided = {"approved_by": approved_by, "approved_at": func.clock_timestamp(), **(code or {})}
            await _write(connection, change_id, decided)
            return await carry_out(connection, await _read(connection, change_id))

    async def reject(
        self, change_id: UUID, reason: str, rejected_by: str, *, kinds: AbstractSet[AccessKind]
    ) -> AccessChange:
        """Reject what waits or has lapsed, also one's own request; nothing is given.

        Raises:
            RefusedAccessError: there is no reason.
            AccessNotWaitingError: unknown, of another kind, or decided.
        """
        if not reason.strip():
            raise RefusedAccessError("reason: it is empty")
        async with self._engine.begin() as connection:
            await _lock_waiting(connection, change_id, kinds)
            await require_decider(await _driver_of(connection), rejected_by)
            decided = {
                "rejected_by": rejected_by,
                "rejected_at": func.clock_timestamp(),
                "rejection_reason": reason.strip(),
            }
            await _write(connection, change_id, decided)
            return await _read(connection, change_id)

    async def list(self, *, kinds: AbstractSet[AccessKind], is_all: bool = False) -> Sequence[AccessChange]:
        """What waits or has lapsed, or every change of these kinds; the oldest first."""
        query = _with_askers().where(_CHANGES.kind.in_(sorted(kinds)))
        if not is_all:
            query = query.where(_CHANGES.approved_by.is_(None), _CHANGES.rejected_by.is_(None))
        async with self._engine.connect() as connection:
            rows = await connection.execute(query.order_by(_CHANGES.asked_at, _CHANGES.id))
            return [_change(row) for row in rows]


async def _driver_of(connection: AsyncConnection) -> Any:  # noqa: ANN401 - the driver does not type its methods
    """The driver's own connection, in the same transaction."""
    return (await connection.get_raw_connection()).driver_connection


async def _same_request(connection: AsyncConnection, order: AccessOrder, asked_by: str) -> UUID:
    """The request that waits, if it is this one and gave no part of a code that was perhaps lost."""
    query = select(access_changes).where(
        _CHANGES.kind == order.kind,
        _CHANGES.subject == order.subject,
        _CHANGES.approved_by.is_(None),
        _CHANGES.rejected_by.is_(None),
    )
    row = (await connection.execute(query)).first()
    if row is None:
        raise AccessWaitsError("subject: somebody has just decided on another change of it, ask again")
    if (row.asked_by, row.terms) != (asked_by, dict(order.terms)) or row.first_part_hash is not None:
        raise AccessWaitsError(f"subject: {row.asked_by} has asked already, and {row.id} waits; or reject it")
    waiting: UUID = row.id
    return waiting


async def _lock_waiting(
    connection: AsyncConnection, change_id: UUID, kinds: AbstractSet[AccessKind]
) -> Row[Any]:
    query = select(access_changes).where(_CHANGES.id == change_id, _CHANGES.kind.in_(sorted(kinds)))
    row = (await connection.execute(query.with_for_update())).first()
    if row is None:
        raise AccessNotWaitingError(f"id: there is no change {change_id} here")
    if row.rejected_by is not None:
        raise AccessNotWaitingError(
            f"id: {change_id} was rejected by {row.rejected_by}: {row.rejection_reason}"
        )
    if row.approved_by is not None:
        raise AccessNotWaitingError(
            f"id: {change_id} was approved by {row.approved_by}; what it gave was shown once, "
            "and where that was lost another one is asked for"
        )
    return row


async def _write(connection: AsyncConnection, change_id: UUID, decided: Mapping[str, Any]) -> None:
    await connection.execute(update(access_changes).where(_CHANGES.id == change_id).values(dict(decided)))


async def _read(connection: AsyncConnection, change_id: UUID) -> AccessChange:
    return _change((await connection.execute(_with_askers().where(_CHANGES.id == change_id))).one())


def _with_askers() -> Any:  # noqa: ANN401 - a query
    """Changes, each with whether who asked may still decide."""
    may_decide = staff.c.disabled_at.is_(None) & staff.c.roles.contains(["finance"])
    return select(access_changes, may_decide.label("asker_decides")).join(
        staff, staff.c.name == _CHANGES.asked_by
    )


def _change(row: Row[Any]) -> AccessChange:
    return AccessChange(
        change_id=row.id,
        kind=AccessKind(row.kind),
        subject=row.subject,
        terms=row.terms,
        reason=row.reason,
        state=_state(row),
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        rejected_by=row.rejected_by,
        rejection_reason=row.rejection_reason or "",
    )


def _state(row: Row[Any]) -> AccessState:
    if row.rejected_by is not None:
        return AccessState.REJECTED
    if row.approved_by is not None:
        return AccessState.APPROVED
    return AccessState.WAITS if row.asker_decides else AccessState.LAPSED
