"""The port `Routing` over PostgreSQL: what all processes know of the connectors, read once a second.

A decision costs no query: it uses a picture in memory. What must be exact, the one try behind a half-open
breaker and every change of a breaker, is a conditional update by the database's clock.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch import telemetry
from ekpay_switch.domain.business_day import DHAKA, business_date
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.routing.breaker import Breaker, BreakerState
from ekpay_switch.domain.routing.decision import Candidate
from ekpay_switch.domain.routing.rules import RoutingRules
from ekpay_switch.persistence.engine import DATABASE_AWAY
from ekpay_switch.ports.connectors import Connectors
from ekpay_switch.ports.routing import BreakerView, ConnectorRecord, candidate_of
from ekpay_switch.ports.world import Clock

PICTURE_SECONDS = 1.0
CHOSEN_SECONDS = 300.0
CHOSEN_NEWEST = 2_000
KEPT_SECONDS = 3_600.0
PRUNED_AT_ONCE = 20_000
# The newest outcomes of each connector by index, so that a busy one costs no more than the others.
READ_RECORDS = text("""
SELECT c.connector_id, count(*) AS outcomes, count(*) FILTER (WHERE o.outcome = 'collected') AS successes
FROM unnest(CAST(:connectors AS text[]), CAST(:instruments AS text[])) AS c (connector_id, instrument)
CROSS JOIN LATERAL (
  SELECT outcome FROM routing_outcomes
  WHERE connector_id = c.connector_id AND instrument = c.instrument AND outcome NOT IN ('page', 'refused')
    AND at > now() - CAST(:window AS interval)
  ORDER BY at DESC LIMIT :most) AS o
GROUP BY c.connector_id
""")
# A few thousand rows from the end of ix_routing_decisions_at, however long the table is.
READ_CHOSEN = text("""
SELECT instrument, count(*) AS tries FROM (
  SELECT instrument FROM routing_decisions ORDER BY at DESC LIMIT :newest) AS newest
GROUP BY instrument
""")
READ_BREAKERS = text("""
SELECT connector_id, state, since, because, probe,
  state = 'half_open' AND probe <> '' AND probe_until > now() AS is_probed
FROM connector_breakers ORDER BY connector_id
""")
# Money that came in, and money that may still come in.
READ_USED = text("""
SELECT d.chosen, sum(d.amount)::bigint AS used FROM routing_decisions AS d
JOIN attempts AS a ON a.id = d.attempt_id JOIN tries AS t ON t.attempt_id = d.attempt_id
WHERE d.chosen = ANY(CAST(:connectors AS text[])) AND d.at >= :since
  AND (a.state <> 'closed' OR t.collected IS NOT NULL)
GROUP BY d.chosen
""")
TAKE_PLACE = text("""
UPDATE connector_breakers
SET probe = :attempt, probe_until = now() + CAST(:hold AS interval), epoch = epoch + 1
WHERE connector_id = :connector AND state = 'half_open'
  AND (probe = '' OR probe_until IS NULL OR probe_until <= now())
""")
READ_STATE = text("SELECT state FROM connector_breakers WHERE connector_id = :connector")
HALF_OPEN = text("""
UPDATE connector_breakers SET state = 'half_open', since = now(), because = :because, probe = '',
  probe_until = NULL, epoch = epoch + 1
WHERE connector_id = ANY(CAST(:connectors AS text[])) AND state = 'open'
  AND since <= now() - CAST(:open_for AS interval)
RETURNING connector_id
""")
# One process makes an inquiry due, and none does again before that time is over.
CHOOSE_QUESTIONS = text("""
WITH asking AS (
  UPDATE connector_breakers SET probe_until = now() + CAST(:hold AS interval)
  WHERE state = 'open' AND since <= now() - CAST(:hold AS interval)
    AND (probe_until IS NULL OR probe_until <= now())
  RETURNING connector_id)
SELECT newest.attempt_id FROM asking CROSS JOIN LATERAL (
  SELECT o.attempt_id FROM routing_outcomes AS o
  JOIN tries AS t ON t.attempt_id = o.attempt_id JOIN attempts AS a ON a.id = o.attempt_id
  WHERE o.connector_id = asking.connector_id AND t.provider_reference IS NOT NULL AND a.state = 'closed'
  ORDER BY o.at DESC LIMIT 1) AS newest
