"""The port `Notifications` over PostgreSQL: the rows themselves are the queue.

A notification waits until its deliveries are made, then each delivery is tried by itself. Locks are taken in
one order everywhere: notifications, deliveries, endpoints; leasing skips locked rows. At most a few
deliveries of one endpoint are leased at a time, however many workers there are.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Row, Uuid, bindparam, func, insert, null, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch import telemetry
from ekpay_switch.domain.alarms import Alarm, RaisedAlarm, endpoint_subject
from ekpay_switch.domain.merchants.merchant import plain_http_hosts
from ekpay_switch.domain.money import Money
from ekpay_switch.domain.notifications import (
    IPN_CODES,
    DeliveryState,
    EndpointHealth,
    EndpointKind,
    RetryDecision,
    SendResult,
    Siblings,
    judge_endpoint,
)
from ekpay_switch.persistence.alarms.rows import raise_alarms
from ekpay_switch.persistence.notifications.ipn_rows import (
    HAS_SIBLING_ON_THE_WAY,
    IS_OUTDATED,
    KINDS,
    PLAIN_HOSTS,
    RANK,
    TAKEN_LAST,
    URL,
    WANTS,
)
from ekpay_switch.persistence.schema.books import notifications
from ekpay_switch.persistence.schema.notifications import (
    notification_deliveries,
    notification_endpoints,
    notification_tries,
)
from ekpay_switch.ports.notifications import LeasedNotification

FAN_OUT_AT_ONCE = 500
WHY_LENGTH_MAX = 200
UUIDS = ARRAY(Uuid)

# A notice unknown to this version is left to a newer worker.
_FAN_OUT = text(f"""
WITH fresh AS (
  SELECT id, partner_id, payment_id, notice FROM notifications
  WHERE state = 'waiting' AND CAST(:events AS jsonb) ? notice
  ORDER BY id LIMIT :count FOR NO KEY UPDATE SKIP LOCKED
), made AS (
  INSERT INTO notification_deliveries (notification_id, endpoint_id, rank)
  SELECT n.id, e.id, {RANK} FROM fresh AS n
  JOIN notification_endpoints AS e ON e.partner_id = n.partner_id AND e.state = 'active'
  WHERE {WANTS}
  RETURNING notification_id
)
UPDATE notifications AS n SET state =
  CASE WHEN n.id IN (SELECT notification_id FROM made) THEN 'sending' ELSE 'unwanted' END
FROM fresh WHERE n.id = fresh.id
""")  # noqa: S608 - constants
_WAITING_AT_DISABLED = text("""
SELECT d.notification_id FROM notification_endpoints AS e
JOIN notification_deliveries AS d ON d.endpoint_id = e.id AND d.state = 'waiting'
WHERE e.state = 'disabled' LIMIT :count
""")
_GIVE_UP_AT_DISABLED = text("""
UPDATE notification_deliveries AS d SET state = 'given_up', next_try_at = NULL, lease_until = NULL,
  epoch = d.epoch + 1, last_why = 'the endpoint is disabled'
FROM notification_endpoints AS e
WHERE e.id = d.endpoint_id AND e.state = 'disabled' AND d.state = 'waiting' AND d.notification_id = ANY(:ids)
""").bindparams(bindparam("ids", type_=UUIDS))
_SETTLE = text("""
UPDATE notifications AS n SET state = s.state FROM (
  SELECT notification_id,
    CASE WHEN bool_and(state = 'delivered') THEN 'delivered' ELSE 'given_up' END AS state
  FROM notification_deliveries WHERE notification_id = ANY(:ids)
  GROUP BY notification_id HAVING bool_and(state <> 'waiting')
) AS s WHERE n.id = s.notification_id AND n.state = 'sending'
""").bindparams(bindparam("ids", type_=UUIDS))

_IS_DUE = f"""
w.endpoint_id = e.id AND w.state = 'waiting' AND w.next_try_at <= now()
  AND (w.lease_until IS NULL OR w.lease_until < now()) AND NOT {HAS_SIBLING_ON_THE_WAY}
