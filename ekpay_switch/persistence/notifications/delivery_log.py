"""The log of delivery tries, and replays of one notification or of a range.

A replay keeps the notification's id, so a receiver recognises it. An event also keeps its body, with a new
time and new signatures; an IPN is the payment's current document.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, TextClause, bindparam, case, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from ekpay_switch.domain.errors import SwitchError
from ekpay_switch.domain.notifications import NOTICES, EndpointKind
from ekpay_switch.persistence.notifications.ipn_rows import IS_OUTDATED, KINDS, RANK, WANTS
from ekpay_switch.persistence.notifications.store import UUIDS, lock_notifications
from ekpay_switch.persistence.schema.books import notifications
from ekpay_switch.persistence.schema.merchants import merchant_orders
from ekpay_switch.persistence.schema.notifications import (
    notification_deliveries,
    notification_endpoints,
    notification_tries,
)

Line = Mapping[str, Any]

REPLAYED_AT_ONCE = 500
# How far the time inside an id may be from the time of its row: clocks of processes, a slow commit.
_ID_MARGIN = timedelta(minutes=10)

_EVENT_OF = {notice: terms.event.value for notice, terms in NOTICES.items()}
_CHOSEN_ENDPOINT = """
e.state = 'active' AND (CAST(:endpoint AS uuid) IS NULL OR e.id = :endpoint)
  AND (CAST(:kind AS text) IS NULL OR e.kind = :kind)
"""
# Existing deliveries, at endpoints that are active now. Of a payment's IPNs only the newest is sent again,
# and not while one is being sent.
_REPLAYABLE_FROM = f"""
FROM notification_endpoints AS e, notifications AS n
WHERE e.id = d.endpoint_id AND n.id = d.notification_id AND {_CHOSEN_ENDPOINT}
  AND d.notification_id = ANY(:ids) AND (d.state = 'given_up' OR NOT :is_failed_only)
  AND NOT (e.kind = 'ipn' AND coalesce(d.lease_until >= now(), false)) AND NOT {IS_OUTDATED}
"""
# Endpoints without a delivery: those disabled at that time and, unless `is_failed_only`, those added later.
_UNDELIVERED_FROM = f"""
FROM notifications AS n
JOIN notification_endpoints AS e ON e.partner_id = n.partner_id AND {_CHOSEN_ENDPOINT}
WHERE n.id = ANY(:ids) AND ({WANTS}) AND NOT {IS_OUTDATED}
  AND (e.created_at <= n.created_at OR NOT :is_failed_only)
"""


def _of_ids(statement: str) -> TextClause:
    return text(statement).bindparams(bindparam("ids", type_=UUIDS))


_REPLAY = _of_ids(f"""
UPDATE notification_deliveries AS d SET state = 'waiting', tries = 0, is_replay = true, next_try_at = now(),
  lease_until = NULL, epoch = d.epoch + 1, asked_at = now()
{_REPLAYABLE_FROM} RETURNING d.notification_id
""")  # noqa: S608 - constants
_DELIVER_FIRST_TIME = _of_ids(f"""
INSERT INTO notification_deliveries (notification_id, endpoint_id, is_replay, rank)
SELECT n.id, e.id, true, {RANK} {_UNDELIVERED_FROM}
ON CONFLICT (notification_id, endpoint_id) DO NOTHING RETURNING notification_id
""")
_COUNT = _of_ids(f"""
SELECT (SELECT count(*) FROM notification_deliveries AS d WHERE EXISTS (SELECT {_REPLAYABLE_FROM}))
  + (SELECT count(*) {_UNDELIVERED_FROM} AND NOT EXISTS (
    SELECT FROM notification_deliveries AS d WHERE d.notification_id = n.id AND d.endpoint_id = e.id))
""")  # noqa: S608 - constants
_SEND = text("UPDATE notifications SET state = 'sending' WHERE id = ANY(:ids)").bindparams(
    bindparam("ids", type_=UUIDS)
)


class UnknownNotificationError(SwitchError):
    """There is no such notification, or it is about to be sent for the first time."""


class NoActiveEndpointError(SwitchError):
    """No active endpoint of the partner takes it: add or enable one."""


class IpnNotReplayedError(SwitchError):
    """A payment's newest IPN alone is sent again, if its order wants IPNs and none is being sent."""