""")
# In a transaction of its own: recording a finding locks the try first and the breaker last.
MAKE_DUE = text("""
UPDATE tries SET next_action_at = now() WHERE attempt_id = ANY(CAST(:attempts AS uuid[]))
  AND (next_action_at IS NULL OR next_action_at > now()) AND (lease_until IS NULL OR lease_until <= now())
""")
# Ids are nearly in the order of time: rows before the first young one are old, and rows after it are not
# read.
PRUNE = text("""
DELETE FROM routing_outcomes WHERE id = ANY (ARRAY(
  SELECT id FROM routing_outcomes WHERE id < coalesce(
    (SELECT id FROM (SELECT id, at FROM routing_outcomes ORDER BY id LIMIT :most) AS first
     WHERE at >= now() - CAST(:kept AS interval) LIMIT 1),
    9223372036854775807)
  ORDER BY id LIMIT :most))
""")


@dataclass(slots=True)
class _Picture:
    """The candidates and breakers at an instant of the monotonic clock, in seconds."""

    candidates: Sequence[Candidate] = ()
    breakers: Mapping[str, BreakerState] = field(default_factory=dict)
    taken_at: float = -math.inf


class PostgresRouting:
    """Routing in PostgreSQL, with the picture of one process."""

    def __init__(
        self, engine: AsyncEngine, connectors: Connectors, rules: RoutingRules, clock: Clock
    ) -> None:
        self._engine = engine
        self._connectors = connectors
        self._rules = rules
        self._clock = clock
        self._picture = _Picture()
        self._reading = asyncio.Lock()
        self._chosen: Mapping[str, int] = {}
        self._chosen_at = -math.inf

    @property
    def rules(self) -> RoutingRules:
        """See `ports.routing.Routing`."""
        return self._rules

    async def candidates(self) -> Sequence[Candidate]:
        """See `ports.routing.Routing`."""
        return (await self._current_picture()).candidates

    async def chosen_instruments(self) -> Mapping[str, int]:
        """See `ports.routing.Routing`."""
        now = self._clock.monotonic()
        if now - self._chosen_at >= CHOSEN_SECONDS:
            # Before the query, so that those who come meanwhile take what is there and ask nothing.
            self._chosen_at = now
            async with self._engine.connect() as connection:
                rows = (await connection.execute(READ_CHOSEN, {"newest": CHOSEN_NEWEST})).all()
            self._chosen = {row.instrument: row.tries for row in rows}
        return self._chosen

    async def reserve_probe(self, connector_id: str, attempt_id: UUID, hold_seconds: float) -> bool:
        """See `ports.routing.Routing`. A breaker that has opened may be seen up to a second late."""
        state = (await self._current_picture()).breakers.get(connector_id, BreakerState.CLOSED)
        if state is BreakerState.CLOSED:
            return True
        parameters = {
            "connector": connector_id,
            "attempt": str(attempt_id),
            "hold": timedelta(seconds=hold_seconds),
        }
        async with self._engine.begin() as connection:
            updated = await connection.execute(TAKE_PLACE, parameters)
            now = await connection.scalar(READ_STATE, {"connector": connector_id})
        self._picture.taken_at = -math.inf
        return updated.rowcount == 1 or now == BreakerState.CLOSED

    async def record_answer(self, connector_id: str) -> None:
        """See `ports.routing.Routing`. Raises nothing: the caller has still to record the answer."""
        hold_seconds, because = self._rules.breaker.hold_seconds, "a question about a payment was answered"
        try:
            if (await self._current_picture()).breakers.get(connector_id) is BreakerState.OPEN:
                await self._half_open([connector_id], hold_seconds, because)
        except DATABASE_AWAY as error:
            telemetry.count_error("breaker_not_moved", connector_id=connector_id, error=error)

    async def look_after_breakers(self) -> None:
        """See `ports.routing.Routing`."""
        opened = [
            name
            for name, state in (await self._current_picture()).breakers.items()
            if state is BreakerState.OPEN
        ]
        if not opened:
            return
        rules = self._rules.breaker
        await self._half_open(opened, rules.by_itself_seconds, "nobody could be asked for a while")
        async with self._engine.begin() as connection:
            chosen = await connection.scalars(
                CHOOSE_QUESTIONS, {"hold": timedelta(seconds=rules.hold_seconds)}
            )
            attempts = list(chosen)
        if attempts:
            async with self._engine.begin() as connection:
                await connection.execute(MAKE_DUE, {"attempts": attempts})

    async def _half_open(self, connectors: Sequence[str], open_for: float, because: str) -> None:
        parameters = {"connectors": connectors, "open_for": timedelta(seconds=open_for), "because": because}
        async with self._engine.begin() as connection:
            connector_ids = list(await connection.scalars(HALF_OPEN, parameters))
        for connector_id in connector_ids:
            telemetry.log_warning(
                "breaker_moved", connector_id=connector_id, state=BreakerState.HALF_OPEN, reason=because
            )
            self._picture.taken_at = -math.inf

    async def _current_picture(self) -> _Picture:
        """The picture, at most `PICTURE_SECONDS` old; one caller reads it and the others wait."""
        if self._clock.monotonic() - self._picture.taken_at < PICTURE_SECONDS:
            return self._picture
        async with self._reading:
            if self._clock.monotonic() - self._picture.taken_at >= PICTURE_SECONDS:
                self._picture = await self._read_picture()
        return self._picture

    async def _read_picture(self) -> _Picture:
        taken_at = self._clock.monotonic()
        async with self._engine.connect() as connection:
            records = await _records(connection, self._connectors, self._rules)
            breakers = {row.connector_id: row for row in await connection.execute(READ_BREAKERS)}
            used = await _used(connection, self._rules, self._clock.now())
        candidates = []
        for connector in self._connectors.all():
            profile = connector.profile
            successes, outcomes = records.get(profile.id, (0, 0))
            breaker = breakers.get(profile.id)
            known = ConnectorRecord(
                successes=successes,
                outcomes=outcomes,
                breaker=BreakerState.CLOSED if breaker is None else BreakerState(breaker.state),
                is_probed=breaker is not None and breaker.is_probed,
                used_today=Money(used.get(profile.id, 0), profile.amount_max.currency),
            )
            candidates.append(candidate_of(profile, known))
        states = {name: BreakerState(row.state) for name, row in breakers.items()}
        return _Picture(tuple(candidates), states, taken_at)


async def _records(
    connection: AsyncConnection, connectors: Connectors, rules: RoutingRules
) -> Mapping[str, tuple[int, int]]:
    """The numbers of successes and outcomes within the window, of each connector with outcomes."""
    profiles = [connector.profile for connector in connectors.all()]
    parameters = {
        "connectors": [profile.id for profile in profiles],
        "instruments": [profile.instrument for profile in profiles],
        "window": timedelta(seconds=rules.record.window_seconds),
        "most": rules.record.outcomes_max,
    }
    rows = await connection.execute(READ_RECORDS, parameters)
    return {row.connector_id: (row.successes, row.outcomes) for row in rows}


async def _used(connection: AsyncConnection, rules: RoutingRules, now: datetime) -> Mapping[str, int]:
    """What each capped connector has collected or may still collect in this Dhaka day, in paisa."""
    if not rules.daily_caps:
        return {}
    since = datetime.combine(business_date(now), time.min, DHAKA)
    rows = await connection.execute(READ_USED, {"connectors": list(rules.daily_caps), "since": since})
    return {row.chosen: row.used for row in rows}


async def read_breakers(engine: AsyncEngine, rules: RoutingRules) -> list[BreakerView]:
    """Every breaker that ever opened, for operators."""
    by_itself = timedelta(seconds=rules.breaker.by_itself_seconds)
    async with engine.connect() as connection:
        rows = list(await connection.execute(READ_BREAKERS))
    return [_shown_breaker(row, by_itself) for row in rows]


def _shown_breaker(row: Any, by_itself: timedelta) -> BreakerView:  # noqa: ANN401 - a row of READ_BREAKERS
    state = BreakerState(row.state)
    breaker = Breaker(state, row.since, row.because, row.probe)
    return BreakerView(
        row.connector_id, breaker, row.since + by_itself if state is BreakerState.OPEN else None
    )


async def count_breakers(engine: AsyncEngine) -> None:
    """Bring the gauge of open breakers up to date."""
    values = {BreakerState.CLOSED: 0.0, BreakerState.HALF_OPEN: 0.5, BreakerState.OPEN: 1.0}
    async with engine.connect() as connection:
        for row in await connection.execute(READ_BREAKERS):
            telemetry.BREAKER_OPEN.labels(row.connector_id).set(values[BreakerState(row.state)])


async def drop_old_outcomes(engine: AsyncEngine, kept_seconds: float = KEPT_SECONDS) -> int:
    """Drop outcomes that are too old to count; returns how many."""
    parameters = {"kept": timedelta(seconds=kept_seconds), "most": PRUNED_AT_ONCE}
    async with engine.begin() as connection:
        dropped = await connection.execute(PRUNE, parameters)
    return dropped.rowcount
