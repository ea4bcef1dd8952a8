"""Watching our deposits at prefunded utilities, at the cost of what was posted since the last look.

Balances are summed once, when the watch begins. Entries of a lane are committed in the order of their
numbers, so everything new lies between the lane's head at the last look and its head now.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm, RaisedAlarm, deposit_subject
from ekpay_switch.domain.ledger.posting_rules import deposit_account
from ekpay_switch.domain.ledger.settlement_postings import NOT_VENDED, in_transit_account
from ekpay_switch.domain.money import Money
from ekpay_switch.persistence.alarms.rows import AlarmEnd, end_alarms, raise_alarms
from ekpay_switch.persistence.ledger.deposits import DepositLine

SECONDS_OF_A_DAY, SECONDS_OF_A_MINUTE = 86_400, 60
READ_HEADS = text("SELECT lane, seq, extract(epoch FROM now())::bigint AS now FROM lanes")
READ_BALANCES = text("""
SELECT account, sum(amount)::bigint AS moved FROM postings
WHERE account = ANY(CAST(:accounts AS text[])) AND account LIKE 'biller_deposit:%' GROUP BY account
""")
_BY_MINUTE = """
SELECT p.account, (extract(epoch FROM date_trunc('minute', j.at)) / 60)::bigint AS minute,
  sum(p.amount)::bigint AS moved,
  coalesce(-sum(p.amount) FILTER (
    WHERE j.moment <> ALL(CAST(:not_vended AS text[]))), 0)::bigint AS vended
"""
# The index is on the business date, which is within a day of the instant.
READ_RECENT = text(f"""{_BY_MINUTE}
FROM journal_entries AS j JOIN postings AS p ON p.entry_id = j.id
WHERE p.account = ANY(CAST(:accounts AS text[])) AND p.account LIKE 'biller_deposit:%'
  AND j.business_date >= (now() - make_interval(days => CAST(:days AS int)))::date - 1
GROUP BY 1, 2
""")
# Look-ups by lane and number, then by entry; OFFSET 0 keeps the planner from joining whole tables.
READ_NEW = text(f"""{_BY_MINUTE}
FROM unnest(CAST(:lanes AS smallint[]), CAST(:last_seqs AS bigint[]), CAST(:heads AS bigint[]))
  AS h (lane, last_seq, head)
CROSS JOIN generate_series(h.last_seq + 1, h.head) AS n (seq)
CROSS JOIN LATERAL (
  SELECT id, at, moment FROM journal_entries WHERE lane = h.lane AND seq = n.seq OFFSET 0) AS j
