"""Persons, roles and passphrases of the staff, each by two persons (docs/adr/0083).

A new person, or one who needs another passphrase, chooses it with a code in two parts: who asks is shown the
first, who approves the second, each once, and only hashes are stored. So neither of the two can act as the
person alone. A code works once, for a day, and the newest of a person alone.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.parties.access import CODED_KINDS, STAFF_KINDS, AccessKind, CameBy
from ekpay_switch.persistence.parties.access_changes import AccessChange, AccessChanges, AccessOrder
from ekpay_switch.persistence.parties.staff import Role, UnknownStaffError, refuse_taken_name
from ekpay_switch.persistence.schema.access import access_changes
from ekpay_switch.persistence.schema.books import staff
from ekpay_switch.security.identifiers import random_text
from ekpay_switch.security.passphrases import hash_passphrase

CODE_LIFE = timedelta(hours=24)
# 32 letters and digits without 0, 1, I and O: a part holds 80 random bits, so a plain hash of it is safe.
_LETTERS, _PART_LENGTH, _GROUP = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789", 16, 4
_CHANGES = access_changes.c


class RolesStandError(SwitchError):
    """The person has these very roles."""


class WrongStaffCodeError(SwitchError):
    """The code is not theirs, was used or has ended; ask for another: `staff ask NAME --passphrase`."""


@dataclass(frozen=True, slots=True)
class AskedStaffChange:
    """A change that waits; `code_part` is the first part of its code, empty where it gives none."""

    order: AccessOrder
    change_id: UUID
    code_part: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class ApprovedStaffChange:
    """A change that is in force; `code_part` is the second part of its code, until `code_until` (UTC)."""

    change: AccessChange
    code_part: str = field(repr=False, default="")
    code_until: datetime | None = None


class StaffChanges:
    """Changes of the staff in PostgreSQL. The caller has verified the person, but for `choose_passphrase`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._changes = AccessChanges(engine)

    async def ask_roles(
        self, name: str, roles: Collection[Role], asked_by: str, reason: str = ""
    ) -> AskedStaffChange:
        """Ask for a new person with these roles, or for exactly these roles of one who is on the staff.

        Raises:
            RolesStandError: they have them.
            UnknownStaffError: they were disabled; a name is not given again.
            AccessWaitsError, NotAllowedError: see `AccessChanges.ask`.
        """
        standing = await self._standing(name)
        if standing is not None and set(standing.roles) == set(roles):
            raise RolesStandError
        kind = AccessKind.STAFF_ADDED if standing is None else AccessKind.STAFF_ROLES
        return await self._ask(AccessOrder(kind, name, {"roles": sorted(roles)}, reason), asked_by)

    async def ask_passphrase(self, name: str, asked_by: str, reason: str = "") -> AskedStaffChange:
        """Ask that a person may choose another passphrase; also for oneself.

        Raises:
            UnknownStaffError: nobody of this name may do anything.
            AccessWaitsError, NotAllowedError: see `AccessChanges.ask`.
        """
        if await self._standing(name) is None:
            raise UnknownStaffError
        return await self._ask(AccessOrder(AccessKind.STAFF_PASSPHRASE, name, {}, reason), asked_by)

    async def approve(self, change_id: UUID, approved_by: str) -> ApprovedStaffChange:
        """Approve a change of the staff; a new person or passphrase gives the second part of a code.

        Raises: see `AccessChanges.approve`; UnknownStaffError where the person was disabled meanwhile.
        """
        kind = await self._kind_of(change_id)
        if kind not in CODED_KINDS:
            change = await self._changes.approve(change_id, approved_by, _carry_out, kinds=STAFF_KINDS)
            return ApprovedStaffChange(change)
        part = _new_part()
        code = {"second_part_hash": _hash(part), "code_until": func.now() + CODE_LIFE}
        change = await self._changes.approve(change_id, approved_by, _carry_out, kinds=STAFF_KINDS, code=code)
        return ApprovedStaffChange(change, _grouped(part), await self._code_until(change_id))

    async def reject(self, change_id: UUID, reason: str, rejected_by: str) -> AccessChange:
        """See `AccessChanges.reject`."""
        return await self._changes.reject(change_id, reason, rejected_by, kinds=STAFF_KINDS)

    async def list(self, *, is_all: bool = False) -> Sequence[AccessChange]:
        """What waits or has lapsed, or every change of the staff; the oldest first."""
        return await self._changes.list(kinds=STAFF_KINDS, is_all=is_all)

    async def choose_passphrase(self, name: str, code: str, passphrase: str) -> None:
        """Set the passphrase of a person who knows both parts of their newest code; the code is used up.

        Raises:
            WrongStaffCodeError: they do not, or it has ended, or the person may do nothing any more.
            WeakPassphraseError: the passphrase is too short or too long; the code stays good.
        """
        stored = await asyncio.to_thread(hash_passphrase, passphrase)
        async with self._engine.begin() as connection:
            row = await _lock_newest_code(connection, name)
            if row is None or not row.is_good or not _matches(row, code):
                raise WrongStaffCodeError
            await connection.execute(
                update(access_changes).where(_CHANGES.id == row.id).values(code_used_at=func.now())
            )
            values = {"passphrase_hash": stored, "passphrase_by_change": row.id}
            enabled = (staff.c.name == name) & staff.c.disabled_at.is_(None)
            changed = await connection.execute(update(staff).where(enabled).values(values))
            if changed.rowcount != 1:
                raise WrongStaffCodeError

    async def _ask(self, order: AccessOrder, asked_by: str) -> AskedStaffChange:
        if order.kind not in CODED_KINDS:
            return AskedStaffChange(order, await self._changes.ask(order, asked_by))
        part = _new_part()
        return AskedStaffChange(order, await self._changes.ask(order, asked_by, _hash(part)), _grouped(part))

    async def _standing(self, name: str) -> Row[Any] | None:
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(staff).where(staff.c.name == name))).first()
        if row is not None and row.disabled_at is not None:
            raise UnknownStaffError(f"name: {name} was disabled, and a name is not given again")
        return row

    async def _kind_of(self, change_id: UUID) -> str | None:
        async with self._engine.connect() as connection:
            return await connection.scalar(select(_CHANGES.kind).where(_CHANGES.id == change_id))

    async def _code_until(self, change_id: UUID) -> datetime | None:
        async with self._engine.connect() as connection:
            return await connection.scalar(select(_CHANGES.code_until).where(_CHANGES.id == change_id))