@dataclass(frozen=True, slots=True)
class TryFilter:
    """Which tries to list, the newest first; None does not filter."""

    partner_id: str | None = None
    endpoint_id: UUID | None = None
    payment_id: UUID | None = None
    is_failed_only: bool = False
    count_max: int = 50
    kind: EndpointKind | None = None


@dataclass(frozen=True, slots=True)
class ReplayRange:
    """Notifications of one partner created from `since` until before `until`; `kind` None: of both kinds.

    With `is_failed_only` only those not delivered: given up, or skipped while the endpoint was disabled.
    """

    partner_id: str
    since: datetime
    until: datetime
    endpoint_id: UUID | None = None
    is_failed_only: bool = False
    kind: EndpointKind | None = None


@dataclass(frozen=True, slots=True)
class RangeCount:
    """How many notifications a range holds, and how many deliveries a replay of it would make."""

    notifications: int
    deliveries: int


def url_of_delivery() -> ColumnElement[str]:
    """The URL of a delivery, for queries with `notifications` and `notification_endpoints`."""
    of_order = select(merchant_orders.c.ipn_uri).where(
        merchant_orders.c.payment_id == notifications.c.payment_id
    )
    is_ipn = notification_endpoints.c.kind == EndpointKind.IPN.value
    return case((is_ipn, of_order.scalar_subquery()), else_=notification_endpoints.c.url)