"""
# Two at a time; one at a time while the endpoint fails, when each try is a probe.
_FREE_PLACES = """
CASE WHEN e.failures_in_a_row > 0 THEN 1 ELSE 2 END
  - (SELECT count(*) FROM notification_deliveries AS r WHERE r.endpoint_id = e.id AND r.lease_until >= now())
"""
_PLACES_TAKEN = """
(SELECT count(*) FROM notification_deliveries AS r
 WHERE r.endpoint_id = e.id AND r.rank = of.rank AND r.lease_until >= now())
"""
# Every rank there is, so that the index finds the heads of both queues.
_LOCK_ENDPOINTS = text(f"""
SELECT e.id FROM notification_endpoints AS e
WHERE e.state = 'active' AND (e.paused_until IS NULL OR e.paused_until <= now())
  AND EXISTS (SELECT FROM notification_deliveries AS w WHERE w.rank IN (0, 1) AND {_IS_DUE})
  AND {_FREE_PLACES} > 0
ORDER BY e.served_at LIMIT :count FOR NO KEY UPDATE SKIP LOCKED
""")  # noqa: S608 - constants
# A separate statement: it sees the leases of whoever had the endpoints locked before. Where both ranks wait,
# each gets one of the two places, and a single place is the lower rank's. Only the head of a queue is read.
_LEASE = text(f"""
WITH due AS (
  SELECT d.notification_id, d.endpoint_id FROM notification_endpoints AS e CROSS JOIN LATERAL (
    SELECT head.notification_id, head.endpoint_id FROM (VALUES (0), (1)) AS of (rank) CROSS JOIN LATERAL (
      SELECT w.notification_id, w.endpoint_id, w.next_try_at FROM notification_deliveries AS w
      WHERE w.rank = of.rank AND {_IS_DUE}
      ORDER BY w.next_try_at, w.notification_id LIMIT greatest({_FREE_PLACES}, 0)
      FOR NO KEY UPDATE SKIP LOCKED
    ) AS head
    ORDER BY {_PLACES_TAKEN} + row_number() OVER (
      PARTITION BY of.rank ORDER BY head.next_try_at, head.notification_id
    ), of.rank LIMIT greatest({_FREE_PLACES}, 0)
  ) AS d WHERE e.id = ANY(:ids) LIMIT :count
), served AS (
  UPDATE notification_endpoints SET served_at = clock_timestamp()
  WHERE id IN (SELECT endpoint_id FROM due)
), leased AS (
  UPDATE notification_deliveries AS d SET epoch = d.epoch + 1, lease_until = now() + :lease
  FROM due WHERE d.notification_id = due.notification_id AND d.endpoint_id = due.endpoint_id
  RETURNING d.*
)
SELECT l.notification_id, l.endpoint_id, l.epoch, l.tries, l.is_replay,
  extract(epoch FROM now() - l.asked_at)::float8 AS age_seconds,
  {URL} AS url, {IS_OUTDATED} AS is_outdated, {TAKEN_LAST} AS taken,
  {PLAIN_HOSTS} AS plain_hosts, e.has_shared_secret,
  e.partner_id, e.kind, e.key_generation, e.previous_key_until > now() AS has_previous_key,
  n.notice, n.created_at, n.version,
  p.id AS payment_id, p.reference, p.quote_id, p.biller_id, p.currency,
  p.amount + p.rounding + p.charge + p.fee + p.vat AS total