CROSS JOIN LATERAL (SELECT account, amount FROM postings WHERE entry_id = j.id OFFSET 0) AS p
WHERE p.account = ANY(CAST(:accounts AS text[]))
GROUP BY 1, 2
""")  # noqa: S608 - constants


_OPEN_ALARMS = text("SELECT subject FROM alarms WHERE kind = :kind AND ended_at IS NULL")


class DepositWatch:
    """The gauges, the warnings and the alarms of deposits; its state belongs to one process.

    `alarm_days` maps every prefunded utility to the days of vending that its deposit should cover.
    """

    def __init__(self, engine: AsyncEngine, alarm_days: Mapping[str, float]) -> None:
        self._engine = engine
        self._alarm_days = alarm_days
        places = (deposit_account, in_transit_account)
        self._accounts = [account_of(biller_id) for biller_id in alarm_days for account_of in places]
        self._heads: dict[int, int] = {}
        self._balances: dict[str, int] = {}
        self._vended = _by_minute()

    async def warn(self) -> None:
        """Log a warning for each deposit that is low, and keep its alarm.

        It is open while the deposit is low and nothing is on its way there.
        """
        lines = await self._lines()
        for line in lines:
            if line.is_low:
                telemetry.log_warning("deposit_low", biller_id=line.biller_id)
        await self._keep_alarms([line for line in lines if line.is_low and line.in_transit.minor <= 0])

    async def _keep_alarms(self, lines: Sequence[DepositLine]) -> None:
        alarms = {alarm.subject: alarm for alarm in map(_alarm_of, lines)}
        async with self._engine.begin() as connection:
            open_alarms = (await connection.execute(_OPEN_ALARMS, {"kind": str(Alarm.DEPOSIT_LOW)})).scalars()
            standing = set(open_alarms)
            driver = (await connection.get_raw_connection()).driver_connection
            await raise_alarms(driver, [alarm for name, alarm in alarms.items() if name not in standing])
            over = sorted(standing - alarms.keys())
            if over:
                reason = "more is left, or on its way"
                await end_alarms(driver, over, AlarmEnd.EVIDENCE, reason, [Alarm.DEPOSIT_LOW])

    async def show(self) -> None:
        """Bring the gauges of deposits up to date."""
        for line in await self._lines():
            telemetry.DEPOSIT_PAISA.labels(line.biller_id).set(line.balance.minor)
            telemetry.DEPOSIT_LOW.labels(line.biller_id).set(line.is_low)

    async def _lines(self) -> Sequence[DepositLine]:
        if not self._alarm_days:
            return ()
        now = await self._read()
        return [
            self._line(biller_id, now - days * SECONDS_OF_A_DAY)
            for biller_id, days in self._alarm_days.items()
        ]

    async def _read(self) -> int:
        """Add what was posted since the last look; returns the database's time in seconds."""
        async with self._engine.connect() as plain:
            # One snapshot for heads and entries, or an entry between two reads would count twice or never.
            connection = await plain.execution_options(isolation_level="REPEATABLE READ")
            rows = (await connection.execute(READ_HEADS)).all()
            heads = {row.lane: row.seq for row in rows}
            # Lower heads are those of another database in the place of the previous one.
            begins = not self._heads or any(heads.get(lane, 0) < seq for lane, seq in self._heads.items())
            standing = await self._read_balances(connection) if begins else None
            movements = await (self._read_recent(connection) if begins else self._read_new(connection, heads))
        if standing is not None:
            self._balances, self._vended = standing, _by_minute()
        for row in movements:
            if row.vended:
                self._vended[row.account][row.minute] += row.vended
            self._balances[row.account] += 0 if begins else row.moved
        self._heads = heads
        return int(rows[0].now)

    async def _read_balances(self, connection: AsyncConnection) -> dict[str, int]:
        balances = await connection.execute(READ_BALANCES, {"accounts": self._accounts})
        return dict.fromkeys(self._accounts, 0) | {row.account: row.moved for row in balances}

    async def _read_recent(self, connection: AsyncConnection) -> Sequence[Row[Any]]:
        days = math.ceil(max(self._alarm_days.values()))
        parameters = {"accounts": self._accounts, "days": days, "not_vended": sorted(NOT_VENDED)}
        return (await connection.execute(READ_RECENT, parameters)).all()

    async def _read_new(self, connection: AsyncConnection, heads: Mapping[int, int]) -> Sequence[Row[Any]]:
        advanced_lanes = [lane for lane, seq in heads.items() if seq > self._heads.get(lane, 0)]
        if not advanced_lanes:
            return ()
        parameters = {
            "lanes": advanced_lanes,
            "last_seqs": [self._heads.get(lane, 0) for lane in advanced_lanes],
            "heads": [heads[lane] for lane in advanced_lanes],
            "accounts": self._accounts,
            "not_vended": sorted(NOT_VENDED),
        }
        return (await connection.execute(READ_NEW, parameters)).all()

    def _line(self, biller_id: str, since: float) -> DepositLine:
        account = deposit_account(biller_id)
        by_minute = self._vended[account]
        for minute in [old_minute for old_minute in by_minute if old_minute * SECONDS_OF_A_MINUTE < since]:
            del by_minute[minute]
        left, in_transit = (Money(self._balances[name]) for name in (account, in_transit_account(biller_id)))
        return DepositLine(biller_id, left, Money(sum(by_minute.values())), in_transit)


def _alarm_of(line: DepositLine) -> RaisedAlarm:
    facts = {"left": str(line.balance), "vended": str(line.vended)}
    missing = line.vended.minor - line.balance.minor
    return RaisedAlarm(Alarm.DEPOSIT_LOW, deposit_subject(line.biller_id), amount=missing, facts=facts)


def _by_minute() -> dict[str, dict[int, int]]:
    return defaultdict(lambda: defaultdict(int))