async def _carry_out(connection: AsyncConnection, change: AccessChange) -> AccessChange:
    if change.kind is AccessKind.STAFF_ADDED:
        await refuse_taken_name(connection, change.subject)
        new = {
            "name": change.subject,
            "passphrase_hash": "",
            "roles": change.terms["roles"],
            "came_by": CameBy.TWO_PERSONS,
            "added_by_change": change.change_id,
        }
        await connection.execute(insert(staff).values(new))
        return change
    enabled = (staff.c.name == change.subject) & staff.c.disabled_at.is_(None)
    query = select(staff.c.name).where(enabled).with_for_update()
    if (await connection.execute(query)).first() is None:
        raise UnknownStaffError(f"name: {change.subject} was disabled meanwhile; reject it")
    if change.kind is AccessKind.STAFF_ROLES:
        values = {"roles": change.terms["roles"], "roles_by_change": change.change_id}
        await connection.execute(update(staff).where(enabled).values(values))
    return change


async def _lock_newest_code(connection: AsyncConnection, name: str) -> Row[Any] | None:
    """The newest code of a person, used or not: a newer one ends those before it."""
    is_good = (_CHANGES.code_used_at.is_(None) & (_CHANGES.code_until > func.now())).label("is_good")
    query = (
        select(_CHANGES.id, _CHANGES.first_part_hash, _CHANGES.second_part_hash, is_good)
        .where(_CHANGES.subject == name, _CHANGES.kind.in_(sorted(CODED_KINDS)))
        .where(_CHANGES.approved_by.is_not(None))
        .order_by(_CHANGES.approved_at.desc())
        .limit(1)
        .with_for_update()
    )
    return (await connection.execute(query)).first()


def _matches(row: Row[Any], code: str) -> bool:
    """Whether a person knows both parts; how they are grouped or spelled does not count."""
    letters = "".join(sign for sign in code.upper() if sign in _LETTERS)
    first, second = letters[:_PART_LENGTH], letters[_PART_LENGTH:]
    is_first = hmac.compare_digest(_hash(first), bytes(row.first_part_hash))
    return hmac.compare_digest(_hash(second), bytes(row.second_part_hash)) and is_first


def _new_part() -> str:
    return random_text(_LETTERS, _PART_LENGTH)


def _hash(part: str) -> bytes:
    return hashlib.sha256(part.encode()).digest()


def _grouped(part: str) -> str:
    return "-".join(part[start : start + _GROUP] for start in range(0, _PART_LENGTH, _GROUP))
