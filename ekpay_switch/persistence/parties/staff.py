"""Staff: the people who may move money by hand, each with a passphrase and roles.

They are known by name, so that a top-up, a refund by hand or a resolution can require a second person
(architecture.md 9). The first two come with the installation; everybody else by two persons of the staff
(`staff_changes`), or by the owner of the database where fewer than two are left (`staff_recovery`).
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch import trouble
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.parties.access import CameBy
from ekpay_switch.persistence.schema.books import staff
from ekpay_switch.security.passphrases import hash_passphrase, passphrase_matches

# The driver does not type its methods.
Connection = Any

# Whoever removes this person meanwhile waits until the decision is over.
_MAY_DECIDE = "SELECT roles ? 'finance' AND disabled_at IS NULL FROM staff WHERE name = $1 FOR SHARE"
# What a person has asked for, or says that was paid, and nobody has decided yet.
_WAITING = text("""
SELECT kind, count(*) AS number FROM (
  SELECT 'top-ups' AS kind FROM top_ups
  WHERE asked_by = :name AND num_nonnulls(approved_by, rejected_by) = 0
  UNION ALL SELECT 'deposits' FROM deposit_transfers
  WHERE asked_by = :name AND num_nonnulls(approved_by, rejected_by) = 0
  UNION ALL SELECT 'reversals of transfers' FROM transfer_reversals
  WHERE asked_by = :name AND num_nonnulls(approved_by, rejected_by) = 0
  UNION ALL SELECT 'limits of partners' FROM partner_limit_changes
  WHERE asked_by = :name AND num_nonnulls(approved_by, rejected_by) = 0
  UNION ALL SELECT 'changes of access' FROM access_changes
  WHERE asked_by = :name AND num_nonnulls(approved_by, rejected_by) = 0
  UNION ALL SELECT 'refunds' FROM refunds WHERE asked_by = :name AND state = 'asked'
  UNION ALL SELECT 'refunds paid by hand' FROM refunds WHERE by_hand_by = :name AND state = 'by_hand'
  UNION ALL SELECT 'disputes' FROM disputes WHERE proposed_by = :name
  UNION ALL SELECT 'lost sends' FROM lost_sends
  WHERE proposed_by = :name AND approved_by IS NULL AND booked_at IS NULL AND state <> 'not_posted'
  UNION ALL SELECT 'decisions' FROM decisions
  WHERE proposed_by = :name AND num_nonnulls(approved_at, rejected_at, lapsed_at) = 0) AS waiting
GROUP BY kind ORDER BY kind
""")
FIRST_PERSONS = 2
_DECIDERS = text("""
SELECT name FROM staff
WHERE disabled_at IS NULL AND roles ? 'finance' AND passphrase_hash <> '' ORDER BY name
""")
# Each person with who asked for them and who approved it.
_LIST = text("""
SELECT s.name, s.roles, s.created_at, s.came_by, s.came_reason, a.asked_by, a.approved_by, s.disabled_at,
  s.disabled_by, s.passphrase_hash <> '' AS has_passphrase
FROM staff AS s LEFT JOIN access_changes AS a ON a.id = s.added_by_change ORDER BY s.created_at, s.name
""")


# Passphrases are typed on the machine itself.
_HERE = "local"


class Role(StrEnum):
    """What a member of staff may do; the comment of each member says it."""

    FINANCE = "finance"  # request and approve top-ups, decide reviews
    OPERATOR = "operator"  # look into payments and wake them


class StaffExistsError(SwitchError):
    """Somebody of that name is on the staff already."""


class TwoPersonsError(SwitchError):
    """Two persons have been on the staff, and they add everybody else: `ekpay staff ask`.

    Where fewer than two are left, the owner of the database adds one: `ekpay staff recover`.
    """


class RefusedRoleError(SwitchError):
    """Who comes without an approval is of finance: otherwise nobody could approve the next person."""


class UnknownStaffError(SwitchError):
    """Nobody of that name is on the staff, or they may do nothing any more."""


class LeftStaffError(SwitchError):
    """Who asked for it may decide nothing any more: reject it, and let somebody else ask again."""


class NotAllowedError(SwitchError):
    """Name and passphrase do not belong together, or the role is missing; which of them is not said."""


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A member of staff whose passphrase was verified."""

    name: str
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class StaffLine:
    """A person as `ekpay staff list` shows them; instants are UTC.

    `asked_by` and `approved_by` are the two persons who added them; `reason` is why the owner of the database
    did instead.
    """

    name: str
    roles: tuple[Role, ...]
    since: datetime
    came_by: CameBy
    asked_by: str | None
    approved_by: str | None
    reason: str | None
    has_passphrase: bool
    disabled_at: datetime | None
    disabled_by: str | None