FROM leased AS l
JOIN notification_endpoints AS e ON e.id = l.endpoint_id
JOIN notifications AS n ON n.id = l.notification_id
JOIN payments AS p ON p.id = n.payment_id
""").bindparams(bindparam("ids", type_=UUIDS))  # noqa: S608 - constants


class PostgresNotifications:
    """Notifications in PostgreSQL; every call is short, and none is open while anything is sent."""

    def __init__(self, engine: AsyncEngine, time_divisor: float = 1.0) -> None:
        self._engine = engine
        self._time_divisor = time_divisor

    async def fan_out(self) -> int:
        """See `ports.notifications.Notifications`; also gives up waiting deliveries of disabled endpoints."""
        async with self._engine.begin() as connection:
            fanned_out = await connection.execute(_FAN_OUT, {**KINDS, "count": FAN_OUT_AT_ONCE})
        async with self._engine.begin() as connection:
            waiting = await connection.scalars(_WAITING_AT_DISABLED, {"count": FAN_OUT_AT_ONCE})
            ids = sorted(set(waiting))
            if ids:
                await lock_notifications(connection, ids)
                await connection.execute(_GIVE_UP_AT_DISABLED, {"ids": ids})
                await connection.execute(_SETTLE, {"ids": ids})
        return fanned_out.rowcount + len(ids)

    async def lease_due(self, limit: int, lease_seconds: float) -> Sequence[LeasedNotification]:
        """See `ports.notifications.Notifications`. The endpoint that was served longest ago comes first."""
        async with self._engine.begin() as connection:
            ids = list(await connection.scalars(_LOCK_ENDPOINTS, {"count": limit}))
            if not ids:
                return []
            chosen = {"ids": ids, "count": limit, "lease": timedelta(seconds=lease_seconds)}
            chosen["ipns"] = KINDS["ipns"]
            return [_leased(row) for row in await connection.execute(_LEASE, chosen)]

    async def record(
        self, leased: LeasedNotification, tried: SendResult, decision: RetryDecision, took_ms: int
    ) -> str:
        """See `ports.notifications.Notifications`."""
        async with self._engine.begin() as connection:
            await lock_notifications(connection, [leased.notification_id])
            is_ours = await _write_decision(connection, leased, tried, decision)
            if not decision.is_unsent:
                await _log(connection, leased, tried, took_ms)
            if not is_ours:
                return ""
            if decision.state is not DeliveryState.WAITING:
                await connection.execute(_SETTLE, {"ids": [leased.notification_id]})
            why = await self._judge_endpoint(connection, leased, decision)
            if why:
                await _raise_alarm(connection, leased, why)
            return why

    async def _judge_endpoint(
        self, connection: AsyncConnection, leased: LeasedNotification, decision: RetryDecision
    ) -> str:
        table, endpoint_id = notification_endpoints, leased.endpoint_id
        endpoint = (
            await connection.execute(
                select(table.c.state, table.c.failures_in_a_row, table.c.given_up_in_a_row)
                .where(table.c.id == endpoint_id)
                .with_for_update(key_share=True)
            )
        ).one()
        before = EndpointHealth(endpoint.failures_in_a_row, endpoint.given_up_in_a_row)
        verdict = judge_endpoint(before, decision, self._time_divisor, leased.kind)
        changes: dict[str, Any] = {
            "failures_in_a_row": verdict.health.failures_in_a_row,
            "given_up_in_a_row": verdict.health.given_up_in_a_row,
        }
        if verdict.pause_seconds:
            # A pause only grows: the other delivery must not shorten what Retry-After asked for.
            until = func.now() + timedelta(seconds=verdict.pause_seconds)
            changes["paused_until"] = func.greatest(table.c.paused_until, until)
        change = update(table).where(table.c.id == endpoint_id)
        if verdict.health != before or verdict.pause_seconds:
            await connection.execute(change.values(**changes))
        if not verdict.disabled_why or endpoint.state != "active":
            return verdict.alarming
        await connection.execute(change.values(state="disabled", disabled_why=verdict.disabled_why))
        return verdict.disabled_why


async def _raise_alarm(connection: AsyncConnection, leased: LeasedNotification, why: str) -> None:
    """Write the alarm about an endpoint that does not take notifications, in the same transaction."""
    is_ipn = leased.kind is EndpointKind.IPN
    kind = Alarm.IPNS_NOT_TAKEN if is_ipn else Alarm.NOTIFICATION_ENDPOINT_DISABLED
    facts = {"partner_id": leased.partner_id, "endpoint_id": str(leased.endpoint_id), "reason": why}
    alarm = RaisedAlarm(kind, endpoint_subject(leased.endpoint_id), leased.payment_id, facts=facts)
    driver = (await connection.get_raw_connection()).driver_connection
    await raise_alarms(driver, [alarm])


async def _log(
    connection: AsyncConnection, leased: LeasedNotification, tried: SendResult, took_ms: int
) -> None:
    await connection.execute(
        insert(notification_tries).values(
            notification_id=leased.notification_id,
            endpoint_id=leased.endpoint_id,
            number=leased.tries + 1,
            status=tried.status,
            why=tried.why[:WHY_LENGTH_MAX],
            took_ms=took_ms,
            is_replay=leased.is_replay,
        )
    )


async def lock_notifications(connection: AsyncConnection, ids: Iterable[UUID]) -> None:
    """Lock these notifications, by id, so that who ends the last delivery sees the ends of the others."""
    await connection.execute(
        select(notifications.c.id)
        .where(notifications.c.id.in_(list(ids)))
        .order_by(notifications.c.id)
        .with_for_update(key_share=True)
    )


async def _write_decision(
    connection: AsyncConnection, leased: LeasedNotification, tried: SendResult, decision: RetryDecision
) -> bool:
    """Write the decision about a try under its epoch; False where another process has taken it over."""
    table = notification_deliveries
    is_waiting = decision.state is DeliveryState.WAITING
    changes: dict[str, Any] = {
        "state": decision.state.value,
        "tries": leased.tries + (not decision.is_unsent),
        "next_try_at": func.now() + timedelta(seconds=decision.retry_seconds) if is_waiting else null(),
        "lease_until": null(),
        "last_status": tried.status,
        "last_why": tried.why[:WHY_LENGTH_MAX],
    }
    if decision.state is DeliveryState.DELIVERED:
        changes["delivered_at"] = func.now()
    written = await connection.execute(
        update(table)
        .where(
            table.c.notification_id == leased.notification_id,
            table.c.endpoint_id == leased.endpoint_id,
            table.c.epoch == leased.epoch,
        )
        .values(**changes)
    )
    return written.rowcount == 1


def _leased(row: Row[Any]) -> LeasedNotification:
    generation: int = row.key_generation
    return LeasedNotification(
        notification_id=row.notification_id,
        endpoint_id=row.endpoint_id,
        partner_id=row.partner_id,
        url=row.url,
        key_generations=valid_generations(generation, has_previous=bool(row.has_previous_key)),
        epoch=row.epoch,
        tries=row.tries,
        age_seconds=row.age_seconds,
        is_replay=row.is_replay,
        notice=row.notice,
        noticed_at=row.created_at,
        version=row.version,
        payment_id=row.payment_id,
        reference=row.reference,
        quote_id=row.quote_id or "",
        biller_id=row.biller_id,
        total=Money(int(row.total), row.currency),
        kind=EndpointKind(row.kind),
        siblings=Siblings(bool(row.is_outdated), IPN_CODES.get(row.taken)),
        has_shared_secret=row.has_shared_secret,
        plain_hosts=plain_http_hosts(row.plain_hosts or ()),
    )


def valid_generations(newest: int, *, has_previous: bool) -> tuple[int, ...]:
    """The key generations that are valid now, the newest first."""
    return (newest, newest - 1) if has_previous else (newest,)


async def count_waiting(engine: AsyncEngine) -> None:
    """Bring the gauges of waiting notifications and deliveries up to date."""
    table = notification_deliveries
    new = select(func.count()).where(notifications.c.state == text("'waiting'"))
    waiting = select(func.count(), func.count(table.c.notification_id.distinct())).where(
        table.c.state == text("'waiting'")
    )
    async with engine.connect() as connection:
        fresh: int = await connection.scalar(new) or 0
        deliveries, partly_delivered = (await connection.execute(waiting)).one()
    telemetry.WAITING_DELIVERIES.set(deliveries)
    telemetry.WAITING_NOTIFICATIONS.set(fresh + partly_delivered)