async def list_tries(engine: AsyncEngine, selection: TryFilter) -> Sequence[Line]:
    """The newest tries that match the filter; a try without a 2xx response has failed."""
    tries, endpoints = notification_tries, notification_endpoints
    query = (
        select(
            tries, endpoints.c.partner_id, endpoints.c.kind, url_of_delivery().label("url"),
            notifications.c.payment_id,
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
        .limit(selection.count_max)
    )  # fmt: skip
    if selection.partner_id is not None:
        query = query.where(endpoints.c.partner_id == selection.partner_id)
    if selection.endpoint_id is not None:
        query = query.where(tries.c.endpoint_id == selection.endpoint_id)
    if selection.payment_id is not None:
        query = query.where(notifications.c.payment_id == selection.payment_id)
    if selection.kind is not None:
        query = query.where(endpoints.c.kind == selection.kind.value)
    if selection.is_failed_only:
        query = query.where(tries.c.status.is_(None) | ~tries.c.status.between(200, 299))
    async with engine.connect() as connection:
        rows = (await connection.execute(query)).mappings()
        return [{**row, "event": _EVENT_OF.get(row["notice"], row["notice"])} for row in rows]


async def replay_notification(
    engine: AsyncEngine,
    notification_id: UUID,
    endpoint_id: UUID | None = None,
    kind: EndpointKind | None = None,
) -> int:
    """Send one notification again to the partner's active endpoints, or some of them; returns how many.

    Raises:
        UnknownNotificationError: there is none, or the worker has not processed it yet.
        IpnNotReplayedError: the partner is a merchant, and no IPN may be sent by the rules for IPNs.
        NobodyToTellError: no active endpoint takes it.
    """
    known = select(notifications.c.partner_id).where(
        notifications.c.id == notification_id, notifications.c.state != "waiting"
    )
    targets = _ReplayTargets(endpoint_id, kind)
    async with engine.begin() as connection:
        partner_id = await connection.scalar(known)
        if partner_id is None:
            raise UnknownNotificationError
        again = await _replay(connection, [notification_id], targets)
        if not again and await connection.scalar(_ipn_endpoint_of(partner_id)):
            raise IpnNotReplayedError
    if not again:
        raise NoActiveEndpointError
    return again


async def replay_ipn_of(engine: AsyncEngine, payment_id: UUID) -> int:
    """Send the newest IPN of a payment again; returns 1.

    Raises:
        UnknownNotificationError: the worker has processed no notification of the payment yet.
        IpnNotReplayedError: the rules for IPNs leave nothing to send.
    """
    of_payment = select(notifications.c.id).where(
        notifications.c.payment_id == payment_id, notifications.c.state != "waiting"
    )
    async with engine.begin() as connection:
        ids = list(await connection.scalars(of_payment))
        if not ids:
            raise UnknownNotificationError
        again = await _replay(connection, ids, _ReplayTargets(kind=EndpointKind.IPN))
    if not again:
        raise IpnNotReplayedError
    return again


async def count_range(engine: AsyncEngine, selection: ReplayRange) -> RangeCount:
    """Count what a replay of this range would send now; changes nothing."""
    looked_at = deliveries = 0
    async with engine.connect() as connection:
        after: UUID | None = None
        while ids := list(await connection.scalars(_ids_of(selection, after))):
            deliveries += await connection.scalar(_COUNT, _ReplayTargets.of(selection).parameters(ids)) or 0
            looked_at, after = looked_at + len(ids), ids[-1]
    return RangeCount(looked_at, deliveries)


async def replay_range(
    engine: AsyncEngine, selection: ReplayRange, looked_at: Callable[[int], None] = lambda _: None
) -> int:
    """Send a range again, up to `REPLAYED_AT_ONCE` a transaction; returns how many deliveries.

    `looked_at` is called after each transaction with the number of notifications it processed. An interrupted
    replay may be started again: receivers recognise the ids.
    """
    after: UUID | None = None
    again = 0
    while True:
        async with engine.begin() as connection:
            ids = list(await connection.scalars(_ids_of(selection, after)))
            if not ids:
                return again
            again += await _replay(connection, ids, _ReplayTargets.of(selection))
        after = ids[-1]
        looked_at(len(ids))


def _ids_of(selection: ReplayRange, after: UUID | None) -> Select[UUID]:
    """The next notifications of the range, by id."""
    return (
        select(notifications.c.id)
        .where(
            notifications.c.id > (after or _id_at(selection.since - _ID_MARGIN)),
            notifications.c.id <= _id_at(selection.until + _ID_MARGIN),
            notifications.c.created_at >= selection.since,
            notifications.c.created_at < selection.until,
            notifications.c.partner_id == selection.partner_id,
            notifications.c.state != "waiting",
        )
        .order_by(notifications.c.id)
        .limit(REPLAYED_AT_ONCE)
    )


@dataclass(frozen=True, slots=True)
class _ReplayTargets:
    """The endpoints of a replay, and whether only what was not delivered is sent."""

    endpoint_id: UUID | None = None
    kind: EndpointKind | None = None
    is_failed_only: bool = False

    @classmethod
    def of(cls, selection: ReplayRange) -> "_ReplayTargets":
        return cls(selection.endpoint_id, selection.kind, selection.is_failed_only)

    def parameters(self, ids: list[UUID]) -> dict[str, object]:
        kind = None if self.kind is None else self.kind.value
        chosen = {"endpoint": self.endpoint_id, "kind": kind, "is_failed_only": self.is_failed_only}
        return {"ids": ids, **chosen, **KINDS}


async def _replay(connection: AsyncConnection, ids: list[UUID], targets: _ReplayTargets) -> int:
    await lock_notifications(connection, ids)
    chosen = targets.parameters(ids)
    again = list(await connection.scalars(_REPLAY, chosen))
    again += await connection.scalars(_DELIVER_FIRST_TIME, chosen)
    await connection.execute(_SEND, {"ids": sorted(set(again))})
    return len(again)


def _ipn_endpoint_of(partner_id: str) -> Select[UUID]:
    table = notification_endpoints
    return select(table.c.id).where(table.c.partner_id == partner_id, table.c.kind == EndpointKind.IPN.value)


def _id_at(instant: datetime) -> UUID:
    """The smallest UUID version 7 of that millisecond, or of 1970 for earlier instants."""
    milliseconds = max(int(instant.astimezone(UTC).timestamp() * 1_000), 0)
    return UUID(int=milliseconds << 80)