class Staff:
    """The staff in PostgreSQL; passphrases are hashed in a thread, since each takes a core for a while."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def install(self, name: str, passphrase: str, roles: Collection[Role]) -> StaffMember:
        """Add one of the first two persons of an installation.

        Raises:
            RefusedRoleError: they are not of finance.
            StaffExistsError: the name is taken.
            TwoPersonsError: two persons have ever been on the staff.
            WeakPassphraseError: the passphrase is too short or too long.
        """
        if Role.FINANCE not in roles:
            raise RefusedRoleError
        stored = await asyncio.to_thread(hash_passphrase, passphrase)
        member = StaffMember(name, frozenset(roles))
        values = {"name": name, "passphrase_hash": stored, "roles": sorted(member.roles)}
        try:
            async with self._engine.begin() as connection:
                await refuse_taken_name(connection, name)
                ever = await connection.scalars(select(staff.c.name).limit(FIRST_PERSONS))
                if len(ever.all()) == FIRST_PERSONS:
                    raise TwoPersonsError
                await connection.execute(insert(staff).values(values))
        except IntegrityError as problem:
            # Somebody came at the same moment, under this name or as the second.
            raise TwoPersonsError from problem
        return member

    async def disable(self, name: str, disabled_by: str) -> Mapping[str, int]:
        """From now on this person may do nothing, and what they proposed is not carried out any more.

        Returns how much of each kind they have asked for that waits; the wing's own is not counted.

        Raises:
            UnknownStaffError: there is nobody of this name who may do anything.
        """
        change = (
            update(staff)
            .where(staff.c.name == name, staff.c.disabled_at.is_(None))
            .values(disabled_at=func.now(), disabled_by=disabled_by)
        )
        async with self._engine.begin() as connection:
            if (await connection.execute(change)).rowcount != 1:
                raise UnknownStaffError
            waiting = await connection.execute(_WAITING, {"name": name})
            return {row.kind: row.number for row in waiting}

    async def list(self) -> Sequence[StaffLine]:
        """Everybody who has ever been on the staff, the first one first."""
        async with self._engine.connect() as connection:
            return [_line(row) for row in await connection.execute(_LIST)]

    async def deciders(self) -> Sequence[str]:
        """The persons who can decide now: of finance, not disabled, with a passphrase of their own."""
        async with self._engine.connect() as connection:
            return list(await connection.scalars(_DECIDERS))

    async def verify(self, name: str, passphrase: str, role: Role) -> StaffMember:
        """The member of this name, if the passphrase is right and they have the role.

        Raises:
            NotAllowedError: otherwise.
        """
        query = select(staff).where(staff.c.name == name)
        async with self._engine.connect() as connection:
            row = (await connection.execute(query)).first()
        stored = None if row is None else row.passphrase_hash
        is_right = await asyncio.to_thread(passphrase_matches, passphrase, stored)
        if row is None or not is_right or role not in row.roles or row.disabled_at is not None:
            trouble.FAILED_LOGINS.labels("staff", "wrong_passphrase_or_role").inc()
            trouble.log_failed_login("staff", _HERE, "wrong_passphrase_or_role", name)
            raise NotAllowedError
        return StaffMember(name, frozenset(Role(word) for word in row.roles))


async def refuse_taken_name(connection: AsyncConnection, name: str) -> None:
    """Raise StaffExistsError where somebody of this name has ever been on the staff."""
    if await connection.scalar(select(staff.c.name).where(staff.c.name == name)) is not None:
        raise StaffExistsError


def _line(row: Row[Any]) -> StaffLine:
    return StaffLine(
        name=row.name,
        roles=tuple(Role(word) for word in sorted(row.roles)),
        since=row.created_at,
        came_by=CameBy(row.came_by),
        asked_by=row.asked_by,
        approved_by=row.approved_by,
        reason=row.came_reason,
        has_passphrase=row.has_passphrase,
        disabled_at=row.disabled_at,
        disabled_by=row.disabled_by,
    )


async def may_decide(connection: Connection, name: str) -> bool:
    """Whether this person is of finance and on the staff; nobody removes them until the transaction ends."""
    return bool(await connection.fetchval(_MAY_DECIDE, name))


async def require_decider(connection: Connection, name: str) -> None:
    """Raise NotAllowedError unless this person may decide now, in the transaction that carries it out."""
    if not await may_decide(connection, name):
        raise NotAllowedError


async def refuse_without_asker(connection: Connection, name: str) -> None:
    """Refuse to carry out what a person has asked for who may decide nothing any more.

    A name that is nobody's on the staff is a client's, which asks for refunds through the API.

    Raises:
        LeftStaffError: they may not.
    """
    if await connection.fetchval(_MAY_DECIDE, name) is False:
        raise LeftStaffError(f"asked_by: {name} may decide nothing any more; reject it and ask again")
