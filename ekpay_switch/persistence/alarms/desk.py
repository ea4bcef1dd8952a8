"""The port `AlarmDesk` over PostgreSQL."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from ekpay_switch.domain.alarms import Alarm, AlarmOwner
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.persistence.alarms.rows import TODAY, AlarmEnd
from ekpay_switch.persistence.alarms.watches import ENDED_BY_DEPOSIT_WATCH, ENDED_BY_WING, WATCHES
from ekpay_switch.persistence.payment_rows import from_json
from ekpay_switch.ports.alarms import AlarmFilter, AlarmView

# An asyncpg connection; the driver does not type its methods.
Connection = Any
Connect = Callable[[], Awaitable[Connection]]

# As an AlarmView has them; the date of today is computed once.
_COLUMNS = f"""
a.id, a.kind, a.subject, a.payment_id, a.amount, a.owner, a.due_on,
a.ended_at IS NULL AND a.due_on < (SELECT {TODAY}) AS is_overdue, a.facts, a.count, a.raised_at,
a.last_raised_at, coalesce(a.acknowledged_by, '') AS acknowledged_by, a.ended_at,
coalesce(a.ended_by, '') AS ended_by, coalesce(a.end_reason, '') AS end_reason
"""
# A page starts after the alarm $6, in the order of the index.
_LIST = f"""
SELECT {_COLUMNS} FROM alarms AS a
WHERE {{open}} AND ($1::text IS NULL OR a.owner = $1) AND ($2::text IS NULL OR a.kind = $2)
  AND ($3::uuid IS NULL OR a.payment_id = $3) AND (NOT $4 OR (a.ended_at IS NULL AND a.due_on < {TODAY}))
  AND ($6::uuid IS NULL OR (a.due_on, a.id) > (SELECT due_on, id FROM alarms WHERE id = $6))
ORDER BY a.due_on, a.id LIMIT $5
"""  # noqa: S608 - constants
_ONE = f"SELECT {_COLUMNS} FROM alarms AS a WHERE a.id = $1"  # noqa: S608 - constants
_STANDS = "SELECT EXISTS (SELECT FROM ({waiting}) AS w WHERE w.subject = $1)"
_ACKNOWLEDGE = "UPDATE alarms SET acknowledged_by = $2, acknowledged_at = now() WHERE id = $1"
_CLOSE = "UPDATE alarms SET ended_at = now(), ended_by = $2, end_reason = $3 WHERE id = $1"
_KINDS = {str(kind): kind for kind in Alarm}
_OWNERS = {str(owner): owner for owner in AlarmOwner}


class UnknownAlarmError(SwitchError):
    """There is no such alarm."""


class AlarmEndedError(SwitchError):
    """The alarm has ended."""


class AlarmStandsError(SwitchError):
    """What the alarm is about still waits: it ends by a decision or by evidence."""


class PostgresAlarmDesk:
    """Alarms in PostgreSQL; each action is one transaction under a lock of the alarm's row."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect

    async def list(self, chosen: AlarmFilter, limit: int) -> Sequence[AlarmView]:
        """See `ports.alarms.AlarmDesk`."""
        connection = await self._connect()
        # As text, so that the partial index of open alarms serves every list but that of all.
        query = _LIST.format(open="true" if chosen.with_ended else "a.ended_at IS NULL")
        try:
            rows = await connection.fetch(
                query, chosen.owner, chosen.kind, chosen.payment_id, chosen.overdue_only, limit, chosen.after
            )
        finally:
            await connection.close()
        return [_view(row) for row in rows]

    async def show(self, alarm_id: UUID) -> AlarmView:
        """See `ports.alarms.AlarmDesk`."""
        connection = await self._connect()
        try:
            row = await connection.fetchrow(_ONE, alarm_id)
        finally:
            await connection.close()
        if row is None:
            raise UnknownAlarmError
        return _view(row)

    async def acknowledge(self, alarm_id: UUID, by: str) -> AlarmView:
        """See `ports.alarms.AlarmDesk`."""

        async def _acknowledge(connection: Connection, _alarm: AlarmView) -> None:
            await connection.execute(_ACKNOWLEDGE, alarm_id, by)

        return await self._change(alarm_id, _acknowledge)

    async def close(self, alarm_id: UUID, reason: str, by: str) -> AlarmView:
        """See `ports.alarms.AlarmDesk`."""

        async def _close(connection: Connection, alarm: AlarmView) -> None:
            if alarm.kind in ENDED_BY_WING | ENDED_BY_DEPOSIT_WATCH:
                raise AlarmStandsError
            watch = WATCHES.get(alarm.kind)
            if watch is not None and not watch.is_closable:
                query = _STANDS.format(waiting=watch.waiting)
                if await connection.fetchval(query, alarm.subject):
                    raise AlarmStandsError
            await connection.execute(_CLOSE, alarm_id, str(AlarmEnd.PERSON), f"{by}: {reason}")

        return await self._change(alarm_id, _close)

    async def _change(
        self, alarm_id: UUID, change: Callable[[Connection, AlarmView], Awaitable[None]]
    ) -> AlarmView:
        connection = await self._connect()
        try:
            async with connection.transaction():
                row = await connection.fetchrow(f"{_ONE} FOR UPDATE", alarm_id)
                if row is None:
                    raise UnknownAlarmError
                if row["ended_at"] is not None:
                    raise AlarmEndedError
                await change(connection, _view(row))
                return _view(await connection.fetchrow(_ONE, alarm_id))
        finally:
            await connection.close()


def _view(row: Any) -> AlarmView:  # noqa: ANN401 - asyncpg's Record
    # By position and by tables, since a list may have ten thousand: calling an enum is slow.
    alarm_id, kind, subject, payment_id, amount, owner, due_on, is_overdue, facts, *rest = row
    return AlarmView(
        alarm_id, _KINDS[kind], subject, payment_id, amount, _OWNERS[owner], due_on, is_overdue,
        from_json(facts), *rest,
    )  # fmt: skip
