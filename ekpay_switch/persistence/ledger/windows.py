"""Closing settlement windows: nothing is posted to one any more, and its lines are frozen with it.

Everything is one transaction, and payments wait only for its shortest part. What was posted up to the heads
of the lanes is frozen first, while payments go on; then the lock that every posting shares is taken
exclusively, the windows are closed, and only what came after those heads is frozen under the lock
(docs/adr/0054).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import asyncpg

from ekpay_switch import telemetry
from ekpay_switch.domain.business_day import DHAKA
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.persistence.ledger.lines import (
    FREEZE_LATEST,
    FREEZE_RESOLVED,
    FREEZE_STANDING,
    FREEZE_UNBOOKED,
)
from ekpay_switch.ports.finance import ClosedWindow, Connection

Connect = Callable[[], Awaitable[Connection]]

# The long part blocks nobody, so it has no timeouts. It looks rows up by key: lines are added to a table that
# may have been empty when the statement was planned (docs/adr/0019).
_NO_TIMEOUTS = """
SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL work_mem = '64MB'; SET LOCAL jit = off;
SET LOCAL enable_seqscan = off; SET LOCAL enable_mergejoin = off
"""
_ONE_CLOSER = "SELECT pg_advisory_xact_lock(1, 4)"
# Postings that begin after our lock request queue behind it: give up after a second, and block none for long.
_SHORT_TIMEOUTS = "SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '20s'"
_EXCLUSIVE = "SELECT pg_advisory_xact_lock(1, 1)"
_TIMES, _PAUSE_SECONDS = 60, 0.25
# Read before the windows, so that every window with an entry up to a head is found.
_HEADS = "SELECT lane, seq, clock_timestamp() AS now FROM lanes ORDER BY lane"
_OPEN = """
SELECT id, business_date FROM settlement_windows WHERE state = 'open' AND business_date <= $1
ORDER BY business_date, id
"""
_EMPTY = """
INSERT INTO settlement_windows (business_date, state, closed_at)
SELECT $1, 'closed', clock_timestamp()
WHERE NOT EXISTS (SELECT FROM settlement_windows WHERE business_date = $1) RETURNING id, business_date
"""
_CLOSE = """
UPDATE settlement_windows SET state = 'closed', closed_at = clock_timestamp()
WHERE state = 'open' AND business_date <= $1 RETURNING id
"""
# Attempts before this instant have a line; one day earlier, for what was committed late.
_SINCE = """
SELECT coalesce(max(least(closed_at,
  (business_date + 1)::timestamp AT TIME ZONE INTERVAL '+06:00')) - interval '1 day', '2000-01-01 00:00+00')
FROM settlement_windows WHERE state <> 'open'
"""
# Lines are numbered 1..n within their window, so the last number is how many there are.
_CLOSED = """
SELECT id, business_date, closed_at,
  coalesce((SELECT max(ordinal) FROM ledger_lines WHERE window_id = w.id), 0) AS lines
FROM settlement_windows AS w WHERE id = ANY($1) ORDER BY business_date, id
"""


class WindowsBusyError(SwitchError):
    """Payments were posted without a pause for longer than closing may wait: try again."""


@dataclass(frozen=True, slots=True)
class _Heads:
    """The number of entries of each lane, by lane, at an instant of the database's clock."""

    numbers: list[int]
    now: datetime


class SettlementWindows:
    """`ports.finance.Windows` in PostgreSQL.

    `connector_fees` returns the basis points that each connector keeps of what it collects, for lines without
    an entry.
    """

    def __init__(self, connect: Connect, connector_fees: Callable[[], Mapping[str, int]] = dict) -> None:
        self._connect = connect
        self._connector_fees = connector_fees

    async def close(self, up_to: date) -> Sequence[ClosedWindow]:
        """Close every open window of a date not after `up_to` and freeze their lines; returns those windows.

        Raises:
            WindowsBusyError: postings never paused long enough to close; nothing was changed.
        """
        connector_fees = self._connector_fees()
        connection = await self._connect()
        try:
            async with connection.transaction():
                rows = await _close(connection, up_to, connector_fees)
        finally:
            await connection.close()
        return [ClosedWindow(row["id"], row["business_date"], row["closed_at"], row["lines"]) for row in rows]


async def _close(
    connection: Connection, up_to: date, connector_fees: Mapping[str, int]
) -> Sequence[asyncpg.Record]:
    await connection.execute(_NO_TIMEOUTS)
    await connection.execute(_ONE_CLOSER)
    heads = await _read_heads(connection)
    since = await connection.fetchval(_SINCE)
    windows = [*await connection.fetch(_OPEN, up_to), *await connection.fetch(_EMPTY, up_to)]
    if not windows:
        return []
    for window in windows:
        await _freeze_standing(connection, window, heads)
        await _freeze_unbooked(connection, window, since, heads, connector_fees)
    await _hold_up_postings(connection)
    closed = [row["id"] for row in await connection.fetch(_CLOSE, up_to)]
    await connection.execute(FREEZE_LATEST, heads.numbers, closed)
    return list(await connection.fetch(_CLOSED, sorted({*closed, *(row["id"] for row in windows)})))


async def _read_heads(connection: Connection) -> _Heads:
    rows = await connection.fetch(_HEADS)
    seqs = {row["lane"]: row["seq"] for row in rows}
    now = rows[0]["now"] if rows else await connection.fetchval("SELECT clock_timestamp()")
    return _Heads([seqs.get(lane, 0) for lane in range(max(seqs, default=-1) + 1)], now)


async def _freeze_standing(connection: Connection, window: asyncpg.Record, heads: _Heads) -> None:
    """Freeze what was posted to the window up to the heads; such entries never change."""
    await connection.execute(FREEZE_STANDING, heads.numbers, window["id"], window["business_date"])


async def _freeze_unbooked(
    connection: Connection,
    window: asyncpg.Record,
    since: datetime,
    heads: _Heads,
    connector_fees: Mapping[str, int],
) -> None:
    """Freeze what has failed and what has an unknown outcome."""
    window_id, day = window["id"], window["business_date"]
    await connection.execute(FREEZE_RESOLVED, window_id, day)
    end = datetime.combine(day + timedelta(days=1), time.min, DHAKA)
    until = min(end, heads.now)
    connectors, basis_points = [*connector_fees], [*connector_fees.values()]
    await connection.execute(FREEZE_UNBOOKED, window_id, day, since, until, connectors, basis_points, end)


async def _hold_up_postings(connection: Connection) -> None:
    """Take the lock that every posting shares, exclusively, until the end of the transaction."""
    await connection.execute(_SHORT_TIMEOUTS)
    for _ in range(_TIMES):
        try:
            async with connection.transaction():
                await connection.execute(_EXCLUSIVE)
        except asyncpg.LockNotAvailableError:
            telemetry.log_warning("closing_gave_way")
            await asyncio.sleep(_PAUSE_SECONDS)
        else:
            return
    raise WindowsBusyError
