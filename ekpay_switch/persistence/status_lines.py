"""What `ekpay status` reads from the database, in lines for people. Amounts are shown in taka."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

import asyncpg

from ekpay_switch.domain.business_day import DHAKA, business_date, in_dhaka
from ekpay_switch.domain.money import format_taka
from ekpay_switch.persistence.schema.upkeep import OPEN, UNSCHEDULED
from ekpay_switch.persistence.worker_mark import SILENT_SECONDS
from ekpay_switch.ports.status import StatusLine
from ekpay_switch.security.identifiers import uuid7_floor

_DATABASE = """
SELECT current_setting('server_version') AS version, pg_postmaster_start_time() AS started_at,
  pg_size_pretty(pg_database_size(current_database())) AS size,
  (SELECT version_num FROM alembic_version) AS schema
"""
_WORKER = """
SELECT extract(epoch FROM now() - passed_until)::bigint FROM housekeeping_marks WHERE chore = 'worker'
"""
# Ids grow with time, so that they bound what is read; an hour more, since two clocks may differ.
_TODAY = """
SELECT state, count(*) AS payments, sum(amount + rounding + charge + fee + vat)::bigint AS paisa
FROM payments WHERE id >= $1 AND business_date = $2 GROUP BY state ORDER BY count(*) DESC, state
"""
_OPEN = f"""
SELECT state, count(*) AS payments, min(created_at) AS oldest FROM (
  SELECT state, created_at FROM payments WHERE {OPEN} AND next_action_at IS NOT NULL
  UNION ALL SELECT state, created_at FROM payments WHERE {UNSCHEDULED}) AS open
GROUP BY state ORDER BY min(created_at)
"""  # noqa: S608 - constants
_ALARMS = """
SELECT owner, count(*) AS alarms, count(*) FILTER (WHERE due_on < $1) AS overdue,
  coalesce(sum(amount), 0)::bigint AS paisa FROM alarms WHERE ended_at IS NULL GROUP BY owner ORDER BY owner
"""
_NOTIFICATIONS = """
SELECT count(*) AS waiting, min(next_try_at) AS next_try_at
FROM notification_deliveries WHERE state = 'waiting'
"""
_BREAKERS = "SELECT connector_id FROM connector_breakers WHERE state <> 'closed' ORDER BY connector_id"


async def read_status_lines(connection: asyncpg.Connection) -> Sequence[StatusLine]:
    """How the database, the worker and the money in it stand now, a line each."""
    return [
        await _database(connection),
        await _worker(connection),
        await _today(connection, business_date(datetime.now(UTC))),
        await _open(connection),
        *await _alarms(connection, business_date(datetime.now(UTC))),
        await _notifications(connection),
        await _breakers(connection),
    ]


async def _database(connection: asyncpg.Connection) -> StatusLine:
    row = await connection.fetchrow(_DATABASE)
    since = _clock(row["started_at"])
    text = f"PostgreSQL {row['version']} since {since}, schema {row['schema']}, {row['size']}"
    return StatusLine("Database", text)


async def _worker(connection: asyncpg.Connection) -> StatusLine:
    seconds = await connection.fetchval(_WORKER)
    return StatusLine("Worker", f"its last round was {_span(seconds)} ago", is_well=seconds <= SILENT_SECONDS)


async def _today(connection: asyncpg.Connection, today: date) -> StatusLine:
    begin = datetime.combine(today, time.min, DHAKA) - timedelta(hours=1)
    rows = await connection.fetch(_TODAY, uuid7_floor(begin), today)
    if not rows:
        return StatusLine("Today", f"no payment on {today}")
    payments, paisa = sum(row["payments"] for row in rows), sum(row["paisa"] for row in rows)
    by_state = ", ".join(f"{row['payments']:,} {row['state'].replace('_', ' ')}" for row in rows)
    return StatusLine("Today", f"{payments:,} payments, {format_taka(paisa)} taka: {by_state}")


async def _open(connection: asyncpg.Connection) -> StatusLine:
    rows = await connection.fetch(_OPEN)
    if not rows:
        return StatusLine("Open", "every payment has ended")
    by_state = ", ".join(f"{row['payments']:,} {row['state'].replace('_', ' ')}" for row in rows)
    return StatusLine("Open", f"{by_state}; the oldest since {_clock(rows[0]['oldest'])}")


async def _alarms(connection: asyncpg.Connection, today: date) -> list[StatusLine]:
    rows = await connection.fetch(_ALARMS, today)
    if not rows:
        return [StatusLine("Alarms", "nothing waits for a person")]
    return [
        StatusLine(
            f"For {row['owner']}",
            f"alarms open {row['alarms']:,}, overdue {row['overdue']:,}, {format_taka(row['paisa'])} taka",
            is_well=not row["overdue"],
        )
        for row in rows
    ]


async def _notifications(connection: asyncpg.Connection) -> StatusLine:
    row = await connection.fetchrow(_NOTIFICATIONS)
    if not row["waiting"]:
        return StatusLine("Notifications", "all are delivered")
    return StatusLine(
        "Notifications", f"{row['waiting']:,} wait; the next try is at {_clock(row['next_try_at'])}"
    )


async def _breakers(connection: asyncpg.Connection) -> StatusLine:
    names = [row["connector_id"] for row in await connection.fetch(_BREAKERS)]
    if not names:
        return StatusLine("Connectors", "none is cut off")
    return StatusLine("Connectors", f"cut off, and tried again by turns: {', '.join(names)}", is_well=False)


def _clock(instant: datetime) -> str:
    return f"{in_dhaka(instant):%Y-%m-%d %H:%M}"


def _span(seconds: int) -> str:
    """Whole seconds in the largest unit that they fill twice."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
