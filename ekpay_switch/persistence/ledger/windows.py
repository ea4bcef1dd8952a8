"""Closing settlement windows: nothing is posted to one any more, and its lines are frozen with it.

Everything is one transaction, and payments wait for the shortest part of it alone. What was posted up to the
heads of the lanes is frozen first, while payments go on; then the lock that every posting shares is taken
exclusively, the windows are closed, and only what came after those heads is frozen under it (docs/adr/0054).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import asyncpg

from ekpay_switch import telemetry
from ekpay_switch.domain.business_day import DHAKA
from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.persistence.ledger.lines import FREEZE_ASKED, FREEZE_ENDED, FREEZE_LATEST, FREEZE_STANDING
from ekpay_switch.ports.finance import ClosedWindow, Connection

Connect = Callable[[], Awaitable[Connection]]

# The heavy part holds up nobody, so it may take as long as it takes. It looks rows up by key: lines are added
# to a table that may have been empty when the statement was planned (docs/adr/0019).
_PATIENCE = """
SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL work_mem = '64MB'; SET LOCAL jit = off;
SET LOCAL enable_seqscan = off; SET LOCAL enable_mergejoin = off
"""
_ONE_CLOSER = "SELECT pg_advisory_xact_lock(1, 4)"
# Every posting that begins after us waits behind us: give way after a second, and hold nobody up for long.
_HASTE = "SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '20s'"
_EXCLUSIVE = "SELECT pg_advisory_xact_lock(1, 1)"
_TIMES, _PAUSE_SECONDS = 60, 0.25
# The heads before the windows: a window whose first entry stands below a head is seen then.
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
# Whatever was asked before then has a line; a day more for what was committed late.
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
    """Payments were being posted without a pause for longer than closing may wait: try again."""


@dataclass(frozen=True, slots=True)
class _Heads:
    """How many entries each lane had, by its number, at an instant of the database's clock."""

    numbers: list[int]
    now: datetime


class SettlementWindows:
    """`finance_ports.Windows` in PostgreSQL.

    `kept` says how many basis points each connector keeps of what it collects, for lines of what was asked
    and brought nothing.
    """

    def __init__(self, connect: Connect, kept: Callable[[], Mapping[str, int]] = dict) -> None:
        self._connect = connect
        self._kept = kept

    async def close(self, up_to: date) -> Sequence[ClosedWindow]:
        """Close every open window of a date not after `up_to` and freeze their lines; those that closed now.

        Raises:
            WindowsBusyError: postings left no moment to close in; nothing was changed.
        """
        kept = self._kept()
        connection = await self._connect()
        try:
            async with connection.transaction():
                rows = await _close(connection, up_to, kept)
        finally:
            await connection.close()
        return [ClosedWindow(row["id"], row["business_date"], row["closed_at"], row["lines"]) for row in rows]


async def _close(connection: Connection, up_to: date, kept: Mapping[str, int]) -> Sequence[asyncpg.Record]:
    await connection.execute(_PATIENCE)
    await connection.execute(_ONE_CLOSER)
    heads = await _read_heads(connection)
    since = await connection.fetchval(_SINCE)
    windows = [*await connection.fetch(_OPEN, up_to), *await connection.fetch(_EMPTY, up_to)]
    if not windows:
        return []
    for window in windows:
        await _freeze_standing(connection, window, heads)
        await _freeze_asked(connection, window, since, heads, kept)
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
    """Lines of what was posted to the window up to the heads; such entries never change."""
    of = (window["id"], window["business_date"])
    await connection.execute(FREEZE_STANDING, heads.numbers, *of)


async def _freeze_asked(
    connection: Connection, window: asyncpg.Record, since: datetime, heads: _Heads, kept: Mapping[str, int]
) -> None:
    """Lines of what came to nothing, and of what nobody knows the end of."""
    of = (window["id"], window["business_date"])
    await connection.execute(FREEZE_ENDED, *of)
    end = datetime.combine(window["business_date"] + timedelta(days=1), time.min, DHAKA)
    until = min(end, heads.now)
    await connection.execute(FREEZE_ASKED, *of, since, until, [*kept], [*kept.values()], end)


async def _hold_up_postings(connection: Connection) -> None:
    """Take the lock that every posting shares, exclusively, until the end of the transaction."""
    await connection.execute(_HASTE)
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
