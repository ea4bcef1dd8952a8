"""What was sent to whom, and sending it again: the log of tries, and replays of one message or of a range.

A replay keeps the message's id and body, so a receiver that has it already can tell; only the time and the
signatures are new.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.notices import NOTICES
from ekpay_switch.persistence.notification_tables import (
    notification_deliveries,
    notification_endpoints,
    notification_tries,
)
from ekpay_switch.persistence.notifications import EVENTS, UUIDS, lock
from ekpay_switch.persistence.tables import notifications

Line = Mapping[str, Any]

REPLAYED_AT_ONCE = 500
# How far the time inside an id may be from the time of its row: clocks of processes, a slow commit.
_ID_MARGIN = timedelta(minutes=10)

_EVENT_OF = {notice: told.event.value for notice, told in NOTICES.items()}
# Deliveries that were given up, at endpoints that take messages now.
_AGAIN = text("""
UPDATE notification_deliveries AS d SET state = 'waiting', tries = 0, is_replay = true, next_try_at = now(),
  lease_until = NULL, epoch = d.epoch + 1, asked_at = now()
FROM notification_endpoints AS e
WHERE e.id = d.endpoint_id AND e.state = 'active' AND d.notification_id = ANY(:ids)
  AND (CAST(:endpoint AS uuid) IS NULL OR e.id = :endpoint) AND (d.state = 'given_up' OR NOT :is_failed_only)
RETURNING d.notification_id
""").bindparams(bindparam("ids", type_=UUIDS))
# Endpoints that were disabled when it arose; unless only failures are wanted, also those that came later.
_FOR_THE_FIRST_TIME = text("""
INSERT INTO notification_deliveries (notification_id, endpoint_id, is_replay)
SELECT n.id, e.id, true FROM notifications AS n
JOIN notification_endpoints AS e ON e.partner_id = n.partner_id AND e.state = 'active'
WHERE n.id = ANY(:ids) AND (CAST(:endpoint AS uuid) IS NULL OR e.id = :endpoint)
  AND (e.events = '[]' OR e.events @> (CAST(:events AS jsonb) -> n.notice))
  AND (e.created_at <= n.created_at OR NOT :is_failed_only)
ON CONFLICT (notification_id, endpoint_id) DO NOTHING RETURNING notification_id
""").bindparams(bindparam("ids", type_=UUIDS))
_SEND = text("UPDATE notifications SET state = 'sending' WHERE id = ANY(:ids)").bindparams(
    bindparam("ids", type_=UUIDS)
)


class UnknownNotificationError(SwitchError):
    """There is no such notification, or it is about to be sent for the first time."""


class NobodyToTellError(SwitchError):
    """No active endpoint of the partner takes it: add one, or enable one."""


@dataclass(frozen=True, slots=True)
class TryFilter:
    """Which tries to list, the newest first; None leaves a question out."""

    partner_id: str | None = None
    endpoint_id: UUID | None = None
    payment_id: UUID | None = None
    is_failed_only: bool = False
    count_max: int = 50


@dataclass(frozen=True, slots=True)
class ReplayRange:
    """Notifications of one partner that arose from `since` until before `until`.

    With `is_failed_only` those that an endpoint has not got: given up, or skipped while it was disabled.
    """

    partner_id: str
    since: datetime
    until: datetime
    endpoint_id: UUID | None = None
    is_failed_only: bool = False


async def list_tries(engine: AsyncEngine, wanted: TryFilter) -> Sequence[Line]:
    """The newest tries that the filter lets through; a failed one is a try without an answer of 2xx."""
    tries, endpoints = notification_tries, notification_endpoints
    query = (
        select(
            tries, endpoints.c.partner_id, endpoints.c.url, notifications.c.payment_id,
            notifications.c.notice, notification_deliveries.c.state, notification_deliveries.c.next_try_at,
        )
        .join(notifications, notifications.c.id == tries.c.notification_id)
        .join(endpoints, endpoints.c.id == tries.c.endpoint_id)
        .join(
            notification_deliveries,
            (notification_deliveries.c.notification_id == tries.c.notification_id)
            & (notification_deliveries.c.endpoint_id == tries.c.endpoint_id),
        )
        .order_by(tries.c.id.desc())
        .limit(wanted.count_max)
    )  # fmt: skip
    if wanted.partner_id is not None:
        query = query.where(endpoints.c.partner_id == wanted.partner_id)
    if wanted.endpoint_id is not None:
        query = query.where(tries.c.endpoint_id == wanted.endpoint_id)
    if wanted.payment_id is not None:
        query = query.where(notifications.c.payment_id == wanted.payment_id)
    if wanted.is_failed_only:
        query = query.where(tries.c.status.is_(None) | ~tries.c.status.between(200, 299))
    async with engine.connect() as connection:
        found = (await connection.execute(query)).mappings()
        return [{**row, "event": _EVENT_OF.get(row["notice"], row["notice"])} for row in found]


async def replay_one(engine: AsyncEngine, notification_id: UUID, endpoint_id: UUID | None = None) -> int:
    """Send one notification again to the partner's active endpoints, or to one of them; how many there are.

    Raises:
        UnknownNotificationError: there is none, or the worker has not even seen it.
        NobodyToTellError: nobody takes it.
    """
    known = select(notifications.c.id).where(
        notifications.c.id == notification_id, notifications.c.state != "waiting"
    )
    async with engine.begin() as connection:
        if await connection.scalar(known) is None:
            raise UnknownNotificationError
        again = await _replay(connection, [notification_id], endpoint_id, is_failed_only=False)
    if not again:
        raise NobodyToTellError
    return again


async def replay_range(engine: AsyncEngine, wanted: ReplayRange) -> int:
    """Send a range again, some hundreds a transaction; how many deliveries that are.

    Broken off in the middle it may be started again: nothing is lost, and receivers know the ids.
    """
    after, again = _id_at(wanted.since - _ID_MARGIN), 0
    last = _id_at(wanted.until + _ID_MARGIN)
    while True:
        chosen = (
            select(notifications.c.id)
            .where(
                notifications.c.id > after,
                notifications.c.id <= last,
                notifications.c.created_at >= wanted.since,
                notifications.c.created_at < wanted.until,
                notifications.c.partner_id == wanted.partner_id,
                notifications.c.state != "waiting",
            )
            .order_by(notifications.c.id)
            .limit(REPLAYED_AT_ONCE)
        )
        async with engine.begin() as connection:
            ids = list(await connection.scalars(chosen))
            if not ids:
                return again
            again += await _replay(connection, ids, wanted.endpoint_id, is_failed_only=wanted.is_failed_only)
        after = ids[-1]


async def _replay(
    connection: AsyncConnection, ids: list[UUID], endpoint_id: UUID | None, *, is_failed_only: bool
) -> int:
    await lock(connection, ids)
    chosen = {"ids": ids, "endpoint": endpoint_id, "is_failed_only": is_failed_only}
    again = list(await connection.scalars(_AGAIN, chosen))
    again += await connection.scalars(_FOR_THE_FIRST_TIME, chosen | {"events": EVENTS})
    await connection.execute(_SEND, {"ids": sorted(set(again))})
    return len(again)


def _id_at(instant: datetime) -> UUID:
    """The smallest version 7 id of that millisecond, or of the beginning of time."""
    milliseconds = max(int(instant.astimezone(UTC).timestamp() * 1_000), 0)
    return UUID(int=milliseconds << 80)
