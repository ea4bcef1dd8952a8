"""The way back where fewer than two persons can decide: the owner of the database adds one.

It is loud on purpose: every person who came so has an alarm, which `ekpay audit` asks for, and the list of
the staff says why they came.
"""

import asyncio
from collections.abc import Collection

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.alarms import Alarm, RaisedAlarm, staff_subject
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.parties.access import CameBy
from ekpay_switch.persistence.alarms.rows import raise_alarms
from ekpay_switch.persistence.parties.staff import (
    FIRST_PERSONS,
    Role,
    StaffMember,
    UnknownStaffError,
    refuse_taken_name,
)
from ekpay_switch.persistence.schema.books import staff
from ekpay_switch.security.passphrases import hash_passphrase

OWNER_OF_THE_DATABASE = "the owner of the database"
_IS_OWNER = text(
    "SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = 'staff'::regclass"
)


class NotOwnerError(SwitchError):
    """This takes the credentials of the owner of the database: set EKPAY_DATABASE_OWNER_URL."""


class NotLostError(SwitchError):
    """Two persons can decide, and they add everybody else: `ekpay staff ask`.

    Where one of them is lost, name them: `--lost NAME` disables them.
    """


class RefusedRecoveryError(SwitchError):
    """There is no reason."""


class StaffRecovery:
    """Recovery in PostgreSQL, with an engine of the owner of the tables; one short transaction."""

    def __init__(self, owner: AsyncEngine) -> None:
        self._owner = owner

    async def recover(
        self, name: str, passphrase: str, reason: str, lost: Collection[str] = ()
    ) -> StaffMember:
        """Disable who is lost, and add a person of finance with an alarm, in one transaction.

        Raises:
            NotOwnerError: the database knows us as somebody else.
            NotLostError: two persons would still be there who can decide.
            UnknownStaffError: who is lost is not on the staff, or was disabled.
            StaffExistsError, WeakPassphraseError, RefusedRecoveryError: of the new person.
        """
        if not reason.strip():
            raise RefusedRecoveryError("reason: it is empty")
        stored = await asyncio.to_thread(hash_passphrase, passphrase)
        async with self._owner.begin() as connection:
            if not await connection.scalar(_IS_OWNER):
                raise NotOwnerError
            await refuse_taken_name(connection, name)
            for person in sorted(set(lost)):
                await _disable(connection, person)
            await _require_lost(connection)
            new = {
                "name": name,
                "passphrase_hash": stored,
                "roles": [Role.FINANCE],
                "came_by": CameBy.RECOVERY,
                "came_reason": reason.strip(),
            }
            await connection.execute(insert(staff).values(new))
            facts = {"reason": reason.strip(), "lost": ", ".join(sorted(set(lost)))}
            alarm = RaisedAlarm(Alarm.STAFF_RECOVERED, staff_subject(name), facts=facts)
            await raise_alarms((await connection.get_raw_connection()).driver_connection, [alarm])
        return StaffMember(name, frozenset({Role.FINANCE}))


async def _disable(connection: AsyncConnection, name: str) -> None:
    enabled = (staff.c.name == name) & staff.c.disabled_at.is_(None)
    values = {"disabled_at": func.now(), "disabled_by": OWNER_OF_THE_DATABASE}
    if (await connection.execute(update(staff).where(enabled).values(values))).rowcount != 1:
        raise UnknownStaffError(f"lost: {name} is not on the staff, or was disabled already")


async def _require_lost(connection: AsyncConnection) -> None:
    can_decide = (
        staff.c.disabled_at.is_(None) & staff.c.roles.contains(["finance"]) & (staff.c.passphrase_hash != "")
    )
    number = await connection.scalar(select(func.count()).select_from(staff).where(can_decide))
    if number is None or number >= FIRST_PERSONS:
        raise NotLostError
