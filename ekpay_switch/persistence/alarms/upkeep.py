"""The sweep of alarms: raise what waits without one, end those whose state is over, remind their owners.

One statement a kind sees a state and its alarms in one snapshot, so an alarm never ends before the step that
it is about, and a crash between a step and its alarm only delays it to the next sweep.
"""

from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm, RaisedAlarm
from ekpay_switch.persistence.alarms.rows import TODAY, AlarmEnd, raise_alarms
from ekpay_switch.persistence.alarms.watches import WATCHES, Watch
from ekpay_switch.persistence.worker_mark import WORKER_SILENT

RAISED_AT_ONCE = 1_000
# Set operations and lookups by index, since no statistics tell how many alarms were raised a moment ago: a
# join of ten thousand that is planned for one compares each with each. The inner count is that of the
# snapshot, so what is raised again while this waits for its row stays open.
_END_OVER = """
UPDATE alarms AS o SET ended_at = now(), ended_by = :end, end_reason = 'what it was about is over'
WHERE o.kind = :kind AND o.ended_at IS NULL AND o.subject = ANY(ARRAY(
  SELECT a.subject FROM alarms AS a WHERE a.kind = :kind AND a.ended_at IS NULL
  EXCEPT SELECT w.subject FROM ({waiting}) AS w))
  AND o.count = (SELECT s.count FROM alarms AS s WHERE s.id = o.id)
"""
_UNCOVERED = """
SELECT w.subject, w.payment_id, w.amount FROM ({waiting}) AS w
LEFT JOIN alarm_terms AS t ON t.kind = :kind
WHERE w.since <= now() - coalesce(t.after_hours, 0) * CAST(:hour AS interval)
  AND NOT EXISTS (SELECT FROM alarms AS a
    WHERE a.subject = w.subject AND a.kind = ANY(:kinds) AND a.ended_at IS NULL OFFSET 0)
LIMIT :count
"""
# One line for each owner and Dhaka date, while anything is open.
_REMIND = text(f"""
WITH reminded AS (
  UPDATE alarms SET reminded_on = {TODAY}
  WHERE ended_at IS NULL AND reminded_on IS DISTINCT FROM {TODAY} AND raised_at < now() - interval '1 day'
  RETURNING owner, due_on, amount, raised_at
)
SELECT owner, count(*) AS open, count(*) FILTER (WHERE due_on < {TODAY}) AS overdue,
  coalesce(sum(amount), 0)::bigint AS paisa, min(raised_at) AS oldest FROM reminded GROUP BY owner
""")  # noqa: S608 - constants
_COUNT = text(f"""
SELECT kind, CASE WHEN due_on < {TODAY} THEN 'overdue' WHEN due_on = {TODAY} THEN 'due_today'
  ELSE 'in_time' END AS age, count(*) AS alarms FROM alarms WHERE ended_at IS NULL GROUP BY 1, 2
""")  # noqa: S608 - constants


async def count_alarms(engine: AsyncEngine) -> None:
    """Bring the gauge of open alarms up to date."""
    async with engine.connect() as connection:
        counted = (await connection.execute(_COUNT)).all()
    telemetry.OPEN_ALARMS.clear()
    for row in counted:
        telemetry.OPEN_ALARMS.labels(row.kind, row.age).set(row.alarms)


class AlarmUpkeep:
    """Keeps the alarms true; `time_divisor` divides how long a state may last, as in every rehearsal."""

    def __init__(self, engine: AsyncEngine, time_divisor: float = 1.0) -> None:
        self._engine = engine
        self._hour = timedelta(hours=1) / time_divisor

    async def sweep(self) -> None:
        """End, raise and remind; each kind is one transaction, and a repeat changes nothing.

        Raises:
            ExceptionGroup: kinds that failed, each with its error, once all others are swept.
        """
        failures = [failure for kind in WATCHES if (failure := await self._try_kind(kind)) is not None]
        await self._remind()
        if failures:
            raise ExceptionGroup("kinds of alarms that were not swept", failures)

    async def _try_kind(self, kind: Alarm) -> Exception | None:
        """Sweep one kind, and return why it failed; a database that cannot be reached fails the sweep."""
        async with self._engine.connect() as connection:
            try:
                async with connection.begin():
                    await self._sweep_kind(connection, kind, WATCHES[kind])
            except Exception as error:  # noqa: BLE001 - logged here, and raised once the others are swept
                telemetry.log_error("alarms_not_swept", notice=kind, error=error)
                return error
        return None

    async def _remind(self) -> None:
        async with self._engine.begin() as connection:
            for reminder in (await connection.execute(_REMIND)).mappings():
                telemetry.log_warning("alarms_open", **reminder)

    async def sweep_worker(self) -> None:
        """End or raise the alarm about a silent worker; the web process calls it, since no worker can."""
        async with self._engine.begin() as connection:
            await self._sweep_kind(connection, Alarm.WORKER_SILENT, Watch(WORKER_SILENT))

    async def _sweep_kind(self, connection: AsyncConnection, kind: Alarm, watch: Watch) -> None:
        await connection.execute(
            text(_END_OVER.format(waiting=watch.waiting)), {"kind": str(kind), "end": str(AlarmEnd.EVIDENCE)}
        )
        if not watch.raises:
            return
        kinds = sorted({str(kind), *map(str, watch.covered_by)})
        wanted = {"kind": str(kind), "kinds": kinds, "hour": self._hour, "count": RAISED_AT_ONCE}
        rows = await connection.execute(text(_UNCOVERED.format(waiting=watch.waiting)), wanted)
        alarms = [RaisedAlarm(kind, row.subject, row.payment_id, row.amount) for row in rows]
        if alarms:
            driver = (await connection.get_raw_connection()).driver_connection
            await raise_alarms(driver, alarms)
            telemetry.log_error("alarms_found", notice=kind, count=len(alarms))
